//! The frames of one write: many callers' groups, encoded one after the other.

use bytes::Bytes;

use super::disk::Failure;
use super::frame::FrameHeader;
use super::index::Entry;
use super::ledger::{Ledger, PositionTable};
use super::queue::Reply;
use super::walk::Place;

/// Groups in the order in which they will be written, and who waits for them.
pub(super) struct Batch {
    salt: u32,
    start: Place,
    pub(super) bytes: Vec<u8>,
    /// Places of the records, for the index.
    pub(super) entries: Vec<Entry>,
    pub(super) payload_bytes: usize,
    pub(super) changes: Vec<PositionTable>,
    /// Who waits, and the offset of the first record.
    waiting: Vec<(Reply, i64)>,
}

impl Batch {
    /// An empty batch that will be written at `start`, encoded into `buffer`.
    pub(super) fn new(salt: u32, start: Place, mut buffer: Vec<u8>) -> Self {
        buffer.clear();
        Self {
            salt,
            start,
            bytes: buffer,
            entries: Vec::new(),
            payload_bytes: 0,
            changes: Vec::new(),
            waiting: Vec::new(),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Where the next group begins.
    pub(super) fn end(&self) -> Place {
        let records = self.entries.len() as i64;
        Place { at: self.start.at + self.bytes.len() as u64, offset: self.start.offset + records }
    }

    /// Adds one group: records, then positions.
    pub(super) fn add(&mut self, micros: i64, payloads: &[Bytes], change: Option<PositionTable>, reply: Reply) {
        self.waiting.push((reply, self.end().offset));
        for (index, payload) in payloads.iter().enumerate() {
            let more = index + 1 < payloads.len() || change.is_some();
            let Place { at, offset } = self.end();
            self.add_frame(micros, more, false, payload);
            self.entries.push(Entry { offset, micros, at });
            self.payload_bytes += payload.len();
        }
        if let Some(change) = change {
            self.add_frame(micros, false, true, &change.encode());
            self.changes.push(change);
        }
    }

    fn add_frame(&mut self, micros: i64, more: bool, control: bool, payload: &[u8]) {
        let payload_bytes = payload.len() as u32;
        let header = FrameHeader { payload_bytes, offset: self.end().offset, micros, more, control };
        header.encode(self.salt, payload, &mut self.bytes);
    }

    /// Answers everybody that the batch is durable, and gives the buffer back.
    pub(super) fn acknowledge(self) -> Vec<u8> {
        for (reply, first) in self.waiting {
            // Nobody is left to hear it when the caller has gone.
            let _ = reply.send(Ok(first));
        }
        self.bytes
    }

    /// Answers everybody that nothing was written, takes the positions back, and gives the buffer back.
    pub(super) fn refuse(self, failure: &Failure, ledger: &Ledger) -> Vec<u8> {
        for change in self.changes.iter().rev() {
            ledger.revert(change);
        }
        for (reply, _) in self.waiting {
            let _ = reply.send(Err(failure.to_error()));
        }
        self.bytes
    }
}

/// The group that every segment begins with: the positions known so far, or nothing.
pub(super) fn snapshot(salt: u32, next: i64, micros: i64, positions: &PositionTable) -> Vec<u8> {
    let mut bytes = Vec::new();
    if !positions.is_empty() {
        let payload = positions.encode();
        let payload_bytes = payload.len() as u32;
        let header = FrameHeader { payload_bytes, offset: next, micros, more: false, control: true };
        header.encode(salt, &payload, &mut bytes);
    }
    bytes
}

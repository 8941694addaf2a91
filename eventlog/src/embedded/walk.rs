//! Walks over the frames of a segment file, checking each.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use bytes::Bytes;

use super::frame::{FRAME_HEADER_BYTES, FrameHeader, is_sound};

/// A sound frame in its place.
pub(super) struct Frame {
    pub(super) header: FrameHeader,
    pub(super) payload: Bytes,
    /// Byte position of the frame in the file.
    pub(super) at: u64,
}

/// Why a walk could not go on.
pub(super) enum Stop {
    /// No sound frame of the expected offset stands at this position.
    Bad { at: u64, why: &'static str },
    /// The file could not be read.
    Io(io::Error),
}

/// Where a walk stands: a position in the file and the offset of the record that comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) at: u64,
    pub(super) offset: i64,
}

/// A walk from one place to the end given, reading `chunk_bytes` at a time.
pub(super) struct Walk<'a> {
    file: &'a File,
    salt: u32,
    place: Place,
    end: u64,
    chunk_bytes: usize,
    buffer: Bytes,
    buffer_at: u64,
}

impl<'a> Walk<'a> {
    pub(super) fn new(file: &'a File, salt: u32, from: Place, end: u64, chunk_bytes: usize) -> Self {
        Self { file, salt, place: from, end, chunk_bytes, buffer: Bytes::new(), buffer_at: from.at }
    }

    /// Where the next frame is expected.
    pub(super) fn place(&self) -> Place {
        self.place
    }

    /// The next frame; `None` at the end.
    pub(super) fn next(&mut self) -> Result<Option<Frame>, Stop> {
        let Place { at, offset } = self.place;
        let bad = |why| Err(Stop::Bad { at, why });
        let left = self.end.saturating_sub(at);
        if left == 0 {
            return Ok(None);
        }
        if left < FRAME_HEADER_BYTES as u64 {
            return bad("the file ends within a frame");
        }
        let Some(header) = FrameHeader::parse(&self.peek(FRAME_HEADER_BYTES as u64)?) else {
            return bad("no frame begins like this");
        };
        if header.frame_bytes() > left {
            return bad("the file ends within a frame");
        }
        let frame = self.peek(header.frame_bytes())?;
        if !is_sound(self.salt, &frame) {
            return bad("the checksum does not hold");
        }
        if header.offset != offset {
            return bad("the offset is out of sequence");
        }
        self.place = Place { at: at + header.frame_bytes(), offset: offset + i64::from(!header.control) };
        Ok(Some(Frame { header, payload: frame.slice(FRAME_HEADER_BYTES..), at }))
    }

    /// The first position from here on at which a sound frame stands, whatever its offset.
    pub(super) fn find_sound_frame(&mut self) -> io::Result<Option<u64>> {
        while self.place.at + FRAME_HEADER_BYTES as u64 <= self.end {
            let bytes = self.peek(FRAME_HEADER_BYTES as u64)?;
            if let Some(header) = FrameHeader::parse(&bytes)
                && self.is_plausible(&header)
                && is_sound(self.salt, &self.peek(header.frame_bytes())?)
            {
                return Ok(Some(self.place.at));
            }
            self.place.at += 1;
        }
        Ok(None)
    }

    /// Spares a search most checksums: no offset can be further on than there is room for frames.
    fn is_plausible(&self, header: &FrameHeader) -> bool {
        let frames = (self.end / FRAME_HEADER_BYTES as u64) as i64;
        header.frame_bytes() <= self.end - self.place.at && self.place.offset.abs_diff(header.offset) <= frames as u64
    }

    fn peek(&mut self, bytes: u64) -> io::Result<Bytes> {
        let mut start = (self.place.at - self.buffer_at) as usize;
        if self.buffer.len() < start + bytes as usize {
            let size = bytes.max(self.chunk_bytes as u64).min(self.end - self.place.at);
            let mut chunk = vec![0; size as usize];
            self.file.read_exact_at(&mut chunk, self.place.at)?;
            (self.buffer, self.buffer_at, start) = (chunk.into(), self.place.at, 0);
        }
        Ok(self.buffer.slice(start..start + bytes as usize))
    }
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

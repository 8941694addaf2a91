//! From a body to verdicts: each event is either a record for the log or has a fault. Synchronous and without I/O.

use axum::http::StatusCode;
use axum::http::request::Parts;
use bytes::{Bytes, BytesMut};
use event::split::SplitError;
use event::{Event, Timestamp, Verbatim};
use eventlog::NewRecord;

use crate::admission::{Admission, Admitted, Caller};
use crate::body::{BodyError, Encoding, Memory, Share};
use crate::problem::Problem;
use crate::protocols::{Asked, Protocol, Reply, Request, Told};
use crate::tally::Tally;
use crate::verdict::{Fault, Verdict};

/// Records are written one behind the other into pieces of memory of about this size, or of their own when they are larger.
const PIECE_BYTES: usize = 64 << 10;

/// What an event takes in memory besides its record's bytes, roughly: its verdict, its key and its part of the answer.
const EVENT_OVERHEAD_BYTES: usize = 256;

/// A request as received, with what is needed to judge it.
pub struct Received {
    /// How it is read and answered.
    pub protocol: &'static dyn Protocol,
    /// Its line and headers.
    pub head: Parts,
    /// Its body's bytes.
    pub body: Bytes,
    /// How they are compressed.
    pub encoding: Encoding,
    /// When the body was complete.
    pub received_at: Timestamp,
    /// Who sent it.
    pub caller: Caller,
}

impl Received {
    /// The head as protocols see it.
    pub fn asked(&self) -> Asked<'_> {
        Asked { method: &self.head.method, uri: &self.head.uri, headers: &self.head.headers }
    }
}

/// What events must keep to.
#[derive(Clone, Copy)]
pub struct Rules {
    /// Largest event, in bytes of its JSON.
    pub max_event_bytes: usize,
    /// Largest body after decompression, in bytes.
    pub max_body_bytes: usize,
    /// Most events in a body.
    pub max_events: usize,
}

/// A body told into events and each event judged.
pub struct Judged {
    /// For the log: the good events, in the body's order.
    pub records: Vec<NewRecord>,
    /// Of every event, in the body's order.
    pub verdicts: Vec<Verdict>,
    /// The answer that the request asks for.
    pub reply: Reply,
    /// How many of the records are each site's.
    pub site_counts: Vec<usize>,
    /// The memory that the above takes.
    pub share: Share,
}

/// Decompresses the body, tells it into events and judges each. `body_share` holds the body's bytes, `record_share` is
/// to hold the records'.
///
/// # Errors
/// The problem to answer with when the body as a whole cannot be taken.
pub fn judge(
    received: &mut Received,
    admission: &Admission,
    rules: Rules,
    mut body_share: Share,
    record_share: Share,
    tally: &mut Tally,
) -> Result<Judged, Problem> {
    let body = std::mem::take(&mut received.body);
    let body = received.encoding.decode(body, rules.max_body_bytes, &mut body_share)?;
    let memory = Memory::of(&mut body_share, rules.max_body_bytes);
    let request = Request {
        asked: received.asked(),
        body: &body,
        received_at: received.received_at,
        max_events: rules.max_events,
        max_event_bytes: rules.max_event_bytes,
        memory: &memory,
    };
    let message = received.protocol.read(&request)?;
    let count = message.events.len();
    if count > rules.max_events {
        return Err(SplitError::TooMany { limit: rules.max_events }.into());
    }
    tally.holds(count);
    let caller = admission.recognise(received.caller, message.key.as_deref())?;
    admission.charge(&caller, count)?;
    let mut judged = Judged {
        records: Vec::with_capacity(count),
        verdicts: Vec::with_capacity(count),
        reply: message.reply,
        site_counts: admission.site_counts(),
        share: record_share,
    };
    let headers = &received.head.headers;
    let mut writer = RecordWriter::new(count, body.len());
    for told in message.events {
        let (admitted, verbatim) = match told {
            Ok(Told { draft, verbatim }) => (admission.admit(&caller, headers, received.received_at, draft), verbatim),
            Err(fault) => (Err(fault), None),
        };
        judged.add(admitted, verbatim, &mut writer)?;
    }
    admission.charge_sites(&judged.site_counts)?;
    Ok(judged)
}

impl Judged {
    fn add(
        &mut self,
        admitted: Result<Admitted, Fault>,
        verbatim: Option<Verbatim<'_>>,
        writer: &mut RecordWriter,
    ) -> Result<(), BodyError> {
        let (verdict, payload_bytes) = match admitted {
            Ok(Admitted::Event(event, site)) => {
                // Of a site's event, the site is ours to write.
                let record = writer.record(&event, verbatim.filter(|_| site.is_none()));
                let payload_bytes = record.payload.len();
                self.records.push(record);
                if let Some(site) = site {
                    self.site_counts[site] += 1;
                }
                (Verdict::Accepted(event.id), payload_bytes)
            }
            Ok(Admitted::Ignored(reason)) => (Verdict::Ignored(reason), 0),
            Err(fault) => (Verdict::Rejected(fault), 0),
        };
        self.verdicts.push(verdict);
        Ok(self.share.take(EVENT_OVERHEAD_BYTES + payload_bytes)?)
    }
}

/// Writes the records of a request next to each other: most share one piece of memory, and copies of them cost nothing.
struct RecordWriter {
    piece: BytesMut,
    json: Vec<u8>,
}

impl RecordWriter {
    /// With room for so many events of a body, unless that is more than a piece.
    fn new(events: usize, body_bytes: usize) -> Self {
        let room = |events: usize, bytes: usize| PIECE_BYTES.min(bytes + events * EVENT_OVERHEAD_BYTES);
        let piece = BytesMut::with_capacity(room(events, body_bytes));
        Self { piece, json: Vec::with_capacity(room(1, body_bytes / events.max(1))) }
    }

    fn record(&mut self, event: &Event, verbatim: Option<Verbatim<'_>>) -> NewRecord {
        self.json.clear();
        if !verbatim.is_some_and(|verbatim| verbatim.write_record(event, &mut self.json)) {
            event.write_record(&mut self.json);
        }
        // By the id, so that an event that is sent again from another address meets its first in one partition.
        let key = event.id.to_bytes();
        let mut keep = |bytes: &[u8]| {
            self.piece.extend_from_slice(bytes);
            self.piece.split().freeze()
        };
        NewRecord { key: keep(&key), event_id: Some(event.id), payload: keep(&self.json) }
    }
}

impl From<SplitError> for Problem {
    fn from(error: SplitError) -> Self {
        let status = match error {
            SplitError::Empty | SplitError::MalformedArray(_) => StatusCode::BAD_REQUEST,
            SplitError::TooMany { .. } => StatusCode::PAYLOAD_TOO_LARGE,
        };
        Self::new(status, error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::body::Budget;
    use crate::config::Config;
    use crate::protocols::Native;
    use crate::verdict::FaultKind;

    const RULES: Rules = Rules { max_event_bytes: 100, max_body_bytes: 1_000, max_events: 10 };

    fn judge_with(body: &str, budget_bytes: usize) -> Result<Judged, Problem> {
        let (head, ()) = axum::http::Request::new(()).into_parts();
        let admission = Admission::new(&Config::default());
        let asked = Asked { method: &head.method, uri: &head.uri, headers: &head.headers };
        let caller = admission.caller("127.0.0.1".parse().unwrap(), &asked).unwrap();
        let mut received = Received {
            protocol: &Native,
            head,
            body: Bytes::copy_from_slice(body.as_bytes()),
            encoding: Encoding::Identity,
            received_at: Timestamp::parse("2026-01-31T09:30:00Z").unwrap(),
            caller,
        };
        let budget = Budget::new(budget_bytes);
        judge(&mut received, &admission, RULES, budget.share(), budget.share(), &mut Tally::unread())
    }

    #[test]
    fn good_events_become_records_and_bad_ones_faults_each_in_its_place() {
        let large = "a".repeat(200);
        let body = format!(r#"[{{"url":"/a"}},{{"url":"/b","ip":"x"}},7,{{"url":"{large}"}},{{"host":"h"}}]"#);
        let judged = judge_with(&body, 10_000).unwrap();
        let faults: Vec<_> = judged.verdicts.iter().map(Verdict::fault).collect();
        assert!(faults[0].is_none() && faults[4].is_none());
        assert_eq!(faults[1].unwrap().field.as_deref(), Some("ip"));
        assert!(faults[2].unwrap().reason.contains("not a JSON object"));
        assert_eq!(faults[3].unwrap().kind, FaultKind::TooLarge);
        let ids: Vec<_> = judged.records.iter().map(|record| record.event_id.unwrap()).collect();
        let accepted: Vec<_> = judged.verdicts.iter().filter_map(Verdict::accepted).collect();
        assert_eq!(ids, accepted);
    }

    #[test]
    fn records_hold_what_the_sender_left_out_and_have_their_id_for_a_key() {
        let judged = judge_with(r#"{"url":"/a"}"#, 10_000).unwrap();
        let record = String::from_utf8(judged.records[0].payload.to_vec()).unwrap();
        assert!(
            record.contains(r#""ip":"127.0.0.1""#) && record.contains(r#""event_time":"2026-01-31T09:30:00.000Z""#)
        );
        assert_eq!(judged.records[0].key[..], judged.records[0].event_id.unwrap().to_bytes());
    }

    #[test]
    fn records_without_room_in_memory_refuse_the_whole_body() {
        let problem = judge_with("{\"url\":\"/a\"}\n{\"url\":\"/b\"}", 700).err().unwrap();
        assert_eq!(problem.outcome(), event::Outcome::Refused);
    }
}

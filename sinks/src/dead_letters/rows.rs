//! Dead letters as records: pure.

use bytes::Bytes;
use event::DeadLetter;
use eventlog::NewRecord;

/// The letter's record.
pub(super) fn record(letter: &DeadLetter) -> NewRecord {
    NewRecord { key: Bytes::from(letter.position.to_string()), event_id: None, payload: letter.to_record().into() }
}

/// The letter's record in at most `limit` bytes. JSON makes a payload longer, so one that the log took may not fit again;
/// then its beginning is kept and the reason says so.
pub(super) fn record_within(letter: &DeadLetter, limit: usize) -> NewRecord {
    let whole = letter.payload.len();
    let mut cut = letter.clone();
    let mut kept = record(&cut);
    while kept.payload.len() > limit && !cut.payload.is_empty() {
        cut.payload.truncate(cut.payload.len() / 2);
        let length = cut.payload.len();
        cut.reason = format!("{} (of {whole} bytes the log had room for the first {length})", letter.reason);
        kept = record(&cut);
    }
    kept
}

#[cfg(test)]
mod tests {
    use event::{LogPosition, Stage, Timestamp};

    use super::*;

    fn letter(payload: &[u8]) -> DeadLetter {
        DeadLetter {
            payload: payload.to_vec(),
            stage: Stage::Decode,
            reason: "not a JSON object".to_owned(),
            position: LogPosition { topic: "raw".into(), partition: 0, offset: 1 },
            time: Timestamp::default(),
        }
    }

    #[test]
    fn a_payload_is_cut_only_when_the_log_has_no_room_for_it() {
        for payload in [&[b'a'; 3000][..], &[0; 3000], &[0xff; 3000]] {
            let letter = letter(payload);
            assert_eq!(record_within(&letter, 100_000), record(&letter));
            let record = record_within(&letter, 1000);
            assert!(record.payload.len() <= 1000);
            let kept = DeadLetter::parse(&record.payload).unwrap();
            assert!(letter.payload.starts_with(&kept.payload) && !kept.payload.is_empty());
            assert!(kept.reason.contains("of 3000 bytes"), "{}", kept.reason);
        }
    }
}

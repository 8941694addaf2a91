//! The form in which a record is stored.
//!
//! Version u8 = 1 · topic · key · event id as text, empty when there is none · payload. Each but the payload is preceded
//! by its length as a little-endian u32; the payload is the rest.

use bytes::{BufMut, Bytes, BytesMut};
use event::EventId;

use eventlog::NewRecord;

const VERSION: u8 = 1;

pub(super) fn encode(topic: &str, record: &NewRecord) -> Bytes {
    let id = record.event_id.map(|id| id.to_string()).unwrap_or_default();
    let fields = [topic.as_bytes(), &record.key, id.as_bytes()];
    let length: usize = fields.iter().map(|field| size_of::<u32>() + field.len()).sum();
    let mut frame = BytesMut::with_capacity(1 + length + record.payload.len());
    frame.put_u8(VERSION);
    for field in fields {
        frame.put_u32_le(u32::try_from(field.len()).expect("names and keys are short"));
        frame.put_slice(field);
    }
    frame.put_slice(&record.payload);
    frame.freeze()
}

/// Topic and record; `None` for what another version wrote.
pub(super) fn decode(frame: &Bytes) -> Option<(String, NewRecord)> {
    let mut rest = frame.clone();
    if take(&mut rest, 1)?[0] != VERSION {
        return None;
    }
    let topic = String::from_utf8(take_field(&mut rest)?.into()).ok()?;
    let key = take_field(&mut rest)?;
    let id = take_field(&mut rest)?;
    let event_id = match id.is_empty() {
        true => None,
        false => Some(EventId::parse(str::from_utf8(&id).ok()?)?),
    };
    Some((topic, NewRecord { key, event_id, payload: rest }))
}

fn take_field(rest: &mut Bytes) -> Option<Bytes> {
    let length = take(rest, size_of::<u32>())?;
    take(rest, u32::from_le_bytes(length[..].try_into().ok()?) as usize)
}

fn take(rest: &mut Bytes, length: usize) -> Option<Bytes> {
    (length <= rest.len()).then(|| rest.split_to(length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_comes_back_whole() {
        for (key, event_id, payload) in [("", None, ""), ("key", Some(EventId::new()), "{\"url\":\"/\"}")] {
            let record = NewRecord { key: key.into(), event_id, payload: payload.into() };
            assert_eq!(decode(&encode("page_views", &record)), Some(("page_views".to_owned(), record)));
        }
    }

    #[test]
    fn what_is_cut_short_or_of_another_version_is_no_record() {
        let record = NewRecord { key: "key".into(), event_id: Some(EventId::new()), payload: Bytes::new() };
        let frame = encode("page_views", &record);
        for length in 0..frame.len() {
            assert_eq!(decode(&frame.slice(..length)), None, "{length}");
        }
        let mut other = frame.to_vec();
        other[0] = VERSION + 1;
        assert_eq!(decode(&other.into()), None);
    }
}

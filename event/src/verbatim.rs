//! A record that repeats what its sender wrote, which is quicker than writing it anew.

use crate::event::write_time;
use crate::texts::{Span, Text};
use crate::{Draft, Event, FieldError};

/// A sender's JSON object, of which a record can be made by adding what it lacks.
pub struct Verbatim<'a> {
    /// The object without the brace at its end.
    open: &'a [u8],
    /// Where the draft keeps what stands in it.
    texts: [Span; Text::ALL.len()],
    event_time: Span,
    event_id: Span,
    /// How many other keys it has.
    others: usize,
}

impl Draft {
    /// Reads one JSON object as [`Draft::parse`] does, and tells whether its record may repeat it: most senders send one
    /// line with texts, numbers and the like, nothing nested.
    ///
    /// # Errors
    /// The same.
    pub fn parse_verbatim(json: &[u8]) -> Result<(Self, Option<Verbatim<'_>>), FieldError> {
        let draft = Self::parse(json)?;
        let verbatim = json.trim_ascii().strip_suffix(b"}").filter(|_| draft.is_repeatable()).map(|open| Verbatim {
            open,
            texts: draft.texts.spans(),
            event_time: draft.event_time,
            event_id: draft.event_id,
            others: draft.extra.len(),
        });
        Ok((draft, verbatim))
    }
}

impl Verbatim<'_> {
    /// Appends the record's JSON of the event that the draft has become. Returns `false`, and appends nothing, when the
    /// event is not what its sender wrote, or has its times or its id in another spelling. A value of another key must not
    /// have been replaced since.
    pub fn write_record(&self, event: &Event, into: &mut Vec<u8>) -> bool {
        if !self.tells(event) {
            return false;
        }
        into.extend_from_slice(self.open);
        for (text, span) in Text::ALL.into_iter().zip(self.texts) {
            if span.is_none() {
                into.push(b',');
                event.write_member(text, into);
            }
        }
        if self.event_time.is_none() {
            write_time(",\"event_time\":\"", event.event_time, into);
        }
        if self.event_id.is_none() {
            event.write_id(into);
        }
        write_time(",\"received_at\":\"", event.received_at, into);
        into.push(b'}');
        true
    }

    /// Whether the event is what the object says, and the object says it as a record does.
    fn tells(&self, event: &Event) -> bool {
        let given = |span| event.texts.read(span);
        self.texts.into_iter().zip(event.texts.spans()).all(|(sent, now)| sent.is_none() || sent == now)
            && given(self.event_time).is_none_or(|text| text.as_bytes() == event.event_time.iso())
            && given(self.event_id).is_none_or(|text| text == event.id.encode(&mut [0; 36]))
            && self.others == event.extra.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{LogPosition, Timestamp};

    const ID: &str = "01890a5d-ac96-774b-bcce-b302099a8057";

    /// The event of a sender's JSON, and the record that repeats it.
    fn repeated(json: &str) -> (Event, Option<String>) {
        let (draft, verbatim) = Draft::parse_verbatim(json.as_bytes()).unwrap();
        let received_at = Timestamp::parse("2026-01-31T09:30:00.123Z").unwrap();
        let event = draft.accept(received_at, "192.0.2.1".parse().unwrap()).unwrap();
        let mut record = Vec::new();
        let is_written = verbatim.is_some_and(|verbatim| verbatim.write_record(&event, &mut record));
        (event, is_written.then(|| String::from_utf8(record).unwrap()))
    }

    #[test]
    fn a_record_repeats_what_was_sent_and_adds_what_it_lacks() {
        let sent = format!(
            r#" {{"event_id":"{ID}","url" : "/\u00e9\n", "plan":7,"event_time":"2026-01-31T09:29:59.000Z" }} "#
        );
        let record = concat!(
            r#"{"event_id":"01890a5d-ac96-774b-bcce-b302099a8057","url" : "/\u00e9\n", "plan":7,"#,
            r#""event_time":"2026-01-31T09:29:59.000Z" ,"referrer":null,"user_agent":null,"host":null,"ip":"192.0.2.1","#,
            r#""headers":null,"received_at":"2026-01-31T09:30:00.123Z"}"#
        );
        assert_eq!(repeated(&sent).1.as_deref(), Some(record));
    }

    #[test]
    fn a_repeated_record_is_read_back_as_the_event_that_was_sent() {
        let place = LogPosition { topic: "raw".into(), partition: 0, offset: 0 };
        for sent in [
            r#"{"url":"https://example.com/a","ip":"8.8.8.8","headers":"{\"dnt\":\"1\"}","user_agent":"x"}"#,
            r#"{"host":"example.com","event_time":"2026-01-31T09:29:59.000Z","site":"shop","event_name":null}"#,
            r#"{"event_name":"signup","plan":1.50,"paid":true}"#,
            r#"{"event_name":"signup","oid":12345678901234567890123}"#,
        ] {
            let (event, record) = repeated(sent);
            let read = Draft::parse(record.unwrap().as_bytes()).unwrap().recorded(Timestamp::default(), &place);
            assert_eq!(read, Ok(event));
        }
    }

    #[test]
    fn what_would_be_recorded_otherwise_is_not_repeated() {
        for sent in [
            r#"{"url":"/a","referrer":null}"#,
            r#"{"url":"/a","headers":{"dnt":"1"}}"#,
            r#"{"url":"/a","plan":{"a":1,"a":2}}"#,
            r#"{"url":"/a","plan":[1]}"#,
            r#"{"url":"/a\u0000"}"#,
            r#"{"url":"/a","title":"\ud83d"}"#,
            r#"{"url":"/a","ip":"0.0.0.0"}"#,
            r#"{"url":"/a","event_time":""}"#,
            r#"{"url":"/a","event_time":1769851799}"#,
            r#"{"url":"/a","received_at":"2026-01-31T09:30:00.123Z"}"#,
            r#"{"url":"/a","ip":"::FFFF:8.8.8.8"}"#,
            r#"{"url":"/a","event_time":"2026-01-31T09:29:59Z"}"#,
            r#"{"url":"/a","event_id":"01890A5D-AC96-774B-BCCE-B302099A8057"}"#,
            "{\"url\":\"/a\",\n\"plan\":1}",
        ] {
            assert_eq!(repeated(sent).1, None, "{sent}");
        }
    }
}

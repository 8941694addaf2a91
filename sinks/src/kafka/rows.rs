//! Events as records of the downstream topic: pure.

use bytes::Bytes;
use event::{Enriched, Timestamp, partition_key};
use eventlog::NewRecord;
use serde::Serialize;

/// The record's JSON: the lab's six keys, then pageberg's own; null where unknown.
#[derive(Serialize)]
struct Row<'a> {
    ip: Option<&'a str>,
    event_timestamp: String,
    referrer: Option<&'a str>,
    host: Option<&'a str>,
    url: Option<&'a str>,
    /// JSON text, as in Postgres.
    geodata: String,
    event_id: String,
    received_at: String,
    user_agent: Option<&'a str>,
    geo_database: Option<&'a str>,
    late: bool,
    /// JSON text: every key of the event that has no place of its own.
    properties: Option<String>,
    topic: &'a str,
    partition: i32,
    offset: i64,
}

/// The event's record, under the key of the raw record, so that one visitor's events keep their order.
pub(super) fn record(enriched: &Enriched) -> NewRecord {
    let Enriched { event, place, geo_database, visit: _, late, position } = enriched;
    let row = Row {
        ip: event.ip.as_deref(),
        event_timestamp: sql_timestamp(event.event_time),
        referrer: event.referrer.as_deref(),
        host: event.host.as_deref(),
        url: event.url.as_deref(),
        geodata: place.geodata(),
        event_id: event.id.to_string(),
        received_at: sql_timestamp(event.received_at),
        user_agent: event.user_agent.as_deref(),
        geo_database: geo_database.as_deref(),
        late: *late,
        properties: event.properties(),
        topic: &position.topic,
        partition: position.partition,
        offset: position.offset,
    };
    NewRecord {
        key: Bytes::copy_from_slice(&partition_key(event.host.as_deref(), event.ip.as_deref())),
        event_id: Some(event.id),
        payload: serde_json::to_vec(&row).expect("strings and numbers always serialise").into(),
    }
}

/// `2026-01-31 09:30:00.000` in UTC: what Flink's JSON format writes and reads for TIMESTAMP(3) by default
/// (`json.timestamp-format.standard` = SQL), as the lab's topic has it.
fn sql_timestamp(time: Timestamp) -> String {
    time.to_string().trim_end_matches('Z').replace('T', " ")
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use event::{Draft, LogPosition, Place, Visit};

    use super::*;

    #[test]
    fn a_record_holds_the_lab_s_six_keys_and_then_pageberg_s() {
        let json = br#"{"url":"/a","host":"example.com","ip":"8.8.8.8","event_time":"2026-01-31T09:30:00Z",
            "event_id":"01890a5d-ac96-774b-bcce-b302099a8057","plan":1}"#;
        let position = LogPosition { topic: "raw".into(), partition: 2, offset: 7 };
        let event = Draft::parse(json).unwrap().recorded(Timestamp::default(), &position).unwrap();
        let place = Arc::new(Place { country: Some("US".into()), ..Place::default() });
        let record = record(&Enriched {
            event,
            place,
            geo_database: Some("city@2026-01-01".into()),
            visit: Visit::default(),
            late: false,
            position,
        });
        let written = concat!(
            r#"{"ip":"8.8.8.8","event_timestamp":"2026-01-31 09:30:00.000","referrer":null,"host":"example.com","url":"/a","#,
            r#""geodata":"{\"country\":\"US\",\"state\":null,\"city\":null}","#,
            r#""event_id":"01890a5d-ac96-774b-bcce-b302099a8057","received_at":"1970-01-01 00:00:00.000","#,
            r#""user_agent":null,"geo_database":"city@2026-01-01","late":false,"properties":"{\"plan\":1}","#,
            r#""topic":"raw","partition":2,"offset":7}"#,
        );
        assert_eq!(std::str::from_utf8(&record.payload).unwrap(), written);
        assert_eq!(record.key[..], partition_key(Some("example.com"), Some("8.8.8.8")));
    }
}

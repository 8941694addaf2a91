//! Events as records of the downstream topic: pure.

use bytes::Bytes;
use event::{Device, Enriched, Timestamp, partition_key, write_json_text};
use eventlog::NewRecord;
use serde::Serialize;

/// What stands before a value in the record, and what puts the value there.
struct Column {
    key: &'static str,
    put: fn(&mut Vec<u8>, &Enriched),
}

const fn column(key: &'static str, put: fn(&mut Vec<u8>, &Enriched)) -> Column {
    Column { key, put }
}

/// The record's JSON: the lab's six keys, then pageberg's own; null where unknown. Geodata and properties are JSON text, as
/// in Postgres. Written by a serialiser that is told the keys, a record would cost three times as much.
static COLUMNS: [Column; 31] = [
    column(r#"{"ip":"#, |row, e| put_text(row, e.event.ip())),
    column(r#","event_timestamp":"#, |row, e| put_time(row, e.event.event_time)),
    column(r#","referrer":"#, |row, e| put_text(row, e.event.referrer())),
    column(r#","host":"#, |row, e| put_text(row, e.event.host())),
    column(r#","url":"#, |row, e| put_text(row, e.event.url())),
    column(r#","geodata":"#, |row, e| put_text(row, Some(&e.place.geodata()))),
    column(r#","event_id":"#, |row, e| put_text(row, Some(e.event.id.encode(&mut [0; 36])))),
    column(r#","received_at":"#, |row, e| put_time(row, e.event.received_at)),
    column(r#","user_agent":"#, |row, e| put_text(row, e.event.user_agent())),
    column(r#","geo_database":"#, |row, e| put_text(row, e.geo_database.as_deref())),
    column(r#","late":"#, |row, e| put_json(row, &e.late)),
    column(r#","properties":"#, |row, e| put_text(row, e.event.properties().as_deref())),
    column(r#","topic":"#, |row, e| put_text(row, Some(&e.position.topic))),
    column(r#","partition":"#, |row, e| put_json(row, &e.position.partition)),
    column(r#","offset":"#, |row, e| put_json(row, &e.position.offset)),
    column(r#","event_name":"#, |row, e| put_text(row, Some(e.event.name()))),
    column(r#","site":"#, |row, e| put_text(row, e.event.site())),
    column(r#","browser":"#, |row, e| put_text(row, e.visit.agent.browser.as_deref())),
    column(r#","browser_version":"#, |row, e| put_text(row, e.visit.agent.browser_version.as_deref())),
    column(r#","os":"#, |row, e| put_text(row, e.visit.agent.os.as_deref())),
    column(r#","os_version":"#, |row, e| put_text(row, e.visit.agent.os_version.as_deref())),
    column(r#","device":"#, |row, e| put_text(row, e.visit.agent.device.map(Device::as_str))),
    column(r#","is_bot":"#, |row, e| put_json(row, &e.visit.agent.is_bot)),
    column(r#","referrer_host":"#, |row, e| put_text(row, e.visit.referrer_host.as_deref())),
    column(r#","channel":"#, |row, e| put_text(row, Some(e.visit.channel.as_str()))),
    column(r#","utm_source":"#, |row, e| put_text(row, e.visit.campaign(|campaign| &campaign.source))),
    column(r#","utm_medium":"#, |row, e| put_text(row, e.visit.campaign(|campaign| &campaign.medium))),
    column(r#","utm_campaign":"#, |row, e| put_text(row, e.visit.campaign(|campaign| &campaign.name))),
    column(r#","utm_term":"#, |row, e| put_text(row, e.visit.campaign(|campaign| &campaign.term))),
    column(r#","utm_content":"#, |row, e| put_text(row, e.visit.campaign(|campaign| &campaign.content))),
    column(r#","click_id":"#, |row, e| put_text(row, e.visit.campaign(|campaign| &campaign.click_id))),
];

/// What most records fit into.
const USUAL_BYTES: usize = 1_024;

/// The event's record. Its key is made of the address that is stored, as the raw record's is of the full one: one visitor's
/// events keep their order, and the key tells no more than the row.
pub(super) fn record(enriched: &Enriched) -> NewRecord {
    let mut payload = Vec::with_capacity(USUAL_BYTES);
    for column in &COLUMNS {
        payload.extend_from_slice(column.key.as_bytes());
        (column.put)(&mut payload, enriched);
    }
    payload.push(b'}');
    let event = &enriched.event;
    NewRecord {
        key: Bytes::copy_from_slice(&partition_key(event.host(), event.ip())),
        event_id: Some(event.id),
        payload: payload.into(),
    }
}

fn put_text(row: &mut Vec<u8>, text: Option<&str>) {
    match text {
        None => row.extend_from_slice(b"null"),
        Some(text) if is_plain(text) => put_quoted(row, text.as_bytes()),
        Some(text) => write_json_text(text, row),
    }
}

/// Whether nothing in the text has to be escaped. It looks at every byte, many at a time: few texts have any such.
fn is_plain(text: &str) -> bool {
    text.bytes().fold(true, |plain, byte| plain & (byte >= b' ') & (byte != b'"') & (byte != b'\\'))
}

fn put_quoted(row: &mut Vec<u8>, text: &[u8]) {
    row.push(b'"');
    row.extend_from_slice(text);
    row.push(b'"');
}

fn put_json<T: Serialize + ?Sized>(row: &mut Vec<u8>, value: &T) {
    serde_json::to_writer(row, value).expect("strings and numbers always serialise");
}

/// `2026-01-31 09:30:00.000` in UTC: what Flink's JSON format writes and reads for TIMESTAMP(3) by default
/// (`json.timestamp-format.standard` = SQL), as the lab's topic has it.
fn put_time(row: &mut Vec<u8>, time: Timestamp) {
    let mut text = time.iso();
    text[10] = b' ';
    put_quoted(row, &text[..23]);
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use event::{Campaign, Channel, Draft, LogPosition, Place, UserAgent, Visit};

    use super::*;

    #[test]
    fn a_record_holds_the_lab_s_six_keys_and_then_pageberg_s() {
        let json = br#"{"url":"/a","host":"example.com","ip":"8.8.8.8","event_time":"2026-01-31T09:30:00Z",
            "event_id":"01890a5d-ac96-774b-bcce-b302099a8057","plan":1,"event_name":"signup","site":"shop"}"#;
        let position = LogPosition { topic: "raw".into(), partition: 2, offset: 7 };
        let event = Draft::parse(json).unwrap().recorded(Timestamp::default(), &position).unwrap();
        let place = Arc::new(Place { country: Some("US".into()), ..Place::default() });
        let agent =
            UserAgent { browser: Some("Firefox".into()), device: Some(Device::Desktop), ..UserAgent::default() };
        let visit = Visit {
            agent: Arc::new(agent),
            referrer_host: Some("t.co".into()),
            channel: Channel::OrganicSocial,
            campaign: Some(Box::new(Campaign { name: Some("spring".into()), ..Campaign::default() })),
        };
        let record = record(&Enriched {
            event,
            place,
            geo_database: Some("city@2026-01-01".into()),
            visit,
            late: false,
            position,
        });
        let written = concat!(
            r#"{"ip":"8.8.8.8","event_timestamp":"2026-01-31 09:30:00.000","referrer":null,"host":"example.com","url":"/a","#,
            r#""geodata":"{\"country\":\"US\",\"state\":null,\"city\":null}","#,
            r#""event_id":"01890a5d-ac96-774b-bcce-b302099a8057","received_at":"1970-01-01 00:00:00.000","#,
            r#""user_agent":null,"geo_database":"city@2026-01-01","late":false,"properties":"{\"plan\":1}","#,
            r#""topic":"raw","partition":2,"offset":7,"#,
            r#""event_name":"signup","site":"shop","browser":"Firefox","browser_version":null,"os":null,"os_version":null,"#,
            r#""device":"desktop","is_bot":false,"referrer_host":"t.co","channel":"Organic Social","utm_source":null,"#,
            r#""utm_medium":null,"utm_campaign":"spring","utm_term":null,"utm_content":null,"click_id":null}"#,
        );
        assert_eq!(std::str::from_utf8(&record.payload).unwrap(), written);
        assert_eq!(record.key[..], partition_key(Some("example.com"), Some("8.8.8.8")));
    }
}

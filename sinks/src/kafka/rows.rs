//! Events as records of the downstream topic: pure.

use bytes::Bytes;
use event::{Device, Enriched, Timestamp, partition_key};
use eventlog::NewRecord;
use serde::Serialize;

/// The record's JSON: the lab's six keys, then pageberg's own; null where unknown.
#[derive(Serialize)]
struct Row<'a> {
    ip: Option<&'a str>,
    event_timestamp: &'a str,
    referrer: Option<&'a str>,
    host: Option<&'a str>,
    url: Option<&'a str>,
    /// JSON text, as in Postgres.
    geodata: String,
    event_id: &'a str,
    received_at: &'a str,
    user_agent: Option<&'a str>,
    geo_database: Option<&'a str>,
    late: bool,
    /// JSON text: every key of the event that has no place of its own.
    properties: Option<String>,
    topic: &'a str,
    partition: i32,
    offset: i64,
    event_name: &'a str,
    site: Option<&'a str>,
    browser: Option<&'a str>,
    browser_version: Option<&'a str>,
    os: Option<&'a str>,
    os_version: Option<&'a str>,
    device: Option<&'static str>,
    is_bot: bool,
    referrer_host: Option<&'a str>,
    channel: &'static str,
    utm_source: Option<&'a str>,
    utm_medium: Option<&'a str>,
    utm_campaign: Option<&'a str>,
    utm_term: Option<&'a str>,
    utm_content: Option<&'a str>,
    click_id: Option<&'a str>,
}

/// What most records fit into.
const USUAL_BYTES: usize = 1_024;

/// The event's record. Its key is made of the address that is stored, as the raw record's is of the full one: one visitor's
/// events keep their order, and the key tells no more than the row.
pub(super) fn record(enriched: &Enriched) -> NewRecord {
    let Enriched { event, place, geo_database, visit, late, position } = enriched;
    let (event_time, received_at) = (sql_timestamp(event.event_time), sql_timestamp(event.received_at));
    let mut event_id = [0; 36];
    let row = Row {
        ip: event.ip.as_deref(),
        event_timestamp: text(&event_time),
        referrer: event.referrer.as_deref(),
        host: event.host.as_deref(),
        url: event.url.as_deref(),
        geodata: place.geodata(),
        event_id: event.id.encode(&mut event_id),
        received_at: text(&received_at),
        user_agent: event.user_agent.as_deref(),
        geo_database: geo_database.as_deref(),
        late: *late,
        properties: event.properties(),
        topic: &position.topic,
        partition: position.partition,
        offset: position.offset,
        event_name: event.name(),
        site: event.site(),
        browser: visit.agent.browser.as_deref(),
        browser_version: visit.agent.browser_version.as_deref(),
        os: visit.agent.os.as_deref(),
        os_version: visit.agent.os_version.as_deref(),
        device: visit.agent.device.map(Device::as_str),
        is_bot: visit.agent.is_bot,
        referrer_host: visit.referrer_host.as_deref(),
        channel: visit.channel.as_str(),
        utm_source: visit.campaign(|campaign| &campaign.source),
        utm_medium: visit.campaign(|campaign| &campaign.medium),
        utm_campaign: visit.campaign(|campaign| &campaign.name),
        utm_term: visit.campaign(|campaign| &campaign.term),
        utm_content: visit.campaign(|campaign| &campaign.content),
        click_id: visit.campaign(|campaign| &campaign.click_id),
    };
    let mut payload = Vec::with_capacity(USUAL_BYTES);
    serde_json::to_writer(&mut payload, &row).expect("strings and numbers always serialise");
    NewRecord {
        key: Bytes::copy_from_slice(&partition_key(event.host.as_deref(), event.ip.as_deref())),
        event_id: Some(event.id),
        payload: payload.into(),
    }
}

/// `2026-01-31 09:30:00.000` in UTC: what Flink's JSON format writes and reads for TIMESTAMP(3) by default
/// (`json.timestamp-format.standard` = SQL), as the lab's topic has it.
fn sql_timestamp(time: Timestamp) -> [u8; 23] {
    let mut text = [0; 23];
    text.copy_from_slice(&time.iso()[..23]);
    text[10] = b' ';
    text
}

fn text(ascii: &[u8]) -> &str {
    std::str::from_utf8(ascii).expect("a time is written in ASCII")
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

//! Events as rows of binary COPY: pure. Format: <https://www.postgresql.org/docs/current/sql-copy.html>, "Binary Format".

use std::borrow::Cow;
use std::mem;

use bytes::Bytes;
use event::{Device, Enriched, Place, Timestamp};

/// The signature, no flags, no header extension.
const HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
const TRAILER: [u8; 2] = (-1_i16).to_be_bytes();
const COLUMN_COUNT: [u8; 2] = (COLUMNS.len() as i16).to_be_bytes();
/// Instead of a value's length.
const NULL: [u8; 4] = (-1_i32).to_be_bytes();
/// Microseconds from 1970 to 2000, which Postgres counts from.
const EPOCH_MICROS: i64 = 946_684_800_000_000;
const CHUNK_BYTES: usize = 256 * 1024;

/// A column that pageberg fills.
pub(super) struct Column {
    pub(super) name: &'static str,
    kind: Kind,
    put: fn(&mut Vec<u8>, &Enriched),
}

/// What is sent for a column, and so which types the column may have.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Kind {
    Text,
    Json,
    Time,
    Uuid,
    Double,
    BigInt,
    Bool,
}

const fn column(name: &'static str, kind: Kind, put: fn(&mut Vec<u8>, &Enriched)) -> Column {
    Column { name, kind, put }
}

/// The columns in the order of a row: the lab's six, then pageberg's own.
pub(super) static COLUMNS: [Column; 33] = [
    column("ip", Kind::Text, |row, e| put_text(row, e.event.ip())),
    column("event_timestamp", Kind::Time, |row, e| put_time(row, e.event.event_time)),
    column("referrer", Kind::Text, |row, e| put_text(row, e.event.referrer())),
    column("host", Kind::Text, |row, e| put_text(row, e.event.host())),
    column("url", Kind::Text, |row, e| put_text(row, e.event.url())),
    column("geodata", Kind::Json, |row, e| put_geodata(row, &e.place)),
    column("event_id", Kind::Uuid, |row, e| put(row, Some(&e.event.id.to_bytes()))),
    column("received_at", Kind::Time, |row, e| put_time(row, e.event.received_at)),
    column("user_agent", Kind::Text, |row, e| put_text(row, e.event.user_agent())),
    column("latitude", Kind::Double, |row, e| put(row, e.place.latitude.map(f64::to_be_bytes).as_ref())),
    column("longitude", Kind::Double, |row, e| put(row, e.place.longitude.map(f64::to_be_bytes).as_ref())),
    column("timezone", Kind::Text, |row, e| put_foreign_text(row, e.place.timezone.as_deref())),
    column("asn", Kind::BigInt, |row, e| put(row, e.place.asn.map(|asn| i64::from(asn).to_be_bytes()).as_ref())),
    column("as_org", Kind::Text, |row, e| put_foreign_text(row, e.place.as_org.as_deref())),
    column("geo_database", Kind::Text, |row, e| put_foreign_text(row, e.geo_database.as_deref())),
    column("late", Kind::Bool, |row, e| put(row, Some(&[u8::from(e.late)]))),
    column("properties", Kind::Json, |row, e| put_json(row, |row| e.event.write_properties(row))),
    column("event_name", Kind::Text, |row, e| put_text(row, Some(e.event.name()))),
    column("site", Kind::Text, |row, e| put_text(row, e.event.site())),
    column("browser", Kind::Text, |row, e| put_text(row, e.visit.agent.browser.as_deref())),
    column("browser_version", Kind::Text, |row, e| put_text(row, e.visit.agent.browser_version.as_deref())),
    column("os", Kind::Text, |row, e| put_text(row, e.visit.agent.os.as_deref())),
    column("os_version", Kind::Text, |row, e| put_text(row, e.visit.agent.os_version.as_deref())),
    column("device", Kind::Text, |row, e| put_text(row, e.visit.agent.device.map(Device::as_str))),
    column("is_bot", Kind::Bool, |row, e| put(row, Some(&[u8::from(e.visit.agent.is_bot)]))),
    column("referrer_host", Kind::Text, |row, e| put_text(row, e.visit.referrer_host.as_deref())),
    column("channel", Kind::Text, |row, e| put_text(row, Some(e.visit.channel.as_str()))),
    column("utm_source", Kind::Text, |row, e| put_text(row, e.visit.campaign(|campaign| &campaign.source))),
    column("utm_medium", Kind::Text, |row, e| put_text(row, e.visit.campaign(|campaign| &campaign.medium))),
    column("utm_campaign", Kind::Text, |row, e| put_text(row, e.visit.campaign(|campaign| &campaign.name))),
    column("utm_term", Kind::Text, |row, e| put_text(row, e.visit.campaign(|campaign| &campaign.term))),
    column("utm_content", Kind::Text, |row, e| put_text(row, e.visit.campaign(|campaign| &campaign.content))),
    column("click_id", Kind::Text, |row, e| put_text(row, e.visit.campaign(|campaign| &campaign.click_id))),
];

impl Column {
    /// Whether a column of the type of this name reads what is sent for it.
    pub(super) fn fits(&self, found: &str) -> bool {
        let is_text = matches!(found, "text" | "varchar" | "bpchar" | "citext");
        match self.kind {
            Kind::Text => is_text,
            Kind::Json => is_text || found == "json",
            Kind::Time => matches!(found, "timestamp" | "timestamptz"),
            Kind::Uuid => found == "uuid",
            Kind::Double => found == "float8",
            Kind::BigInt => found == "int8",
            Kind::Bool => found == "bool",
        }
    }
}

/// Rows waiting for their commit, encoded.
#[derive(Default)]
pub(super) struct Rows {
    full: Vec<Bytes>,
    open: Vec<u8>,
    count: u64,
}

impl Rows {
    pub(super) fn push(&mut self, event: &Enriched) {
        if self.count == 0 {
            self.open.extend_from_slice(HEADER);
        }
        self.open.extend_from_slice(&COLUMN_COUNT);
        for column in &COLUMNS {
            (column.put)(&mut self.open, event);
        }
        self.count += 1;
        if self.open.len() >= CHUNK_BYTES {
            self.full.push(mem::take(&mut self.open).into());
            self.open.reserve(CHUNK_BYTES + CHUNK_BYTES / 8);
        }
    }

    /// How many rows there are.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// The whole of what COPY reads, in pieces.
    pub(super) fn finish(mut self) -> Vec<Bytes> {
        self.open.extend_from_slice(&TRAILER);
        self.full.push(self.open.into());
        self.full
    }
}

fn put<const N: usize>(row: &mut Vec<u8>, value: Option<&[u8; N]>) {
    put_bytes(row, value.map(<[u8; N]>::as_slice));
}

fn put_bytes(row: &mut Vec<u8>, value: Option<&[u8]>) {
    match value {
        None => row.extend_from_slice(&NULL),
        Some(value) => {
            row.extend_from_slice(&length(value));
            row.extend_from_slice(value);
        }
    }
}

fn length(value: &[u8]) -> [u8; 4] {
    i32::try_from(value.len()).expect("records are far smaller than 2 GiB").to_be_bytes()
}

fn put_time(row: &mut Vec<u8>, time: Timestamp) {
    put(row, Some(&(time.micros() - EPOCH_MICROS).to_be_bytes()));
}

/// Text of an event, which holds no U+0000.
fn put_text(row: &mut Vec<u8>, text: Option<&str>) {
    put_bytes(row, text.map(str::as_bytes));
}

/// Text of a geo database, which may hold anything.
fn put_foreign_text(row: &mut Vec<u8>, text: Option<&str>) {
    put_bytes(row, text.map(storable_text).as_deref().map(str::as_bytes));
}

fn put_geodata(row: &mut Vec<u8>, place: &Place) {
    put_json(row, |row| {
        place.write_geodata(row);
        true
    });
}

/// What `write` appends, if it says that it did.
fn put_json(row: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>) -> bool) {
    let length_at = row.len();
    row.extend_from_slice(&NULL);
    let start = row.len();
    if !write(row) {
        return;
    }
    if row[start..].contains(&b'\\') {
        let json = String::from_utf8(row.split_off(start)).expect("JSON is text");
        row.extend_from_slice(readable_json(json).as_bytes());
    }
    let length = length(&row[start..]);
    row[length_at..start].copy_from_slice(&length);
}

/// Text with U+FFFD for U+0000, which Postgres cannot store and a geo database may hold.
pub(super) fn storable_text(text: &str) -> Cow<'_, str> {
    match text.contains('\0') {
        true => Cow::Owned(text.replace('\0', "\u{fffd}")),
        false => Cow::Borrowed(text),
    }
}

/// JSON text with `\ufffd` for `\u0000`: Postgres would store it, but fail each query that reads the value.
pub(super) fn readable_json(json: String) -> String {
    if json.contains("\\u0000") { without_nul_escapes(&json) } else { json }
}

fn without_nul_escapes(json: &str) -> String {
    let mut readable = String::with_capacity(json.len());
    let mut rest = json;
    while let Some(at) = rest.find('\\') {
        readable.push_str(&rest[..at]);
        let escape = &rest[at..];
        let length = if escape.starts_with("\\u") { 6 } else { 2 };
        readable.push_str(if escape.starts_with("\\u0000") { "\\ufffd" } else { &escape[..length] });
        rest = &escape[length..];
    }
    readable + rest
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use event::{Campaign, Channel, Draft, LogPosition, Place, UserAgent, Visit};

    use super::*;

    fn enriched(json: &str, place: Place) -> Enriched {
        let position = LogPosition { topic: "raw".into(), partition: 0, offset: 1 };
        let event = Draft::parse(json.as_bytes()).unwrap().recorded(Timestamp::default(), &position).unwrap();
        Enriched { event, place: Arc::new(place), geo_database: None, visit: Visit::default(), late: true, position }
    }

    /// The fields of a single row, read back the way the server does.
    fn fields(event: &Enriched) -> Vec<Option<Vec<u8>>> {
        let mut rows = Rows::default();
        rows.push(event);
        let copied = rows.finish().concat();
        let mut rest = copied.strip_prefix(HEADER).unwrap().strip_suffix(&TRAILER).unwrap();
        let mut take = |length: usize| {
            let (head, tail) = rest.split_at(length);
            rest = tail;
            head.to_vec()
        };
        let count = i16::from_be_bytes(take(2).try_into().unwrap());
        let field = |_| match i32::from_be_bytes(take(4).try_into().unwrap()) {
            -1 => None,
            length => Some(take(usize::try_from(length).unwrap())),
        };
        (0..count).map(field).collect()
    }

    fn field(event: &Enriched, name: &str) -> Option<Vec<u8>> {
        fields(event)[COLUMNS.iter().position(|column| column.name == name).unwrap()].clone()
    }

    #[test]
    fn a_row_holds_every_column_in_order() {
        let json = r#"{"url":"/a","host":"example.com","ip":"8.8.8.8","event_time":"2000-01-01T00:00:01Z","plan":1}"#;
        let place =
            Place { country: Some("US".into()), asn: Some(4_294_967_295), latitude: Some(1.5), ..Place::default() };
        let event = enriched(json, place);
        assert_eq!(fields(&event).len(), COLUMNS.len());
        for (name, value) in [
            ("ip", Some(b"8.8.8.8".to_vec())),
            ("event_timestamp", Some(1_000_000_i64.to_be_bytes().to_vec())),
            ("referrer", None),
            ("geodata", Some(br#"{"country":"US","state":null,"city":null}"#.to_vec())),
            ("event_id", Some(event.event.id.to_bytes().to_vec())),
            ("asn", Some(4_294_967_295_i64.to_be_bytes().to_vec())),
            ("latitude", Some(1.5_f64.to_be_bytes().to_vec())),
            ("longitude", None),
            ("late", Some(vec![1])),
            ("properties", Some(br#"{"plan":1}"#.to_vec())),
            ("event_name", Some(b"pageview".to_vec())),
            ("site", None),
            ("device", None),
            ("is_bot", Some(vec![0])),
            ("channel", Some(b"Direct".to_vec())),
            ("click_id", None),
        ] {
            assert_eq!(field(&event, name), value, "{name}");
        }
    }

    #[test]
    fn a_row_tells_of_the_visit() {
        let mut event = enriched(r#"{"url":"/a","event_name":"signup","site":"shop"}"#, Place::default());
        let text = |text: &str| Some(text.to_owned());
        let agent = UserAgent {
            browser: text("Googlebot"),
            browser_version: text("2.1"),
            os: text("Android"),
            os_version: text("6.0.1"),
            device: Some(Device::Bot),
            is_bot: true,
        };
        let campaign = Campaign {
            source: text("a"),
            medium: text("b"),
            name: text("c"),
            term: text("d"),
            content: text("e"),
            click_id: text("gclid:f"),
        };
        event.visit = Visit {
            agent: Arc::new(agent),
            referrer_host: text("t.co"),
            channel: Channel::PaidSearch,
            campaign: Some(Box::new(campaign)),
        };
        for (name, value) in [
            ("event_name", "signup"),
            ("site", "shop"),
            ("browser", "Googlebot"),
            ("browser_version", "2.1"),
            ("os", "Android"),
            ("os_version", "6.0.1"),
            ("device", "bot"),
            ("is_bot", "\u{1}"),
            ("referrer_host", "t.co"),
            ("channel", "Paid Search"),
            ("utm_source", "a"),
            ("utm_medium", "b"),
            ("utm_campaign", "c"),
            ("utm_term", "d"),
            ("utm_content", "e"),
            ("click_id", "gclid:f"),
        ] {
            assert_eq!(field(&event, name).as_deref(), Some(value.as_bytes()), "{name}");
        }
        assert_eq!(field(&event, "properties"), None);
    }

    #[test]
    fn what_postgres_cannot_store_or_read_back_is_replaced() {
        let place = Place { city: Some("a\0b".into()), timezone: Some("a\0b".into()), ..Place::default() };
        let mut event = enriched(r#"{"url":"/a"}"#, place);
        event.event.extra = serde_json::from_str(r#"{"note":"\u0000 and \\u0000 and \\\u0000"}"#).unwrap();
        assert_eq!(field(&event, "timezone").unwrap(), "a\u{fffd}b".as_bytes());
        let geodata = String::from_utf8(field(&event, "geodata").unwrap()).unwrap();
        assert_eq!(geodata, r#"{"country":null,"state":null,"city":"a\ufffdb"}"#);
        let properties = String::from_utf8(field(&event, "properties").unwrap()).unwrap();
        assert_eq!(properties, r#"{"note":"\ufffd and \\u0000 and \\\ufffd"}"#);
    }

    #[test]
    fn a_column_of_another_type_is_told_from_one_that_fits() {
        let column = |name| COLUMNS.iter().find(|column| column.name == name).unwrap();
        for (name, found, fits) in [
            ("url", "varchar", true),
            ("url", "text", true),
            ("url", "bytea", false),
            ("ip", "inet", false),
            ("geodata", "json", true),
            ("geodata", "jsonb", false),
            ("event_timestamp", "timestamptz", true),
            ("event_timestamp", "date", false),
            ("event_id", "uuid", true),
            ("late", "int2", false),
        ] {
            assert_eq!(column(name).fits(found), fits, "{name} {found}");
        }
    }
}

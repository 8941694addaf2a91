//! What is kept of a visitor's address once its place has been looked up.

use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use event::{Event, Secret, Text, Timestamp};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Map, Value};
use sha2::Sha256;

use crate::config::{Config, IpStorage};

/// Headers in which proxies hand the address on, in lower case.
const ADDRESS_HEADERS: [&str; 16] = [
    "cf-connecting-ip",
    "cf-connecting-ipv6",
    "cf-pseudo-ipv4",
    "client-ip",
    "fastly-client-ip",
    "fly-client-ip",
    "forwarded",
    "forwarded-for",
    "true-client-ip",
    "x-appengine-user-ip",
    "x-azure-clientip",
    "x-client-ip",
    "x-cluster-client-ip",
    "x-forwarded-for",
    "x-original-forwarded-for",
    "x-real-ip",
];

const MICROS_A_DAY: i64 = 86_400_000_000;

/// Half of what SHA-256 gives: enough that no two visitors of a day share it.
const HASH_BYTES: usize = 16;

/// Takes from events what is not to be stored of the address.
pub(crate) enum Privacy {
    Full,
    Truncated,
    Hashed(Box<DailyHash>),
    Discarded,
}

impl Privacy {
    /// As configured; nothing is stored when the secret for hashing is missing, which [`Config::check`] tells.
    pub fn of(config: &Config) -> Self {
        match (config.ip_storage, &config.ip_hash_secret) {
            (IpStorage::Full, _) => Self::Full,
            (IpStorage::Truncated, _) => Self::Truncated,
            (IpStorage::Hashed, Some(secret)) => Self::Hashed(Box::new(DailyHash::new(secret))),
            (IpStorage::Hashed, None) | (IpStorage::None, _) => Self::Discarded,
        }
    }

    /// Replaces the event's address and removes it from the event's headers.
    pub fn apply(&mut self, event: &mut Event) {
        if matches!(self, Self::Full) {
            return;
        }
        let given = event.ip().map(str::trim).filter(|text| !text.is_empty());
        let address = given.and_then(|text| text.parse::<IpAddr>().ok()).map(|address| address.to_canonical());
        let headers = event.headers().and_then(|headers| without_address(headers, given.zip(address)));
        let ip = match self {
            Self::Full | Self::Discarded => None,
            Self::Truncated => address.map(|address| network(address).to_string()),
            Self::Hashed(hash) => {
                let text = address.map(|address| address.to_string());
                text.as_deref().or(given).map(|text| hash.of(event.event_time, text))
            }
        };
        if !matches!(headers, Some(Cow::Borrowed(_))) {
            let headers = headers.map(Cow::into_owned);
            event.set(Text::Headers, headers.as_deref());
        }
        event.set(Text::Ip, ip.as_deref());
    }
}

/// The address's network: /24 of IPv4 and /48 of IPv6. A 6to4 address holds an IPv4 address in its first 48 bits, and
/// keeps as much of it as that would.
fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(v4) => Ipv4Addr::from_bits(v4.to_bits() & (u32::MAX << 8)).into(),
        IpAddr::V6(v6) => {
            let kept = if v6.segments()[0] == 0x2002 { 40 } else { 48 };
            Ipv6Addr::from_bits(v6.to_bits() & (u128::MAX << (128 - kept))).into()
        }
    }
}

/// Headers without those that hold an address: by their name, or because the visitor's stands in them. `None` when they
/// are no JSON object, so that nobody can tell.
fn without_address<'h>(headers: &'h str, address: Option<(&str, IpAddr)>) -> Option<Cow<'h, str>> {
    let mut object: Map<String, Value> = serde_json::from_str(headers).ok()?;
    let known = address.map(|(given, address)| [given.to_owned(), address.to_string()]);
    let holds = |value: &Value| {
        let text = value.to_string();
        known.iter().flatten().any(|known| text.contains(known))
    };
    let all = object.len();
    object.retain(|name, value| !ADDRESS_HEADERS.contains(&&*name.to_ascii_lowercase()) && !holds(value));
    Some(if object.len() == all { headers.into() } else { Value::Object(object).to_string().into() })
}

/// HMAC-SHA-256 with a key for each day, which is made from the secret and the date: all workers have the same.
pub(crate) struct DailyHash {
    secret: Hmac<Sha256>,
    /// Days since 1970, and the key of that day.
    day: Option<(i64, Hmac<Sha256>)>,
}

impl DailyHash {
    fn new(secret: &Secret) -> Self {
        Self { secret: keyed(secret.expose().as_bytes()), day: None }
    }

    /// The hash of an address on the day of an event, in UTC: 32 hexadecimal digits.
    fn of(&mut self, time: Timestamp, address: &str) -> String {
        let hash = finished(self.key(time).clone(), address.as_bytes());
        let first: [u8; HASH_BYTES] = hash[..HASH_BYTES].try_into().expect("SHA-256 gives 32 bytes");
        format!("{:032x}", u128::from_be_bytes(first))
    }

    fn key(&mut self, time: Timestamp) -> &Hmac<Sha256> {
        let today = time.micros() / MICROS_A_DAY;
        if self.day.as_ref().is_none_or(|(day, _)| *day != today) {
            self.day = None;
        }
        let secret = &self.secret;
        let (_, key) = self.day.get_or_insert_with(|| {
            let (shown, date_length) = (time.to_string(), "2026-01-31".len());
            (today, keyed(&finished(secret.clone(), &shown.as_bytes()[..date_length])))
        });
        key
    }
}

fn keyed(key: &[u8]) -> Hmac<Sha256> {
    Hmac::new_from_slice(key).expect("a key of HMAC may have any length")
}

fn finished(mut mac: Hmac<Sha256>, message: &[u8]) -> [u8; 32] {
    mac.update(message);
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use event::{Draft, LogPosition};
    use serde_json::json;

    use super::*;

    const SECRET: &str = "0123456789abcdef0123456789abcdef";

    fn event(ip: Option<&str>, headers: Option<&str>, day: u32) -> Event {
        let time = format!("2026-01-{day:02}T23:59:59.999Z");
        let record = json!({"url": "/", "ip": ip, "headers": headers, "event_time": time}).to_string();
        let position = LogPosition { topic: "raw".into(), partition: 0, offset: 0 };
        Draft::parse(record.as_bytes()).unwrap().recorded(Timestamp::default(), &position).unwrap()
    }

    fn stored(storage: IpStorage, ip: &str, day: u32) -> Option<String> {
        let mut event = event(Some(ip), None, day);
        privacy(storage).apply(&mut event);
        event.ip().map(str::to_owned)
    }

    fn privacy(ip_storage: IpStorage) -> Privacy {
        Privacy::of(&Config { ip_storage, ip_hash_secret: Some(SECRET.into()), ..Config::default() })
    }

    #[test]
    fn an_address_is_cut_to_its_network() {
        for (ip, network) in [
            ("203.0.113.77", Some("203.0.113.0")),
            ("::ffff:203.0.113.77", Some("203.0.113.0")),
            (" 203.0.113.77 ", Some("203.0.113.0")),
            ("2001:db8:1:2:3:4:5:6", Some("2001:db8:1::")),
            ("2002:cb00:714d:1::1", Some("2002:cb00:7100::")),
            ("203.0.113.77:443", None),
            ("203.0.113.77, 198.51.100.1", None),
            ("visitor", None),
            ("", None),
        ] {
            assert_eq!(stored(IpStorage::Truncated, ip, 1).as_deref(), network, "{ip}");
            assert_eq!(stored(IpStorage::None, ip, 1), None, "{ip}");
            assert_eq!(stored(IpStorage::Full, ip, 1).as_deref(), Some(ip));
        }
    }

    /// The value is that of Python: `hmac.digest(hmac.digest(secret, b"2026-01-31", "sha256"), b"203.0.113.77", "sha256")`.
    #[test]
    fn a_hash_is_the_same_for_all_workers_on_one_day_and_another_on_the_next() {
        let hash = |ip, day| stored(IpStorage::Hashed, ip, day);
        assert_eq!(hash("203.0.113.77", 31).as_deref(), Some("04983c9b0b90b8ebacb377a420ee5364"));
        assert_eq!(hash("::ffff:203.0.113.77", 31), hash("203.0.113.77", 31));
        assert_ne!(hash("203.0.113.77", 30), hash("203.0.113.77", 31));
        assert_ne!(hash("203.0.113.78", 31), hash("203.0.113.77", 31));
        assert_eq!(hash("somewhere", 31).unwrap().len(), 2 * HASH_BYTES);
        assert_eq!(hash("", 31), None);
        let mut both = privacy(IpStorage::Hashed);
        for (day, expected) in
            [(31, hash("203.0.113.77", 31)), (30, hash("203.0.113.77", 30)), (31, hash("203.0.113.77", 31))]
        {
            let mut event = event(Some("203.0.113.77"), None, day);
            both.apply(&mut event);
            assert_eq!(event.ip(), expected.as_deref());
        }
    }

    #[test]
    fn without_its_secret_nothing_is_stored() {
        let mut event = event(Some("203.0.113.77"), None, 1);
        Privacy::of(&Config { ip_storage: IpStorage::Hashed, ..Config::default() }).apply(&mut event);
        assert_eq!(event.ip(), None);
    }

    #[test]
    fn headers_keep_no_address() {
        for (headers, kept) in [
            (r#"{"X-Forwarded-For":"203.0.113.77","dnt":"1"}"#, Some(r#"{"dnt":"1"}"#)),
            (r#"{"forwarded":"for=198.51.100.1","x-real-ip":"10.0.0.1"}"#, Some("{}")),
            (r#"{"x-visitor":["at 203.0.113.77"],"dnt":"1"}"#, Some(r#"{"dnt":"1"}"#)),
            (r#"{ "dnt": "1", "accept": "*/*" }"#, Some(r#"{ "dnt": "1", "accept": "*/*" }"#)),
            ("X-Forwarded-For: 203.0.113.77", None),
            (r#"[["x-forwarded-for","203.0.113.77"]]"#, None),
        ] {
            for storage in [IpStorage::Truncated, IpStorage::Hashed, IpStorage::None] {
                let mut event = event(Some("::ffff:203.0.113.77"), Some(headers), 1);
                privacy(storage).apply(&mut event);
                assert_eq!(event.headers(), kept, "{headers}");
            }
            let mut event = event(Some("203.0.113.77"), Some(headers), 1);
            privacy(IpStorage::Full).apply(&mut event);
            assert_eq!(event.headers(), Some(headers));
        }
    }
}

//! The headers in which proxies say for whom they ask, as lists of hops: the last is the one nearest to us.

use std::net::{IpAddr, SocketAddrV4};

/// A hop's address as a proxy wrote it; `None` when it is hidden, unknown or malformed.
pub type Hop = Option<IpAddr>;

/// The hops of one line of X-Forwarded-For: addresses between commas, some with a port.
pub fn hops_of_list(line: &str, read: fn(&str) -> Hop) -> impl DoubleEndedIterator<Item = Hop> {
    line.split(',').map(read)
}

/// The hops of one line of Forwarded (RFC 7239): elements between commas, the address in each one's `for`.
pub fn hops_of_forwarded(line: &str) -> impl DoubleEndedIterator<Item = Hop> {
    unquoted_parts(line, b',').into_iter().map(hop_of_element)
}

/// An address alone, with a port, in brackets or in quotes.
pub fn address(text: &str) -> Hop {
    let text = text.trim();
    let text = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(text);
    let parsed = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((inside, port)) if port.is_empty() || is_port(port) => {
            inside.parse::<IpAddr>().ok().filter(IpAddr::is_ipv6)
        }
        Some(_) => None,
        None => text.parse().ok().or_else(|| text.parse::<SocketAddrV4>().ok().map(|socket| IpAddr::V4(*socket.ip()))),
    };
    parsed.map(|address| address.to_canonical())
}

/// An address that is followed by a port, an IPv6 one without brackets or in them; only an IPv4 one may be alone.
pub fn address_before_port(text: &str) -> Hop {
    let Some((before, port)) = text.trim().rsplit_once(':') else { return address(text) };
    let is_number = port.trim_end_matches('"').parse::<u16>().is_ok();
    address(before.trim_start_matches('"')).filter(|_| is_number)
}

/// A port may be hidden behind a name that begins with an underscore (RFC 7239, section 6.2).
fn is_port(text: &str) -> bool {
    text.strip_prefix(':').is_some_and(|port| port.starts_with('_') || port.parse::<u16>().is_ok())
}

fn hop_of_element(element: &str) -> Hop {
    let pairs = unquoted_parts(element, b';').into_iter().filter_map(|pair| pair.split_once('='));
    let mut nodes = pairs.filter(|(name, _)| name.trim().eq_ignore_ascii_case("for")).map(|(_, node)| node);
    match (nodes.next(), nodes.next()) {
        (Some(node), None) => address(&unescaped(node)),
        _ => None,
    }
}

/// Splits at a separator that does not stand between quotes.
fn unquoted_parts(text: &str, separator: u8) -> Vec<&str> {
    let (mut parts, mut start, mut quoted, mut escaped) = (Vec::new(), 0, false, false);
    for (index, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            byte if byte == separator && !quoted => {
                parts.push(&text[start..index]);
                start = index + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts
}

/// A quoted string may hold any character behind a backslash (RFC 9110, section 5.6.4).
fn unescaped(text: &str) -> String {
    text.replace('\\', "")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(hops: impl Iterator<Item = Hop>) -> Vec<String> {
        hops.map(|hop| hop.map_or_else(|| "?".to_owned(), |address| address.to_string())).collect()
    }

    #[test]
    fn an_address_is_read_however_proxies_write_it() {
        for (text, read) in [
            ("192.0.2.1", "192.0.2.1"),
            (" 192.0.2.1 ", "192.0.2.1"),
            ("192.0.2.1:4711", "192.0.2.1"),
            ("2001:db8::1", "2001:db8::1"),
            ("[2001:db8::1]", "2001:db8::1"),
            ("\"[2001:db8::1]:4711\"", "2001:db8::1"),
            ("[2001:db8::1]:_port", "2001:db8::1"),
            ("::ffff:192.0.2.1", "192.0.2.1"),
            ("", "?"),
            ("unknown", "?"),
            ("_hidden", "?"),
            ("192.0.2.1:99999", "?"),
            ("192.0.2.300", "?"),
            ("[192.0.2.1]", "?"),
            ("[2001:db8::1", "?"),
            ("[2001:db8::1]x", "?"),
            ("192.0.2.1 192.0.2.2", "?"),
        ] {
            assert_eq!(texts([address(text)].into_iter()), [read], "{text}");
        }
    }

    #[test]
    fn an_address_that_is_always_followed_by_a_port_is_read_without_brackets_too() {
        for (text, read) in [
            ("2600:300:f:abcd::9:9985", "2600:300:f:abcd::9"),
            ("2001:db8:1:2:3:4:5:6:443", "2001:db8:1:2:3:4:5:6"),
            (" 192.0.2.1:4711 ", "192.0.2.1"),
            ("192.0.2.1", "192.0.2.1"),
            ("[2001:db8::1]:4711", "2001:db8::1"),
            ("\"[2001:db8::1]:4711\"", "2001:db8::1"),
            ("2001:db8::1:99999", "?"),
            ("2001:db8::abcd", "?"),
            ("unknown", "?"),
            (":80", "?"),
            ("", "?"),
        ] {
            assert_eq!(texts([address_before_port(text)].into_iter()), [read], "{text}");
        }
    }

    #[test]
    fn forwarded_is_read_as_its_grammar_says() {
        for (line, hops) in [
            ("for=192.0.2.43, for=\"[2001:db8:cafe::17]\"", &["192.0.2.43", "2001:db8:cafe::17"][..]),
            ("For=\"[2001:db8:cafe::17]:4711\"", &["2001:db8:cafe::17"]),
            ("for=192.0.2.60;proto=http;by=203.0.113.43", &["192.0.2.60"]),
            ("proto=http; FOR = 192.0.2.60", &["192.0.2.60"]),
            ("for=_gazonk, for=unknown, for=\"_x\"", &["?", "?", "?"]),
            ("by=203.0.113.43", &["?"]),
            ("for=192.0.2.1;for=192.0.2.2", &["?"]),
            ("for=\"192.0.2.1, for=192.0.2.2", &["?"]),
            ("for=\"1\\92.0.2.1\";host=\"a,b;for=9.9.9.9\", for=192.0.2.2", &["192.0.2.1", "192.0.2.2"]),
            ("", &["?"]),
        ] {
            assert_eq!(texts(hops_of_forwarded(line)), hops, "{line}");
        }
    }
}

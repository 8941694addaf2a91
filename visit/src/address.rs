//! The parts of an address. Senders write anything there, so nothing here can fail.

use std::borrow::Cow;
use std::net::Ipv6Addr;

use memchr::{memchr, memchr2};

/// The longest name that the domain name system has, in bytes.
const MAX_HOST_BYTES: usize = 253;

/// The host of an absolute address, as it is written there: without user, port and a last dot.
pub(crate) fn host(address: &str) -> Option<&str> {
    let (scheme, rest) = address.split_at(memchr(b'/', address.as_bytes())?);
    let rest = rest.strip_prefix("//").filter(|_| is_scheme(scheme))?;
    let is_end = |byte: u8| matches!(byte, b'/' | b'?' | b'#' | b'\\');
    let authority = &rest[..rest.bytes().position(is_end).unwrap_or(rest.len())];
    let place = authority.bytes().rposition(|byte| byte == b'@').map_or(0, |at| at + 1);
    let host = without_port(&authority[place..]);
    let host = host.strip_suffix('.').unwrap_or(host);
    is_host(host).then_some(host)
}

fn is_host(text: &str) -> bool {
    if let Some(rest) = text.strip_prefix('[') {
        return rest.strip_suffix(']').is_some_and(|address| address.parse::<Ipv6Addr>().is_ok());
    }
    let is_of_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    // Letters of any script: a name need not be in Punycode.
    let is_of_any_script = |c: char| u8::try_from(c).is_ok_and(is_of_name) || c.is_alphanumeric();
    (1..=MAX_HOST_BYTES).contains(&text.len()) && (text.bytes().all(is_of_name) || text.chars().all(is_of_any_script))
}

/// Empty, or letters and the like with a colon.
fn is_scheme(text: &str) -> bool {
    let Some(scheme) = text.strip_suffix(':') else { return text.is_empty() };
    scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'))
}

/// A host without its port. IPv6 addresses stand in brackets.
pub(crate) fn without_port(authority: &str) -> &str {
    if let Some(end) = authority.strip_prefix('[').and_then(|rest| rest.find(']')) {
        return &authority[..end + 2];
    }
    authority.bytes().position(|byte| byte == b':').map_or(authority, |end| &authority[..end])
}

/// Whether two hosts are the same one, be it with or without `www.`.
pub(crate) fn is_same_site(one: &str, other: &str) -> bool {
    let (one, other) = (without_www(one), without_www(other));
    one.eq_ignore_ascii_case(other) || (!one.is_ascii() && one.to_lowercase() == other.to_lowercase())
}

fn without_www(host: &str) -> &str {
    match host.split_at_checked("www.".len()) {
        Some((prefix, rest)) if prefix.eq_ignore_ascii_case("www.") => rest,
        _ => host,
    }
}

/// The text in lower case; copied only when it may not be so.
pub(crate) fn lowercase(text: &str) -> Cow<'_, str> {
    let is_lower = |byte: &u8| byte.is_ascii() && !byte.is_ascii_uppercase();
    if text.as_bytes().iter().all(is_lower) { Cow::Borrowed(text) } else { Cow::Owned(text.to_lowercase()) }
}

/// The query of an address, without its question mark, and its fragment, without its number sign.
pub(crate) fn query_and_fragment(address: &str) -> (&str, &str) {
    if memchr2(b'?', b'#', address.as_bytes()).is_none() {
        return ("", "");
    }
    let (before, fragment) = address.split_once('#').unwrap_or((address, ""));
    let query = before.split_once('?').map_or("", |(_, query)| query);
    (query, fragment)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_absolute_address_has_a_host() {
        for (address, expected) in [
            ("https://Example.com:8443/a", Some("Example.com")),
            ("https://user:secret@example.com/", Some("example.com")),
            ("https://a@b@example.com?x", Some("example.com")),
            ("https://bücher.example/", Some("bücher.example")),
            ("https://xn--bcher-kva.example", Some("xn--bcher-kva.example")),
            ("android-app://com.example/https/x", Some("com.example")),
            ("//example.com/a", Some("example.com")),
            ("https://example.com./", Some("example.com")),
            ("https://[2001:db8::1]:8080/x", Some("[2001:db8::1]")),
            ("https://192.0.2.1:80", Some("192.0.2.1")),
            ("https://example.com\\@other.example/", Some("example.com")),
            ("https://example.com#//other", Some("example.com")),
            ("http://a b/", None),
            ("http://a\u{202e}b/", None),
            ("https://[::1", None),
            ("https:///a", None),
            ("/go//there", None),
            ("go?to=https://example.com", None),
            ("/a", None),
            ("-", None),
            ("", None),
            ("about:blank", None),
            ("example.com/a", None),
        ] {
            assert_eq!(host(address), expected, "{address}");
        }
        assert_eq!(host(&format!("https://{}", "a".repeat(254))), None);
    }

    #[test]
    fn a_host_is_the_same_site_with_and_without_www_and_in_any_case() {
        for (one, other, same) in [
            ("example.com", "WWW.Example.com", true),
            ("bücher.example", "www.BÜCHER.example", true),
            ("example.com", "shop.example.com", false),
            ("www.com", "com", true),
            ("", "example.com", false),
        ] {
            assert_eq!(is_same_site(one, other), same, "{one} {other}");
        }
    }

    #[test]
    fn query_and_fragment_are_found() {
        for (address, parts) in [
            ("https://example.com/a?x=1&y=?#top", ("x=1&y=?", "top")),
            ("/a#/b?x=1", ("", "/b?x=1")),
            ("/a?#", ("", "")),
            ("", ("", "")),
        ] {
            assert_eq!(query_and_fragment(address), parts, "{address}");
        }
    }
}

//! The parts of a page's address. Senders write anything there, so nothing here can fail.

use memchr::{memchr, memchr2};

/// The path of an absolute address or of a path-only one, and the query without its question mark.
pub fn path_and_query(address: &str) -> (&str, Option<&str>) {
    let Some(end) = memchr2(b'?', b'#', address.as_bytes()) else { return (path(address), None) };
    let (place, rest) = address.split_at(end);
    let query = rest.strip_prefix('?').map(|query| &query[..memchr(b'#', query.as_bytes()).unwrap_or(query.len())]);
    (path(place), query)
}

fn path(place: &str) -> &str {
    let Some(after_scheme) = authority_and_path(place) else { return place };
    memchr(b'/', after_scheme.as_bytes()).map_or("/", |slash| &after_scheme[slash..])
}

/// What follows `scheme://` or a leading `//`; `None` when the text has no authority.
fn authority_and_path(place: &str) -> Option<&str> {
    if let Some(rest) = place.strip_prefix("//") {
        return Some(rest);
    }
    let (scheme, rest) = place.split_once(':')?;
    let is_scheme = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.bytes().all(|c| c.is_ascii_alphanumeric() || matches!(c, b'+' | b'-' | b'.'));
    rest.strip_prefix("//").filter(|_| is_scheme)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn path_and_query_are_found_in_whatever_a_sender_writes() {
        for (address, path, query) in [
            ("https://example.com/a/b?x=1&y=?#top", "/a/b", Some("x=1&y=?")),
            ("https://example.com", "/", None),
            ("https://example.com?x=1", "/", Some("x=1")),
            ("HTTP://example.com/#/app?x", "/", None),
            ("//example.com/a", "/a", None),
            ("/a/b?", "/a/b", Some("")),
            ("/go?to=https://example.org/x", "/go", Some("to=https://example.org/x")),
            ("/go/https://example.org/x", "/go/https://example.org/x", None),
            ("index.html", "index.html", None),
            ("about:blank", "about:blank", None),
            ("", "", None),
            ("?", "", Some("")),
            ("https://", "/", None),
            ("https://[::1/ü\u{202e}%zz", "/ü\u{202e}%zz", None),
        ] {
            assert_eq!(path_and_query(address), (path, query), "{address}");
        }
    }
}

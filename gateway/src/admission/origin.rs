//! Where pages come from: origins, and patterns of them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use url::Url;

/// Origins that are allowed: `https://example.com`, `https://*.example.com` for all its subdomains, without `https://`
/// for http as well, with `:8443` for another port than the scheme's own, with `:*` for any.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct OriginPattern {
    text: String,
    /// `None` for both http and https.
    scheme: Option<String>,
    /// In the form in which browsers write it: lower case, and punycode.
    host: String,
    /// Whether it is the host's subdomains that are allowed, and not itself.
    subdomains: bool,
    port: Port,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Port {
    /// The scheme's own, which browsers leave out.
    Usual,
    Is(u16),
    Any,
}

/// Not a pattern of origins.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{0:?} must be an origin such as https://example.com, *.example.com or http://localhost:*")]
pub struct NotAnOrigin(String);

impl OriginPattern {
    /// Whether it covers an origin as browsers write it, such as `https://example.com:8443`.
    pub fn allows(&self, origin: &str) -> bool {
        let Some((scheme, place)) = origin.split_once("://") else { return false };
        let (host, port) = told_apart(place);
        let port_fits = match self.port {
            Port::Usual => port.is_none(),
            Port::Is(wanted) => port.and_then(|port| port.parse().ok()) == Some(wanted),
            Port::Any => true,
        };
        let scheme_fits = match &self.scheme {
            Some(wanted) => scheme == wanted,
            None => matches!(scheme, "http" | "https"),
        };
        scheme_fits && port_fits && self.covers_host(host)
    }

    /// Whether it covers a host, whatever the scheme and port.
    pub fn covers_host(&self, host: &str) -> bool {
        if self.subdomains {
            let below = host.strip_suffix(self.host.as_str()).and_then(|rest| rest.strip_suffix('.'));
            below.is_some_and(|name| !name.is_empty())
        } else {
            host == self.host
        }
    }
}

/// Host and port; an IPv6 address keeps its brackets.
fn told_apart(place: &str) -> (&str, Option<&str>) {
    match place.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (place, None),
    }
}

impl FromStr for OriginPattern {
    type Err = NotAnOrigin;

    fn from_str(text: &str) -> Result<Self, NotAnOrigin> {
        parse(text.trim()).ok_or_else(|| NotAnOrigin(text.to_owned()))
    }
}

fn parse(text: &str) -> Option<OriginPattern> {
    let (scheme, place) = match text.split_once("://") {
        Some((scheme, place)) => (Some(scheme.to_ascii_lowercase()), place),
        None => (None, text),
    };
    let (place, any_port) = match place.strip_suffix(":*") {
        Some(place) => (place, true),
        None => (place, false),
    };
    let (place, subdomains) = match place.strip_prefix("*.") {
        Some(place) => (place, true),
        None => (place, false),
    };
    let url = Url::parse(&format!("{}://{place}", scheme.as_deref().unwrap_or("https"))).ok()?;
    let bare = ["http", "https"].contains(&url.scheme())
        && url.username().is_empty()
        && url.password().is_none()
        && url.path() == "/"
        && url.query().is_none()
        && url.fragment().is_none()
        && !place.ends_with(['/', '*', '@', ':'])
        && !place.contains(|character: char| character.is_control() || character.is_whitespace());
    let port = match url.port() {
        _ if any_port => Port::Any,
        Some(port) => Port::Is(port),
        None => Port::Usual,
    };
    let host = url.host_str().filter(|host| bare && !host.contains('*'))?.to_owned();
    Some(OriginPattern { text: text.to_owned(), scheme, host, subdomains, port })
}

impl TryFrom<String> for OriginPattern {
    type Error = NotAnOrigin;

    fn try_from(text: String) -> Result<Self, NotAnOrigin> {
        text.parse()
    }
}

impl fmt::Display for OriginPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl From<OriginPattern> for String {
    fn from(pattern: OriginPattern) -> Self {
        pattern.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_covers_what_it_says_and_nothing_beside_it() {
        for (pattern, allowed, refused) in [
            (
                "https://example.com",
                &["https://example.com"][..],
                &[
                    "http://example.com",
                    "https://www.example.com",
                    "https://example.com:8443",
                    "https://example.com.evil.test",
                    "https://evilexample.com",
                    "null",
                    "",
                ][..],
            ),
            (
                "*.example.com",
                &["https://www.example.com", "http://a.b.example.com"],
                &[
                    "https://example.com",
                    "https://evilexample.com",
                    "https://www.example.com.evil.test",
                    "https://.example.com",
                    "https://www.example.com:444",
                    "ftp://www.example.com",
                ],
            ),
            (
                "https://*.example.com:8443",
                &["https://a.example.com:8443"],
                &["https://a.example.com", "http://a.example.com:8443"],
            ),
            (
                "http://localhost:*",
                &["http://localhost", "http://localhost:3000"],
                &["https://localhost:3000", "http://localhost.evil.test"],
            ),
            ("https://example.com:443", &["https://example.com"], &["https://example.com:444"]),
            ("EXAMPLE.com", &["https://example.com", "http://example.com"], &["https://example.org"]),
            ("https://b\u{fc}cher.example", &["https://xn--bcher-kva.example"], &["https://bucher.example"]),
            ("http://[::1]:8080", &["http://[::1]:8080"], &["http://[::1]", "http://[::2]:8080"]),
            ("http://127.0.0.1", &["http://127.0.0.1"], &["http://127.0.0.1:80x"]),
        ] {
            let parsed: OriginPattern = pattern.parse().unwrap();
            for origin in allowed {
                assert!(parsed.allows(origin), "{pattern} {origin}");
            }
            for origin in refused {
                assert!(!parsed.allows(origin), "{pattern} {origin}");
            }
            assert_eq!(parsed.to_string(), pattern);
        }
    }

    #[test]
    fn what_is_no_origin_is_refused() {
        for text in [
            "",
            "*",
            "https://",
            "https://*",
            "https://example.com/",
            "https://example.com/path",
            "https://ex*mple.com",
            "https://a@example.com",
            "ftp://example.com",
            "https://example.com?x",
            "https://exa\nmple.com",
            "https://example.com:99999",
            "https://*.*.example.com",
        ] {
            assert!(text.parse::<OriginPattern>().is_err(), "{text}");
        }
    }
}

//! Whose request it is: the peer's own, or somebody's for whom a trusted proxy asks.

use std::net::IpAddr;

use axum::http::header::{FORWARDED, HeaderName, VIA};
use axum::http::{HeaderMap, HeaderValue};

use super::Network;
use super::forwarded::{Hop, address, address_before_port, hops_of_forwarded, hops_of_list};

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_REAL_IP: HeaderName = HeaderName::from_static("x-real-ip");

/// Always ends in a port, an IPv6 address standing without brackets.
const CLOUDFRONT_VIEWER_ADDRESS: HeaderName = HeaderName::from_static("cloudfront-viewer-address");

/// Which peers are proxies, and the header in which they say for whom they ask.
pub struct Proxies {
    trusted: Vec<Network>,
    header: HeaderName,
    /// Whether each address in it is followed by a port.
    has_port: bool,
}

/// Who sent a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Client {
    /// The address.
    pub address: IpAddr,
    /// Whether the address is known to be the sender's, and not that of a proxy on the way.
    pub is_sender: bool,
}

impl Proxies {
    /// Proxies in these networks, which write this header: X-Forwarded-For and Forwarded are lists to which each proxy
    /// adds, any other header holds one address, always with a port or not: CloudFront's does, where that is not told.
    pub fn new(trusted: Vec<Network>, header: HeaderName, has_port: Option<bool>) -> Self {
        let has_port = has_port.unwrap_or(header == CLOUDFRONT_VIEWER_ADDRESS);
        Self { trusted, header, has_port }
    }

    /// Who sent a request that came from `peer`. The header counts only when the peer is a trusted proxy, and of a list
    /// only what trusted proxies added: from the right, the first address that is no trusted proxy's. What cannot be read
    /// ends the way there, and the last proxy before it stands for the client.
    pub fn client(&self, peer: IpAddr, headers: &HeaderMap) -> Client {
        let peer = peer.to_canonical();
        if !self.is_trusted(peer) {
            return Client { address: peer, is_sender: !self.is_forwarded(headers) };
        }
        let lines = headers.get_all(&self.header);
        let read: fn(&str) -> Hop = if self.has_port { address_before_port } else { address };
        if self.header == FORWARDED {
            self.walk(peer, hops_of(lines.iter().rev(), hops_of_forwarded))
        } else if self.header == X_FORWARDED_FOR {
            self.walk(peer, hops_of(lines.iter().rev(), |line| hops_of_list(line, read)))
        } else {
            self.walk(peer, hops_of(lines.iter().rev().take(1), |line| [read(line)].into_iter()))
        }
    }

    fn walk(&self, peer: IpAddr, hops: impl Iterator<Item = Hop>) -> Client {
        let mut client = Client { address: peer, is_sender: false };
        for hop in hops {
            let Some(address) = hop else { return Client { is_sender: false, ..client } };
            client = Client { address, is_sender: true };
            if !self.is_trusted(address) {
                return client;
            }
        }
        client
    }

    fn is_trusted(&self, address: IpAddr) -> bool {
        self.trusted.iter().any(|network| network.contains(address))
    }

    /// Whether somebody on the way says that it is a proxy.
    fn is_forwarded(&self, headers: &HeaderMap) -> bool {
        let telling = [&self.header, &X_FORWARDED_FOR, &FORWARDED, &X_REAL_IP, &VIA];
        headers.keys().any(|name| telling.contains(&name))
    }
}

/// The hops of lines that come last first, the nearest hop first; a line that is no text is one unreadable hop.
fn hops_of<'a, H: DoubleEndedIterator<Item = Hop> + 'a>(
    lines: impl Iterator<Item = &'a HeaderValue> + 'a,
    hops: impl Fn(&'a str) -> H + 'a,
) -> impl Iterator<Item = Hop> + 'a {
    lines.flat_map(move |line| match line.to_str() {
        Ok(line) => Box::new(hops(line).rev()) as Box<dyn Iterator<Item = Hop>>,
        Err(_) => Box::new(std::iter::once(None)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(proxies: &[&str], header: &str, peer: &str, lines: &[(&str, &str)]) -> (String, bool) {
        let trusted = proxies.iter().map(|network| network.parse().unwrap()).collect();
        let proxies = Proxies::new(trusted, header.parse().unwrap(), None);
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(name.parse::<HeaderName>().unwrap(), HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        let Client { address, is_sender } = proxies.client(peer.parse().unwrap(), &headers);
        (address.to_string(), is_sender)
    }

    #[test]
    fn only_trusted_proxies_say_for_whom_they_ask_and_only_as_far_as_they_vouch() {
        let xff = "x-forwarded-for";
        for (peer, lines, address, is_sender) in [
            // Whoever is no proxy speaks for itself, whatever it says; one that says it is a proxy is no sender.
            ("203.0.113.9", &[][..], "203.0.113.9", true),
            ("203.0.113.9", &[(xff, "8.8.8.8")], "203.0.113.9", false),
            ("203.0.113.9", &[("forwarded", "for=8.8.8.8")], "203.0.113.9", false),
            ("203.0.113.9", &[("x-real-ip", "8.8.8.8")], "203.0.113.9", false),
            ("203.0.113.9", &[("via", "1.1 squid")], "203.0.113.9", false),
            ("::ffff:203.0.113.9", &[], "203.0.113.9", true),
            // From the right, past the proxies.
            ("10.0.0.1", &[(xff, "203.0.113.9")], "203.0.113.9", true),
            ("10.0.0.1", &[(xff, "127.0.0.1, 203.0.113.9")], "203.0.113.9", true),
            ("10.0.0.1", &[(xff, "127.0.0.1, 203.0.113.9, 10.0.0.2,10.0.0.3")], "203.0.113.9", true),
            ("::ffff:10.0.0.1", &[(xff, "[2001:db8::1]:80")], "2001:db8::1", true),
            ("10.0.0.1", &[(xff, "8.8.8.8, 203.0.113.9"), (xff, "10.0.0.2")], "203.0.113.9", true),
            ("10.0.0.1", &[(xff, "8.8.8.8"), (xff, "203.0.113.9:443")], "203.0.113.9", true),
            // A chain of nothing but proxies ends at the first of them.
            ("10.0.0.1", &[(xff, "10.0.0.3, 10.0.0.2")], "10.0.0.3", true),
            // What cannot be read ends the way.
            ("10.0.0.1", &[(xff, "203.0.113.9, rubbish")], "10.0.0.1", false),
            ("10.0.0.1", &[(xff, "203.0.113.9, rubbish, 10.0.0.2")], "10.0.0.2", false),
            ("10.0.0.1", &[(xff, "203.0.113.9,")], "10.0.0.1", false),
            ("10.0.0.1", &[(xff, "203.0.113.9"), (xff, "caf\u{e9}")], "10.0.0.1", false),
            // A proxy that says nothing stands for its client, and is not trusted as a sender.
            ("10.0.0.1", &[], "10.0.0.1", false),
            // Another header than the configured one may be the client's own.
            ("10.0.0.1", &[("forwarded", "for=8.8.8.8")], "10.0.0.1", false),
        ] {
            let found = client(&["10.0.0.0/8"], xff, peer, lines);
            assert_eq!(found, (address.to_owned(), is_sender), "{peer} {lines:?}");
        }
    }

    #[test]
    fn whether_a_header_tells_ports_is_configured_where_it_is_not_known() {
        for (header, has_port, line, address) in [
            ("x-client", Some(true), "2001:db8::9:9985", "2001:db8::9"),
            ("x-client", None, "2001:db8::9:9985", "2001:db8::9:9985"),
            ("x-forwarded-for", Some(true), "8.8.8.8:1, 2001:db8::9:9985, 10.0.0.2:7", "2001:db8::9"),
            ("cloudfront-viewer-address", Some(false), "2001:db8::9", "2001:db8::9"),
        ] {
            let trusted = vec!["10.0.0.0/8".parse().unwrap()];
            let proxies = Proxies::new(trusted, header.parse().unwrap(), has_port);
            let headers = HeaderMap::from_iter([(header.parse::<HeaderName>().unwrap(), line.parse().unwrap())]);
            let client = proxies.client("10.0.0.1".parse().unwrap(), &headers);
            assert_eq!(client.address.to_string(), address, "{header} {line}");
        }
    }

    #[test]
    fn the_configured_header_is_the_one_that_counts() {
        for (header, lines, address) in [
            ("forwarded", &[("forwarded", "for=8.8.8.8, for=\"[2001:db8::1]:80\";proto=https")][..], "2001:db8::1"),
            ("forwarded", &[("forwarded", "for=203.0.113.9"), ("forwarded", "for=10.0.0.2")], "203.0.113.9"),
            ("forwarded", &[("forwarded", "for=203.0.113.9, for=_hidden")], "10.0.0.1"),
            ("forwarded", &[("forwarded", "for=203.0.113.9"), ("x-forwarded-for", "8.8.8.8")], "203.0.113.9"),
            ("cf-connecting-ip", &[("cf-connecting-ip", "203.0.113.9"), ("x-forwarded-for", "8.8.8.8")], "203.0.113.9"),
            (
                "cf-connecting-ip",
                &[("cf-connecting-ip", "8.8.8.8"), ("cf-connecting-ip", "203.0.113.9")],
                "203.0.113.9",
            ),
            ("cf-connecting-ip", &[("cf-connecting-ip", "8.8.8.8, 203.0.113.9")], "10.0.0.1"),
            ("cf-connecting-ip", &[("x-forwarded-for", "8.8.8.8")], "10.0.0.1"),
            (
                "cloudfront-viewer-address",
                &[("cloudfront-viewer-address", "2600:300:f:abcd::9:9985")],
                "2600:300:f:abcd::9",
            ),
            ("cloudfront-viewer-address", &[("cloudfront-viewer-address", "203.0.113.9:46532")], "203.0.113.9"),
        ] {
            assert_eq!(client(&["10.0.0.0/8"], header, "10.0.0.1", lines).0, address, "{header} {lines:?}");
        }
    }
}

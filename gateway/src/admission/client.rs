//! Whose request it is: the peer's own, or somebody's for whom a trusted proxy asks.

use std::net::IpAddr;

use axum::http::header::{FORWARDED, HeaderName, VIA};
use axum::http::{HeaderMap, HeaderValue};

use super::Network;
use super::forwarded::{Hop, address, hops_of_forwarded, hops_of_list};

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_REAL_IP: HeaderName = HeaderName::from_static("x-real-ip");

/// Which peers are proxies, and the header in which they say for whom they ask.
pub struct Proxies {
    trusted: Vec<Network>,
    header: HeaderName,
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
    /// adds, any other header holds one address.
    pub fn new(trusted: Vec<Network>, header: HeaderName) -> Self {
        Self { trusted, header }
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
        if self.header == FORWARDED {
            self.walk(peer, hops_of(lines.iter().rev(), hops_of_forwarded))
        } else if self.header == X_FORWARDED_FOR {
            self.walk(peer, hops_of(lines.iter().rev(), hops_of_list))
        } else {
            self.walk(peer, hops_of(lines.iter().rev().take(1), |line| [address(line)].into_iter()))
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
        let proxies = Proxies::new(trusted, header.parse().unwrap());
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
        ] {
            assert_eq!(client(&["10.0.0.0/8"], header, "10.0.0.1", lines).0, address, "{header} {lines:?}");
        }
    }
}

//! Which address to look up for a visitor: the public one, or none.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The address that geo databases know this visitor by: the embedded IPv4 of mapped, 6to4 (RFC 3056) and Teredo
/// (RFC 4380) addresses, else the address itself; `None` for private and reserved ones (the IANA special-purpose registries).
pub fn routable(address: IpAddr) -> Option<IpAddr> {
    match address.to_canonical() {
        IpAddr::V4(v4) => (!is_reserved_v4(v4)).then_some(IpAddr::V4(v4)),
        IpAddr::V6(v6) => match embedded_v4(v6) {
            Some(v4) => routable(IpAddr::V4(v4)),
            None => (!is_reserved_v6(v6)).then_some(IpAddr::V6(v6)),
        },
    }
}

fn embedded_v4(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let from = |high: u16, low: u16| Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low));
    match address.segments() {
        [0x2002, high, low, ..] => Some(from(high, low)),
        [0x2001, 0, .., high, low] => Some(from(!high, !low)),
        _ => None,
    }
}

fn is_reserved_v4(address: Ipv4Addr) -> bool {
    match address.octets() {
        [0 | 10 | 127 | 224.., ..] => true,
        [100, second, ..] => second & 0xc0 == 64,
        [172, second, ..] => second & 0xf0 == 16,
        [192, 0, third, _] => third == 0 || third == 2,
        [198, second, third, _] => second & 0xfe == 18 || (second, third) == (51, 100),
        octets => matches!(octets, [169, 254, ..] | [192, 168, ..] | [203, 0, 113, _]),
    }
}

fn is_reserved_v6(address: Ipv6Addr) -> bool {
    let [first, second, ..] = address.segments();
    match first {
        // For protocols (2001::/23), of which only Teredo has visitors, and for documentation.
        0x2001 => second < 0x200 || second == 0xdb8,
        0x3fff => second & 0xf000 == 0,
        // 2000::/3 is all that is allocated for public use.
        _ => first & 0xe000 != 0x2000,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_public_addresses_are_looked_up_and_tunnels_by_their_ipv4() {
        for (address, expected) in [
            ("8.8.8.8", Some("8.8.8.8")),
            ("::ffff:8.8.8.8", Some("8.8.8.8")),
            ("2002:808:808::1", Some("8.8.8.8")),
            ("2001:0:4136:e378:8000:63bf:f7f7:f7f7", Some("8.8.8.8")),
            ("2001:4860:4860::8888", Some("2001:4860:4860::8888")),
            ("2002:a00:1::", None),
            ("10.1.2.3", None),
            ("100.64.0.1", None),
            ("100.128.0.1", Some("100.128.0.1")),
            ("172.31.0.1", None),
            ("172.32.0.1", Some("172.32.0.1")),
            ("192.168.1.1", None),
            ("169.254.1.1", None),
            ("198.19.0.1", None),
            ("203.0.113.7", None),
            ("240.0.0.1", None),
            ("255.255.255.255", None),
            ("::1", None),
            ("::", None),
            ("fe80::1", None),
            ("fd00::1", None),
            ("ff02::1", None),
            ("2001:db8::1", None),
            ("2001:2::1", None),
            ("2001:200::1", Some("2001:200::1")),
            ("3fff:fff::1", None),
            ("3fff:1000::1", Some("3fff:1000::1")),
            ("4000::1", None),
        ] {
            assert_eq!(routable(address.parse().unwrap()), expected.map(|text| text.parse().unwrap()), "{address}");
        }
    }
}

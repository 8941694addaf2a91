//! The addresses that a newer database is tried with.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::address::routable;

const SPREAD: u32 = 2_048;

/// The blocks of IPv6 that the registries give addresses from (IANA IPv6 Global Unicast Address Assignments): first 16 bits.
const V6_BLOCKS: [u32; 7] = [0x2001, 0x2400, 0x2600, 0x2800, 0x2a00, 0x2a02, 0x2c00];

/// Knuth's multiplicative constant: the multiples of it fall evenly into any range of 32 bits.
const STRIDE: u32 = 0x9e37_79b1;

/// Addresses spread over the public space, always the same, and these recent ones.
pub(crate) fn addresses(recent: Vec<IpAddr>) -> impl Iterator<Item = IpAddr> {
    spread(SPREAD).chain(recent.into_iter().filter_map(routable))
}

/// So many addresses of each kind, less the reserved ones, spread over the public space, always the same.
pub(crate) fn spread(per_kind: u32) -> impl Iterator<Item = IpAddr> {
    let v4 = (0..per_kind).map(|number| IpAddr::V4(Ipv4Addr::from_bits(number.wrapping_mul(STRIDE))));
    let v6 = (0..per_kind).map(|number| IpAddr::V6(in_blocks(number)));
    v4.chain(v6).filter_map(routable)
}

fn in_blocks(number: u32) -> Ipv6Addr {
    let block = V6_BLOCKS[number as usize % V6_BLOCKS.len()];
    let network = u64::from(block) << 48 | u64::from(number.wrapping_mul(STRIDE)) << 16;
    Ipv6Addr::from_bits(u128::from(network) << 64 | 1)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_probes_lie_in_all_of_the_public_space() {
        let probes: Vec<IpAddr> = addresses(Vec::new()).collect();
        let first_bytes: BTreeSet<u8> = probes
            .iter()
            .filter_map(|address| match address {
                IpAddr::V4(v4) => Some(v4.octets()[0]),
                IpAddr::V6(_) => None,
            })
            .collect();
        assert!(first_bytes.len() > 210, "{}", first_bytes.len());
        let v6 = probes.iter().filter(|address| address.is_ipv6()).collect::<BTreeSet<_>>();
        assert!(v6.len() > 1_900, "{}", v6.len());
    }

    #[test]
    fn recent_addresses_are_probes_unless_they_are_private() {
        let recent = ["8.8.8.8", "10.0.0.1"].map(|text| text.parse().unwrap());
        let probes: Vec<IpAddr> = addresses(recent.to_vec()).collect();
        assert!(probes.contains(&recent[0]) && !probes.contains(&recent[1]));
    }
}

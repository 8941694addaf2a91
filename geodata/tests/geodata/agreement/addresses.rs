//! Addresses to look up: at random, at the borders of ranges, and those of a web log.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use rand::Rng;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use testkit::fixtures;

/// So many addresses: half of them where the ranges that begin at `starts` meet, the other half anywhere.
pub fn drawn(count: usize, starts: &[IpAddr], random: &mut StdRng) -> Vec<IpAddr> {
    let border = |random: &mut StdRng| beside(*starts.choose(random).unwrap(), random.random_range(-1..=1));
    (0..count).map(|index| if index % 2 == 0 { border(random) } else { anywhere(random) }).collect()
}

fn beside(address: IpAddr, step: i8) -> IpAddr {
    match address {
        IpAddr::V4(address) => Ipv4Addr::from_bits(address.to_bits().wrapping_add_signed(step.into())).into(),
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits().wrapping_add_signed(step.into())).into(),
    }
}

/// Mostly IPv4; some IPv6 of 2000::/3, which is what is in public use; a few IPv4 as IPv6 tunnels write them.
fn anywhere(random: &mut StdRng) -> IpAddr {
    let v4: u32 = random.random();
    let low = u128::from(v4);
    match random.random_range(0..20) {
        0 => Ipv6Addr::from_bits(0xffff << 32 | low).into(),
        1 => Ipv6Addr::from_bits(0x2002 << 112 | low << 80 | 1).into(),
        2 => Ipv6Addr::from_bits(0x2001 << 112 | u128::from(!v4)).into(),
        3..8 => Ipv6Addr::from_bits(1 << 125 | random.random::<u128>() >> 3).into(),
        _ => Ipv4Addr::from_bits(v4).into(),
    }
}

/// The visitors in the web log, each once.
pub fn of_web_log() -> BTreeSet<IpAddr> {
    let log = std::fs::read_to_string(fixtures::web_log()).unwrap();
    log.lines().filter_map(|line| line.split(' ').next()?.parse().ok()).collect()
}

//! What the tests of all formats share: how many damaged files to try, and how long one may take.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use rand::Rng;
use rand::rngs::StdRng;
use testkit::seed::seeded;

use super::hostile::look_up;

/// How many damaged files are tried; PAGEBERG_TEST_MUTATIONS asks for more.
const MUTATIONS: usize = 1_000;
/// Far more than any file needs: a machine may be busy.
const PATIENCE: Duration = Duration::from_secs(20);

/// Damages files again and again and looks addresses up in them; fails when too few can still be opened to test anything.
pub fn run(mut damaged: impl FnMut(&mut StdRng) -> (Vec<u8>, Vec<IpAddr>)) {
    let mutations = std::env::var("PAGEBERG_TEST_MUTATIONS").map_or(MUTATIONS, |count| count.parse().unwrap());
    let mut random = seeded();
    let mut opened = 0;
    for mutation in 0..mutations {
        let (bytes, addresses) = damaged(&mut random);
        opened += usize::from(in_time(&format!("mutation {mutation}"), || look_up(&bytes, &addresses)));
    }
    println!("{opened} of {mutations} damaged files could be opened");
    assert!(opened > mutations / 10, "too few to test look-ups with");
}

/// Fails when this took unreasonably long.
pub fn in_time<T>(what: &str, work: impl FnOnce() -> T) -> T {
    let began = Instant::now();
    let result = work();
    assert!(began.elapsed() < PATIENCE, "{what} took {:?}", began.elapsed());
    result
}

/// Flips some bits anywhere.
pub fn flip_bits(bytes: &mut [u8], random: &mut StdRng) {
    for _ in 0..random.random_range(1..=8) {
        let at = random.random_range(0..bytes.len());
        bytes[at] ^= 1 << random.random_range(0..8);
    }
}

//! What the tests of all formats share: the files, the seed, how many damaged files to try, and how long one may take.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::hostile::look_up;

/// How many damaged files are tried; PAGEBERG_TEST_MUTATIONS asks for more.
const MUTATIONS: usize = 1_000;
/// Far more than any file needs: a machine may be busy.
const PATIENCE: Duration = Duration::from_secs(20);

pub fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/geo").join(name)
}

pub fn read(name: &str) -> Vec<u8> {
    std::fs::read(data(name)).unwrap()
}

pub fn files_below(folder: &Path) -> Vec<PathBuf> {
    let paths = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    paths.flat_map(|path| if path.is_dir() { files_below(&path) } else { vec![path] }).collect()
}

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

/// Random numbers whose seed is printed, and can be set to see the same again.
fn seeded() -> StdRng {
    let set = std::env::var("PAGEBERG_TEST_SEED").ok().and_then(|text| text.parse().ok());
    let seed = set.unwrap_or_else(rand::random);
    println!("PAGEBERG_TEST_SEED={seed}");
    StdRng::seed_from_u64(seed)
}

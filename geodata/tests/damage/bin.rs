//! Damaged BIN files of IP2Location.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};

use crate::hostile::look_up;

/// How many damaged files are tried; PAGEBERG_TEST_MUTATIONS asks for more.
const MUTATIONS: usize = 1_000;
/// Far more than any file needs: a machine may be busy.
const PATIENCE: Duration = Duration::from_secs(20);

/// Where the header has its counts and positions.
const HEADER_NUMBERS: [usize; 7] = [5, 9, 13, 17, 21, 25, 31];
const HEADER_BYTES: usize = 64;

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/geo").join(name)
}

fn read(name: &str) -> Vec<u8> {
    std::fs::read(data(name)).unwrap()
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let paths = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    paths.flat_map(|path| if path.is_dir() { files_below(&path) } else { vec![path] }).collect()
}

/// Damages a file in one of the ways in which files are damaged, or made to do harm.
fn damage(bytes: &mut Vec<u8>, random: &mut StdRng) {
    let length = bytes.len();
    match random.random_range(0..6) {
        0 => (0..random.random_range(1..=8))
            .for_each(|_| bytes[random.random_range(0..length)] ^= 1 << random.random_range(0..8)),
        1 => bytes.truncate(random.random_range(0..length)),
        2 => bytes[random.random_range(0..HEADER_BYTES)] = random.random(),
        3 => put(bytes, *HEADER_NUMBERS.choose(random).unwrap(), extreme(length, random)),
        4 => (0..16).for_each(|_| put(bytes, random.random_range(0..length), extreme(length, random))),
        _ => {
            let (start, size) = (random.random_range(0..length), random.random_range(0..length));
            let fill = *[0, 0xff, random.random()].choose(random).unwrap();
            bytes[start..length.min(start + size)].fill(fill);
        }
    }
}

/// A number that leads somewhere else.
fn extreme(length: usize, random: &mut StdRng) -> u32 {
    let length = length as u32;
    let extremes = [0, 1, 64, 65, length - 1, length, length + 1, 1 << 31, u32::MAX - 1, u32::MAX];
    *[*extremes.choose(random).unwrap(), random.random(), random.random_range(0..length)].choose(random).unwrap()
}

fn put(bytes: &mut [u8], offset: usize, number: u32) {
    bytes[offset..].iter_mut().zip(number.to_le_bytes()).for_each(|(byte, new)| *byte = new);
}

/// Whether the file could be opened; fails when that and the look-ups took unreasonably long.
fn look_up_in_time(bytes: &[u8], what: &str) -> bool {
    let began = Instant::now();
    let opened = look_up(bytes);
    assert!(began.elapsed() < PATIENCE, "{what} took {:?}", began.elapsed());
    opened
}

fn seeded() -> StdRng {
    let set = std::env::var("PAGEBERG_TEST_SEED").ok().and_then(|text| text.parse().ok());
    let seed = set.unwrap_or_else(rand::random);
    println!("PAGEBERG_TEST_SEED={seed}");
    StdRng::seed_from_u64(seed)
}

#[test]
fn no_damage_to_a_file_hurts_a_look_up() {
    let mutations = std::env::var("PAGEBERG_TEST_MUTATIONS").map_or(MUTATIONS, |count| count.parse().unwrap());
    let sound = ["ip2location/DB24.DEMO4.BIN", "derived/logs-DB5.BIN", "derived/logs-DB11.BIN"].map(read);
    let mut random = seeded();
    let mut opened = 0;
    for mutation in 0..mutations {
        let mut bytes = sound.choose(&mut random).unwrap().clone();
        damage(&mut bytes, &mut random);
        opened += usize::from(look_up_in_time(&bytes, &format!("mutation {mutation}")));
    }
    println!("{opened} of {mutations} damaged files could be opened");
    assert!(opened > mutations / 10, "too few to test look-ups with");
}

#[test]
fn no_count_however_large_makes_a_search_long() {
    for file in ["ip2location/DB24.DEMO4.BIN", "derived/logs-DB11.BIN"] {
        for number in HEADER_NUMBERS {
            for extreme in [0, 1, 64, 65, 0x7fff_ffff, 0x8000_0000, u32::MAX] {
                let mut bytes = read(file);
                put(&mut bytes, number, extreme);
                look_up_in_time(&bytes, &format!("{extreme} at {number} of {file}"));
            }
        }
    }
}

#[test]
fn no_file_of_the_test_data_hurts_a_look_up_whatever_its_format() {
    let files = files_below(&data(""));
    assert!(files.len() > 60, "{} files", files.len());
    for file in files {
        look_up_in_time(&std::fs::read(&file).unwrap(), &file.display().to_string());
    }
}

#[test]
fn a_file_that_ends_too_early_is_refused_if_it_says_how_long_it_should_be() {
    let whole = read("derived/logs-DB11.BIN");
    assert!(look_up(&whole));
    for length in [0, 1, 63, 64, 65, whole.len() / 2, whole.len() - 1] {
        assert!(!look_up(&whole[..length]), "{length} bytes");
    }
}

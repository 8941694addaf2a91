//! Damaged BIN files of IP2Location.

use rand::Rng;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use testkit::fixtures::{self, files_below, read};

use super::campaign::{self, flip_bits, in_time};
use super::hostile::look_up;

/// Where the header has its counts and positions.
const HEADER_NUMBERS: [usize; 7] = [5, 9, 13, 17, 21, 25, 31];
const HEADER_BYTES: usize = 64;

/// Damages a file in one of the ways in which files are damaged, or made to do harm.
fn damage(bytes: &mut Vec<u8>, random: &mut StdRng) {
    let length = bytes.len();
    match random.random_range(0..6) {
        0 => flip_bits(bytes, random),
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

#[test]
fn no_damage_to_a_file_hurts_a_look_up() {
    let sound = ["geo/ip2location/DB24.DEMO4.BIN", "geo/city/logs-DB5.BIN", "geo/city/logs-DB11.BIN"].map(read);
    campaign::run(|random| {
        let mut bytes = sound.choose(random).unwrap().clone();
        damage(&mut bytes, random);
        (bytes, Vec::new())
    });
}

#[test]
fn no_count_however_large_makes_a_search_long() {
    for file in ["geo/ip2location/DB24.DEMO4.BIN", "geo/city/logs-DB11.BIN"] {
        for number in HEADER_NUMBERS {
            for extreme in [0, 1, 64, 65, 0x7fff_ffff, 0x8000_0000, u32::MAX] {
                let mut bytes = read(file);
                put(&mut bytes, number, extreme);
                in_time(&format!("{extreme} at {number} of {file}"), || look_up(&bytes, &[]));
            }
        }
    }
}

#[test]
fn no_file_of_the_test_data_hurts_a_look_up_whatever_its_format() {
    let files = files_below(&fixtures::path("geo"));
    assert!(files.len() > 60, "{} files", files.len());
    let extra = fixtures::extra().map(|folder| files_below(&folder)).unwrap_or_default();
    for file in files.into_iter().chain(extra) {
        let bytes = std::fs::read(&file).unwrap();
        in_time(&file.display().to_string(), || look_up(&bytes, &[]));
    }
}

#[test]
fn a_file_that_ends_too_early_is_refused_if_it_says_how_long_it_should_be() {
    let whole = read("geo/city/logs-DB11.BIN");
    assert!(look_up(&whole, &[]));
    for length in [0, 1, 63, 64, 65, whole.len() / 2, whole.len() - 1] {
        assert!(!look_up(&whole[..length], &[]), "{length} bytes");
    }
}

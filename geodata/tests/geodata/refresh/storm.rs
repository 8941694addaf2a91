//! A refresh storm: under full load a file is replaced again and again, one time in three by a broken one.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use geodata::refresh::Config;
use geodata::{GeoDatabase, LiveDatabase, Located, Locator};
use testkit::fixtures;

use super::editions::{BIN, MMDB, NESTED, database, edition};
use super::watched::{Told, Watched, listen};

const READERS: usize = 4;
const SWAP_INTERVAL: Duration = Duration::from_millis(200);
const BATCH: usize = 500;

/// What a reader saw.
#[derive(Default)]
struct Seen {
    lookups: usize,
    databases: BTreeSet<Arc<str>>,
}

/// Sound editions by their names: what one of them tells of an address is right.
struct Editions {
    contents: Vec<Vec<u8>>,
    by_name: BTreeMap<String, GeoDatabase>,
}

impl Editions {
    /// Of three databases, some in one format and some in another, newer and newer.
    fn new() -> Self {
        let contents: Vec<Vec<u8>> =
            (1..13).map(|day| edition([MMDB, NESTED, BIN][usize::from(day) % 3], day)).collect();
        let named = |content: &Vec<u8>| {
            let database = database(content.clone());
            (database.names().collect(), database)
        };
        Self { by_name: contents.iter().map(named).collect(), contents }
    }

    fn expect(&self, address: &str, located: &Located) {
        let name = located.database.as_deref().expect("a database is in use");
        let edition = self.by_name.get(name).unwrap_or_else(|| panic!("{name} is none of the sound ones"));
        assert_eq!(located.place, edition.locate(address.parse().unwrap()).place, "{address} in {name}");
    }
}

/// Contents that must never be in use.
fn broken() -> Vec<Vec<u8>> {
    let (mmdb, bin) = (edition(MMDB, 20), edition(BIN, 20));
    // Counts of rows that no file holds, which make a careless reader search for ever.
    let mut endless = bin.clone();
    endless[5..13].fill(0xff);
    let mut contents = vec![Vec::new(), mmdb[..mmdb.len() / 2].to_vec(), bin[..bin.len() / 2].to_vec(), endless];
    contents.push((0..mmdb.len()).map(|at| (at * 31 % 251) as u8).collect());
    let bad_data = fs::read_dir(fixtures::path("geo/maxmind-db/bad-data/libmaxminddb")).unwrap();
    contents.extend(bad_data.map(|entry| fs::read(entry.unwrap().path()).unwrap()));
    contents
}

/// Looks the web log's visitors up in batches, each answer held against the edition that told it.
fn read(live: Arc<LiveDatabase>, visitors: &[String], editions: &Editions, stop: &AtomicBool) -> Seen {
    let (mut locator, mut seen) = (Locator::new(live), Seen::default());
    for batch in visitors.chunks(BATCH).cycle() {
        if stop.load(Ordering::Relaxed) {
            return seen;
        }
        locator.refresh();
        let mut names = BTreeSet::new();
        for address in batch {
            let located = locator.locate(Some(address));
            editions.expect(address, &located);
            names.insert(located.database.unwrap());
        }
        assert_eq!(names.len(), 1, "one batch is answered by one database");
        seen.lookups += batch.len();
        seen.databases.append(&mut names);
    }
    seen
}

fn visitors() -> Vec<String> {
    let log = fs::read_to_string(fixtures::web_log()).unwrap();
    log.lines().filter_map(|line| line.split(' ').next()).map(str::to_owned).collect()
}

/// How long it goes on: 3 seconds, or as many as PAGEBERG_TEST_GEO_STORM_SECONDS says.
fn duration() -> Duration {
    let seconds = std::env::var("PAGEBERG_TEST_GEO_STORM_SECONDS").ok().and_then(|text| text.parse().ok());
    Duration::from_secs(seconds.unwrap_or(3))
}

#[test]
fn a_storm_of_swaps_and_broken_files_shows_in_no_answer() {
    let (editions, broken, visitors) = (Editions::new(), broken(), visitors());
    let config = Config { allow_older: true, min_size_percent: 0, ..Config::default() };
    let mut watched = Watched::configured(editions.contents[0].clone(), config);
    let (live, stop) = (watched.watcher.live(), AtomicBool::new(false));
    let (seen, (refreshes, refusals), told) = thread::scope(|scope| {
        let reader = || listen(|| read(live.clone(), &visitors, &editions, &stop));
        let readers: Vec<_> = (0..READERS).map(|_| scope.spawn(reader)).collect();
        let (swaps, told) = listen(|| storm(&mut watched, &editions.contents, &broken));
        stop.store(true, Ordering::Relaxed);
        let seen: Vec<(Seen, Told)> = readers.into_iter().map(|reader| reader.join().unwrap()).collect();
        (seen, swaps, told)
    });
    let lookups: usize = seen.iter().map(|(seen, _)| seen.lookups).sum();
    println!("{lookups} look-ups, {refreshes} refreshes, {refusals} refusals");
    for (seen, told) in seen {
        assert!(seen.databases.len() > 3, "every reader goes over to newer databases");
        assert!(told.log.is_empty() && !told.metrics.contains("failures"), "{}{}", told.log, told.metrics);
    }
    assert_eq!(live.counts().lookups, lookups as u64, "every look-up is counted");
    let status = watched.status();
    assert_eq!((status.refreshes, status.refusals), (refreshes, refusals));
    let is_expected = |line: &str| line.contains("database in use") || line.contains("was refused");
    assert!(told.log.lines().all(is_expected), "{}", told.log);
}

/// Replaces the file at each interval, and looks in between. Tells how many sound and how many broken files were put there.
fn storm(watched: &mut Watched, sound: &[Vec<u8>], broken: &[Vec<u8>]) -> (u64, u64) {
    let end = Instant::now() + duration();
    let (mut sound, mut broken) = (sound.iter().cycle().skip(1), broken.iter().cycle());
    let (mut refreshes, mut refusals) = (0, 0);
    while Instant::now() < end {
        let next = Instant::now() + SWAP_INTERVAL;
        let is_broken = (refreshes + refusals) % 3 == 2;
        let content = if is_broken { broken.next() } else { sound.next() }.unwrap();
        *if is_broken { &mut refusals } else { &mut refreshes } += 1;
        match (refreshes + refusals) % 2 {
            0 => watched.rename_over(content),
            _ => fs::write(watched.path(), content).unwrap(),
        }
        watched.settle();
        thread::sleep(next.saturating_duration_since(Instant::now()));
    }
    (refreshes, refusals)
}

//! What is demanded of the table after all that, measured with nothing of pageberg's own.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;
use std::time::{Duration, Instant};

use futures::TryStreamExt;
use iceberg::scan::FileScanTask;
use iceberg::table::Table;
use storage::{StorageConfig, listing};
use warehouse::target_files;

/// Plans and commits whose median counts.
pub const SAMPLES: usize = 21;

/// One demand.
struct Line {
    demand: &'static str,
    found: String,
    holds: bool,
}

/// All of them.
#[derive(Default)]
pub struct Verdict(Vec<Line>);

impl Verdict {
    pub fn add(&mut self, demand: &'static str, holds: bool, found: impl fmt::Display) {
        self.0.push(Line { demand, found: found.to_string(), holds });
    }

    /// Whether everything holds that is demanded.
    pub fn holds(&self) -> bool {
        self.0.iter().all(|line| line.holds)
    }

    /// Each partition holds its target number of files.
    pub async fn add_partitions(&mut self, table: &Table, target_file_bytes: usize) {
        let mut partitions = BTreeMap::<String, Vec<u64>>::new();
        for file in planned(table).await {
            partitions.entry(format!("{:?}", file.partition)).or_default().push(file.length);
        }
        let is_on_target =
            |sizes: &&Vec<u64>| sizes.len() as u64 <= target_files(sizes.iter().sum(), target_file_bytes as u64);
        let on_target = partitions.values().filter(is_on_target).count();
        let counts: Vec<usize> = partitions.values().map(Vec::len).collect();
        let found = format!("{on_target} of {} partitions do, files in each: {counts:?}", partitions.len());
        self.add("each partition holds its target number of files", on_target == partitions.len(), found);
    }

    /// The metadata is small.
    pub fn add_metadata(&mut self, table: &Table) {
        let metadata = table.metadata();
        let bytes = serde_json::to_vec(metadata).unwrap().len();
        let (snapshots, past) = (metadata.snapshots().len(), metadata.metadata_log().len());
        let found = format!("{bytes} B uncompressed, {snapshots} snapshots, {past} earlier files in its log");
        self.add("metadata.json is below 1 MB", bytes < 1_000_000, found);
    }

    /// There is little in the storage that nothing names.
    pub async fn add_storage(&mut self, table: &Table, config: &StorageConfig) {
        let named = named(table).await;
        let files = listing(config, table.file_io());
        let mut stored = HashMap::new();
        for folder in ["data", "metadata"] {
            let found = files.list(&format!("{}/{folder}", table.metadata().location())).await.unwrap();
            stored.extend(found.into_iter().map(|file| (plain(&file.location), file.bytes)));
        }
        let of_named: u64 = named.iter().filter_map(|path| stored.get(path)).sum();
        let (files, bytes) = (stored.len(), stored.values().sum::<u64>());
        let holds = files * 10 <= named.len() * 12 && bytes * 10 <= of_named * 12;
        let found = format!("{files} files of {bytes} B are there, {} of {of_named} B are referenced", named.len());
        if !holds {
            println!("unreferenced: {:#?}", stored.keys().filter(|path| !named.contains(*path)).collect::<Vec<_>>());
        }
        self.add("files on disk are within 20 % of files referenced", holds, found);
    }

    /// A full scan is planned fast; in a build that is meant to be fast it must be.
    pub async fn add_planning(&mut self, table: &Table, is_timed: bool) {
        let mut times = Vec::new();
        for _ in 0..SAMPLES {
            let began = Instant::now();
            assert!(!planned(table).await.is_empty());
            times.push(began.elapsed());
        }
        let median = median(times);
        let found = format!("{:.1} ms", median.as_secs_f64() * 1e3);
        self.add(
            "a full scan is planned in 100 ms",
            !is_timed || cfg!(debug_assertions) || median < Duration::from_millis(100),
            found,
        );
    }

    /// Commits to the old table take little longer than commits to the young one, in turns.
    pub fn add_commits(&mut self, times: Vec<[Duration; 2]>, is_timed: bool) {
        let [old, young] = [0, 1].map(|which| median(times.iter().map(|pair| pair[which]).collect()));
        let found = format!("{:.1} ms, and {:.1} ms in a new table at its 50th", ms(old), ms(young));
        self.add("a commit takes at most twice as long as the 50th", !is_timed || old <= 2 * young, found);
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in &self.0 {
            let mark = if line.holds { "holds" } else { "FAILS" };
            writeln!(f, "{mark}  {}: {}", line.demand, line.found)?;
        }
        Ok(())
    }
}

fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

async fn planned(table: &Table) -> Vec<FileScanTask> {
    table.scan().build().unwrap().plan_files().await.unwrap().try_collect().await.unwrap()
}

/// Paths of all that the table's metadata names.
async fn named(table: &Table) -> HashSet<String> {
    let metadata = table.metadata();
    let mut named = HashSet::from([table.metadata_location().unwrap().to_owned()]);
    named.extend(metadata.metadata_log().iter().map(|past| past.metadata_file.clone()));
    for snapshot in metadata.snapshots() {
        named.insert(snapshot.manifest_list().to_owned());
        for manifest in table.manifest_list_reader(snapshot).load().await.unwrap().entries() {
            if named.insert(manifest.manifest_path.clone()) {
                let manifest = manifest.load_manifest(table.file_io()).await.unwrap();
                let live = manifest.entries().iter().filter(|entry| entry.is_alive());
                named.extend(live.map(|entry| entry.file_path().to_owned()));
            }
        }
    }
    named.iter().map(|path| plain(path)).collect()
}

/// A location as every engine spells it.
fn plain(location: &str) -> String {
    location.trim_start_matches("file://").to_owned()
}

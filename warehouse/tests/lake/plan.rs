//! How much of it: a minute in `make test`, hours with PAGEBERG_TEST_LAKE=long.

use std::time::Duration;

use warehouse::{Config, MaintenanceConfig};

/// The size of a campaign.
pub struct Plan {
    /// Commits of the writer.
    pub commits: i64,
    /// Days that their events are spread over, one after the other.
    pub days: i64,
    /// The pause of the writer between two commits.
    pub interval: Duration,
    /// How often the writer is killed.
    pub kills: usize,
    /// Who reads all the time.
    pub readers: &'static [&'static str],
    /// The pause of a reader between two queries.
    pub pause: Duration,
    /// Commits of PyIceberg.
    pub foreign: i64,
    /// How long a snapshot or a file that nobody names is kept: longer than the slowest query.
    pub grace: Duration,
}

const SHORT: Plan = Plan {
    commits: 150,
    days: 3,
    interval: Duration::from_millis(100),
    kills: 5,
    readers: &["duckdb", "pyiceberg", "spark"],
    pause: Duration::from_millis(500),
    foreign: 6,
    grace: Duration::from_secs(20),
};

const LONG: Plan = Plan {
    commits: 5_000,
    days: 20,
    interval: Duration::from_millis(100),
    kills: 60,
    readers: &["duckdb", "pyiceberg", "spark"],
    pause: Duration::from_secs(1),
    foreign: 200,
    grace: Duration::from_secs(60),
};

impl Plan {
    /// The one that the environment asks for.
    pub fn asked() -> (Self, bool) {
        let is_long = std::env::var("PAGEBERG_TEST_LAKE").is_ok_and(|run| run == "long");
        (if is_long { LONG } else { SHORT }, is_long)
    }

    /// Settings that make work of all kinds due within seconds.
    pub fn maintenance(&self) -> MaintenanceConfig {
        let grace_ms = self.grace.as_millis() as u64;
        MaintenanceConfig {
            min_small_manifests: 10,
            snapshot_min_count: 5,
            snapshot_max_age_ms: grace_ms,
            snapshot_min_age_ms: grace_ms,
            unreferenced_grace_ms: grace_ms,
            metadata_grace_ms: grace_ms,
            ..MaintenanceConfig::default()
        }
    }
}

/// Files so small that a day has several.
pub fn small_files() -> Config {
    let mut config = Config::default();
    config.files.target_file_bytes = 256 << 10;
    config.files.row_group_bytes = 256 << 10;
    config
}

//! How much of it: a minute in `make test`; far more with PAGEBERG_TEST_LAKE, which is `long` or a number of commits.

use std::time::Duration;

use warehouse::{Config, MaintenanceConfig};

/// The size of a campaign.
#[derive(Clone, Copy)]
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
    /// Whether times are judged.
    pub is_timed: bool,
}

const SHORT: Plan = Plan {
    commits: 150,
    days: 3,
    interval: Duration::from_millis(200),
    kills: 6,
    readers: &["duckdb", "pyiceberg", "spark"],
    pause: Duration::from_secs(1),
    foreign: 5,
    grace: Duration::from_secs(20),
    is_timed: false,
};

const LONG: Plan = Plan {
    commits: 5_000,
    days: 20,
    interval: Duration::from_millis(200),
    kills: 60,
    pause: Duration::from_secs(5),
    foreign: 200,
    grace: Duration::from_secs(60),
    is_timed: true,
    ..SHORT
};

impl Plan {
    /// For a table on local disk.
    pub fn of_main_lake() -> Self {
        asked().map_or(SHORT, |commits| LONG.scaled(commits))
    }

    /// For one more catalog or storage.
    pub fn of_other_lake(readers: &'static [&'static str]) -> Self {
        let short = Self { commits: 20, days: 2, kills: 1, foreign: 2, readers: &["duckdb", "pyiceberg"], ..SHORT };
        asked().map_or(short, |commits| Self { readers, ..LONG.scaled(commits / 5) })
    }

    fn scaled(self, commits: i64) -> Self {
        let part = |whole: i64| (whole * commits / self.commits).max(2);
        Self {
            commits,
            days: part(self.days),
            kills: part(self.kills as i64) as usize,
            foreign: part(self.foreign),
            ..self
        }
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
            // Nobody needs Nessie's own history.
            honour_gc_enabled: false,
            ..MaintenanceConfig::default()
        }
    }
}

/// Commits of a long campaign: those asked for in PAGEBERG_TEST_LAKE, or 5,000 where it says `long`.
fn asked() -> Option<i64> {
    let asked = std::env::var("PAGEBERG_TEST_LAKE").ok()?;
    Some(if asked == "long" { LONG.commits } else { asked.parse().unwrap() })
}

/// Files so small that a day has several.
pub fn with_small_files(mut config: Config) -> Config {
    config.files.target_file_bytes = 256 << 10;
    config.files.row_group_bytes = 256 << 10;
    config
}

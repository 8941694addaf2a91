//! Maintenance: what it changes, what stays, and what others do meanwhile.

mod compaction;
mod metadata;
mod unreferenced;

use std::path::Path;

use event::{Enriched, Text};
use iceberg::spec::DataFile;
use serde_json::Value;
use warehouse::{Maintained, MaintenanceConfig, Table};

use lakekit::table::*;

const DAY: i64 = 86_400_000_000;

const SITES: [&str; 3] = ["shop", "blog", "docs"];

/// An event of a day that has a site.
fn view(offset: i64, day: i64) -> Enriched {
    let mut enriched = at_micros(offset, day * DAY + (offset * 7_919) % 1_000_000);
    enriched.event.set(Text::Url, Some(&format!("https://shop.example/{offset}")));
    enriched.event.extra.insert("site".into(), SITES[offset as usize % 3].into());
    enriched
}

/// Commits, each of one event of day 10 and one of day 11.
async fn deliver_each(table: &mut Table, commits: i64) {
    let from = table.positions(TOPIC).unwrap().get(0).unwrap_or_default();
    for offset in (from..).step_by(2).take(commits as usize) {
        deliver(table, &[view(offset, 10), view(offset + 1, 11)]).await;
    }
}

/// Takes every day for one that is over.
fn over() -> MaintenanceConfig {
    MaintenanceConfig { settled_after_ms: 0, ..MaintenanceConfig::default() }
}

async fn maintain(table: &mut Table) -> Maintained {
    table.maintain(&MaintenanceConfig::default(), false).await.unwrap()
}

/// All rows in all columns as both readers find them.
fn rows(folder: &Path) -> [Vec<Value>; 2] {
    both_readers(folder, &["rows"]).map(|rows| rows.as_array().unwrap().clone())
}

async fn snapshot(folder: &Path) -> i64 {
    other_table(folder).await.metadata().current_snapshot_id().unwrap()
}

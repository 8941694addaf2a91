//! How much memory events need on their way into data files, whatever their days.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use event::{Enriched, Text};
use lakekit::table::{advance, at_micros};
use peak_alloc::PeakAlloc;
use warehouse::{Config, Table};

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

const DAY: i64 = 86_400_000_000;

/// Days of a backfill. Each makes a file that is synced, so there are few in a short test.
const DAYS: i64 = 100;

const EVENTS: i64 = 8_000;

const EVENTS_PER_CALL: i64 = 1_000;

fn view(offset: i64, day: i64) -> Enriched {
    let mut enriched = at_micros(offset, day * DAY + offset);
    let site = ["shop", "blog", "docs"][offset as usize % 3];
    enriched.event.set(Text::Url, Some(&format!("https://{site}.example/{:x}", offset * 0x9e37_79b9)));
    enriched.event.set(Text::Headers, Some(&format!("{{\"x-request-id\":\"{:0>3000}\"}}", offset * 0x9e37_79b9)));
    enriched.event.extra.insert("site".into(), site.into());
    enriched
}

/// The files that the events of these days make, and the most memory that was in use meanwhile, in bytes.
async fn written(day_of: impl Fn(i64) -> i64) -> (usize, usize) {
    let folder = tempfile::tempdir().unwrap();
    let mut config = Config::default();
    config.files.buffer_bytes = 8 << 20;
    config.files.row_group_bytes = 4 << 20;
    let mut table = Table::open(folder.path(), &config).await.unwrap();
    MEMORY.reset_peak_usage();
    let before = MEMORY.current_usage();
    let mut writer = table.writer().unwrap();
    for first in (0..EVENTS).step_by(EVENTS_PER_CALL as usize) {
        let events: Vec<Enriched> =
            (first..first + EVENTS_PER_CALL).map(|offset| view(offset, day_of(offset))).collect();
        writer.write(vec![events]).await.unwrap();
    }
    let files = writer.close().await.unwrap();
    let peak = MEMORY.peak_usage() - before;
    let count = files.count();
    assert_eq!(files.rows(), EVENTS as u64);
    table.append(files, &advance(None, EVENTS)).await.unwrap();
    (count, peak)
}

#[tokio::test]
async fn events_of_many_days_need_no_more_memory_than_those_of_one() {
    let (files, one_day) = written(|_| 0).await;
    assert_eq!(files, 1);
    let (mixed_files, mixed) = written(|offset| offset * 7_919 % DAYS).await;
    let (files, in_order) = written(|offset| offset * DAYS / EVENTS).await;
    println!("one day {one_day} bytes, {DAYS} days mixed {mixed}, day by day {in_order}");
    assert_eq!((mixed_files, files), (DAYS as usize, DAYS as usize), "one file a day");
    assert!(mixed < one_day * 5 / 4 && in_order < one_day * 5 / 4, "{one_day}, {mixed}, {in_order}");
    assert!(one_day < 64 << 20, "{one_day}");
}

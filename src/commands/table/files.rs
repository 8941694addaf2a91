//! `table files`: partitions with their files, or every data file.

use std::cmp::Reverse;
use std::io::{self, IsTerminal};

use clap::ValueEnum;
use event::Timestamp;
use indicatif::{HumanBytes, HumanCount, ProgressBar, ProgressStyle};
use warehouse::inspect::{DataFileStatus, Limits, PartitionStatus, partitions};

use super::aligned::aligned;
use super::{Shown, or_dash, second};
use crate::config::Config;

/// Options of `table files`.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  # the days with the most files; `target` is how many their bytes would fill
  pageberg table files --sort files --limit 10
  # the data files of a day, the largest first
  pageberg table files --all --partition 2026-11-20 --sort bytes
  # what DuckDB or Spark would read of it
  pageberg table files --all --partition 2026-11-20 --json | jq -r '.[].file_path'")]
pub struct Args {
    #[command(flatten)]
    shown: Shown,
    /// List every data file
    #[arg(long)]
    all: bool,
    /// Only partitions with this value, such as 2026-11-20 (of hourly ones: that day's), or whole, as field=value
    #[arg(long, value_name = "VALUE")]
    partition: Option<String>,
    /// What comes first: the last partition by name, or the most bytes, rows or files
    #[arg(long, value_name = "BY", default_value = "name")]
    sort: Order,
    /// How many lines. Default: all
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Order {
    Name,
    Bytes,
    Rows,
    Files,
}

/// The table's data files, with a bar on a terminal when there is much to read.
pub async fn read(table: &warehouse::Table) -> anyhow::Result<Vec<DataFileStatus>> {
    let bar = if io::stderr().is_terminal() { ProgressBar::new(0) } else { ProgressBar::hidden() };
    let style = ProgressStyle::with_template("reading manifests {bar:40} {pos}/{len}");
    bar.set_style(style.expect("the template is sound"));
    let files = table.files(|done, total| {
        bar.set_length(total as u64);
        bar.set_position(done as u64);
    });
    let files = files.await;
    bar.finish_and_clear();
    Ok(files?)
}

impl Args {
    pub async fn run(self, config: &Config) -> anyhow::Result<()> {
        let mut files = read(&self.shown.open(config).await?).await?;
        if let Some(wanted) = &self.partition {
            files.retain(|file| is_in(&file.partition, wanted));
        }
        if self.all {
            return self.every(files);
        }
        let mut told = partitions(&files, Limits::of(&config.iceberg.files, &config.iceberg.maintenance));
        match self.sort {
            Order::Name => told.reverse(),
            Order::Bytes => told.sort_by_key(|told| Reverse(told.total_data_file_size_in_bytes)),
            Order::Rows => told.sort_by_key(|told| Reverse(told.record_count)),
            Order::Files => told.sort_by_key(|told| Reverse(told.file_count)),
        }
        told.truncate(self.limit.unwrap_or(usize::MAX));
        self.shown.print(told.as_slice(), text_of_partitions)
    }

    fn every(self, mut files: Vec<DataFileStatus>) -> anyhow::Result<()> {
        match self.sort {
            Order::Name | Order::Files => {
                files.sort_by(|one, other| (&other.partition, &one.file_path).cmp(&(&one.partition, &other.file_path)));
            }
            Order::Bytes => files.sort_by_key(|file| Reverse(file.file_size_in_bytes)),
            Order::Rows => files.sort_by_key(|file| Reverse(file.record_count)),
        }
        files.truncate(self.limit.unwrap_or(usize::MAX));
        self.shown.print(files.as_slice(), text_of_files)
    }
}

/// Whether a partition such as `event_timestamp_hour=2026-11-20-05/site=shop` is meant by `2026-11-20`, by `shop` or by
/// one of its parts.
fn is_in(partition: &str, wanted: &str) -> bool {
    let is_value = |part: &str| {
        let value = part.split_once('=').map_or(part, |(_, value)| value);
        part == wanted || value == wanted || value.strip_prefix(wanted).is_some_and(|rest| rest.starts_with('-'))
    };
    partition == wanted || partition.split('/').any(is_value)
}

fn text_of_partitions(partitions: &[PartitionStatus]) -> String {
    let titles = [
        "partition",
        ">files",
        ">target",
        ">small",
        ">rows",
        ">bytes",
        ">smallest",
        ">average",
        ">largest",
        "first event",
        "last event",
    ];
    let row = |told: &PartitionStatus| {
        let [files, target, small, rows] =
            [told.file_count, told.target_file_count, told.small_file_count, told.record_count].map(count);
        let [bytes, smallest, average, largest] = [
            told.total_data_file_size_in_bytes,
            told.smallest_file_bytes,
            told.average_file_bytes,
            told.largest_file_bytes,
        ]
        .map(size);
        let (first, last) = (time(told.first_event_at), time(told.last_event_at));
        [name(&told.partition), files, target, small, rows, bytes, smallest, average, largest, first, last]
    };
    aligned(titles, &partitions.iter().map(row).collect::<Vec<_>>())
}

fn text_of_files(files: &[DataFileStatus]) -> String {
    let titles = ["partition", ">rows", ">bytes", "first event", "last event", "file"];
    let row = |file: &DataFileStatus| {
        let (first, last) = (time(file.first_event_at), time(file.last_event_at));
        let (rows, bytes) = (count(file.record_count), size(file.file_size_in_bytes));
        [name(&file.partition), rows, bytes, first, last, file.file_path.clone()]
    };
    aligned(titles, &files.iter().map(row).collect::<Vec<_>>())
}

fn name(partition: &str) -> String {
    or_dash((!partition.is_empty()).then(|| partition.to_owned()))
}

fn count(count: u64) -> String {
    HumanCount(count).to_string()
}

fn size(bytes: u64) -> String {
    HumanBytes(bytes).to_string()
}

fn time(time: Option<Timestamp>) -> String {
    or_dash(time.map(second))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partition_is_meant_by_a_value_a_part_or_the_beginning_of_a_time() {
        let hour = "event_timestamp_hour=2026-11-20-05/site=shop-eu";
        for wanted in [hour, "2026-11-20", "2026-11-20-05", "shop-eu", "shop", "site=shop-eu"] {
            assert!(is_in(hour, wanted), "{wanted}");
        }
        for other in ["2026-11-2", "2026-11-20-0", "event_timestamp_hour", "site=shop", ""] {
            assert!(!is_in(hour, other), "{other}");
        }
    }
}

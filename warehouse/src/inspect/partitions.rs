//! The files of each partition summed up, and whether they are as few as they could be. Pure.

use std::collections::BTreeMap;

use event::Timestamp;
use serde::Serialize;

use super::{DataFileStatus, iso};
use crate::{FilesConfig, MaintenanceConfig, target_files};

/// What makes a file small, and how large a good one is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Files below so many bytes are small.
    pub small_bytes: u64,
    /// Size of a good file in bytes.
    pub target_bytes: u64,
}

impl Limits {
    /// Those by which maintenance decides.
    pub fn of(files: &FilesConfig, maintenance: &MaintenanceConfig) -> Self {
        let target_bytes = files.target_file_bytes as u64;
        let small_bytes = target_bytes.saturating_mul(maintenance.small_file_percent.into()) / 100;
        Self { small_bytes, target_bytes }
    }
}

/// A partition of the current snapshot. Names as in PyIceberg's `inspect.partitions`, where it has them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct PartitionStatus {
    /// Partition, as `field=value` joined by `/`; empty in a table without partitions.
    pub partition: String,
    /// Number of the partition spec.
    pub spec_id: i32,
    /// Rows, deleted ones included.
    pub record_count: u64,
    /// Data files.
    pub file_count: u64,
    /// Their size in bytes.
    pub total_data_file_size_in_bytes: u64,
    /// Size of the smallest file in bytes.
    pub smallest_file_bytes: u64,
    /// Size of a file on average, in bytes.
    pub average_file_bytes: u64,
    /// Size of the largest file in bytes.
    pub largest_file_bytes: u64,
    /// Files that are small.
    pub small_file_count: u64,
    /// Their size in bytes.
    pub small_file_bytes: u64,
    /// Files that all these bytes would fill: what maintenance aims at.
    pub target_file_count: u64,
    /// A bound below the time of the first event.
    #[serde(serialize_with = "iso")]
    pub first_event_at: Option<Timestamp>,
    /// A bound above the time of the last event.
    #[serde(serialize_with = "iso")]
    pub last_event_at: Option<Timestamp>,
}

/// The partitions of these files, by name.
pub fn partitions(files: &[DataFileStatus], limits: Limits) -> Vec<PartitionStatus> {
    let mut partitions = BTreeMap::<(&str, i32), PartitionStatus>::new();
    for file in files {
        let partition = partitions.entry((&file.partition, file.spec_id)).or_insert_with(|| PartitionStatus {
            partition: file.partition.clone(),
            spec_id: file.spec_id,
            smallest_file_bytes: u64::MAX,
            ..PartitionStatus::default()
        });
        partition.add(file, limits.small_bytes);
    }
    let mut partitions: Vec<_> = partitions.into_values().collect();
    for partition in &mut partitions {
        partition.average_file_bytes = partition.total_data_file_size_in_bytes / partition.file_count;
        partition.target_file_count = target_files(partition.total_data_file_size_in_bytes, limits.target_bytes);
    }
    partitions
}

impl PartitionStatus {
    fn add(&mut self, file: &DataFileStatus, small_bytes: u64) {
        let bytes = file.file_size_in_bytes;
        self.record_count += file.record_count;
        self.file_count += 1;
        self.total_data_file_size_in_bytes += bytes;
        self.smallest_file_bytes = self.smallest_file_bytes.min(bytes);
        self.largest_file_bytes = self.largest_file_bytes.max(bytes);
        if bytes < small_bytes {
            self.small_file_count += 1;
            self.small_file_bytes += bytes;
        }
        let first = [self.first_event_at, file.first_event_at].into_iter().flatten().min();
        self.first_event_at = first;
        self.last_event_at = self.last_event_at.max(file.last_event_at);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(partition: &str, bytes: u64, event_at: i64) -> DataFileStatus {
        let time = Timestamp::from_micros(event_at).ok();
        DataFileStatus {
            partition: partition.to_owned(),
            spec_id: 0,
            file_path: String::new(),
            record_count: 2,
            file_size_in_bytes: bytes,
            first_event_at: time,
            last_event_at: time,
            last_received_at: time,
        }
    }

    #[test]
    fn each_partition_is_summed_up_with_its_small_files_and_what_it_could_have() {
        let limits = Limits { small_bytes: 75, target_bytes: 100 };
        let told = partitions(&[file("day=2", 90, 7), file("day=1", 10, 1), file("day=2", 30, 5)], limits);
        assert_eq!(told.iter().map(|told| told.partition.as_str()).collect::<Vec<_>>(), ["day=1", "day=2"]);
        let second = &told[1];
        assert_eq!((second.record_count, second.file_count, second.total_data_file_size_in_bytes), (4, 2, 120));
        assert_eq!((second.smallest_file_bytes, second.average_file_bytes, second.largest_file_bytes), (30, 60, 90));
        assert_eq!((second.small_file_count, second.small_file_bytes, second.target_file_count), (1, 30, 2));
        assert_eq!(second.first_event_at, Timestamp::from_micros(5).ok());
        assert_eq!(second.last_event_at, Timestamp::from_micros(7).ok());
        assert_eq!(partitions(&[], limits), []);
    }
}

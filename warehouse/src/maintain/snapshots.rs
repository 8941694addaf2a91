//! Dropping old snapshots. Their files stay until they are found to be unreferenced.
//!
//! A snapshot's age counts from the moment when the next one took its place: until then readers begin to read it. What
//! a branch or tag points to is kept for ever, and of a branch what its own retention asks for as well.

use std::collections::{HashMap, HashSet};

use async_trait::async_trait;
use iceberg::spec::{SnapshotReference, SnapshotRetention, TableMetadata};
use iceberg::table::Table;
use iceberg::{ErrorKind, TableRequirement, TableUpdate};
use serde::Deserialize;

use super::{MaintenanceConfig, Run};
use crate::commit::{Carry, Change, Plan, commit};
use crate::{Error, clock};

impl Run<'_> {
    /// Drops the snapshots that have expired.
    pub(super) async fn expire_snapshots(&mut self) -> Result<(), Error> {
        if !self.dry_run {
            // What the current snapshot tells outlives its ancestors.
            self.newest = commit(&self.table.catalog, &self.newest, &mut Carry::ToCurrent).await?;
        }
        self.refresh().await?;
        let mut expiry = Expiry { settings: self.settings, now_ms: self.now_ms, expired: Vec::new() };
        if self.dry_run {
            expiry.change(&self.table.table).await?;
        } else {
            self.newest = commit(&self.table.catalog, &self.newest, &mut expiry).await?;
        }
        self.done.snapshots_expired = expiry.expired.len() as u64;
        Ok(())
    }
}

struct Expiry<'r> {
    settings: &'r MaintenanceConfig,
    now_ms: i64,
    /// Snapshots that the last change drops.
    expired: Vec<i64>,
}

#[async_trait]
impl Plan for Expiry<'_> {
    async fn change(&mut self, table: &Table) -> Result<Option<Change>, Error> {
        let metadata = table.metadata();
        let references = references(metadata)?;
        let made_ms = clock::made_ms(metadata, self.now_ms);
        let past = metadata.snapshots().map(|snapshot| {
            let id = snapshot.snapshot_id();
            (id, Past { parent: snapshot.parent_snapshot_id(), made_ms: made_ms[&id] })
        });
        self.expired = expired(&past.collect(), references.values(), self.settings, self.now_ms);
        if self.expired.is_empty() {
            return Ok(None);
        }
        let unmoved = references.into_iter().map(|(r#ref, reference)| TableRequirement::RefSnapshotIdMatch {
            r#ref,
            snapshot_id: Some(reference.snapshot_id),
        });
        let requirements = [TableRequirement::UuidMatch { uuid: metadata.uuid() }].into_iter().chain(unmoved).collect();
        Ok(Some(Change { requirements, updates: removal(metadata, &self.expired), files: Vec::new() }))
    }
}

/// The updates that drop the snapshots and what is known of them.
fn removal(metadata: &TableMetadata, ids: &[i64]) -> Vec<TableUpdate> {
    let of_removed = |id: &i64| ids.contains(id);
    let statistics = metadata.statistics_iter().map(|file| file.snapshot_id).filter(of_removed);
    let statistics = statistics.map(|snapshot_id| TableUpdate::RemoveStatistics { snapshot_id });
    let partitions = metadata.partition_statistics_iter().map(|file| file.snapshot_id).filter(of_removed);
    let partitions = partitions.map(|snapshot_id| TableUpdate::RemovePartitionStatistics { snapshot_id });
    let snapshots = [TableUpdate::RemoveSnapshots { snapshot_ids: ids.to_vec() }];
    statistics.chain(partitions).chain(snapshots).collect()
}

/// The table's branches and tags. Iceberg's crate lists them nowhere but in the metadata's JSON.
pub(crate) fn references(metadata: &TableMetadata) -> Result<HashMap<String, SnapshotReference>, Error> {
    #[derive(Deserialize)]
    struct Referring {
        refs: Option<HashMap<String, SnapshotReference>>,
    }
    let referring = serde_json::to_vec(metadata).and_then(|json| serde_json::from_slice::<Referring>(&json));
    let referring = referring.map_err(|error| {
        let invalid = iceberg::Error::new(ErrorKind::DataInvalid, "its JSON is not as specified");
        Error::iceberg("read the table's branches and tags")(invalid.with_source(error))
    })?;
    Ok(referring.refs.unwrap_or_default())
}

/// What decides on a snapshot.
struct Past {
    parent: Option<i64>,
    made_ms: i64,
}

/// The snapshots to be dropped. Of each branch these are its oldest, so that its history has no gap.
fn expired<'a>(
    snapshots: &HashMap<i64, Past>,
    references: impl Iterator<Item = &'a SnapshotReference>,
    settings: &MaintenanceConfig,
    now_ms: i64,
) -> Vec<i64> {
    let millis = |duration: u64| i64::try_from(duration).unwrap_or(i64::MAX);
    let (min_age, max_age) = (millis(settings.snapshot_min_age_ms), millis(settings.snapshot_max_age_ms));
    let (mut kept, mut reached) = (HashSet::new(), HashSet::new());
    for reference in references {
        kept.insert(reference.snapshot_id);
        let SnapshotRetention::Branch { min_snapshots_to_keep, max_snapshot_age_ms, .. } = reference.retention else {
            continue;
        };
        let asked_count = min_snapshots_to_keep.and_then(|count| usize::try_from(count).ok()).unwrap_or_default();
        let min_count = settings.snapshot_min_count.max(asked_count);
        let min_age = min_age.max(max_snapshot_age_ms.unwrap_or_default());
        let mut replaced_ms = now_ms;
        for (newer, (id, made_ms)) in ancestry(snapshots, reference.snapshot_id).enumerate() {
            let age = now_ms - replaced_ms;
            if newer < min_count || age < min_age || (newer < settings.snapshot_max_count && age < max_age) {
                kept.insert(id);
            }
            reached.insert(id);
            replaced_ms = made_ms;
        }
    }
    let is_old = |past: &Past| now_ms - past.made_ms >= max_age;
    let expired = snapshots.iter().filter(|(id, past)| !kept.contains(id) && (reached.contains(id) || is_old(past)));
    expired.map(|(id, _)| *id).collect()
}

/// A snapshot and those before it, each with the time when it was made, the newest first.
fn ancestry(snapshots: &HashMap<i64, Past>, head: i64) -> impl Iterator<Item = (i64, i64)> {
    let step = |id: i64| snapshots.get(&id).map(|past| (id, past));
    std::iter::successors(step(head), move |(_, past)| past.parent.and_then(step)).map(|(id, past)| (id, past.made_ms))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_000;

    /// Snapshots 1 to 10, each made 10 ms after the one before; the last 5 ms ago.
    fn line() -> HashMap<i64, Past> {
        let past = |id: i64| Past { parent: (id > 1).then_some(id - 1), made_ms: NOW - 105 + id * 10 };
        (1..=10).map(|id| (id, past(id))).collect()
    }

    fn branch(snapshot_id: i64, min_count: Option<i32>, max_age_ms: Option<i64>) -> SnapshotReference {
        SnapshotReference { snapshot_id, retention: SnapshotRetention::branch(min_count, max_age_ms, None) }
    }

    fn tag(snapshot_id: i64) -> SnapshotReference {
        SnapshotReference { snapshot_id, retention: SnapshotRetention::Tag { max_ref_age_ms: None } }
    }

    fn kept(references: &[SnapshotReference], counts: (usize, usize), ages_ms: (u64, u64)) -> Vec<i64> {
        let settings = MaintenanceConfig {
            snapshot_min_count: counts.0,
            snapshot_max_count: counts.1,
            snapshot_min_age_ms: ages_ms.0,
            snapshot_max_age_ms: ages_ms.1,
            ..MaintenanceConfig::default()
        };
        let expired = expired(&line(), references.iter(), &settings, NOW);
        (1..=10).filter(|id| !expired.contains(id)).collect()
    }

    #[test]
    fn a_snapshot_goes_when_it_is_too_old_or_one_too_many_but_never_too_young() {
        let main = [branch(10, None, None)];
        assert_eq!(kept(&main, (1, 100), (0, 20)), [8, 9, 10], "8 was replaced 15 ms ago, 7 25 ms ago");
        assert_eq!(kept(&main, (4, 100), (0, 20)), [7, 8, 9, 10]);
        assert_eq!(kept(&main, (1, 2), (0, 1_000)), [9, 10]);
        assert_eq!(kept(&main, (1, 2), (30, 1_000)), [7, 8, 9, 10]);
        assert_eq!(kept(&main, (1, 1), (0, 0)), [10]);
    }

    #[test]
    fn branches_and_tags_keep_what_they_ask_for() {
        assert_eq!(kept(&[branch(10, None, None), tag(3)], (1, 1), (0, 0)), [3, 10]);
        assert_eq!(kept(&[branch(10, None, None), branch(4, Some(2), None)], (1, 1), (0, 0)), [3, 4, 10]);
        assert_eq!(kept(&[branch(10, None, Some(30))], (1, 1), (0, 0)), [7, 8, 9, 10]);
    }

    #[test]
    fn what_nothing_reaches_goes_when_it_is_old() {
        assert_eq!(kept(&[branch(5, None, None)], (1, 100), (0, 50)), [5, 6, 7, 8, 9, 10]);
        assert_eq!(kept(&[branch(5, None, None)], (1, 100), (0, 20)), [5, 9, 10]);
    }
}

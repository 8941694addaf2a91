//! The log positions that the table's readers see: those of the current snapshot.
//!
//! 1. A snapshot of pageberg's tells in its summary the positions of every topic. One of another engine tells none: it
//!    stands where the nearest ancestor stands that tells them. So a table that is rolled back stands where it stood then.
//! 2. A cherry-picked snapshot brings the rows of the one that it was made from, and the step in the log that they make.
//! 3. Where the ancestors that would tell were expired, the table's properties stand in, if they name a snapshot that
//!    the current one surely came out of. Tables of older releases name none, and are believed.
//!
//! **Invariant:** a snapshot of pageberg's without positions was made before the first event was delivered.

use std::collections::HashMap;

use iceberg::spec::{Snapshot, SnapshotRef, TableMetadata};
use iceberg::table::Table;

use crate::Error;
use crate::maintain::is_for_others_to_clean;
use crate::positions::{self, Marker, Texts};

/// In the summary of a snapshot: the one whose files it publishes again. Source: the Iceberg specification, "Optional
/// Snapshot Summary Fields".
const CHERRY_PICKED: &str = "source-snapshot-id";

/// Where the table's current snapshot stands in the log.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Standing {
    /// The positions of all topics.
    pub(crate) positions: Texts,
    /// Whether the snapshots alone tell them, without the table's properties or older metadata.
    pub(crate) is_told_by_snapshots: bool,
}

/// As far as the table's metadata tells.
///
/// # Errors
/// `PositionsUnknown`.
pub(crate) fn standing(metadata: &TableMetadata) -> Result<Standing, Error> {
    Lineage::of(metadata).standing()
}

/// The same, asking the older metadata files that the table still names where snapshots were expired.
pub(crate) async fn standing_by_history(table: &Table) -> Result<Standing, Error> {
    let metadata = table.metadata();
    let mut lineage = Lineage::of(metadata);
    let mut older = metadata.metadata_log().iter().rev();
    loop {
        match (lineage.standing(), older.next()) {
            (Err(Error::PositionsUnknown { .. }), Some(older)) => {
                // One that was deleted tells nothing.
                if let Ok(older) = TableMetadata::read_from(table.file_io(), &older.metadata_file).await {
                    lineage.learn(&older);
                }
            }
            (standing, _) => return standing,
        }
    }
}

/// Says so in the log when the table was taken back since pageberg's last commit.
pub(crate) fn report(table: &Table) {
    let metadata = table.metadata();
    let (Some(marker), Ok(standing)) = (Marker::of(metadata.properties()), standing(metadata)) else { return };
    if standing.positions != positions::all(metadata.properties()) {
        tracing::warn!(
            table = table.identifier().name(),
            left = marker.snapshot_id,
            at = metadata.current_snapshot_id(),
            "another engine has made another snapshot the current one: what readers no longer see is written again"
        );
    }
}

struct Lineage<'m> {
    metadata: &'m TableMetadata,
    snapshots: HashMap<i64, SnapshotRef>,
    in_properties: Texts,
    /// The snapshot that the properties belong to.
    marker: Option<Marker>,
    /// Whether older metadata files were asked.
    has_learned: bool,
}

/// A snapshot and its ancestors, the newest first, back to the first that tells everything.
struct Walk<'l> {
    path: Vec<&'l Snapshot>,
    end: End,
}

/// Where a walk ended.
#[derive(PartialEq, Eq)]
enum End {
    /// At a snapshot that tells all positions, if only that there are none.
    Told,
    /// At a snapshot without a parent, and none told all.
    Root,
    /// At this parent, which was expired.
    Lost(i64),
}

impl<'m> Lineage<'m> {
    fn of(metadata: &'m TableMetadata) -> Self {
        let snapshots = metadata.snapshots().map(|snapshot| (snapshot.snapshot_id(), snapshot.clone()));
        Self {
            metadata,
            snapshots: snapshots.collect(),
            in_properties: positions::all(metadata.properties()),
            marker: Marker::of(metadata.properties()),
            has_learned: false,
        }
    }

    fn learn(&mut self, older: &TableMetadata) {
        for snapshot in older.snapshots() {
            // PyIceberg takes the parent from a snapshot when it expires that: the older file still names it.
            self.snapshots.insert(snapshot.snapshot_id(), snapshot.clone());
        }
        self.has_learned = true;
    }

    fn standing(&self) -> Result<Standing, Error> {
        let Some(current) = self.metadata.current_snapshot_id() else {
            // Readers see no row. Only an older release has moved positions in a table that never had a snapshot.
            let is_older = self.marker.is_none() && self.snapshots.is_empty();
            let positions = if is_older { self.in_properties.clone() } else { Texts::new() };
            return Ok(Standing { is_told_by_snapshots: positions.is_empty(), positions });
        };
        let walk = self.walk(current);
        let positions = self.along(&walk, self.before(&walk)?)?;
        let is_told = walk.end == End::Told || positions.is_empty();
        Ok(Standing { is_told_by_snapshots: is_told && !self.has_learned, positions })
    }

    fn walk(&self, from: i64) -> Walk<'_> {
        let (mut path, mut next) = (Vec::new(), Some(from));
        while let Some(id) = next {
            let Some(snapshot) = self.snapshots.get(&id) else { return Walk { path, end: End::Lost(id) } };
            path.push(&**snapshot);
            if tells_all(snapshot) {
                return Walk { path, end: End::Told };
            }
            next = snapshot.parent_snapshot_id();
        }
        Walk { path, end: End::Root }
    }

    /// The positions before the oldest snapshot of a walk from the current one.
    fn before(&self, walk: &Walk) -> Result<Texts, Error> {
        if walk.end == End::Told || self.in_properties.is_empty() {
            return Ok(Texts::new());
        }
        let Some(marker) = &self.marker else { return Ok(self.in_properties.clone()) };
        let is_on_path = walk.path.iter().any(|snapshot| snapshot.snapshot_id() == marker.snapshot_id);
        let has_older = walk.path.iter().any(|snapshot| snapshot.sequence_number() < marker.sequence_number);
        match walk.end {
            _ if is_on_path => Ok(Texts::new()),
            End::Root if has_older && walk.reaches_the_first() => Ok(Texts::new()),
            End::Lost(parent) if parent == marker.snapshot_id => Ok(self.in_properties.clone()),
            _ if !has_older && self.is_listed_by_catalog_alone() => Ok(self.in_properties.clone()),
            _ => Err(self.unknown()),
        }
    }

    /// The positions at the newest snapshot of a walk, given those before its oldest.
    fn along(&self, walk: &Walk, mut positions: Texts) -> Result<Texts, Error> {
        for snapshot in walk.path.iter().rev() {
            let told = positions::all(&snapshot.summary().additional_properties);
            if !told.is_empty() {
                positions.extend(told);
            } else if self.marker.as_ref().is_some_and(|marker| marker.snapshot_id == snapshot.snapshot_id()) {
                // Somebody has said that the properties hold for it.
                positions.extend(self.in_properties.clone());
            } else if let Some(picked) = cherry_picked(snapshot) {
                self.pick(picked, &mut positions)?;
            }
        }
        Ok(positions)
    }

    /// Moves the positions by the step that the snapshot made when it was committed first.
    fn pick(&self, picked: i64, positions: &mut Texts) -> Result<(), Error> {
        let source = self.snapshots.get(&picked).ok_or_else(|| self.unknown())?;
        let after = positions::all(&source.summary().additional_properties);
        if after.is_empty() {
            return Ok(());
        }
        let before = match source.parent_snapshot_id().map(|parent| self.walk(parent)) {
            None => Texts::new(),
            Some(Walk { end: End::Lost(_), .. }) => return Err(self.unknown()),
            Some(walk) => self.along(&walk, Texts::new())?,
        };
        for (key, next) in after {
            let (stood, stands) = (before.get(&key), positions.get(&key));
            if stood == Some(&next) || stands == Some(&next) {
                continue;
            }
            if stood != stands {
                return Err(self.unknown());
            }
            positions.insert(key, next);
        }
        Ok(())
    }

    /// Whether the catalog keeps the history to itself, as Nessie does: then it alone can take a table back, and takes the
    /// properties back as well.
    fn is_listed_by_catalog_alone(&self) -> bool {
        is_for_others_to_clean(self.metadata) && self.metadata.snapshots().len() == 1
    }

    fn unknown(&self) -> Error {
        Error::PositionsUnknown { snapshot: self.metadata.current_snapshot_id().unwrap_or_default() }
    }
}

impl Walk<'_> {
    /// Whether the oldest is the first that the table ever had, and not one whose parent was taken from it.
    fn reaches_the_first(&self) -> bool {
        self.path.last().is_some_and(|oldest| oldest.sequence_number() <= 1)
    }
}

/// Whether the snapshot is pageberg's, of a release whose snapshots tell the positions of all topics.
fn tells_all(snapshot: &Snapshot) -> bool {
    let summary = &snapshot.summary().additional_properties;
    summary.get("engine-name").is_some_and(|name| name == "pageberg")
}

fn cherry_picked(snapshot: &Snapshot) -> Option<i64> {
    snapshot.summary().additional_properties.get(CHERRY_PICKED)?.parse().ok()
}

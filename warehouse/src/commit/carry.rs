//! The change that writes down where the table stands, so that no snapshot that told it is missed.

use async_trait::async_trait;
use iceberg::spec::Operation;
use iceberg::table::Table;

use super::{Change, Plan, SnapshotDraft, live_manifests};
use crate::positions::{self, Texts};
use crate::{Error, lineage};

/// An empty snapshot that tells the positions which the table has already.
pub(crate) enum Carry {
    /// Unless the snapshots that the table holds tell them.
    ToSnapshots,
    /// Unless the current snapshot tells them: its ancestors are to be expired.
    ToCurrent,
}

#[async_trait]
impl Plan for Carry {
    async fn change(&mut self, table: &Table) -> Result<Option<Change>, Error> {
        let standing = lineage::standing_by_history(table).await?;
        let is_told = match self {
            Self::ToSnapshots => standing.is_told_by_snapshots,
            Self::ToCurrent => standing.positions == told_by_current(table),
        };
        if is_told {
            return Ok(None);
        }
        let mut draft = SnapshotDraft::new(table);
        draft.stand_at(standing.positions);
        let manifests = live_manifests(table).await?;
        let written = draft.finish(manifests, Operation::Append).await;
        draft.settle(written).await
    }
}

fn told_by_current(table: &Table) -> Texts {
    let current = table.metadata().current_snapshot();
    current.map(|current| positions::all(&current.summary().additional_properties)).unwrap_or_default()
}

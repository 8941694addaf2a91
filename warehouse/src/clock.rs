//! Times of snapshots, in milliseconds since 1970. Clocks jump: a time in the table never goes back, and none is taken at
//! its word when ages are judged. Pure.

use std::collections::HashMap;

use iceberg::spec::{Snapshot, TableMetadata};

/// In the summary of a snapshot: what the clock showed, where the snapshot was given another time.
pub(crate) const CLOCK: &str = "pageberg.clock-ms";

/// Clocks of several machines may differ by so much. Iceberg allows a minute.
const TOLERANCE_MS: i64 = 30_000;

/// The time of a new snapshot. Iceberg refuses one that lies before the last change of the table.
pub(crate) fn next_snapshot_ms(metadata: &TableMetadata, now_ms: i64) -> i64 {
    let newest = metadata.snapshots().map(|snapshot| snapshot.timestamp_ms()).max();
    now_ms.max(newest.map_or(now_ms, |newest| newest.saturating_add(1))).max(last_change_ms(metadata))
}

/// Whether the table was changed at a time that has not come. What changes it now without a snapshot would be given an
/// earlier one, by which Iceberg calls the table broken.
pub(crate) fn is_behind(metadata: &TableMetadata, now_ms: i64) -> bool {
    last_change_ms(metadata) > now_ms.saturating_add(TOLERANCE_MS)
}

fn last_change_ms(metadata: &TableMetadata) -> i64 {
    let (made_current, written) = (metadata.history().last(), metadata.metadata_log().last());
    let logged = [made_current.map(|entry| entry.timestamp_ms), written.map(|entry| entry.timestamp_ms)];
    logged.into_iter().flatten().fold(metadata.last_updated_ms(), i64::max)
}

/// When each snapshot was made at the latest: by what the clock showed then, later, and now. So a clock that was ahead
/// once makes none look younger than the next one, and none is younger than nothing.
pub(crate) fn made_ms(metadata: &TableMetadata, now_ms: i64) -> HashMap<i64, i64> {
    let mut snapshots: Vec<&Snapshot> = metadata.snapshots().map(AsRef::as_ref).collect();
    snapshots.sort_by_key(|snapshot| std::cmp::Reverse((snapshot.sequence_number(), snapshot.timestamp_ms())));
    let mut latest = now_ms;
    let made = snapshots.into_iter().map(|snapshot| {
        latest = latest.min(shown_ms(snapshot));
        (snapshot.snapshot_id(), latest)
    });
    made.collect()
}

fn shown_ms(snapshot: &Snapshot) -> i64 {
    let shown = snapshot.summary().additional_properties.get(CLOCK);
    shown.and_then(|shown| shown.parse().ok()).unwrap_or_else(|| snapshot.timestamp_ms())
}

#[cfg(test)]
mod tests {
    use iceberg::TableCreation;
    use iceberg::spec::{
        MAIN_BRANCH, NestedField, Operation, PrimitiveType, Schema, SnapshotReference, SnapshotRetention, Summary,
        TableMetadataBuilder, Type,
    };

    use super::*;

    /// A table with these snapshots, each with its time and what the clock showed when that is another.
    fn table(times: &[(i64, Option<i64>)]) -> TableMetadata {
        let column = NestedField::optional(1, "url", Type::Primitive(PrimitiveType::String));
        let schema = Schema::builder().with_fields([column.into()]).build().unwrap();
        let creation = TableCreation::builder().name("t".to_owned()).location("file:///t".to_owned()).schema(schema);
        let mut builder = TableMetadataBuilder::from_table_creation(creation.build()).unwrap();
        for (number, (timestamp_ms, shown)) in (1..).zip(times) {
            let shown = shown.map(|shown| (CLOCK.to_owned(), shown.to_string()));
            let snapshot = Snapshot::builder()
                .with_snapshot_id(number)
                .with_parent_snapshot_id((number > 1).then(|| number - 1))
                .with_sequence_number(number)
                .with_timestamp_ms(*timestamp_ms)
                .with_manifest_list("file:///t/list".to_owned())
                .with_schema_id(0)
                .with_summary(Summary {
                    operation: Operation::Append,
                    additional_properties: shown.into_iter().collect(),
                })
                .build();
            let retention = SnapshotRetention::branch(None, None, None);
            builder = builder.add_snapshot(snapshot).unwrap();
            builder = builder.set_ref(MAIN_BRANCH, SnapshotReference::new(number, retention)).unwrap();
        }
        builder.build().unwrap().metadata
    }

    #[test]
    fn times_of_snapshots_go_on_only() {
        let table = table(&[(5_000, None), (9_000, None)]);
        assert_eq!(next_snapshot_ms(&table, 9_001), 9_001);
        assert_eq!(next_snapshot_ms(&table, 9_000), 9_001);
        assert_eq!(next_snapshot_ms(&table, 1_000), 9_001);
        assert!(!is_behind(&table, 9_000 - TOLERANCE_MS) && is_behind(&table, 8_999 - TOLERANCE_MS));
    }

    #[test]
    fn a_clock_that_was_ahead_makes_no_snapshot_younger_or_older() {
        let year = 31_536_000_000;
        let table = table(&[(5_000, None), (year, None), (year + 1, Some(7_000)), (year + 2, Some(8_000))]);
        let made = made_ms(&table, 9_000);
        assert_eq!([made[&1], made[&2], made[&3], made[&4]], [5_000, 7_000, 7_000, 8_000]);
        let made = made_ms(&table, 6_000);
        assert_eq!([made[&1], made[&2], made[&3], made[&4]], [5_000, 6_000, 6_000, 6_000], "nothing is yet to be made");
    }
}

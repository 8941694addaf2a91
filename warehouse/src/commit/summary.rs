//! What a snapshot says of itself: what it added and removed, the totals that result, and who made it.

use std::collections::HashMap;

use iceberg::spec::{SnapshotSummaryCollector, TableMetadata};

/// Each total with what adds to it and what takes from it. Source: the Iceberg specification, "Optional Snapshot
/// Summary Fields".
const TOTALS: [(&str, &str, &str); 6] = [
    ("total-data-files", "added-data-files", "deleted-data-files"),
    ("total-records", "added-records", "deleted-records"),
    ("total-files-size", "added-files-size", "removed-files-size"),
    ("total-delete-files", "added-delete-files", "removed-delete-files"),
    ("total-position-deletes", "added-position-deletes", "removed-position-deletes"),
    ("total-equality-deletes", "added-equality-deletes", "removed-equality-deletes"),
];

/// The summary of a snapshot that makes these changes to the table's current one.
pub(super) fn properties(table: &TableMetadata, changes: &SnapshotSummaryCollector) -> HashMap<String, String> {
    let mut summary = changes.build();
    let before = table.current_snapshot().map(|snapshot| &snapshot.summary().additional_properties);
    summary.extend(totals(before, &summary));
    summary.insert("engine-name".to_owned(), "pageberg".to_owned());
    summary.insert("engine-version".to_owned(), env!("CARGO_PKG_VERSION").to_owned());
    summary
}

/// The totals after the change; one that was not known before is not known now. Before the first snapshot all are 0.
fn totals(before: Option<&HashMap<String, String>>, change: &HashMap<String, String>) -> HashMap<String, String> {
    let known = |key: &str| before.map_or(Some(0), |before| before.get(key)?.parse::<u64>().ok());
    let changed = |key: &str| change.get(key).map_or(Some(0), |text| text.parse::<u64>().ok());
    let total = |(total, added, removed): &(&str, &str, &str)| {
        let after = known(total)?.checked_add(changed(added)?)?.checked_sub(changed(removed)?)?;
        Some(((*total).to_owned(), after.to_string()))
    };
    TOTALS.iter().filter_map(total).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(pairs: &[(&str, &str)]) -> HashMap<String, String> {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn totals_follow_the_change_and_what_is_not_known_is_not_made_up() {
        let before = map(&[("total-records", "10"), ("total-data-files", "2"), ("total-files-size", "odd")]);
        let change = map(&[("added-records", "4"), ("deleted-records", "4"), ("deleted-data-files", "1")]);
        assert_eq!(totals(Some(&before), &change), map(&[("total-records", "10"), ("total-data-files", "1")]));
        let more_than_there_was = map(&[("deleted-data-files", "3")]);
        assert_eq!(totals(Some(&before), &more_than_there_was), map(&[("total-records", "10")]));
        assert_eq!(totals(None, &map(&[("added-records", "4")]))["total-records"], "4");
        assert_eq!(totals(None, &map(&[])).len(), TOTALS.len());
    }
}

//! Which version of a table's metadata a client has, and which of its snapshots it wants to see.

use std::collections::{BTreeMap, BTreeSet};

use axum::http::HeaderValue;
use event::Secret;
use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest, Sha256};

/// The snapshots that a client wants.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Snapshots {
    /// All that the table has.
    #[default]
    All,
    /// Those that a branch or a tag names.
    Refs,
}

impl Snapshots {
    /// Leaves only these in a table's metadata, oldest first.
    pub(super) fn select(self, metadata: &mut Value) {
        let refs = metadata["refs"].as_object().into_iter().flat_map(|refs| refs.values());
        let named: BTreeSet<i64> = refs.filter_map(|named| named["snapshot-id"].as_i64()).collect();
        let is_wanted = |id: i64| self == Self::All || named.contains(&id);
        if let Some(snapshots) = metadata.get_mut("snapshots").and_then(Value::as_array_mut) {
            snapshots.retain(|snapshot| snapshot["snapshot-id"].as_i64().is_some_and(is_wanted));
            snapshots.sort_by_key(|snapshot| snapshot["sequence-number"].as_i64());
        }
    }
}

/// Differs whenever the answer does: metadata files never change, and what else is told stands in the settings. It is a
/// weak one, because the order of keys and lists may differ.
pub(super) fn etag(metadata_location: &str, snapshots: Snapshots, table_config: &BTreeMap<String, Secret>) -> String {
    let config: Vec<_> = table_config.iter().map(|(name, value)| (name, value.expose())).collect();
    let hash = Sha256::digest(format!("{:?}", (metadata_location, snapshots, config)));
    let hex: String = hash.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    format!("W/\"{hex}\"")
}

/// Whether an `If-None-Match` names the version.
pub(super) fn is_known<'a>(if_none_match: impl IntoIterator<Item = &'a HeaderValue>, etag: &str) -> bool {
    let values = if_none_match.into_iter().filter_map(|value| value.to_str().ok());
    let mut tags = values.flat_map(|value| value.split(',')).map(str::trim);
    let opaque = |tag| str::strip_prefix(tag, "W/").unwrap_or(tag);
    tags.any(|tag| tag == "*" || opaque(tag) == opaque(etag))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn refs_leaves_the_snapshots_that_branches_and_tags_name() {
        let snapshots: Vec<Value> = (1..=4).map(|id| json!({"snapshot-id": id, "sequence-number": 10 - id})).collect();
        let refs = json!({"main": {"snapshot-id": 4, "type": "branch"}, "kept": {"snapshot-id": 2, "type": "tag"}});
        let metadata = json!({"snapshots": snapshots, "refs": refs, "current-snapshot-id": 4});
        let select = |snapshots: Snapshots, mut metadata: Value| {
            snapshots.select(&mut metadata);
            metadata
        };
        let ids = |metadata: &Value| {
            let snapshots = metadata["snapshots"].as_array().unwrap().iter();
            snapshots.map(|snapshot| snapshot["snapshot-id"].as_i64().unwrap()).collect::<Vec<_>>()
        };
        assert_eq!(ids(&select(Snapshots::All, metadata.clone())), [4, 3, 2, 1]);
        let selected = select(Snapshots::Refs, metadata.clone());
        assert_eq!(ids(&selected), [4, 2]);
        assert_eq!(selected["refs"], metadata["refs"]);
        assert_eq!(select(Snapshots::Refs, json!({"refs": {}})), json!({"refs": {}}));
    }

    #[test]
    fn every_answer_has_a_version_of_its_own() {
        let none = BTreeMap::new();
        let some = |value| BTreeMap::from([("s3.region".to_owned(), Secret::from(value))]);
        let versions = [
            etag("a.json", Snapshots::All, &none),
            etag("b.json", Snapshots::All, &none),
            etag("a.json", Snapshots::Refs, &none),
            etag("a.json", Snapshots::All, &some("x")),
            etag("a.json", Snapshots::All, &some("y")),
        ];
        assert_eq!(versions.iter().collect::<BTreeSet<_>>().len(), versions.len());
        assert_eq!(versions[0], etag("a.json", Snapshots::All, &none));
    }

    #[test]
    fn a_known_version_is_found_in_any_list() {
        let known = |values: &[&str]| {
            let values: Vec<_> = values.iter().map(|value| HeaderValue::from_str(value).unwrap()).collect();
            is_known(&values, "W/\"v\"")
        };
        for values in [&["\"v\""][..], &["W/\"v\""], &["*"], &["\"u\", \"v\""], &["\"u\"", "\"v\""]] {
            assert!(known(values), "{values:?}");
        }
        for values in [&[][..], &["\"u\""], &["v"], &[""]] {
            assert!(!known(values), "{values:?}");
        }
    }
}

//! The names in a URL: a namespace's levels are joined by the unit separator, `%1F`.

use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;
use iceberg::{NamespaceIdent, TableIdent};

use crate::refusal::Refusal;

const SEPARATOR: char = '\u{1f}';

/// The namespace that a request's path names.
pub(super) struct NamespaceName(pub(super) NamespaceIdent);

/// The table that a request's path names.
pub(super) struct TableName(pub(super) TableIdent);

impl<S: Send + Sync> FromRequestParts<S> for NamespaceName {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        let Path(levels) = Path::<String>::from_request_parts(parts, state).await.map_err(Refusal::bad_request)?;
        Ok(Self(namespace(&levels)?))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for TableName {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        let path = Path::<(String, String)>::from_request_parts(parts, state).await;
        let Path((levels, name)) = path.map_err(Refusal::bad_request)?;
        Ok(Self(TableIdent::new(namespace(&levels)?, name)))
    }
}

/// The namespace of these levels.
pub(super) fn namespace(levels: &str) -> Result<NamespaceIdent, Refusal> {
    let levels: Vec<&str> = levels.split(SEPARATOR).collect();
    if levels.contains(&"") {
        return Err(Refusal::bad_request("a level of the namespace is empty"));
    }
    NamespaceIdent::from_strs(levels).map_err(Refusal::bad_request)
}

/// The namespaces directly below `parent`, sorted. Catalogs may list what lies deeper, or begins alike, among them.
pub(super) fn children(parent: Option<&NamespaceIdent>, listed: Vec<NamespaceIdent>) -> Vec<Vec<String>> {
    let parent: &[String] = parent.map_or(&[], |parent| parent);
    let below = listed.into_iter().map(NamespaceIdent::inner).filter(|levels| levels.starts_with(parent));
    let mut children: Vec<_> = below.filter_map(|levels| levels.get(..=parent.len()).map(<[_]>::to_vec)).collect();
    children.sort();
    children.dedup();
    children
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(levels: &[&str]) -> NamespaceIdent {
        NamespaceIdent::from_strs(levels).unwrap()
    }

    #[test]
    fn levels_are_parted_by_the_unit_separator_alone() {
        for (text, levels) in [
            ("web", vec!["web"]),
            ("web\u{1f}page_views", vec!["web", "page_views"]),
            ("a.b\u{1f}c d\u{1f}/%", vec!["a.b", "c d", "/%"]),
        ] {
            assert_eq!(namespace(text).unwrap(), of(&levels), "{text:?}");
        }
        for empty in ["", "\u{1f}", "web\u{1f}", "\u{1f}web", "a\u{1f}\u{1f}b"] {
            assert!(namespace(empty).is_err(), "{empty:?}");
        }
    }

    #[test]
    fn children_are_one_level_deeper_sorted_and_told_once() {
        let listed = || vec![of(&["web", "b", "deep"]), of(&["web", "a"]), of(&["website", "x"]), of(&["web", "b"])];
        assert_eq!(children(Some(&of(&["web"])), listed()), [["web", "a"], ["web", "b"]]);
        assert_eq!(children(None, listed()), [["web"], ["website"]]);
        assert!(children(Some(&of(&["web", "a"])), listed()).is_empty());
    }
}

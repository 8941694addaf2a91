//! The answer of `/v1/config`: what a client needs to know first.

use std::collections::BTreeMap;

use serde::Serialize;

/// What is answered; a client that sees the list asks for nothing else.
const READ: [&str; 6] = [
    "GET /v1/{prefix}/namespaces",
    "GET /v1/{prefix}/namespaces/{namespace}",
    "HEAD /v1/{prefix}/namespaces/{namespace}",
    "GET /v1/{prefix}/namespaces/{namespace}/tables",
    "GET /v1/{prefix}/namespaces/{namespace}/tables/{table}",
    "HEAD /v1/{prefix}/namespaces/{namespace}/tables/{table}",
];

/// What is always forbidden. Clients that do not find these in the list give up without a word about the reason, and
/// Spark leaves the data files behind that it has written by then.
const FORBIDDEN: [&str; 5] = [
    "POST /v1/{prefix}/namespaces",
    "DELETE /v1/{prefix}/namespaces/{namespace}",
    "POST /v1/{prefix}/namespaces/{namespace}/tables",
    "POST /v1/{prefix}/namespaces/{namespace}/tables/{table}",
    "DELETE /v1/{prefix}/namespaces/{namespace}/tables/{table}",
];

/// `CatalogConfig` of the specification.
#[derive(Serialize)]
pub(super) struct Document {
    defaults: BTreeMap<&'static str, &'static str>,
    overrides: BTreeMap<&'static str, &'static str>,
    endpoints: Vec<&'static str>,
}

/// There is no prefix, and every client may keep its own settings.
pub(super) fn document() -> Document {
    let endpoints = READ.into_iter().chain(FORBIDDEN).collect();
    Document { defaults: BTreeMap::new(), overrides: BTreeMap::new(), endpoints }
}

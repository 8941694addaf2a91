//! `/v1/namespaces/{namespace}/tables`: listed, and loaded with their metadata.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::RestConfig;
use crate::names::{NamespaceName, TableName};
use crate::page::Paging;
use crate::refusal::Refusal;
use crate::served::Served;
use crate::version::{self, Snapshots};
use warehouse::Error;

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Tables {
    identifiers: Vec<Identifier>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_page_token: Option<String>,
}

#[derive(Serialize)]
struct Identifier {
    namespace: Vec<String>,
    name: String,
}

#[derive(Deserialize)]
pub(super) struct Wanted {
    #[serde(default)]
    snapshots: Snapshots,
}

pub(super) async fn list(
    State(served): State<Arc<Served>>,
    NamespaceName(namespace): NamespaceName,
    paging: Result<Query<Paging>, QueryRejection>,
) -> Result<Json<Tables>, Refusal> {
    let Query(paging) = paging.map_err(Refusal::bad_request)?;
    let mut names: Vec<String> = served.tables(&namespace).await?.into_iter().map(|table| table.name).collect();
    names.sort();
    let (names, next_page_token) = paging.cut(names)?;
    let identifier = |name| Identifier { namespace: namespace.to_vec(), name };
    Ok(Json(Tables { identifiers: names.into_iter().map(identifier).collect(), next_page_token }))
}

pub(super) async fn exists(
    State(served): State<Arc<Served>>,
    TableName(name): TableName,
) -> Result<StatusCode, Refusal> {
    served.find_table(&name).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn load(
    State(served): State<Arc<Served>>,
    TableName(name): TableName,
    wanted: Result<Query<Wanted>, QueryRejection>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let Query(Wanted { snapshots }) = wanted.map_err(Refusal::bad_request)?;
    let answer = served.table(&name, |table| answer(&table, snapshots, &headers, &served.config)).await?;
    answer.map_err(|error| {
        Refusal::unavailable(&Error::Iceberg { action: "describe the table", source: Box::new(error) })
    })
}

/// The table, or 304 when it is the version that the client has.
fn answer(
    table: &iceberg::table::Table,
    snapshots: Snapshots,
    headers: &HeaderMap,
    config: &RestConfig,
) -> iceberg::Result<Response> {
    let location = table.metadata_location_result()?;
    let etag = version::etag(location, snapshots, &config.table_config);
    if version::is_known(headers.get_all(header::IF_NONE_MATCH), &etag) {
        return Ok((StatusCode::NOT_MODIFIED, [(header::ETAG, etag)]).into_response());
    }
    let mut metadata = serde_json::to_value(table.metadata())?;
    snapshots.select(&mut metadata);
    let handed_out = config.table_config.iter().map(|(name, value)| (name.clone(), value.expose().into()));
    let loaded = Loaded { metadata_location: location, metadata, config: handed_out.collect() };
    Ok(([(header::ETAG, etag)], Json(loaded)).into_response())
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Loaded<'a> {
    metadata_location: &'a str,
    metadata: Value,
    config: serde_json::Map<String, Value>,
}

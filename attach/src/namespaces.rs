//! `/v1/namespaces`: listed, and told with their properties.

use std::collections::HashMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};

use crate::names::{self, NamespaceName};
use crate::page::Paging;
use crate::refusal::Refusal;
use crate::served::Served;

#[derive(Deserialize)]
pub(super) struct Wanted {
    /// Absent or empty for the namespaces of the first level.
    #[serde(default)]
    parent: String,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Namespaces {
    namespaces: Vec<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_page_token: Option<String>,
}

#[derive(Serialize)]
pub(super) struct Described {
    namespace: Vec<String>,
    properties: HashMap<String, String>,
}

pub(super) async fn list(
    State(served): State<Arc<Served>>,
    wanted: Result<Query<Wanted>, QueryRejection>,
    paging: Result<Query<Paging>, QueryRejection>,
) -> Result<Json<Namespaces>, Refusal> {
    let Query(wanted) = wanted.map_err(Refusal::bad_request)?;
    let Query(paging) = paging.map_err(Refusal::bad_request)?;
    let parent = if wanted.parent.is_empty() { None } else { Some(names::namespace(&wanted.parent)?) };
    let listed = served.namespaces(parent.as_ref()).await?;
    let (namespaces, next_page_token) = paging.cut(names::children(parent.as_ref(), listed))?;
    Ok(Json(Namespaces { namespaces, next_page_token }))
}

pub(super) async fn load(
    State(served): State<Arc<Served>>,
    NamespaceName(name): NamespaceName,
) -> Result<Json<Described>, Refusal> {
    let found = served.namespace(&name).await?;
    Ok(Json(Described { namespace: name.inner(), properties: found.properties().clone() }))
}

pub(super) async fn exists(
    State(served): State<Arc<Served>>,
    NamespaceName(name): NamespaceName,
) -> Result<StatusCode, Refusal> {
    served.namespace(&name).await?;
    Ok(StatusCode::NO_CONTENT)
}

//! A read-only Iceberg REST catalog: what clients such as DuckDB, Spark and PyIceberg attach to.
//!
//! 1. A request needs the `token`, if there is one, and gives names of namespaces and tables (`names`) and a `page`.
//! 2. The catalog that pageberg writes to, whichever it is, is asked for them (`served`).
//! 3. `namespaces` and `tables` answer as the specification's `rest-catalog-open-api.yaml` has it, `version` with the
//!    snapshots that were asked for and an ETag; `refusal` is its error, `document` says what there is.
//!
//! **Invariant:** nothing here changes a table, and nothing is handed out of the storage's settings that the
//! configuration does not name.

mod config;
mod document;
mod names;
mod namespaces;
mod page;
mod refusal;
mod served;
mod tables;
mod token;
mod version;

use std::path::Path;
use std::sync::Arc;

use axum::http::{Method, StatusCode};
use axum::routing::{get, post};
use axum::{Json, Router, middleware};

pub use config::RestConfig;
use document::{Document, document};
use refusal::Refusal;
use served::Served;

use warehouse::Config;

/// The catalog of `warehouse`, to be nested under any path. It is opened by the first request that needs it, and again by
/// the next when that failed.
pub fn router(data_folder: &Path, warehouse: &Config, config: &RestConfig) -> Router {
    let served = Arc::new(Served::new(data_folder, warehouse, config));
    Router::new()
        .route("/v1/config", get(configuration))
        .route("/v1/namespaces", get(namespaces::list))
        .route("/v1/namespaces/{namespace}", get(namespaces::load).head(namespaces::exists))
        .route("/v1/namespaces/{namespace}/tables", get(tables::list))
        .route("/v1/namespaces/{namespace}/tables/{table}", get(tables::load).head(tables::exists))
        .route("/v1/namespaces/{namespace}/tables/{table}/metrics", post(discard_metrics))
        .fallback(no_such_endpoint)
        .method_not_allowed_fallback(no_such_endpoint)
        .layer(middleware::from_fn_with_state(served.clone(), token::demand))
        .route("/v1/oauth/tokens", post(token::issue_none))
        .with_state(served)
}

async fn configuration() -> Json<Document> {
    Json(document())
}

/// Older clients report how they scanned a table without asking whether anybody listens.
async fn discard_metrics() -> StatusCode {
    StatusCode::NO_CONTENT
}

async fn no_such_endpoint(method: Method) -> Refusal {
    if method.is_safe() { Refusal::no_such_endpoint() } else { Refusal::read_only() }
}

//! Tokens: asked for, sent along, renewed before they expire and when they are no good any more.

use std::sync::atomic::Ordering;

use serde_json::json;
use tempfile::TempDir;
use warehouse::{Config, DataFiles, Error, Table};

use crate::catalogs::guard::{self, Guarded};
use lakekit::catalogs::{rest_config, sqlite};
use lakekit::table::{advance, open, other_table};

/// A table that a guarded catalog has, and the configuration that the guard accepts.
async fn guarded(expires_in: Option<u64>) -> (Guarded, Config, TempDir) {
    let lake = sqlite().await;
    open(lake.folder.path()).await;
    let refusal = (403, json!({"message": "web.page_views is not yours", "type": "ForbiddenException", "code": 403}));
    let guarded = guard::start(&other_table(lake.folder.path()).await, expires_in, refusal).await;
    let mut config = rest_config(&format!("{}/", guarded.url));
    config.table = warehouse::TableConfig::default();
    let rest = &mut config.catalog.rest;
    rest.warehouse = Some("lake".to_owned());
    rest.headers = [("X-Tenant".to_owned(), "acme".into())].into();
    rest.credential = Some("pageberg:hid&den".into());
    rest.scope = "PRINCIPAL_ROLE:ALL".to_owned();
    rest.oauth2_server_uri = Some(guarded.url.replace("/api", "/login"));
    (guarded, config, lake.folder)
}

#[tokio::test]
async fn a_token_is_fetched_once_and_again_when_the_catalog_no_longer_takes_it() {
    let (server, config, folder) = guarded(Some(3600)).await;
    let mut table = Table::open(folder.path(), &config).await.unwrap();
    let form = "grant_type=client_credentials&scope=PRINCIPAL_ROLE%3AALL&client_id=pageberg&client_secret=hid%26den";
    assert_eq!(*server.guard.forms.lock().unwrap(), [form]);
    server.guard.revoke();
    let refused = table.append(DataFiles::default(), &advance(None, 1)).await.unwrap_err();
    assert!(matches!(refused, Error::Refused { status: 403, .. }), "{refused:?}");
    assert_eq!(server.guard.tokens.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_token_is_renewed_before_it_expires() {
    let (server, config, folder) = guarded(Some(0)).await;
    Table::open(folder.path(), &config).await.unwrap();
    assert!(server.guard.tokens.load(Ordering::SeqCst) > 1);
}

#[tokio::test]
async fn a_token_of_ones_own_is_sent_along() {
    let (server, mut config, folder) = guarded(None).await;
    config.catalog.rest.credential = None;
    config.catalog.rest.token = Some("fixed".into());
    Table::open(folder.path(), &config).await.unwrap();
    assert_eq!(server.guard.tokens.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn what_the_catalog_refuses_is_told_with_its_reason_and_without_secrets() {
    let (_server, mut config, folder) = guarded(Some(3600)).await;
    let mut table = Table::open(folder.path(), &config).await.unwrap();
    let forbidden = table.append(DataFiles::default(), &advance(None, 1)).await.unwrap_err();
    let told = forbidden.to_string();
    assert!(told.contains("web.page_views is not yours") && told.contains("403") && told.contains("grant"), "{told}");

    config.catalog.rest.headers.clear();
    let unknown = Table::open(folder.path(), &config).await.err().unwrap();
    assert!(unknown.to_string().contains("catalog.rest.token or credential"), "{unknown}");

    config.catalog.rest.uri = "http://127.0.0.1:1".to_owned();
    let unreachable = Table::open(folder.path(), &config).await.err().unwrap();
    let told = format!("{unknown:?} {unknown} {unreachable:?} {unreachable} {forbidden:?}");
    assert!(!told.contains("hid") && !told.contains("token-"), "{told}");
}

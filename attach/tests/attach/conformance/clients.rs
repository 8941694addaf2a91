//! What the specification asks of a catalog that can be read.

use std::collections::BTreeMap;

use attach::RestConfig;
use iceberg::spec::TableMetadata;
use iceberg::{Catalog, NamespaceIdent, TableCreation};
use reqwest::StatusCode;
use reqwest::header::{ETAG, IF_NONE_MATCH};
use serde_json::{Value, json};

use crate::conformance::server::Server;
use lakekit::table::{bare, deliver, open, other_client, other_table};

const TABLE: &str = "/v1/namespaces/web/tables/page_views";

/// A server whose table holds two events of two commits.
async fn with_events() -> Server {
    let server = Server::start(&RestConfig::default()).await;
    let mut table = open(server.folder()).await;
    deliver(&mut table, &[bare(0)]).await;
    deliver(&mut table, &[bare(1)]).await;
    server
}

#[tokio::test]
async fn what_the_configuration_lists_is_there_and_only_reading_is_allowed() {
    let server = with_events().await;
    let document = server.json("/v1/config?warehouse=anything").await;
    assert_eq!((&document["defaults"], &document["overrides"]), (&json!({}), &json!({})));
    for endpoint in document["endpoints"].as_array().unwrap() {
        let (method, path) = endpoint.as_str().unwrap().split_once(' ').unwrap();
        let path = path.replace("/{prefix}", "").replace("{namespace}", "web").replace("{table}", "page_views");
        let answer = server.request(method, &path).send().await.unwrap();
        let expected = match method {
            "GET" => StatusCode::OK,
            "HEAD" => StatusCode::NO_CONTENT,
            _ => StatusCode::FORBIDDEN,
        };
        assert_eq!(answer.status(), expected, "{endpoint}");
    }
}

#[tokio::test]
async fn a_table_is_told_as_the_catalog_holds_it() {
    let server = with_events().await;
    let loaded = server.json(TABLE).await;
    let table = other_table(server.folder()).await;
    assert_eq!(loaded["metadata-location"], table.metadata_location().unwrap());
    let metadata: TableMetadata = serde_json::from_value(loaded["metadata"].clone()).unwrap();
    assert_eq!(&metadata, table.metadata());
    assert_eq!(loaded["config"], json!({}));
}

#[tokio::test]
async fn a_version_that_is_known_is_not_sent_again_until_the_next_commit() {
    let server = with_events().await;
    let etag = async |path: &str| server.get(path).await.headers()[ETAG].to_str().unwrap().to_owned();
    let known = etag(TABLE).await;
    let ask = async |path: &str| server.request("GET", path).header(IF_NONE_MATCH, &known).send().await.unwrap();
    let unchanged = ask(TABLE).await;
    assert_eq!((unchanged.status(), unchanged.headers()[ETAG].to_str().unwrap()), (StatusCode::NOT_MODIFIED, &*known));
    assert!(unchanged.bytes().await.unwrap().is_empty());
    assert_eq!(ask(&format!("{TABLE}?snapshots=refs")).await.status(), StatusCode::OK, "another answer");
    assert_eq!(ask(&format!("{TABLE}?snapshots=all")).await.status(), StatusCode::NOT_MODIFIED);

    deliver(&mut open(server.folder()).await, &[bare(2)]).await;
    assert_eq!(ask(TABLE).await.status(), StatusCode::OK);
    assert_ne!(etag(TABLE).await, known);
}

#[tokio::test]
async fn refs_are_the_snapshots_that_branches_name_and_all_is_what_comes_unasked() {
    let server = with_events().await;
    let ids = async |path: String| {
        let loaded = server.json(&path).await;
        let snapshots = loaded["metadata"]["snapshots"].as_array().unwrap().clone();
        let ids: Vec<Value> = snapshots.iter().map(|snapshot| snapshot["snapshot-id"].clone()).collect();
        (ids, loaded["metadata"]["current-snapshot-id"].clone())
    };
    let (all, current) = ids(TABLE.to_owned()).await;
    assert_eq!(all.len(), 3);
    assert_eq!(ids(format!("{TABLE}?snapshots=all")).await.0, all);
    assert_eq!(ids(format!("{TABLE}?snapshots=refs")).await.0, [current]);
}

/// Follows the tokens and returns every page's entries under `key`.
async fn pages(server: &Server, path: &str, key: &str) -> Vec<Value> {
    let (mut pages, mut token) = (Vec::new(), Some(String::new()));
    while let Some(given) = token {
        let page = server.json(&format!("{path}pageSize=2&pageToken={given}")).await;
        token = page["next-page-token"].as_str().map(str::to_owned);
        pages.push(page[key].clone());
    }
    pages
}

#[tokio::test]
async fn lists_come_sorted_and_in_pages_when_asked_for() {
    let server = Server::start(&RestConfig::default()).await;
    open(server.folder()).await;
    let schema = other_table(server.folder()).await.metadata().current_schema().as_ref().clone();
    let catalog = other_client(server.folder()).await;
    let web = NamespaceIdent::new("web".to_owned());
    for name in ["b", "a"] {
        let creation = TableCreation::builder().name(name.to_owned()).schema(schema.clone()).build();
        catalog.create_table(&web, creation).await.unwrap();
    }
    for levels in [&["web", "x"][..], &["web", "x", "deep"], &["website"], &["archive"]] {
        catalog.create_namespace(&NamespaceIdent::from_strs(levels).unwrap(), [].into()).await.unwrap();
    }

    let table = |name: &str| json!({"namespace": ["web"], "name": name});
    let tables = pages(&server, "/v1/namespaces/web/tables?", "identifiers").await;
    assert_eq!(tables, [json!([table("a"), table("b")]), json!([table("page_views")])]);
    let whole = server.json("/v1/namespaces/web/tables?pageSize=1").await;
    assert_eq!(whole, json!({"identifiers": [table("a"), table("b"), table("page_views")]}));

    let top = pages(&server, "/v1/namespaces?", "namespaces").await;
    assert_eq!(top, [json!([["archive"], ["web"]]), json!([["website"]])]);
    for (parent, children) in
        [("web", json!([["web", "x"]])), ("web%1Fx", json!([["web", "x", "deep"]])), ("archive", json!([]))]
    {
        let listed = server.json(&format!("/v1/namespaces?parent={parent}")).await;
        assert_eq!(listed["namespaces"], children, "{parent}");
    }
    assert_eq!(server.json("/v1/namespaces/web%1Fx").await["namespace"], json!(["web", "x"]));
}

#[tokio::test]
async fn what_cannot_be_answered_is_told_in_the_words_of_the_specification() {
    let server = with_events().await;
    let no_table = (404, "NoSuchTableException");
    let no_namespace = (404, "NoSuchNamespaceException");
    let no_endpoint = (404, "NotFoundException");
    let bad = (400, "BadRequestException");
    let forbidden = (403, "ForbiddenException");
    for (method, path, expected) in [
        ("GET", "/v1/namespaces/web/tables/nothing", no_table),
        ("GET", "/v1/namespaces/nowhere/tables/page_views", no_table),
        ("GET", "/v1/namespaces/web%1Fpage_views/tables/snapshots", no_table),
        ("GET", "/v1/namespaces/nowhere", no_namespace),
        ("GET", "/v1/namespaces/web%1Fpage_views", no_namespace),
        ("GET", "/v1/namespaces/nowhere/tables", no_namespace),
        ("GET", "/v1/namespaces?parent=nowhere", no_namespace),
        ("GET", "/v1/namespaces/web%1F", bad),
        ("GET", "/v1/namespaces/%FF", bad),
        ("GET", "/v1/namespaces?parent=%1Fweb", bad),
        ("GET", "/v1/namespaces?pageToken=&pageSize=none", bad),
        ("GET", "/v1/namespaces?pageToken=&pageSize=0", bad),
        ("GET", "/v1/namespaces/web/tables?pageToken=%21", bad),
        ("GET", "/v1/namespaces/web/tables/page_views?snapshots=some", bad),
        ("GET", "/v1/namespaces/web/views", no_endpoint),
        ("GET", "/v1/namespaces/web/tables/page_views/credentials", no_endpoint),
        ("GET", "/v2/config", no_endpoint),
        ("GET", "", no_endpoint),
        ("POST", "/v1/config", forbidden),
        ("POST", "/v1/namespaces/web/properties", forbidden),
        ("POST", "/v1/tables/rename", forbidden),
        ("POST", "/v1/transactions/commit", forbidden),
        ("PUT", "/v1/namespaces/web/tables/page_views", forbidden),
    ] {
        let (code, kind) = server.error(method, path).await;
        assert_eq!((code, &*kind), expected, "{method} {path}");
    }
    for path in ["/v1/namespaces/nowhere", "/v1/namespaces/web/tables/nothing"] {
        let answer = server.request("HEAD", path).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::NOT_FOUND, "{path}");
    }
}

#[tokio::test]
async fn before_the_first_start_of_the_sink_there_is_an_empty_catalog() {
    let server = Server::start(&RestConfig::default()).await;
    assert_eq!(server.json("/v1/namespaces").await, json!({"namespaces": []}));
    assert_eq!(server.error("GET", TABLE).await, (404, "NoSuchTableException".to_owned()));
    open(server.folder()).await;
    assert_eq!(server.json(TABLE).await["metadata"]["format-version"], 2);
}

#[tokio::test]
async fn properties_are_handed_out_as_they_were_set() {
    let properties = [("s3.endpoint", "http://127.0.0.1:9000"), ("s3.secret-access-key", "hunter2")];
    let table_config: BTreeMap<_, _> =
        properties.iter().map(|(name, value)| ((*name).to_owned(), (*value).into())).collect();
    let server = Server::start(&RestConfig { table_config, ..RestConfig::default() }).await;
    open(server.folder()).await;
    let expected = json!({"s3.endpoint": "http://127.0.0.1:9000", "s3.secret-access-key": "hunter2"});
    assert_eq!(server.json(TABLE).await["config"], expected);
}

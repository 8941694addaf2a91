//! Who is answered, and what happens while the catalog cannot be read.

use attach::RestConfig;
use reqwest::StatusCode;
use reqwest::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use serde_json::Value;

use crate::conformance::server::Server;
use lakekit::table::open;

#[tokio::test]
async fn without_the_token_nothing_is_told() {
    let server = Server::start(&RestConfig { token: Some("s3cret".into()), ..RestConfig::default() }).await;
    for (method, path) in
        [("GET", "/v1/config"), ("GET", "/v1/namespaces/nowhere"), ("POST", "/v1/namespaces"), ("GET", "/x")]
    {
        assert_eq!(server.error(method, path).await, (401, "NotAuthorizedException".to_owned()), "{path}");
        let wrong = server.request(method, path).bearer_auth("s3cre").send().await.unwrap();
        assert_eq!(wrong.status(), StatusCode::UNAUTHORIZED, "{path}");
        assert_eq!(wrong.headers()[WWW_AUTHENTICATE], "Bearer");
        let right = server.request(method, path).bearer_auth("s3cret").send().await.unwrap();
        assert_ne!(right.status(), StatusCode::UNAUTHORIZED, "{path}");
    }
}

#[tokio::test]
async fn a_client_that_asks_for_an_oauth_token_learns_in_oauth_s_words_that_there_is_none() {
    let server = Server::start(&RestConfig { token: Some("s3cret".into()), ..RestConfig::default() }).await;
    let answer = server.request("POST", "/v1/oauth/tokens").body("grant_type=client_credentials").send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::BAD_REQUEST);
    assert_eq!(answer.json::<Value>().await.unwrap()["error"], "unsupported_grant_type");
}

#[tokio::test]
async fn while_the_catalog_cannot_be_read_clients_are_asked_to_come_back() {
    let server = Server::start(&RestConfig::default()).await;
    let catalog = server.folder().join("catalog.sqlite");
    std::fs::write(&catalog, "this is no database; it has a header of its own, and it is as long as one").unwrap();
    let unavailable = (503, "ServiceUnavailableException".to_owned());
    for path in ["/v1/namespaces", "/v1/namespaces/web/tables", "/v1/namespaces/web/tables/page_views"] {
        assert_eq!(server.error("GET", path).await, unavailable, "{path}");
        assert_eq!(server.get(path).await.headers()[RETRY_AFTER], "1");
    }
    assert_eq!(server.get("/v1/config").await.status(), StatusCode::OK);

    std::fs::remove_file(&catalog).unwrap();
    open(server.folder()).await;
    let path = "/v1/namespaces/web/tables/page_views";
    assert_eq!(server.get(path).await.status(), StatusCode::OK);
    let metadata = server.folder().join("warehouse/web/page_views/metadata");
    std::fs::remove_dir_all(metadata).unwrap();
    assert_eq!(server.error("GET", path).await, unavailable);
}

#[tokio::test]
async fn what_older_clients_report_of_their_scans_is_taken_and_dropped() {
    let server = Server::start(&RestConfig::default()).await;
    let path = "/v1/namespaces/web/tables/page_views/metrics";
    let answer = server.request("POST", path).body(r#"{"report-type": "scan-report"}"#).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::NO_CONTENT);
}

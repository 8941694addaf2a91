//! Whatever the OpenAPI document allows, and much that it does not, is answered as the document says: asked by schemathesis.

use std::collections::BTreeSet;
use std::process::Command;

use serde_json::Value;

use crate::server::Server;
use testkit::project::python;

const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance";

/// A stream that takes its time.
const STREAM: &str = "/demo/events";

/// Requests of a kind for each operation.
const EXAMPLES: &str = "5";

/// Of the paths that the document describes in one place the first, and all that it describes by themselves.
fn distinct_paths(document: &Value) -> Vec<String> {
    let mut seen = BTreeSet::new();
    let paths = document["paths"].as_object().unwrap().iter();
    let distinct = paths
        .filter(|(path, item)| path.as_str() != STREAM && item["$ref"].as_str().is_none_or(|item| seen.insert(item)));
    distinct.map(|(path, _)| path.clone()).collect()
}

#[tokio::test]
async fn requests_of_all_kinds_are_answered_as_the_document_says() {
    let server = Server::start(&["--sinks", "iceberg"], &[]).await;
    let url = format!("{}/openapi.json", server.url());
    let document: Value = reqwest::get(&url).await.unwrap().json().await.unwrap();
    let seed = std::env::var("PAGEBERG_TEST_SEED").unwrap_or_else(|_| "1".to_owned());
    let examples = std::env::var("PAGEBERG_TEST_EXAMPLES").unwrap_or_else(|_| EXAMPLES.to_owned());
    let mut command = Command::new(python().with_file_name("schemathesis"));
    command.current_dir(server.data()).args(["run", &url, "--checks", CHECKS, "--phases", "examples,coverage,fuzzing"]);
    command.args(["--max-examples", &examples, "--seed", &seed, "--workers", "2", "--generation-database", "none"]);
    command.args(["--warnings", "off", "--no-color", "--continue-on-failure"]);
    for path in distinct_paths(&document) {
        command.args(["--include-path", &path]);
    }
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

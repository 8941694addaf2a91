//! The OpenAPI document, held against what is really served.

use gateway::Config;
use serde_json::Value;

use crate::support::Server;

async fn status(server: &Server, method: &str, path: &str) -> u16 {
    let request = format!("{method} {path} HTTP/1.1\r\nHost: t\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    server.send(request).await.status
}

async fn document(server: &Server) -> Value {
    let answer = server.send("GET /openapi.json HTTP/1.1\r\nHost: t\r\n\r\n").await;
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/json")));
    answer.json()
}

/// What a `$ref` within the document stands for.
fn resolved<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    match value["$ref"].as_str() {
        Some(reference) => document.pointer(reference.trim_start_matches('#')).unwrap(),
        None => value,
    }
}

#[tokio::test]
async fn every_path_takes_the_methods_that_the_document_says_and_no_others() {
    let server = Server::start(Config::default()).await;
    let document = document(&server).await;
    for (path, item) in document["paths"].as_object().unwrap() {
        let described = resolved(&document, item);
        let path = path.replace("{version}", "0.js");
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE"] {
            let is_taken = status(&server, method, &path).await != 405;
            assert_eq!(is_taken, described.get(method.to_lowercase()).is_some(), "{method} {path}");
        }
    }
}

#[tokio::test]
async fn the_examples_of_the_document_are_taken() {
    let server = Server::start(Config::default()).await;
    let document = document(&server).await;
    let mut taken = 0;
    for (path, item) in document["paths"].as_object().unwrap() {
        let contents = resolved(&document, item)["post"]["requestBody"]["content"].as_object();
        for (kind, content) in contents.into_iter().flatten() {
            let named = content["examples"].as_object().into_iter().flatten().map(|(_, example)| &example["value"]);
            for example in named.chain(content.get("example")) {
                let body = body_of(kind, example);
                let head = format!("POST {path} HTTP/1.1\r\nHost: t\r\nContent-Type: {kind}\r\n");
                let request = format!("{head}Content-Length: {}\r\n\r\n{body}", body.len());
                let answer = server.send(request).await;
                assert!((200..205).contains(&answer.status), "{path} {kind} {body}: {}", answer.text());
                taken += 1;
            }
        }
    }
    assert!(taken > 50 && server.log.appends() == taken, "{taken}");
}

fn body_of(kind: &str, example: &Value) -> String {
    match (kind, example) {
        ("application/x-www-form-urlencoded", Value::Object(fields)) => {
            let mut form = url::form_urlencoded::Serializer::new(String::new());
            form.extend_pairs(fields.iter().map(|(key, value)| (key, value.as_str().unwrap())));
            form.finish()
        }
        (_, Value::String(text)) => text.clone(),
        (_, json) => json.to_string(),
    }
}

//! The catalog of a data folder, listening.

use std::path::Path;

use attach::{RestConfig, router};
use axum::Router;
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde_json::Value;
use tempfile::TempDir;
use tokio::net::TcpListener;
use warehouse::Config;

pub struct Server {
    pub folder: TempDir,
    url: String,
}

impl Server {
    pub async fn start(config: &RestConfig) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let router = Router::new().nest("/iceberg", router(folder.path(), &Config::default(), config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/iceberg", listener.local_addr().unwrap());
        // It ends with the test's runtime.
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { folder, url }
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub fn request(&self, method: &str, path: &str) -> RequestBuilder {
        let method: Method = method.parse().unwrap();
        reqwest::Client::new().request(method, format!("{}{path}", self.url))
    }

    pub async fn get(&self, path: &str) -> Response {
        self.request("GET", path).send().await.unwrap()
    }

    /// The JSON of an answer that must be a good one.
    pub async fn json(&self, path: &str) -> Value {
        let answer = self.get(path).await;
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
        answer.json().await.unwrap()
    }

    /// The status of an answer, and the type in its error.
    pub async fn error(&self, method: &str, path: &str) -> (u16, String) {
        let answer = self.request(method, path).send().await.unwrap();
        let status = answer.status().as_u16();
        let error = answer.json::<Value>().await.unwrap();
        assert_eq!(error["error"]["code"], status, "{method} {path}: {error}");
        assert!(!error["error"]["message"].as_str().unwrap().is_empty(), "{method} {path}");
        (status, error["error"]["type"].as_str().unwrap().to_owned())
    }
}

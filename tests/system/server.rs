//! A running `pageberg serve` on a data folder of its own.

use std::fs::File;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

/// How long anything may take before a test gives up.
pub const DEADLINE: Duration = Duration::from_secs(120);

pub struct Server {
    folder: TempDir,
    gateway: String,
    status: String,
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
    child: Option<Child>,
    http: reqwest::Client,
}

impl Server {
    /// Starts on free ports with these options and variables.
    pub async fn start(arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let mut server = Self {
            folder: tempfile::tempdir().unwrap(),
            gateway: free_address(),
            status: free_address(),
            arguments: arguments.iter().map(|argument| (*argument).to_owned()).collect(),
            environment: environment.iter().map(owned).collect(),
            child: None,
            http: reqwest::Client::new(),
        };
        server.restart().await;
        server
    }

    /// Starts the stopped or killed server again, on the same data and ports.
    pub async fn restart(&mut self) {
        assert!(self.child.is_none(), "still running");
        let log = File::options().create(true).append(true).open(self.folder.path().join("server.log")).unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_pageberg"))
            .current_dir(self.folder.path())
            .args(["serve", "--listen", &self.gateway, "--status", &self.status])
            .args(&self.arguments)
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stderr(log)
            .spawn();
        self.child = Some(child.unwrap());
        let ready = format!("{}/health/ready", self.url());
        self.until("ready", async |server: &Self| {
            server.http.get(&ready).send().await.is_ok_and(|answer| answer.status().is_success())
        })
        .await;
    }

    /// SIGKILL, at once.
    pub fn kill(&mut self) {
        let mut child = self.child.take().expect("running");
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// SIGTERM; the server must end by itself and well.
    pub async fn stop(&mut self) {
        let pid = self.child.as_ref().expect("running").id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        let deadline = Instant::now() + DEADLINE;
        loop {
            if let Some(ended) = self.child.as_mut().expect("running").try_wait().unwrap() {
                assert!(ended.success(), "ended with {ended}\n{}", self.log());
                self.child = None;
                return;
            }
            assert!(Instant::now() < deadline, "does not stop\n{}", self.log());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.gateway)
    }

    pub fn status_address(&self) -> &str {
        &self.status
    }

    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Posts a body and returns status and answer.
    pub async fn post(&self, body: impl Into<reqwest::Body>) -> (u16, Value) {
        let answer = self.http.post(format!("{}/v1/events", self.url())).body(body).send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    }

    /// The answer of `/status`.
    pub async fn status(&self) -> Value {
        self.http.get(format!("http://{}/status", self.status)).send().await.unwrap().json().await.unwrap()
    }

    /// Waits until every sink has delivered all that the log holds.
    pub async fn until_delivered(&self) {
        self.until("delivered", async |server: &Self| {
            let status = server.status().await;
            let sinks = status["sinks"].as_object().unwrap();
            !sinks.is_empty() && sinks.values().all(|sink| sink["lag"] == 0)
        })
        .await;
    }

    /// Polls until it holds.
    pub async fn until(&self, what: &str, holds: impl AsyncFn(&Self) -> bool) {
        let deadline = Instant::now() + DEADLINE;
        while !holds(self).await {
            assert!(Instant::now() < deadline, "not {what} within {DEADLINE:?}\n{}", self.log());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Runs another command of the binary on this server's data and expects it to succeed; returns its output.
    pub fn run(&self, arguments: &[&str]) -> String {
        let output = pageberg(self.folder.path(), arguments);
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    fn log(&self) -> String {
        let text = std::fs::read_to_string(self.folder.path().join("server.log")).unwrap_or_default();
        let lines: Vec<&str> = text.lines().rev().take(40).collect();
        lines.into_iter().rev().collect::<Vec<_>>().join("\n")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn pageberg(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_pageberg")).current_dir(folder).args(arguments).output().unwrap()
}

/// An address that nobody listens on.
pub fn free_address() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

/// A file of the folder shared with this project.
pub fn shared(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data").join(name);
    path.canonicalize().unwrap_or_else(|error| panic!("{}: {error}", path.display())).display().to_string()
}

//! A running `pageberg serve` on a data folder of its own.

use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use testkit::ports::reserved_address;

use crate::process::Process;

pub struct Server {
    process: Process,
    folder: TempDir,
    gateway: String,
}

impl Server {
    /// Starts on free ports with these options and variables.
    pub async fn start(arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        let (folder, gateway) = (tempfile::tempdir().unwrap(), reserved_address());
        let arguments = [&["serve", "--listen", gateway.as_str()], arguments].concat();
        let ready = Some(format!("http://{gateway}/health/ready"));
        let mut process = Process::new(folder.path(), &arguments, environment, ready);
        process.start().await;
        Self { process, folder, gateway }
    }

    /// SIGKILL, and a start on the same data and ports.
    pub async fn kill_and_restart(&mut self) {
        self.process.kill();
        self.process.start().await;
    }

    /// Starts it again on the same data and ports.
    pub async fn start_again(&mut self) {
        self.process.start().await;
    }

    /// SIGTERM; the server must end by itself and well.
    pub async fn stop(&mut self) {
        self.process.stop().await;
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.gateway)
    }

    pub fn status_address(&self) -> &str {
        self.process.status_address()
    }

    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Posts a body and returns status and answer.
    pub async fn post(&self, body: impl Into<reqwest::Body>) -> (u16, Value) {
        let answer = reqwest::Client::new().post(format!("{}/v1/events", self.url())).body(body).send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    }

    /// The answer of `/status`.
    pub async fn status(&self) -> Value {
        self.process.status().await
    }

    /// All that it has logged.
    pub fn log(&self) -> String {
        self.process.whole_log()
    }

    /// The lines of a metric.
    pub async fn metric(&self, name: &str) -> Vec<String> {
        let answer = reqwest::get(format!("http://{}/metrics", self.status_address())).await.unwrap();
        let text = answer.text().await.unwrap();
        text.lines().filter(|line| line.starts_with(name)).map(str::to_owned).collect()
    }

    /// Waits until every sink has delivered all that the log holds.
    pub async fn until_delivered(&self) {
        self.process
            .until("delivered", async |process| {
                let status = process.status().await;
                status["sinks"].as_object().is_some_and(|sinks| sinks.values().all(|sink| sink["lag"] == 0))
            })
            .await;
    }

    /// Waits until these sinks have delivered all that the log holds.
    pub async fn until_delivered_by(&self, sinks: &[&str]) {
        self.process
            .until("delivered", async |process| {
                let status = process.status().await;
                sinks.iter().all(|sink| status["sinks"][sink]["lag"] == 0)
            })
            .await;
    }

    /// Another command of the binary, on this server's data.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pageberg"));
        command.current_dir(self.folder.path()).args(arguments);
        command
    }

    /// Runs another command of the binary on this server's data and expects it to succeed; returns its output.
    pub fn run(&self, arguments: &[&str]) -> String {
        let output = self.command(arguments).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }
}

/// The absolute path of a fixture.
pub fn fixture(name: &str) -> String {
    testkit::fixtures::path(name).canonicalize().unwrap().display().to_string()
}

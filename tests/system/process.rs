//! A running pageberg, whichever of its parts, that can be killed, paused and started again.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use serde_json::Value;
use testkit::ports::reserved_address;

/// How long anything may take before a test gives up.
pub const DEADLINE: Duration = Duration::from_secs(120);

pub struct Process {
    folder: PathBuf,
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
    status: String,
    ready: String,
    child: Option<Child>,
}

impl Process {
    /// Prepares `pageberg ARGUMENTS --status …` in this folder. It counts as started when `ready`, or else its status
    /// address, answers.
    pub fn new(folder: &Path, arguments: &[&str], environment: &[(&str, &str)], ready: Option<String>) -> Self {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let status = reserved_address();
        Self {
            folder: folder.to_owned(),
            arguments: arguments.iter().map(|argument| (*argument).to_owned()).collect(),
            environment: environment.iter().map(owned).collect(),
            ready: ready.unwrap_or_else(|| format!("http://{status}/health/live")),
            status,
            child: None,
        }
    }

    /// Starts it, again on the same data and ports if it was stopped or killed; returns how long that took.
    pub async fn start(&mut self) -> Duration {
        assert!(self.child.is_none(), "still running");
        let began = Instant::now();
        let log = File::options().create(true).append(true).open(self.log_file()).unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_pageberg"))
            .current_dir(&self.folder)
            .args(&self.arguments)
            .args(["--status", &self.status])
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stderr(log)
            .spawn();
        self.child = Some(child.unwrap());
        self.until("ready", async |process: &Self| {
            reqwest::get(&process.ready).await.is_ok_and(|answer| answer.status().is_success())
        })
        .await;
        began.elapsed()
    }

    /// SIGKILL, at once.
    pub fn kill(&mut self) {
        let mut child = self.child.take().expect("running");
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// Stops it in its tracks, as a machine that hangs.
    pub fn pause(&self) {
        self.signal("STOP");
    }

    /// Lets it go on after `pause`.
    pub fn go_on(&self) {
        self.signal("CONT");
    }

    /// SIGTERM; it must end by itself and well.
    pub async fn stop(&mut self) {
        self.signal("TERM");
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

    pub fn status_address(&self) -> &str {
        &self.status
    }

    /// The answer of `/status`; null while it does not answer.
    pub async fn status(&self) -> Value {
        let Ok(answer) = reqwest::get(format!("http://{}/status", self.status)).await else { return Value::Null };
        answer.json().await.unwrap_or_default()
    }

    /// Polls until it holds.
    pub async fn until(&self, what: &str, holds: impl AsyncFn(&Self) -> bool) {
        let deadline = Instant::now() + DEADLINE;
        while !holds(self).await {
            assert!(Instant::now() < deadline, "not {what} within {DEADLINE:?}\n{}", self.log());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// The end of what it has logged.
    pub fn log(&self) -> String {
        let text = self.whole_log();
        let lines: Vec<&str> = text.lines().rev().take(40).collect();
        lines.into_iter().rev().collect::<Vec<_>>().join("\n")
    }

    /// All that it has logged.
    pub fn whole_log(&self) -> String {
        std::fs::read_to_string(self.log_file()).unwrap_or_default()
    }

    fn log_file(&self) -> PathBuf {
        self.folder.join(format!("{}-{}.log", self.arguments[0], self.status))
    }

    fn signal(&self, name: &str) {
        let pid = self.child.as_ref().expect("running").id().to_string();
        assert!(Command::new("kill").arg(format!("-{name}")).arg(pid).status().unwrap().success());
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

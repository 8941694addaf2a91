//! `table` as a person meets it, beside a server and without one.

use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use testkit::ports::reserved_address;

const DEADLINE: Duration = Duration::from_secs(60);

const CONFIG: &str = "sinks = ['iceberg']\n\
    [iceberg]\ncommit_interval_ms = 50\n\
    [iceberg.dead_letters]\nenabled = true\n\
    [iceberg.maintenance]\ninterval_ms = 200\n";

fn command(dir: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pageberg"));
    command.current_dir(dir).env_clear().args(arguments);
    command
}

fn pageberg(dir: &Path, arguments: &[&str]) -> Output {
    tokio::task::block_in_place(|| command(dir, arguments).output().unwrap())
}

fn printed(dir: &Path, arguments: &[&str]) -> String {
    let output = pageberg(dir, arguments);
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn json(dir: &Path, arguments: &[&str]) -> Value {
    serde_json::from_str(&printed(dir, &[arguments, &["--json"]].concat())).unwrap()
}

/// A server, ended with its test.
struct Running {
    child: Child,
    gateway: String,
    status: String,
}

impl Running {
    async fn start(dir: &Path) -> Self {
        std::fs::write(dir.join("pageberg.toml"), CONFIG).unwrap();
        let (gateway, status) = (reserved_address(), reserved_address());
        let log = std::fs::File::create(dir.join("log")).unwrap();
        let child = command(dir, &["serve", "--listen", &gateway, "--status", &status]).stderr(log).spawn().unwrap();
        let running = Self { child, gateway, status };
        running.until(|report| report["sinks"]["iceberg"]["state"] == "running").await;
        running
    }

    async fn post(&self, body: &'static str) {
        let url = format!("http://{}/v1/events", self.gateway);
        let answer = reqwest::Client::new().post(url).body(body).send().await.unwrap();
        assert!(answer.status().is_success(), "{}", answer.status());
        self.until(|report| report["sinks"]["iceberg"]["lag"] == 0).await;
    }

    async fn until(&self, holds: impl Fn(&Value) -> bool) -> Value {
        let began = Instant::now();
        loop {
            let answer = reqwest::get(format!("http://{}/status", self.status)).await;
            let report = match answer {
                Ok(answer) => answer.json().await.unwrap_or_default(),
                Err(_) => Value::Null,
            };
            if holds(&report) {
                return report;
            }
            assert!(began.elapsed() < DEADLINE, "{report}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    fn stop(mut self) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).stdout(Stdio::null()).status().unwrap().success());
        assert!(self.child.wait().unwrap().success());
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_table_each_view_says_so_and_makes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    for view in ["status", "files", "snapshots", "history"] {
        let output = pageberg(dir.path(), &["table", view]);
        let told = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && told.contains("there is no table web.page_views"), "{told}");
    }
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_is_looked_at_while_it_is_written_and_afterwards() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let running = Running::start(dir).await;
    running.post(r#"{"url":"https://shop.example/1","event_time":"2026-11-19T10:00:00Z"}"#).await;
    running
        .post(
            r#"[{"url":"https://shop.example/2","event_time":"2026-11-20T10:00:00Z"},
                {"url":"https://shop.example/3","event_time":"2026-11-20T11:00:00Z"}]"#,
        )
        .await;

    let told = json(dir, &["table", "status"]);
    assert_eq!((&told["name"], &told["rows"], &told["partitions"]), (&"web.page_views".into(), &3.into(), &2.into()));
    assert_eq!(told["freshness"]["waiting_records"], 0);
    assert_eq!(told["positions"]["pageberg.raw_events/0"], 3);
    let text = printed(dir, &["table", "status"]);
    for part in [
        "table              web.page_views\n",
        "partitioned by     day(event_timestamp)\n",
        "rows               3\n",
        " below 96.00 MiB, 100 % of the files; ",
        "partitions         2, of which ",
        " by pageberg: ",
        "newest event       2026-11-20 11:00:00 (",
        "committed through  now: it holds everything that the log has\n",
        "log positions      pageberg.raw_events/0/3\n",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
    views_of_files(dir);
    views_of_commits(dir);

    let report = running.until(|report| !report["lake"]["maintained_at"].is_null()).await;
    let views = &report["lake"]["tables"]["page_views"];
    assert_eq!((&views["rows"], &views["waiting_records"], &views["partitions"]), (&3.into(), &0.into(), &2.into()));
    let metrics = reqwest::get(format!("http://{}/metrics", running.status)).await.unwrap().text().await.unwrap();
    for metric in [
        "pageberg_iceberg_table_rows{table=\"page_views\"} 3",
        "pageberg_iceberg_table_small_file_ratio{table=\"page_views\"} 1",
        "pageberg_iceberg_table_rows{table=\"dead_letters\"} 0",
        "pageberg_iceberg_committed_through_timestamp_seconds{table=\"page_views\"} 1",
    ] {
        assert!(metrics.contains(metric), "{metric} in {metrics}");
    }
    running.stop();
    let after = printed(dir, &["table", "status"]);
    assert!(after.contains("rows               3\n") && after.contains("committed through  now"), "{after}");
    assert_eq!(json(dir, &["table", "files", "--table", "dead_letters"]), Value::Array(Vec::new()));
}

fn views_of_files(dir: &Path) {
    let days = json(dir, &["table", "files"]);
    assert_eq!(days[0]["partition"], "event_timestamp_day=2026-11-20");
    assert_eq!((&days[0]["record_count"], &days[1]["record_count"]), (&2.into(), &1.into()));
    assert_eq!(json(dir, &["table", "files", "--sort", "rows", "--limit", "1"]).as_array().unwrap().len(), 1);
    let files = json(dir, &["table", "files", "--all", "--partition", "2026-11-19"]);
    let [file] = files.as_array().unwrap().as_slice() else { panic!("{files}") };
    let path = file["file_path"].as_str().unwrap().strip_prefix("file://").unwrap();
    assert_eq!(file["file_size_in_bytes"], std::fs::metadata(path).unwrap().len());
    let text = printed(dir, &["table", "files"]);
    assert!(text.starts_with("partition ") && text.contains("2026-11-20 10:00:00  2026-11-20 11:00:00\n"), "{text}");
}

fn views_of_commits(dir: &Path) {
    let snapshots = json(dir, &["table", "snapshots"]);
    let appends: Vec<_> = snapshots
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|told| told["added_rows"].as_u64())
        .filter(|rows| *rows > 0)
        .collect();
    assert_eq!(appends.iter().sum::<u64>(), 3, "{snapshots}");
    assert_eq!(snapshots[0]["refs"][0]["name"], "main");
    let history = json(dir, &["table", "history", "--limit", "1"]);
    assert_eq!(history[0]["is_current_ancestor"], true);
    let metadata = json(dir, &["table", "history", "--metadata"]);
    assert!(metadata[0]["file"].as_str().unwrap().ends_with(".metadata.json"), "{metadata}");
    for view in [&["snapshots"][..], &["history"], &["history", "--metadata"]] {
        let text = printed(dir, &[&["table"], view].concat());
        assert!(text.lines().count() > 2, "{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_of_the_data_folder_is_refused_by_whatever_would_write() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let running = Running::start(dir).await;
    running.post(r#"{"url":"https://shop.example/1"}"#).await;
    running.stop();
    assert!(Command::new("cp").current_dir(dir).args(["-r", "data", "copy"]).status().unwrap().success());
    let addresses = ["--listen", "127.0.0.1:0", "--status", "127.0.0.1:0"];
    for (command, more) in [("serve", &addresses[..]), ("check", &addresses), ("maintain", &[])] {
        let output = pageberg(dir, &[&[command, "--data", "copy"], more].concat());
        let told = [output.stdout, output.stderr].concat();
        let told = String::from_utf8_lossy(&told);
        assert!(!output.status.success() && told.contains("/copy is a copy of "), "{command}: {told}");
    }
    assert_eq!(json(dir, &["table", "status"])["rows"], 1);
}

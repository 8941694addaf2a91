//! `topic` and `deadletters`, beside a process that has the log open.

use std::path::Path;
use std::process::{Command, Output};
use std::sync::{Arc, Mutex};

use axum::routing::post;
use axum::{Json, Router};
use event::{DeadLetter, LetterRecord, LogPosition, Stage, Timestamp};
use eventlog::embedded::{Config, EmbeddedLog};
use eventlog::{EventLog, NewRecord};
use serde_json::{Value, json};
use tempfile::TempDir;

/// A data folder whose log is open.
struct Running {
    dir: TempDir,
    log: Arc<EmbeddedLog>,
}

impl Running {
    fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let log = EmbeddedLog::open(&dir.path().join("data/log"), &Config::default()).unwrap();
        Self { dir, log }
    }

    async fn append(&self, topic: &str, payloads: Vec<Vec<u8>>) {
        let record = |payload: Vec<u8>| NewRecord { key: "k".into(), event_id: None, payload: payload.into() };
        self.log.append(topic, payloads.into_iter().map(record).collect()).await.unwrap();
    }
}

async fn pageberg(dir: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pageberg"));
    command.current_dir(dir).env_clear().args(arguments);
    tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
}

async fn printed(dir: &Path, arguments: &[&str]) -> String {
    let output = pageberg(dir, arguments).await;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn letter(offset: i64, stage: Stage) -> DeadLetter {
    let position = LogPosition { topic: "pageberg.raw_events".into(), partition: 0, offset };
    let reason = "not a JSON object:\tline 1".to_owned();
    DeadLetter { payload: b"\xff{".to_vec(), stage, reason, position, time: Timestamp::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_is_read_while_it_is_written() {
    let running = Running::start();
    running.append("web.page_views", (0..5).map(|n| format!("{{\"n\":{n}}}").into_bytes()).collect()).await;
    let dir = running.dir.path();
    let listed = printed(dir, &["topic", "list"]).await;
    assert!(listed.lines().any(|line| line.starts_with("web.page_views\t0\t5\t")), "{listed}");
    let read = ["topic", "read", "web.page_views"];
    assert_eq!(printed(dir, &read).await.lines().count(), 5);
    let some = printed(dir, &[&read[..], &["--from", "1", "--limit", "2"]].concat()).await;
    assert_eq!(some, "{\"n\":1}\n{\"n\":2}\n");
    running.append("web.page_views", vec![b"late".to_vec()]).await;
    assert_eq!(printed(dir, &[&read[..], &["--from", "5"]].concat()).await, "late\n");

    let missing = pageberg(dir, &["topic", "read", "nothing"]).await;
    let told = String::from_utf8_lossy(&missing.stderr);
    assert!(!missing.status.success() && told.contains("there is no topic nothing"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn dead_letters_are_listed_once_with_what_identifies_them_and_none_that_was_replayed() {
    let running = Running::start();
    let letters = [letter(7, Stage::Decode), letter(9, Stage::Sink("postgres".to_owned()))];
    let replayed = letter(8, Stage::Decode);
    let kept = letters.iter().chain(&letters[1..]).chain([&replayed]);
    running.append("pageberg.dead_letters", kept.map(DeadLetter::to_record).collect()).await;
    running.append("pageberg.dead_letters", vec![LetterRecord::mark(&replayed.id())]).await;
    let dir = running.dir.path();
    let expected = "decode@pageberg.raw_events/0/7\t1970-01-01T00:00:00.000Z\tnot a JSON object: line 1\n\
        sink:postgres@pageberg.raw_events/0/9\t1970-01-01T00:00:00.000Z\tnot a JSON object: line 1\n";
    assert_eq!(printed(dir, &["deadletters", "list"]).await, expected);
    let json = printed(dir, &["deadletters", "list", "--json"]).await;
    let parsed: Vec<DeadLetter> = json.lines().map(|line| DeadLetter::parse(line.as_bytes()).unwrap()).collect();
    assert_eq!(parsed, letters);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_asks_the_server_and_tells_what_was_not_replayed() {
    let asked = Arc::new(Mutex::new(Vec::<Value>::new()));
    let seen = asked.clone();
    let unknown = json!({"stage": "decode", "topic": "raw", "partition": 0, "offset": 7});
    let answer = move |Json(wanted): Json<Value>| async move {
        let all = wanted["all"] == true;
        seen.lock().unwrap().push(wanted);
        Json(json!({"replayed": 1, "unknown": if all { vec![] } else { vec![unknown] }}))
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let status = listener.local_addr().unwrap().to_string();
    let router = Router::new().route("/deadletters/replay", post(answer));
    tokio::spawn(async move { axum::serve(listener, router).await });

    let dir = tempfile::tempdir().unwrap();
    let replay = ["deadletters", "replay", "--status", &status];
    let all = printed(dir.path(), &[&replay[..], &["--all"]].concat()).await;
    assert_eq!(all, "1 replayed\n");
    let some = pageberg(dir.path(), &[&replay[..], &["decode@raw/0/7", "sink:kafka@raw/0/8"]].concat()).await;
    let told = String::from_utf8_lossy(&some.stderr);
    assert!(!some.status.success() && told.contains("decode@raw/0/7: there is no such dead letter"), "{told}");
    let letters = json!([
        {"stage": "decode", "topic": "raw", "partition": 0, "offset": 7},
        {"stage": "sink:kafka", "topic": "raw", "partition": 0, "offset": 8},
    ]);
    assert_eq!(
        *asked.lock().unwrap(),
        [json!({"all": true, "letters": []}), json!({"all": false, "letters": letters})]
    );
}

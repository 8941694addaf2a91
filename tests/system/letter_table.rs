//! Dead letters in an Iceberg table of their own.

use std::path::Path;
use std::time::{Duration, Instant};

use eventlog::embedded::{Config, EmbeddedLog};
use eventlog::{EventLog, NewRecord};
use serde_json::Value;

use testkit::ports::reserved_address;

use crate::process::{DEADLINE, Process};
use testkit::readers::Session;

const SPOILT_A_ROUND: usize = 25;

const LETTERS: &str =
    "sql SELECT hex(payload), stage, log_offset, letter_id FROM lake.web.dead_letters ORDER BY log_offset";

/// Records that are no events, appended while no server runs; their bytes in hexadecimal digits.
async fn spoil(folder: &Path, round: usize) -> Vec<String> {
    let log = EmbeddedLog::open(&folder.join("data/log"), &Config::default()).unwrap();
    let payloads: Vec<Vec<u8>> = (0..SPOILT_A_ROUND).map(|number| vec![0xff, round as u8, number as u8, 0]).collect();
    let record = |payload: &Vec<u8>| NewRecord { key: "k".into(), event_id: None, payload: payload.clone().into() };
    log.append("pageberg.raw_events", payloads.iter().map(record).collect()).await.unwrap();
    log.close().await;
    payloads.iter().map(|payload| payload.iter().map(|byte| format!("{byte:02X}")).collect()).collect()
}

/// What DuckDB finds, once there are so many.
fn letters(session: &mut Session, count: usize) -> Vec<Value> {
    let began = Instant::now();
    loop {
        let found = session.ask(LETTERS).unwrap();
        let rows = found.as_array().unwrap().clone();
        if rows.len() >= count {
            return rows;
        }
        assert!(began.elapsed() < DEADLINE, "{} of {count} letters", rows.len());
        std::thread::sleep(Duration::from_millis(200));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_spoilt_record_is_in_the_table_of_dead_letters_once_with_its_bytes_whatever_crashes() {
    let folder = tempfile::tempdir().unwrap();
    let gateway = reserved_address();
    let environment = [
        ("PAGEBERG_ICEBERG__COMMIT_INTERVAL_MS", "50"),
        ("PAGEBERG_ICEBERG__DEAD_LETTERS__ENABLED", "true"),
        ("PAGEBERG_ICEBERG__MAINTENANCE__INTERVAL_MS", "100"),
    ];
    let arguments = ["serve", "--listen", &gateway, "--sinks", "iceberg"];
    let mut process = Process::new(folder.path(), &arguments, &environment, None);
    let mut spoilt = Vec::new();
    for round in 0..6 {
        spoilt.extend(spoil(folder.path(), round).await);
        process.start().await;
        // Each time at a later instant: before the letters are kept, between, and after.
        tokio::time::sleep(Duration::from_millis(60 * round as u64)).await;
        process.kill();
    }
    process.start().await;
    let has_table = async |process: &Process| {
        let sinks = &process.status().await["sinks"];
        ["iceberg", "dead_letters_iceberg"].iter().all(|sink| sinks[*sink]["state"] == "running")
    };
    process.until("in possession of its tables", has_table).await;
    let catalog = format!("http://{}/iceberg", process.status_address());
    let mut session = tokio::task::block_in_place(|| Session::attach("duckdb", &catalog, ""));
    let found = tokio::task::block_in_place(|| letters(&mut session, spoilt.len()));
    let bytes: Vec<&str> = found.iter().map(|row| row[0].as_str().unwrap()).collect();
    assert_eq!(bytes, spoilt);
    assert!(found.iter().all(|row| row[1] == "decode"), "{found:?}");

    // What is replayed and still no event is another letter; the mark of the replay is none.
    let id = found[0][3].as_str().unwrap().to_owned();
    let replay = ["deadletters", "replay", "--status", process.status_address(), &id];
    let output = tokio::task::block_in_place(|| {
        std::process::Command::new(env!("CARGO_BIN_EXE_pageberg")).current_dir(folder.path()).args(replay).output()
    });
    assert!(output.unwrap().status.success());
    let found = tokio::task::block_in_place(|| letters(&mut session, spoilt.len() + 1));
    assert_eq!(found.len(), spoilt.len() + 1);
    process.stop().await;
}

//! What appending to the embedded log costs, a thread that appends and the log's own writer together:
//!
//!     cargo run --release -p eventlog --example append -- RECORDS_AN_APPEND RECORDS
//!
//! Each append waits until the one before is durable. For counts of instructions, which no other process disturbs, run it
//! twice under `valgrind --tool=callgrind`, with different numbers of records: the difference is theirs.

use std::error::Error;

use eventlog::embedded::{Config, EmbeddedLog};
use eventlog::{EventLog, NewRecord};

const TOPIC: &str = "append";
const PAYLOAD_BYTES: usize = 594;
const VISITORS: usize = 64;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [size, records] = &arguments[..] else { return Err("usage: append RECORDS_AN_APPEND RECORDS".into()) };
    let (size, records): (usize, usize) = (size.parse()?, records.parse()?);
    let folder = tempfile::tempdir()?;
    let log = EmbeddedLog::open(folder.path(), &Config::default())?;
    for first in (0..records).step_by(size) {
        log.append(TOPIC, (first..first + size).map(record).collect()).await?;
    }
    log.close().await;
    println!("{records}");
    Ok(())
}

/// Keys are those of a few visitors, so that all partitions are written.
fn record(number: usize) -> NewRecord {
    let key = (number % VISITORS).to_be_bytes().to_vec().into();
    NewRecord { key, event_id: None, payload: vec![b'x'; PAYLOAD_BYTES].into() }
}

//! The log in segment files of this machine, for one process.
//!
//! `DIR/topics/TOPIC/BASE.log` holds the records from offset BASE on; a topic has one partition, 0. Layouts: `segment`
//! (file header), `frame` (record), `ledger` (positions).
//!
//! 1. An append waits in its topic's bounded `queue`.
//! 2. The topic's `writer` thread takes all that waits, encodes it as a `batch` of atomic groups, writes and syncs once.
//! 3. Then it publishes the new end, which wakes the readers, and answers.
//! 4. At the next start `recover` cuts off what a crash left unfinished.
//!
//! **Invariant:** bytes before a segment's published end are durable and end with a whole group; readers stay before it.
//! **Invariant:** a failed sync is never tried again: the topic takes nothing more until the log is opened anew. Only where
//! the disk was full is what was not synced cut off, and that synced: everything before was durable already.
//! **Invariant:** a log with a bad frame that is not an unfinished write at the very end does not open. A power cut may,
//! on some file systems, keep a later page of an unfinished write without an earlier one; that is refused as well, since
//! it cannot be told from damage to acknowledged records.

mod active;
mod batch;
mod clock;
mod config;
mod disk;
mod frame;
mod index;
mod ledger;
mod lock;
mod log;
mod queue;
mod reader;
mod readonly;
mod recover;
mod reserve;
mod retention;
mod segment;
mod steady;
mod topic;
mod transactor;
mod walk;
mod writer;

use std::path::{Path, PathBuf};
use std::{fs, io};

pub use config::{Config, Options};
pub use disk::{Disk, OsDisk};
pub use log::EmbeddedLog;
pub use readonly::{GroupPositions, ReadOnly, Records, TopicSummary};

use crate::LogError;

fn topics_dir(dir: &Path) -> PathBuf {
    dir.join("topics")
}

/// The topics that have a folder, by name.
fn topic_names(dir: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let name = entry.file_name().into_string().ok().filter(|name| check_topic(name).is_ok());
        if entry.file_type()?.is_dir() {
            names.extend(name);
        }
    }
    names.sort();
    Ok(names)
}

/// Topic names are Kafka's, so that each is a file name too.
fn check_topic(topic: &str) -> Result<(), LogError> {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    match (1..=249).contains(&topic.len()) && topic.bytes().all(legal) && ![".", ".."].contains(&topic) {
        true => Ok(()),
        false => Err(LogError::UnknownTopic(topic.to_owned())),
    }
}

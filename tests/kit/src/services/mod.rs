//! Servers that tests use. A shared one is started by the first test that asks for it, by scripts/services.py, serves all
//! tests of the run, and ends when no test has used it for a while. A test that kills a server starts one of its own.

pub mod kafka;
pub mod pooler;
pub mod postgres;
pub mod python;
pub mod stores;

use std::fs::{File, TryLockError};
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::project;

/// What a shared service says of itself, such as its address. It runs at least until this process ends.
fn shared(name: &str) -> Value {
    let folder = project::cache().join("services").join(name);
    std::fs::create_dir_all(&folder).unwrap();
    let users = open(&folder.join("users"));
    users.lock_shared().unwrap();
    // The system unlocks it when the process ends.
    std::mem::forget(users);
    let start = open(&folder.join("start"));
    start.lock().unwrap();
    let facts = if runs(&folder) {
        std::fs::read_to_string(folder.join("facts.json")).unwrap()
    } else {
        start_service(name, &folder)
    };
    serde_json::from_str(&facts)
        .unwrap_or_else(|_| panic!("the service {name} did not start: see {}", folder.join("log").display()))
}

/// Whether a supervisor holds the lock that it holds as long as it lives.
fn runs(folder: &Path) -> bool {
    matches!(open(&folder.join("alive")).try_lock_shared(), Err(TryLockError::WouldBlock))
}

#[expect(clippy::zombie_processes, reason = "it outlives this process")]
fn start_service(name: &str, folder: &Path) -> String {
    let mut command = Command::new(project::python());
    command.arg(project::kit_script("services.py")).args(["run", name]).current_dir(project::root());
    // A process group of its own: Ctrl-C ends the tests, and the service when it finds that it has no users.
    command.process_group(0).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(open(&folder.join("log")));
    let mut supervisor = command.spawn().unwrap();
    let mut facts = String::new();
    BufReader::new(supervisor.stdout.take().unwrap()).read_line(&mut facts).unwrap();
    facts
}

fn open(path: &Path) -> File {
    File::options().create(true).append(true).open(path).unwrap()
}

/// A text among the facts.
fn text(facts: &Value, name: &str) -> String {
    facts[name].as_str().unwrap_or_else(|| panic!("{facts} lacks {name}")).to_owned()
}

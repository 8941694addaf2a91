//! Runs a part of a test in a process of its own: this test binary again, told by its environment what to do.

use std::path::Path;
use std::process::{Child, Command, Stdio};

pub(crate) use testkit::reports::{report, reports};

const PART: &str = "PAGEBERG_TEST_PART";
const DIR: &str = "PAGEBERG_TEST_DIR";
const ENTRY: &str = "spool::child::a_process_of_its_own_does_its_part";

/// Does nothing unless it was started by [`start`].
#[test]
fn a_process_of_its_own_does_its_part() {
    let (Ok(part), Some(dir)) = (std::env::var(PART), std::env::var_os(DIR)) else {
        return;
    };
    let dir = Path::new(&dir);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_time().build().unwrap();
    match part.as_str() {
        "append" => runtime.block_on(crate::spool::crash::append_until_killed(dir)),
        part => panic!("there is no part {part}"),
    }
}

/// Starts a part.
pub(crate) fn start(part: &str, dir: &Path) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", ENTRY, "--nocapture"]).env(PART, part).env(DIR, dir);
    command.stdout(Stdio::piped()).spawn().unwrap()
}

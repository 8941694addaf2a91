//! Runs a part of a test in a process of its own: this test binary again, told by its environment what to do.

use std::path::Path;
use std::process::{Child, Command, Stdio};

pub(crate) use testkit::reports::{report, reports};

const PART: &str = "PAGEBERG_TEST_PART";
const DIR: &str = "PAGEBERG_TEST_DIR";
const ENTRY: &str = "embedded::child::a_process_of_its_own_does_its_part";

/// Does nothing unless it was started by [`start`].
#[test]
fn a_process_of_its_own_does_its_part() {
    let (Ok(part), Some(dir)) = (std::env::var(PART), std::env::var_os(DIR)) else {
        return;
    };
    let dir = Path::new(&dir);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    match part.as_str() {
        "append" => runtime.block_on(crate::embedded::crash::append_until_killed(dir)),
        "hold" => crate::embedded::two_processes::hold(dir),
        "fill" => runtime.block_on(crate::embedded::two_processes::fill(dir)),
        part => panic!("there is no part {part}"),
    }
}

/// Starts a part. `shell` is run by the shell before, in the same process.
pub(crate) fn start(part: &str, dir: &Path, shell: &str) -> Child {
    let mut command = Command::new("sh");
    command.args(["-c", &format!("{shell} exec \"$0\" --exact {ENTRY} --nocapture")]);
    command.arg(std::env::current_exe().unwrap()).env(PART, part).env(DIR, dir);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap()
}

//! Runs a part of a test in a process of its own: this test binary again, told by its environment what to do.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

const PART: &str = "PAGEBERG_TEST_PART";
const DIR: &str = "PAGEBERG_TEST_DIR";
const ENTRY: &str = "child::a_process_of_its_own_does_its_part";
/// Precedes what a part reports, among what the test harness prints.
const MARK: &str = "report: ";

/// Does nothing unless it was started by [`start`].
#[test]
fn a_process_of_its_own_does_its_part() {
    let (Ok(part), Some(dir)) = (std::env::var(PART), std::env::var_os(DIR)) else {
        return;
    };
    let dir = Path::new(&dir);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_time().build().unwrap();
    match part.as_str() {
        "append" => runtime.block_on(crate::crash::append_until_killed(dir)),
        part => panic!("there is no part {part}"),
    }
}

/// Tells the process that started this one.
pub(crate) fn report(text: &str) {
    let mut out = std::io::stdout().lock();
    out.write_all(format!("\n{MARK}{text}\n").as_bytes()).unwrap();
}

/// Starts a part.
pub(crate) fn start(part: &str, dir: &Path) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", ENTRY, "--nocapture"]).env(PART, part).env(DIR, dir);
    command.stdout(Stdio::piped()).spawn().unwrap()
}

/// What a process reports, line by line; a line that it could not finish is left out.
pub(crate) fn reports(stdout: ChildStdout) -> impl Iterator<Item = String> {
    let mut lines = BufReader::new(stdout);
    std::iter::from_fn(move || {
        let mut line = String::new();
        lines.read_line(&mut line).unwrap();
        line.ends_with('\n').then_some(line)
    })
    .filter_map(|line| Some(line.strip_prefix(MARK)?.trim_end().to_owned()))
}

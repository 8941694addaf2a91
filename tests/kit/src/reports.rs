//! What a part of a test in a process of its own tells the process that started it.

use std::io::{BufRead, BufReader, Write};
use std::process::ChildStdout;

/// Precedes what a part reports, among what the test harness prints.
const MARK: &str = "report: ";

/// Tells the process that started this one.
pub fn report(text: &str) {
    let mut out = std::io::stdout().lock();
    out.write_all(format!("\n{MARK}{text}\n").as_bytes()).unwrap();
}

/// What a process reports, line by line; a line that it could not finish is left out.
pub fn reports(stdout: ChildStdout) -> impl Iterator<Item = String> {
    let mut lines = BufReader::new(stdout);
    std::iter::from_fn(move || {
        let mut line = String::new();
        lines.read_line(&mut line).unwrap();
        line.ends_with('\n').then_some(line)
    })
    .filter_map(|line| Some(line.strip_prefix(MARK)?.trim_end().to_owned()))
}

//! User agents of a web log, read by the Python packages of the same rules.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread;

use event::UserAgent;
use testkit::fixtures;
use testkit::project::{python, root};
use visit::read_user_agent;

/// The crate takes the bounded repetitions of the rules for unbounded, and so finds this spider's name further back in a
/// long text than the rules look for it.
const UNBOUNDED: (&str, &str) = ("360Spider", "IE");

/// Browser, version, operating system, version, bot.
type Reading = (Option<String>, Option<String>, Option<String>, Option<String>, bool);

fn read_by_python(texts: &BTreeSet<&str>) -> Vec<Reading> {
    let script = root().join("visit/tests/reader.py");
    let mut child = Command::new(python()).arg(script).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let (json, mut stdin) = (serde_json::to_vec(texts).unwrap(), child.stdin.take().unwrap());
    let writing = thread::spawn(move || stdin.write_all(&json));
    let output = child.wait_with_output().unwrap();
    writing.join().unwrap().unwrap();
    assert!(output.status.success());
    serde_json::from_slice(&output.stdout).unwrap()
}

fn log() -> String {
    std::fs::read_to_string(fixtures::web_log()).unwrap()
}

/// The last of a line's quoted fields, with its escapes; the log's last line ends in its midst.
fn user_agent(line: &str) -> &str {
    let (_, last) = line.rsplit_once("\" \"").unwrap();
    last.strip_suffix('"').unwrap_or(last)
}

#[test]
fn a_log_is_read_as_by_the_python_packages_of_the_same_rules() {
    let log = log();
    let texts: BTreeSet<&str> = log.lines().map(user_agent).filter(|text| *text != "-").collect();
    assert!(texts.len() > 500);
    let readings = read_by_python(&texts);
    assert_eq!(readings.len(), texts.len());
    for (text, expected) in texts.iter().zip(readings) {
        let UserAgent { browser, browser_version, os, os_version, is_bot, .. } = read_user_agent(text);
        if (browser.as_deref(), expected.0.as_deref()) == (Some(UNBOUNDED.0), Some(UNBOUNDED.1)) {
            continue;
        }
        assert_eq!((browser, browser_version, os, os_version, is_bot), expected, "{text}");
    }
}

#[test]
fn a_fifth_of_a_log_s_requests_are_bots_and_flagged() {
    let log = log();
    let bots = log.lines().filter(|line| read_user_agent(user_agent(line)).is_bot).count();
    assert_eq!((log.lines().count(), bots), (10_000, 2_016));
}

#[test]
fn the_rules_are_those_of_the_pinned_packages() {
    let folder = tempfile::tempdir().unwrap();
    let script = root().join("dev/user_agents.py");
    assert!(Command::new(python()).arg(script).arg(folder.path()).status().unwrap().success());
    let made: Vec<PathBuf> = folder.path().read_dir().unwrap().map(|file| file.unwrap().path()).collect();
    assert_eq!(made.len(), 4);
    for file in made {
        let kept = root().join("visit/data").join(file.file_name().unwrap());
        assert!(std::fs::read(&file).unwrap() == std::fs::read(&kept).unwrap(), "{} is not up to date", kept.display());
    }
}

//! User agents of a real log, read by the Python packages of the same rules.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;

use event::UserAgent;
use visit::read_user_agent;

/// The crate takes the bounded repetitions of the rules for unbounded, and so finds this spider's name further back in a
/// long text than the rules look for it.
const UNBOUNDED: (&str, &str) = ("360Spider", "IE");

/// Browser, version, operating system, version, bot.
type Reading = (Option<String>, Option<String>, Option<String>, Option<String>, bool);

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// What a program prints.
fn output(command: &mut Command) -> Vec<u8> {
    let output = command.stderr(Stdio::inherit()).output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", output.status);
    output.stdout
}

fn python() -> PathBuf {
    let path = output(Command::new("dev/venv.sh").current_dir(root()));
    String::from_utf8(path).unwrap().trim().into()
}

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
    std::fs::read_to_string(root().join("../shared/data/weblogs/apache_logs_semicomplete_2015.log")).unwrap()
}

/// The third of a line's quoted fields; the log's last line ends in its midst.
fn user_agent(line: &str) -> &str {
    line.split('"').nth(5).unwrap()
}

#[test]
fn a_real_log_is_read_as_by_the_python_packages_of_the_same_rules() {
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
fn a_fifth_of_a_real_log_s_requests_are_bots_and_flagged() {
    let log = log();
    let bots = log.lines().filter(|line| read_user_agent(user_agent(line)).is_bot).count();
    assert_eq!((log.lines().count(), bots), (10_000, 1_981));
}

#[test]
fn the_rules_are_those_of_the_pinned_packages() {
    let folder = tempfile::tempdir().unwrap();
    output(Command::new(python()).arg(root().join("dev/user_agents.py")).arg(folder.path()));
    let made: Vec<PathBuf> = folder.path().read_dir().unwrap().map(|file| file.unwrap().path()).collect();
    assert_eq!(made.len(), 4);
    for file in made {
        let kept = root().join("visit/data").join(file.file_name().unwrap());
        assert!(std::fs::read(&file).unwrap() == std::fs::read(&kept).unwrap(), "{} is not up to date", kept.display());
    }
}

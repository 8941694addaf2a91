//! The writer's process, started, listened to, and killed.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::lake::watch::Progress;
use crate::lake::writer::Role;

/// How long anything may take that is waited for.
const DEADLINE: Duration = Duration::from_secs(600);

/// What the writer's processes have told, all of them together.
#[derive(Default)]
pub struct Told {
    /// Appends and rounds that failed.
    pub failures: Vec<String>,
    /// What each round of upkeep did.
    pub rounds: Vec<Value>,
    /// The last lines of the process that runs, of the writing and of the upkeep.
    under_way: [String; 2],
}

pub struct Process {
    child: Child,
    lines: Receiver<String>,
    reading: Option<JoinHandle<()>>,
    told: Arc<Mutex<Told>>,
}

impl Process {
    /// Starts this test anew as the writer.
    pub fn start(role: &Role, test: &str, told: &Arc<Mutex<Told>>, progress: &Arc<Progress>) -> Self {
        let (variable, value) = role.variable();
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([test, "--exact", "--nocapture"])
            .env(variable, value)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (sender, lines) = channel();
        let (output, told, progress) = (child.stdout.take().unwrap(), told.clone(), progress.clone());
        let reading = std::thread::spawn({
            let told = told.clone();
            move || {
                for line in BufReader::new(output).lines() {
                    let line = line.unwrap();
                    note(&line, &told, &progress);
                    // Nobody listens any more once the process is to be killed.
                    let _ = sender.send(line);
                }
            }
        });
        Self { child, lines, reading: Some(reading), told }
    }

    /// Waits until it tells something from now on that has this in it.
    pub fn until(&self, told: &str) {
        let mut lines: Vec<String> = self.lines.try_iter().collect();
        let deadline = Instant::now() + DEADLINE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.lines.recv_timeout(left) {
                Ok(line) if line.contains(told) => return,
                Ok(line) => lines.push(line),
                Err(error) => {
                    panic!("the writer did not tell {told:?}: {error}, but last:\n{}", last(&lines).join("\n"))
                }
            }
        }
    }

    /// Kills it, and tells what the writing and the upkeep were at.
    pub fn kill(mut self) -> [String; 2] {
        self.end();
        std::mem::take(&mut self.told.lock().unwrap().under_way)
    }

    fn end(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        if let Some(reading) = self.reading.take() {
            reading.join().unwrap();
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if self.reading.is_some() {
            self.end();
        }
    }
}

fn last(lines: &[String]) -> &[String] {
    &lines[lines.len().saturating_sub(40)..]
}

fn note(line: &str, told: &Mutex<Told>, progress: &Progress) {
    let mut told = told.lock().unwrap();
    let mut words = line.split(' ');
    match words.next() {
        Some("resumed") => progress.committed.store(line["resumed at ".len()..].parse().unwrap(), Ordering::Release),
        Some("committed") => {
            let commit: i64 = words.next().unwrap().parse().unwrap();
            progress.committed.store(commit + 1, Ordering::Release);
        }
        Some("maintained") => told.rounds.push(serde_json::from_str(&line["maintained ".len()..]).unwrap()),
        Some("refused:" | "not") => told.failures.push(line.to_owned()),
        _ => {}
    }
    match line.split(' ').next() {
        Some("writing" | "committing" | "committed" | "written") => told.under_way[0] = kind(line),
        Some("DEBUG" | "maintained") => told.under_way[1] = kind(line),
        _ => {}
    }
}

/// A line without what is different in each of its kind.
fn kind(line: &str) -> String {
    let line = line.strip_prefix("DEBUG ").unwrap_or(line);
    let words = line.split_once(": ").map_or(line, |(_, message)| message).split(' ');
    words.take_while(|word| !word.contains(['=', '{']) && word.parse::<i64>().is_err()).collect::<Vec<_>>().join(" ")
}

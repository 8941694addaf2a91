//! The readers that users have: DuckDB, PyIceberg and Spark, through scripts/readers.py, and MaxMind's own.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::Value;
use tempfile::NamedTempFile;

use crate::project::{self, python};
use crate::services::python::printed_by_python;

/// What a reader answers.
pub fn read(reader: &str, data: &Path, query: &str) -> Value {
    run(&[&script(), reader, &data.display().to_string(), query])
}

/// A reader that is attached to a REST catalog and stays so from one query to the next.
pub struct Session {
    /// `duckdb`, `pyiceberg` or `spark`.
    pub reader: &'static str,
    child: Child,
    queries: ChildStdin,
    answers: BufReader<ChildStdout>,
    errors: NamedTempFile,
}

impl Session {
    /// Begins to attach; an empty token stands for none.
    pub fn attach(reader: &'static str, catalog: &str, token: &str) -> Self {
        let errors = NamedTempFile::new().unwrap();
        let mut child = Command::new(python())
            .args([&script(), reader, catalog, "session"])
            .env("CATALOG_TOKEN", token)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(errors.reopen().unwrap())
            .spawn()
            .unwrap();
        let (queries, answers) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        Self { reader, child, queries, answers, errors }
    }

    /// The answer to a query, or what the reader said before it ended.
    pub fn ask(&mut self, query: &str) -> Result<Value, String> {
        let mut answer = String::new();
        let asked = writeln!(self.queries, "{query}").and_then(|()| self.answers.read_line(&mut answer));
        if asked.is_ok() { serde_json::from_str(&answer).map_err(|_| self.errors()) } else { Err(self.errors()) }
    }

    /// All that the reader has said beside its answers.
    pub fn errors(&self) -> String {
        std::fs::read_to_string(self.errors.path()).unwrap()
    }

    /// The rows of the table, each of which must be there once.
    pub fn rows(&mut self) -> u64 {
        let count = self.ask("count").unwrap_or_else(|error| panic!("{}: {error}", self.reader));
        assert_eq!(count["rows"], count["distinct_ids"], "{}", self.reader);
        count["rows"].as_u64().unwrap()
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Rows per country; the empty text stands for unknown.
pub fn countries(reader: &str, data: &Path) -> BTreeMap<String, u64> {
    serde_json::from_value(read(reader, data, "countries")).unwrap()
}

/// The event ids in the table, sorted.
pub fn ids(reader: &str, data: &Path) -> Vec<String> {
    serde_json::from_value(read(reader, data, "ids")).unwrap()
}

const COUNT_LOG: &str = "
import collections, json, sys, maxminddb
database = maxminddb.open_database(sys.argv[1])
lines = open(sys.argv[2], encoding='utf-8', errors='replace')
found = (database.get(line.split(' ', 1)[0]) or {} for line in lines)
print(json.dumps(collections.Counter(record.get('country_code') or '' for record in found)))
";

/// Lines of a web log per country, counted with MaxMind's reader and nothing of pageberg's.
pub fn countries_of_log(database: &str, log: &str) -> BTreeMap<String, u64> {
    serde_json::from_value(run(&["-c", COUNT_LOG, database, log])).unwrap()
}

fn run(arguments: &[&str]) -> Value {
    serde_json::from_str(&printed_by_python(arguments)).unwrap()
}

fn script() -> String {
    project::kit_script("readers.py").display().to_string()
}

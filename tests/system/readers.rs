//! The readers that users have: DuckDB and PyIceberg, through tests/support/readers.py, and MaxMind's own.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// What a reader answers.
pub fn read(reader: &str, data: &Path, query: &str) -> Value {
    let script = project().join("tests/support/readers.py");
    run(&[&script.display().to_string(), reader, &data.display().to_string(), query])
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

/// The Python that has them.
pub fn python() -> PathBuf {
    let chosen = std::env::var_os("PAGEBERG_TEST_PYTHON").map(PathBuf::from);
    let python = chosen.unwrap_or_else(|| project().join(".cache/venv/bin/python"));
    assert!(python.exists(), "{} is missing: run `make test-setup`", python.display());
    python
}

fn run(arguments: &[&str]) -> Value {
    let output = Command::new(python()).args(arguments).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn project() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

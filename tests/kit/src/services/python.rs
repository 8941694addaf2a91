//! Python with DuckDB, PyIceberg and what else dev/requirements.txt names.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::LazyLock;

use serde_json::{Value, json};

use super::{shared, text};

/// What Python prints when it runs with these arguments, which it must do well: `-c` and a program, or a file, and what
/// follows. It runs in a process of its own, which has loaded DuckDB and PyIceberg already.
#[track_caller]
pub fn printed_by_python(arguments: &[&str]) -> String {
    static ADDRESS: LazyLock<String> = LazyLock::new(|| text(&shared("python"), "address"));
    let mut connection = TcpStream::connect(&**ADDRESS).unwrap();
    writeln!(connection, "{}", json!(arguments)).unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).unwrap();
    let answer: Value = serde_json::from_str(&answer).unwrap_or_default();
    assert!(answer["succeeded"] == true, "{arguments:?}: {}", answer["stderr"].as_str().unwrap_or("no answer"));
    text(&answer, "stdout")
}

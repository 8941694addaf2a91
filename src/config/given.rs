//! The values that somebody gave, one by one, each with the place that it came from.

use std::path::Path;

use anyhow::Context;
use serde_json::Value;

/// One key's value.
#[derive(Clone, Debug, PartialEq)]
pub struct Given {
    /// The key's path, such as `["gateway", "listen"]`.
    pub path: Vec<String>,
    pub value: Value,
    /// Where it was given, for people: a file, a variable or a flag.
    pub source: String,
    /// Whether the value is a variable's text that may stand for a number, a truth value or a list.
    pub is_text: bool,
}

/// Older names of keys, as in the lab's `flink-env.env`.
const LAB_NAMES: &[(&str, &[&str])] = &[
    ("KAFKA_URL", &["kafka", "brokers"]),
    ("KAFKA_TOPIC", &["topics", "raw"]),
    ("KAFKA_GROUP", &["topics", "group"]),
    ("KAFKA_WEB_TRAFFIC_KEY", &["kafka", "key"]),
    ("KAFKA_WEB_TRAFFIC_SECRET", &["kafka", "secret"]),
    ("POSTGRES_URL", &["postgres", "url"]),
    ("POSTGRES_USER", &["postgres", "user"]),
    ("POSTGRES_PASSWORD", &["postgres", "password"]),
    ("POSTGRES_DB", &["postgres", "database"]),
    ("RUST_LOG", &["log_filter"]),
];

const PREFIX: &str = "PAGEBERG_";
/// Variables of that prefix that are no keys: `CONFIG` names the file, the others belong to scripts and tests.
const NO_KEYS: &[&str] = &["CONFIG", "CACHE", "PORT", "POSTGRES_BIN", "TEST_"];

impl Given {
    /// A value from the command line.
    pub fn flag(flag: &str, path: &[&str], value: impl Into<Value>) -> Self {
        Self { path: owned(path), value: value.into(), source: flag.to_owned(), is_text: false }
    }

    fn variable(name: &str, path: Vec<String>, text: &str) -> Self {
        Self { path, value: text.into(), source: format!("{name} in the environment"), is_text: true }
    }

    /// The path as it is written in a configuration file.
    pub fn key(&self) -> String {
        self.path.join(".")
    }
}

fn owned(path: &[&str]) -> Vec<String> {
    path.iter().map(|part| (*part).to_owned()).collect()
}

/// The values of a TOML file.
pub fn from_file(path: &Path) -> anyhow::Result<Vec<Given>> {
    let text = std::fs::read_to_string(path).with_context(|| format!("failed to read {}", path.display()))?;
    let table: toml::Table = text.parse().with_context(|| format!("failed to read {}", path.display()))?;
    let mut given = Vec::new();
    flatten(&mut Vec::new(), toml::Value::Table(table), &path.display().to_string(), &mut given);
    Ok(given)
}

fn flatten(path: &mut Vec<String>, value: toml::Value, source: &str, given: &mut Vec<Given>) {
    match value {
        toml::Value::Table(table) => {
            for (key, value) in table {
                path.push(key);
                flatten(path, value, source, given);
                path.pop();
            }
        }
        leaf => given.push(Given { path: path.clone(), value: json(leaf), source: source.to_owned(), is_text: false }),
    }
}

/// The JSON of a TOML value; dates become text.
fn json(value: toml::Value) -> Value {
    match value {
        toml::Value::Datetime(time) => time.to_string().into(),
        toml::Value::Array(values) => values.into_iter().map(json).collect(),
        toml::Value::Table(table) => Value::Object(table.into_iter().map(|(key, value)| (key, json(value))).collect()),
        toml::Value::String(text) => text.into(),
        toml::Value::Integer(number) => number.into(),
        toml::Value::Float(number) => number.into(),
        toml::Value::Boolean(truth) => truth.into(),
    }
}

/// The values among environment variables: the lab's names first, so that `PAGEBERG_…` wins. Quotes around a value are
/// dropped, and an empty one counts as not given.
pub fn from_environment(variables: &[(String, String)]) -> Vec<Given> {
    let named = |name: &str| LAB_NAMES.iter().find(|(lab, _)| *lab == name).map(|(_, path)| owned(path));
    let prefixed = |name: &str| {
        let key = name.strip_prefix(PREFIX)?;
        let is_key = !NO_KEYS.iter().any(|other| key == *other || other.ends_with('_') && key.starts_with(other));
        is_key.then(|| key.to_ascii_lowercase().split("__").map(str::to_owned).collect())
    };
    let read = |path_of: &dyn Fn(&str) -> Option<Vec<String>>| -> Vec<Given> {
        let given = variables.iter().filter_map(|(name, text)| {
            let text = unquoted(text);
            (!text.is_empty()).then(|| path_of(name).map(|path| Given::variable(name, path, text)))?
        });
        given.collect()
    };
    [read(&named), read(&prefixed)].concat()
}

fn unquoted(text: &str) -> &str {
    let text = text.trim();
    let inner = |quote| text.strip_prefix(quote)?.strip_suffix(quote);
    inner('"').or_else(|| inner('\'')).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lab_s_variables_are_read_without_their_quotes_and_ours_win() {
        let variables = [
            ("PAGEBERG_TOPICS__GROUP", "ours"),
            ("KAFKA_GROUP", "\"web-events.team\""),
            ("KAFKA_URL", "''"),
            ("PAGEBERG_TEST_KAFKA", "x"),
            ("PAGEBERG_CACHE", "x"),
            ("PAGEBERG_CACHES", "x"),
            ("HOME", "/root"),
        ];
        let variables = variables.map(|(name, text)| (name.to_owned(), text.to_owned()));
        let given: Vec<_> = from_environment(&variables).into_iter().map(|given| (given.key(), given.value)).collect();
        let expected = [("topics.group", "web-events.team"), ("topics.group", "ours"), ("caches", "x")];
        assert_eq!(given, expected.map(|(key, text)| (key.to_owned(), text.into())));
    }

    #[test]
    fn a_file_is_taken_apart_into_its_keys() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "data = 'd'\n[pipeline]\nstart = 2026-01-31T09:30:00Z\nstart_offsets.0 = 7")
            .unwrap();
        let given = from_file(file.path()).unwrap();
        let mut keys: Vec<_> = given.iter().map(|given| (given.key(), given.value.to_string())).collect();
        keys.sort();
        let expected =
            [("data", "\"d\""), ("pipeline.start", "\"2026-01-31T09:30:00Z\""), ("pipeline.start_offsets.0", "7")];
        assert_eq!(keys, expected.map(|(key, text)| (key.to_owned(), text.to_owned())));
    }
}

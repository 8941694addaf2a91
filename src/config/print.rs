//! The configuration as TOML, each value that is no default with the place that it came from.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde_json::{Map, Value};

use super::load::Loaded;

/// The whole configuration; secrets are redacted by their types.
pub fn print(loaded: &Loaded) -> anyhow::Result<String> {
    let mut text = String::new();
    if let Value::Object(keys) = serde_json::to_value(&loaded.config)? {
        section(&mut text, "", &keys, &loaded.origins)?;
    }
    Ok(text)
}

fn section(
    text: &mut String,
    name: &str,
    keys: &Map<String, Value>,
    origins: &BTreeMap<String, String>,
) -> anyhow::Result<()> {
    let (sections, values): (Vec<_>, Vec<_>) = keys.iter().partition(|(_, value)| value.is_object());
    if !name.is_empty() && !values.is_empty() {
        writeln!(text, "\n[{name}]")?;
    }
    for (key, value) in values {
        let origin = origins.get(&path(name, key)).map(|origin| format!("  # {origin}")).unwrap_or_default();
        match value {
            Value::Null => writeln!(text, "# {key} is not set")?,
            value => writeln!(text, "{} = {}{origin}", toml_key(key)?, toml_value(value)?)?,
        }
    }
    for (key, value) in sections {
        if let Value::Object(keys) = value {
            section(text, &path(name, key), keys, origins)?;
        }
    }
    Ok(())
}

fn path(section: &str, key: &str) -> String {
    if section.is_empty() { key.to_owned() } else { format!("{section}.{key}") }
}

/// Quoted when it holds more than a bare key may.
fn toml_key(key: &str) -> anyhow::Result<String> {
    let is_bare = !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'));
    if is_bare { Ok(key.to_owned()) } else { toml_value(&key.into()) }
}

fn toml_value(value: &Value) -> anyhow::Result<String> {
    Ok(toml::Value::try_from(value)?.to_string())
}

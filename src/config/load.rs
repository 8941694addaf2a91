//! Given values over the defaults, checked as a whole: every fault is told, with its key and where it was given.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, bail};
use serde_json::{Map, Value};

use super::given::{self, Given};
use super::{Config, check};

const DEFAULT_FILE: &str = "pageberg.toml";
/// Similarity, 0 to 1, from which on an unknown key is taken for a misspelt one.
const SIMILAR: f64 = 0.7;

/// The configuration, and where what is not a default came from.
pub struct Loaded {
    pub config: Config,
    /// By key.
    pub origins: BTreeMap<String, String>,
}

/// Reads the file (`pageberg.toml` if there is one, unless another is named), the environment and the flags, each winning
/// over those before.
///
/// # Errors
/// A file that cannot be read, or all faults of the values.
pub fn load(file: Option<&Path>, flags: Vec<Given>) -> anyhow::Result<Loaded> {
    let variables: Vec<(String, String)> = std::env::vars_os()
        .filter_map(|(name, text)| Some((name.into_string().ok()?, text.into_string().ok()?)))
        .collect();
    let named = variables.iter().find(|(name, text)| name == "PAGEBERG_CONFIG" && !text.is_empty());
    let mut given = match file.or(named.map(|(_, text)| Path::new(text))) {
        Some(file) => given::from_file(file)?,
        None if Path::new(DEFAULT_FILE).exists() => given::from_file(Path::new(DEFAULT_FILE))?,
        None => Vec::new(),
    };
    given.extend(given::from_environment(&variables));
    given.extend(flags);
    merge(given)
}

/// Who runs the program, as the environment says.
pub fn user() -> String {
    ["USER", "LOGNAME"].into_iter().find_map(|name| std::env::var(name).ok()).unwrap_or_else(|| "unknown".to_owned())
}

fn merge(given: Vec<Given>) -> anyhow::Result<Loaded> {
    let defaults = serde_json::to_value(Config::default()).context("failed to write down the defaults")?;
    let given: Vec<Given> = given.into_iter().map(|given| typed(&defaults, given)).collect();
    let mut merged = defaults.clone();
    for given in &given {
        put(&mut merged, &given.path, given.value.clone());
    }
    let config: Config = match serde_json::from_value(merged) {
        Ok(config) => config,
        Err(whole) => bail!(all_faults(&defaults, &given, &whole)),
    };
    let faults = check::faults(&config);
    if !faults.is_empty() {
        bail!(listed(&faults));
    }
    let origins = given.into_iter().map(|given| (given.key(), given.source)).collect();
    Ok(Loaded { config, origins })
}

/// Every value by itself over the defaults; the fault of the whole when each by itself is sound.
fn all_faults(defaults: &Value, given: &[Given], whole: &serde_json::Error) -> String {
    let fault = |given: &Given| {
        let error = alone(defaults, given).err()?;
        let key = given.key();
        let reason = match unknown_hint(defaults, &given.path) {
            Some(hint) => hint,
            None if is_secret(&key) => "must be text".to_owned(),
            None => error.to_string(),
        };
        Some(format!("{key} (from {}): {reason}", given.source))
    };
    let mut faults: Vec<String> = given.iter().filter_map(fault).collect();
    if faults.is_empty() {
        faults.push(whole.to_string());
    }
    listed(&faults)
}

/// Whether an error must not repeat the key's value.
fn is_secret(key: &str) -> bool {
    let endings = ["password", "secret", "license_key", "access_key", "account_key", "token", ".url"];
    endings.iter().any(|ending| key.ends_with(ending)) || key.contains(".table_config")
}

fn listed(faults: &[String]) -> String {
    format!("the configuration is not valid:\n  {}", faults.join("\n  "))
}

fn alone(defaults: &Value, given: &Given) -> serde_json::Result<Config> {
    let mut config = defaults.clone();
    put(&mut config, &given.path, given.value.clone());
    serde_json::from_value(config)
}

/// A variable's text as the kind of value that its key takes.
fn typed(defaults: &Value, given: Given) -> Given {
    if !given.is_text {
        return given;
    }
    let text = given.value.as_str().unwrap_or_default();
    let list: Value = text.split(',').map(str::trim).collect();
    let readings = [Some(given.value.clone()), serde_json::from_str(text).ok(), Some(list)];
    let taken = readings.into_iter().flatten().find(|reading| {
        let given = Given { value: reading.clone(), ..given.clone() };
        alone(defaults, &given).is_ok()
    });
    Given { value: taken.unwrap_or_else(|| given.value.clone()), ..given }
}

fn put(tree: &mut Value, path: &[String], value: Value) {
    let [first, rest @ ..] = path else {
        *tree = value;
        return;
    };
    if !tree.is_object() {
        *tree = Value::Object(Map::new());
    }
    let Value::Object(keys) = tree else { return };
    put(keys.entry(first.as_str()).or_insert(Value::Null), rest, value);
}

/// `unknown key` and the nearest known one, when the path leaves the known keys.
fn unknown_hint(defaults: &Value, path: &[String]) -> Option<String> {
    let mut section = defaults.as_object().filter(|keys| !keys.is_empty())?;
    for (depth, part) in path.iter().enumerate() {
        match section.get(part) {
            Some(Value::Object(keys)) if !keys.is_empty() => section = keys,
            Some(_) => return None,
            None => return Some(nearest(section, part, &path[..depth])),
        }
    }
    None
}

fn nearest(known: &Map<String, Value>, part: &str, before: &[String]) -> String {
    let scored = known.keys().map(|key| (strsim::jaro_winkler(key, part), key));
    match scored.max_by(|one, other| one.0.total_cmp(&other.0)) {
        Some((score, key)) if score >= SIMILAR => {
            format!("unknown key, did you mean {}?", [before, std::slice::from_ref(key)].concat().join("."))
        }
        _ => format!("unknown key; known are {}", known.keys().map(String::as_str).collect::<Vec<_>>().join(", ")),
    }
}

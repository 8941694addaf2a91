//! Dependencies go one way, each heavy library stays in its crate, and every licence is an allowed one.

use std::process::Command;

use serde_json::Value;
use spdx::{Expression, LicenseReq, ParseMode};

use crate::{assert_none, files};

const ROOT: &str = "pageberg";

/// Crates that are not part of what users run, and may use any library.
const FOR_TESTS_AND_BENCHMARKS: [&str; 3] = ["bench-tools", "lakekit", "testkit"];

/// The tests of the first hold the second, which stands above it, to the contract of all logs.
const HELD_TO_A_CONTRACT: (&str, &str) = ("eventlog", "spool");

/// Which crates of this workspace each may use; the root package may use all.
const DIRECTIONS: [(&str, &[&str]); 15] = [
    ("attach", &["event", "storage", "warehouse"]),
    ("bench-tools", &[]),
    ("catalog", &["event", "storage"]),
    ("event", &[]),
    ("eventlog", &["event"]),
    ("gateway", &["event", "eventlog"]),
    ("geodata", &["event"]),
    ("lakekit", &["event", "testkit", "warehouse"]),
    ("pipeline", &["event", "eventlog", "geodata", "visit"]),
    ("visit", &["event"]),
    ("spool", &["event", "eventlog"]),
    ("storage", &["event"]),
    ("warehouse", &["catalog", "event", "storage"]),
    ("sinks", &["attach", "event", "eventlog", "pipeline", "warehouse"]),
    ("testkit", &[]),
];

/// Which crates may use a library, a name that ends in `-` standing for all that begin so.
const HOMES: [(&str, &[&str]); 13] = [
    ("anyhow", &[ROOT]),
    ("arrow-", &["attach", "catalog", "warehouse"]),
    ("axum", &["attach", "gateway", "warehouse", ROOT]),
    ("hyper", &["gateway"]),
    ("iceberg", &["attach", "catalog", "storage", "warehouse"]),
    ("iceberg-", &["attach", "catalog", "warehouse"]),
    ("maxminddb", &["geodata"]),
    ("object_store", &["storage"]),
    ("parquet", &["warehouse"]),
    ("postgres-types", &["sinks"]),
    ("rdkafka", &["eventlog"]),
    (
        "tokio",
        &[
            "eventlog",
            "gateway",
            "geodata",
            "pipeline",
            "attach",
            "catalog",
            "sinks",
            "spool",
            "storage",
            "warehouse",
            ROOT,
        ],
    ),
    ("tokio-postgres", &["sinks"]),
];

/// One edge of the dependency graph, between workspace crates or out of the workspace.
struct Edge<'a> {
    from: &'a str,
    to: &'a str,
    for_tests: bool,
}

fn forbidden(edge: &Edge) -> Option<String> {
    let Edge { from, to, for_tests } = edge;
    let inside = DIRECTIONS.iter().any(|(name, _)| name == to);
    let allowed = if inside {
        let for_tests = *for_tests && (FOR_TESTS_AND_BENCHMARKS.contains(to) || (*from, *to) == HELD_TO_A_CONTRACT);
        may_use_crate(from, to) || for_tests
    } else {
        may_use_library(from, to) || (*for_tests && *from == ROOT)
    };
    (!allowed).then(|| format!("{from} may not depend on {to}"))
}

fn may_use_crate(from: &str, to: &str) -> bool {
    let is_root = from == ROOT && !FOR_TESTS_AND_BENCHMARKS.contains(&to);
    is_root || DIRECTIONS.iter().any(|(name, uses)| *name == from && uses.contains(&to))
}

fn may_use_library(from: &str, library: &str) -> bool {
    if FOR_TESTS_AND_BENCHMARKS.contains(&from) {
        return true;
    }
    let homes =
        HOMES.iter().find(|(name, _)| if name.ends_with('-') { library.starts_with(name) } else { library == *name });
    homes.is_none_or(|(_, homes)| homes.contains(&from))
}

fn edges(metadata: &Value) -> Vec<Edge<'_>> {
    let edges_of = |package| {
        let dependencies = list(package, "dependencies").iter();
        dependencies.map(move |dependency| Edge {
            from: text(package, "name"),
            to: text(dependency, "name"),
            for_tests: dependency["kind"] == "dev",
        })
    };
    list(metadata, "packages").iter().flat_map(edges_of).collect()
}

/// Whether each package comes from a registry under an allowed licence.
fn licence_violations(packages: &[Value], allowed: &[String]) -> Vec<String> {
    let mut violations = Vec::new();
    for package in packages {
        let name = text(package, "name");
        let source = package["source"].as_str().unwrap_or("registry+this workspace");
        if !source.starts_with("registry+") {
            violations.push(format!("{name} comes from {source}, not from a registry"));
        }
        let licence = package["license"].as_str().unwrap_or_default();
        let expression = Expression::parse_mode(licence, ParseMode::LAX);
        if !expression.is_ok_and(|expression| expression.evaluate(|required| is_allowed(required, allowed))) {
            violations.push(format!("{name} has the licence {licence:?}, which deny.toml does not allow"));
        }
    }
    violations
}

fn is_allowed(required: &LicenseReq, allowed: &[String]) -> bool {
    allowed.iter().any(|allowed| *allowed == required.to_string())
}

fn allowed_licences() -> Vec<String> {
    let deny: toml::Table = files::read("deny.toml").parse().expect("deny.toml is TOML");
    let allowed = deny["licenses"]["allow"].as_array().expect("deny.toml lists the allowed licences");
    allowed.iter().map(|licence| licence.as_str().expect("a licence is text").to_owned()).collect()
}

/// What cargo says of this workspace, or with `arguments` also of all that it is built from.
fn metadata(arguments: &[&str]) -> Value {
    let mut cargo = Command::new(std::env::var_os("CARGO").expect("cargo runs the tests"));
    cargo.current_dir(files::root()).args(["metadata", "--format-version=1", "--locked"]).args(arguments);
    let output = cargo.output().expect("cargo starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("cargo metadata is JSON")
}

fn host() -> String {
    let output = Command::new("rustc").arg("-vV").output().expect("rustc starts");
    let version = String::from_utf8_lossy(&output.stdout).into_owned();
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    host.expect("rustc names its host").to_owned()
}

fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value[key].as_array().expect("cargo metadata has this list")
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().expect("cargo metadata has this text")
}

#[test]
fn dependencies_go_one_way() {
    assert_none(edges(&metadata(&["--no-deps"])).iter().filter_map(forbidden).collect());
}

#[test]
fn every_crate_of_the_workspace_has_a_direction_and_the_shared_lints() {
    let metadata = metadata(&["--no-deps"]);
    for package in list(&metadata, "packages") {
        let name = text(package, "name");
        assert!(name == ROOT || DIRECTIONS.iter().any(|(known, _)| *known == name), "{name} has no direction");
        let manifest: toml::Table = files::read(text(package, "manifest_path")).parse().expect("a manifest is TOML");
        let lints = manifest.get("lints").and_then(|lints| lints.get("workspace"));
        assert_eq!(lints, Some(&toml::Value::Boolean(true)), "{name} does not use the lints of the workspace");
    }
}

#[test]
fn everything_built_in_has_an_allowed_licence_and_comes_from_a_registry() {
    let metadata = metadata(&["--filter-platform", &host()]);
    assert_none(licence_violations(list(&metadata, "packages"), &allowed_licences()));
}

#[test]
fn an_edge_in_the_wrong_direction_is_seen() {
    let edge = |from, to, for_tests| forbidden(&Edge { from, to, for_tests });
    for (from, to) in [
        ("event", "eventlog"),
        ("gateway", "pipeline"),
        ("pipeline", "gateway"),
        ("warehouse", "sinks"),
        ("event", "tokio"),
        ("sinks", "axum"),
        ("gateway", "rdkafka"),
        ("pipeline", "tokio-postgres"),
        ("sinks", "arrow-array"),
        ("sinks", "iceberg-catalog-sql"),
        ("gateway", "anyhow"),
    ] {
        assert_eq!(edge(from, to, false), Some(format!("{from} may not depend on {to}")));
        assert!(edge(from, to, true).is_some(), "tests of {from} may not use {to} either");
    }
    assert!(edge(ROOT, "tokio-postgres", false).is_some());
    for from in ["gateway", ROOT] {
        assert!(edge(from, "testkit", false).is_some(), "{from} is built with the test kit");
        assert_eq!(edge(from, "testkit", true), None, "tests of {from} use the test kit");
    }
    for (from, to, for_tests) in [
        ("sinks", "pipeline", false),
        (ROOT, "gateway", false),
        (ROOT, "tokio-postgres", true),
        ("event", "serde", false),
    ] {
        assert_eq!(edge(from, to, for_tests), None, "{from} → {to}");
    }
}

#[test]
fn a_refused_licence_and_a_git_source_are_seen() {
    let allowed = ["Apache-2.0".to_owned(), "MIT".to_owned()];
    let package = |licence: Value, source: &str| serde_json::json!({"name": "p", "license": licence, "source": source});
    let violations = |licence: &str| licence_violations(&[package(licence.into(), "registry+r")], &allowed).len();
    for good in ["MIT", "MIT/Apache-2.0", "GPL-3.0-only OR MIT", "MIT AND Apache-2.0"] {
        assert_eq!(violations(good), 0, "{good}");
    }
    for bad in ["GPL-3.0-only", "MIT AND GPL-3.0-only", "", "no such licence"] {
        assert_eq!(violations(bad), 1, "{bad}");
    }
    assert_eq!(licence_violations(&[package(Value::Null, "registry+r")], &allowed).len(), 1);
    assert_eq!(licence_violations(&[package("MIT".into(), "git+https://h/r")], &allowed).len(), 1);
}

//! The house rules as tests: sizes, names, directions of dependencies, licences, and what no tracked file may hold.
//!
//! Each rule is a function from what it reads to a list of violations. Its test runs it over the project, and over small
//! made-up inputs that break it.

mod dependencies;
mod files;
mod names;
mod sizes;
mod source;
mod text;

/// Fails with one violation a line.
#[track_caller]
fn assert_none(violations: Vec<String>) {
    assert!(violations.is_empty(), "{} violations:\n{}", violations.len(), violations.join("\n"));
}

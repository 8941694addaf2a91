//! Files and crates stay small, their unit tests not counted.

use std::collections::BTreeMap;
use std::path::Path;

use syn::spanned::Spanned;
use syn::{Attribute, Item};

use crate::{assert_none, files};

const FILE_LINES: usize = 400;
const CRATE_LINES: usize = 5_000;

/// The lines of a file without its `#[cfg(test)]` modules.
fn without_tests(text: &str) -> impl Iterator<Item = &str> {
    let items = syn::parse_file(text).map(|file| file.items).unwrap_or_default();
    let is_test = |item: &Item| matches!(item, Item::Mod(module) if module.attrs.iter().any(is_test_only));
    let tests: Vec<_> = items.iter().filter(|item| is_test(item)).map(lines_of).collect();
    let kept = move |number: &usize| !tests.iter().any(|test| test.contains(number));
    text.lines().enumerate().filter(move |(index, _)| kept(&(index + 1))).map(|(_, line)| line)
}

fn lines_of(item: &Item) -> std::ops::RangeInclusive<usize> {
    item.span().start().line..=item.span().end().line
}

fn lines_without_tests(text: &str) -> usize {
    without_tests(text).count()
}

/// Lines that are neither blank nor a comment: documentation does not make a crate large.
fn code_lines(text: &str) -> usize {
    let is_code = |line: &&str| !line.trim().is_empty() && !line.trim_start().starts_with("//");
    without_tests(text).filter(is_code).count()
}

fn is_test_only(attribute: &Attribute) -> bool {
    attribute.path().is_ident("cfg") && attribute.parse_args::<syn::Ident>().is_ok_and(|condition| condition == "test")
}

fn long_files(lines: &[(String, usize)]) -> Vec<String> {
    let long = lines.iter().filter(|(_, lines)| *lines > FILE_LINES);
    long.map(|(file, lines)| format!("{file}: {lines} lines without tests, more than {FILE_LINES}")).collect()
}

fn large_crates(lines: &[(String, usize)]) -> Vec<String> {
    let mut crates = BTreeMap::<&str, usize>::new();
    for (file, lines) in lines {
        if let Some(name) = crate_of(file) {
            *crates.entry(name).or_default() += lines;
        }
    }
    let large = crates.into_iter().filter(|(_, lines)| *lines > CRATE_LINES);
    large.map(|(name, lines)| format!("{name}: {lines} lines of code without tests, more than {CRATE_LINES}")).collect()
}

/// The folder that holds `src`; empty for the root package.
fn crate_of(file: &str) -> Option<&str> {
    if file.starts_with("src/") { Some("") } else { file.split_once("/src/").map(|(name, _)| name) }
}

fn counted(count: fn(&str) -> usize) -> Vec<(String, usize)> {
    files::rust().iter().map(|(file, text)| (name(file), count(text))).collect()
}

fn name(file: &Path) -> String {
    file.to_string_lossy().into_owned()
}

#[test]
fn every_file_can_be_read_in_one_sitting() {
    assert_none(long_files(&counted(lines_without_tests)));
}

#[test]
fn every_crate_stays_small() {
    assert_none(large_crates(&counted(code_lines)));
}

#[test]
fn unit_tests_do_not_count() {
    let code = "fn f() {}\n".repeat(10);
    assert_eq!(lines_without_tests(&code), 10);
    assert_eq!(lines_without_tests(&format!("{code}#[cfg(test)]\nmod tests {{\n{code}}}\n")), 10);
    assert_eq!(lines_without_tests(&format!("{code}#[cfg(unix)]\nmod other {{\n{code}}}\n")), 23);
}

#[test]
fn documentation_does_not_count_as_code() {
    assert_eq!(code_lines("//! A crate.\n\n/// Works.\nfn f() {\n    // Why.\n}\n"), 2);
}

#[test]
fn a_long_file_and_a_large_crate_are_seen() {
    let lines = [("event/src/a.rs".to_owned(), FILE_LINES + 1), ("event/src/b.rs".to_owned(), FILE_LINES)];
    assert_eq!(long_files(&lines), ["event/src/a.rs: 401 lines without tests, more than 400"]);
    assert_eq!(large_crates(&lines), Vec::<String>::new());
    let lines = [("src/a.rs".to_owned(), 2_500), ("src/b/c.rs".to_owned(), 2_501), ("tests/d.rs".to_owned(), 9_000)];
    assert_eq!(large_crates(&lines), [": 5001 lines of code without tests, more than 5000"]);
}

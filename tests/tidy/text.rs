//! What each kind of file says: crates their invariants, Makefile targets their purpose, and no file where it was written.

use crate::{assert_none, files};

/// Hosts of package registries: clients know their own, and a mirror may stand in for it.
const REGISTRY_HOSTS: [&str; 10] = [
    "crates.io",
    "docker.io",
    "files.pythonhosted.org",
    "gcr.io",
    "ghcr.io",
    "maven.apache.org",
    "maven.org",
    "npmjs.org",
    "pypi.org",
    "quay.io",
];

/// Folders of the machine that something was written on.
const MACHINE_FOLDERS: [&str; 2] = ["/work/", "/root/"];

/// Files that must hold such names: the lock file, and this list.
const EXEMPT: [&str; 2] = ["Cargo.lock", "tests/tidy/text.rs"];

fn foreign_names(file: &str, text: &str) -> Vec<String> {
    let mut violations = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let hosts = REGISTRY_HOSTS.iter().filter(|host| line.contains(**host));
        let folders = MACHINE_FOLDERS.iter().filter(|folder| begins_a_path(line, folder));
        violations.extend(hosts.chain(folders).map(|name| format!("{file}:{number}: holds {name}")));
    }
    violations
}

/// Whether the folder stands in the line as the beginning of a path, not inside of a longer one.
fn begins_a_path(line: &str, folder: &str) -> bool {
    let inside = |before: char| before.is_alphanumeric() || "/._-~}".contains(before);
    line.match_indices(folder).any(|(at, _)| !line[..at].ends_with(inside))
}

/// A crate's front page: one sentence or more, and the promises that hold in it.
fn front_page(file: &str, text: &str) -> Vec<String> {
    let mut violations = Vec::new();
    if !text.starts_with("//! ") {
        violations.push(format!("{file}: does not begin with what the crate is"));
    }
    if !text.lines().any(|line| line.starts_with("//! **Invariant:** ")) {
        violations.push(format!("{file}: names no invariant"));
    }
    violations
}

/// Every target says what it does in `##` and is declared phony, for a file of its name would hide it.
fn makefile_violations(text: &str) -> Vec<String> {
    let phony: Vec<&str> =
        text.lines().filter_map(|line| line.strip_prefix(".PHONY:")).flat_map(str::split_whitespace).collect();
    let mut violations = Vec::new();
    for (target, rest) in text.lines().filter_map(target) {
        if !rest.contains("## ") {
            violations.push(format!("make {target} has no description"));
        }
        if !phony.contains(&target) {
            violations.push(format!("make {target} is not phony"));
        }
    }
    violations
}

fn target(line: &str) -> Option<(&str, &str)> {
    let (name, rest) = line.split_once(':')?;
    let is_name = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    (is_name && !rest.starts_with('=')).then_some((name, rest))
}

#[test]
fn no_file_names_a_registry_host_or_a_folder_of_one_machine() {
    let mut violations = Vec::new();
    for file in files::tracked() {
        let name = file.to_string_lossy();
        // What is not text (a database, an archive) is data and may hold anything.
        if let (false, Ok(text)) = (EXEMPT.contains(&&*name), std::fs::read_to_string(files::root().join(&file))) {
            violations.extend(foreign_names(&name, &text));
        }
    }
    assert_none(violations);
}

#[test]
fn every_crate_has_a_front_page() {
    let all = files::rust();
    let pages = all.iter().filter(|(file, _)| file.ends_with("src/lib.rs"));
    assert_none(pages.flat_map(|(file, text)| front_page(&file.to_string_lossy(), text)).collect());
}

#[test]
fn every_make_target_is_described() {
    assert_none(makefile_violations(&files::read("Makefile")));
}

#[test]
fn registry_hosts_and_machine_folders_are_seen() {
    for bad in ["FROM ghcr.io/a/b", "cd /work/main", "path = \"/root/x\"", "PATH=/root/bin:/usr/bin"] {
        assert_eq!(foreign_names("f", bad).len(), 1, "{bad}");
    }
    for good in ["FROM postgres:17", "https://example.org/work/1", "$HOME/work/x", "${DIR}/root/y", "/workshop/"] {
        assert_eq!(foreign_names("f", good), Vec::<String>::new(), "{good}");
    }
}

#[test]
fn a_missing_front_page_is_seen() {
    assert_eq!(front_page("f", "//! The nouns.\n//!\n//! **Invariant:** no I/O.\n"), Vec::<String>::new());
    assert_eq!(front_page("f", "//! The nouns.\n"), ["f: names no invariant"]);
    assert_eq!(front_page("f", "mod a;\n//! **Invariant:** no I/O.\n"), ["f: does not begin with what the crate is"]);
}

#[test]
fn an_undescribed_make_target_is_seen() {
    assert_eq!(makefile_violations("A := 1\n.PHONY: run\nrun: ## Run\n\techo a:b\n"), Vec::<String>::new());
    assert_eq!(makefile_violations(".PHONY: run\nrun: build\n"), ["make run has no description"]);
    assert_eq!(makefile_violations("run: ## Run\n"), ["make run is not phony"]);
}

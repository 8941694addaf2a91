//! The project's files: those that git tracks or would track.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Folders that hold no source when there is no git to say so.
const GENERATED: [&str; 4] = ["target", "data", ".cache", ".git"];

pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Paths relative to [`root`], sorted.
pub fn tracked() -> Vec<PathBuf> {
    let mut files = listed_by_git().unwrap_or_else(|| walk(root()));
    files.retain(|file| root().join(file).is_file());
    files.sort();
    files
}

/// Paths of Rust files with their text.
pub fn rust() -> Vec<(PathBuf, String)> {
    let rust = tracked().into_iter().filter(|file| file.extension().is_some_and(|extension| extension == "rs"));
    rust.map(|file| (file.clone(), read(&file))).collect()
}

pub fn read(file: impl AsRef<Path>) -> String {
    let path = root().join(file);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("failed to read {}: {error}", path.display()))
}

fn listed_by_git() -> Option<Vec<PathBuf>> {
    let mut git = Command::new("git");
    git.current_dir(root()).args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]);
    let output = git.output().ok().filter(|output| output.status.success())?;
    let names = String::from_utf8(output.stdout).expect("git lists file names as UTF-8");
    Some(names.split('\0').filter(|name| !name.is_empty()).map(PathBuf::from).collect())
}

fn walk(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder of the project is readable");
    let paths = entries.map(|entry| entry.expect("an entry of the project is readable").path());
    let kept = paths.filter(|path| !GENERATED.iter().any(|generated| path.ends_with(generated)));
    kept.flat_map(|path| if path.is_dir() { walk(&path) } else { vec![relative(&path)] }).collect()
}

fn relative(path: &Path) -> PathBuf {
    path.strip_prefix(root()).expect("only the project is walked").to_path_buf()
}

#[test]
fn the_project_is_found_with_and_without_git() {
    assert!(tracked().contains(&PathBuf::from("Cargo.toml")));
    assert!(walk(root()).contains(&PathBuf::from("tests/tidy/files.rs")));
    assert!(!walk(root()).iter().any(|file| file.starts_with("target")));
}

//! Files that tests read: made or fetched by `dev/fixtures.sh` into `.cache/fixtures`.

use std::path::{Path, PathBuf};

use crate::project;

/// A fixture by its name, such as `geo/city/logs-city-flat.mmdb`.
#[track_caller]
pub fn path(name: &str) -> PathBuf {
    let path = project::cache().join("fixtures").join(name);
    assert!(path.exists(), "{} is missing: run `make test-setup`", path.display());
    path
}

/// The bytes of a fixture.
#[track_caller]
pub fn read(name: &str) -> Vec<u8> {
    std::fs::read(path(name)).unwrap()
}

/// A web server's log of 10,000 requests in the combined format, whose last line ends in its midst.
#[track_caller]
pub fn web_log() -> PathBuf {
    path("weblogs/access.log")
}

/// A folder of more files of the kinds that fixtures have, if `PAGEBERG_EXTRA_FIXTURES` names one: what holds for the
/// fixtures must hold for them.
pub fn extra() -> Option<PathBuf> {
    std::env::var_os("PAGEBERG_EXTRA_FIXTURES").map(PathBuf::from)
}

/// All files below a folder, sorted.
pub fn files_below(folder: &Path) -> Vec<PathBuf> {
    let paths = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> =
        paths.flat_map(|path| if path.is_dir() { files_below(&path) } else { vec![path] }).collect();
    files.sort();
    files
}

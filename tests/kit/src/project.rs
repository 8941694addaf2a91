//! Where things are.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The folder of the workspace, whichever of its crates a test belongs to.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("the kit is two folders below the root")
}

/// What `make test-setup` has fetched: `.cache`, or the folder that `PAGEBERG_CACHE` names.
pub fn cache() -> PathBuf {
    std::env::var_os("PAGEBERG_CACHE").map_or_else(|| root().join(".cache"), PathBuf::from)
}

/// The Python with the packages of dev/requirements.txt, or the one that `PAGEBERG_TEST_PYTHON` names.
pub fn python() -> PathBuf {
    let chosen = std::env::var_os("PAGEBERG_TEST_PYTHON").map(PathBuf::from);
    let python = chosen.unwrap_or_else(|| cache().join("venv/bin/python"));
    assert!(python.exists(), "{} is missing: run `make test-setup`", python.display());
    python
}

/// A script of the test kit.
pub fn kit_script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts").join(name)
}

/// Runs a script of `dev/`, which must succeed; returns what it prints.
pub fn run_dev_script<S: AsRef<std::ffi::OsStr>>(name: &str, arguments: impl IntoIterator<Item = S>) -> String {
    let mut command = Command::new(root().join("dev").join(name));
    let output = command.args(arguments).stdin(Stdio::null()).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() || std::thread::panicking(), "{command:?} failed: {errors}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

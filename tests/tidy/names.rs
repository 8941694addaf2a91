//! No file, folder or module has a name that says nothing.

use std::path::Path;

use crate::{assert_none, files};

const BANNED: [&str; 12] =
    ["util", "utils", "common", "helper", "helpers", "core", "base", "manager", "managers", "misc", "v2", "stuff"];

/// Modules are files or folders, or are declared inline, which [`crate::source`] sees.
fn banned_names(path: &Path) -> Vec<String> {
    let parts = path.iter().map(|part| part.to_string_lossy());
    let banned = parts.filter(|part| has_banned_word(part));
    banned.map(|part| format!("{}: a name may not hold a banned word: {part}", path.display())).collect()
}

/// Whether a word of the name, without its extension, is banned: `geo_base.rs` is, `database.rs` is not.
pub fn has_banned_word(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or_default();
    stem.split(['_', '-']).any(|word| BANNED.contains(&word.to_lowercase().as_str()))
}

#[test]
fn no_file_or_folder_has_a_banned_name() {
    assert_none(files::tracked().iter().flat_map(|file| banned_names(file)).collect());
}

#[test]
fn a_banned_word_is_seen_in_files_and_folders() {
    for bad in ["src/utils.rs", "common/src/lib.rs", "src/offset_manager.rs", "src/geo-base/mod.rs", "dev/Misc.sh"] {
        assert_eq!(banned_names(Path::new(bad)).len(), 1, "{bad}");
    }
    for good in ["src/database.rs", "src/score.rs", "sinks/src/postgres/mod.rs", ".ci/run"] {
        assert_eq!(banned_names(Path::new(good)), Vec::<String>::new(), "{good}");
    }
}

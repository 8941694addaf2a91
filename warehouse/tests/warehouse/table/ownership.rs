//! Copies and moved data folders: they neither write nor delete what is another's.

use std::path::Path;
use std::process::Command;

use warehouse::{Config, Error, Table, check_data_folder};

use lakekit::table::*;

/// A data folder with one row, and room for others beside it.
async fn folder_with_one_row(config: &Config) -> (tempfile::TempDir, std::path::PathBuf) {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("data");
    deliver(&mut Table::open(&folder, config).await.unwrap(), &[bare(0)]).await;
    (parent, folder)
}

fn copy(from: &Path, to: &Path) {
    assert!(Command::new("cp").arg("-r").args([from, to]).status().unwrap().success());
}

/// Why the folder is refused, which must be the same when nothing is to be changed.
async fn refusal(folder: &Path, config: &Config) -> String {
    let refused = Table::open(folder, config).await.err().expect("it is another's");
    let checked = check_data_folder(folder, config).await.unwrap_err();
    assert!(matches!(&refused, Error::DataFolder(_)), "{refused:?}");
    assert_eq!(refused.to_string(), checked.to_string());
    refused.to_string()
}

/// A warehouse that is in no data folder.
fn elsewhere(parent: &Path) -> Config {
    let mut config = Config::default();
    config.storage.location = format!("file://{}", parent.join("store/warehouse").display());
    config
}

#[tokio::test]
async fn a_copy_is_refused_with_the_path_of_the_original() {
    for has_identity in [true, false] {
        let (parent, folder) = folder_with_one_row(&Config::default()).await;
        if !has_identity {
            std::fs::remove_file(folder.join("identity.json")).unwrap();
        }
        let other = parent.path().join("copy");
        copy(&folder, &other);
        let told = refusal(&other, &Config::default()).await;
        assert!(told.contains("is a copy of") && told.contains(folder.to_str().unwrap()), "{told}");
        deliver(&mut open(&folder).await, &[bare(1)]).await;
        assert_eq!(data_files(&folder).len(), 2);
    }
}

#[tokio::test]
async fn a_moved_folder_is_refused_until_it_is_back() {
    let (parent, folder) = folder_with_one_row(&Config::default()).await;
    let moved = parent.path().join("moved");
    std::fs::rename(&folder, &moved).unwrap();
    let told = refusal(&moved, &Config::default()).await;
    assert!(told.contains("was moved") && told.contains(folder.to_str().unwrap()), "{told}");
    std::fs::rename(&moved, &folder).unwrap();
    deliver(&mut open(&folder).await, &[bare(1)]).await;
}

#[tokio::test]
async fn a_folder_that_is_seen_by_another_path_is_the_same() {
    let (parent, folder) = folder_with_one_row(&Config::default()).await;
    let link = parent.path().join("link");
    std::os::unix::fs::symlink(&folder, &link).unwrap();
    deliver(&mut open(&link).await, &[bare(1)]).await;
    let (moved, config) = (parent.path().join("moved"), Config::default());
    std::fs::rename(&folder, &moved).unwrap();
    std::os::unix::fs::symlink(&moved, &folder).unwrap();
    check_data_folder(&moved, &config).await.unwrap();
    deliver(&mut open(&moved).await, &[bare(2)]).await;
}

#[tokio::test]
async fn a_copy_whose_files_lie_elsewhere_is_refused_and_a_moved_folder_is_not() {
    let parent = tempfile::tempdir().unwrap();
    let config = elsewhere(parent.path());
    let (folder, other) = (parent.path().join("data"), parent.path().join("copy"));
    deliver(&mut Table::open(&folder, &config).await.unwrap(), &[bare(0)]).await;
    copy(&folder, &other);
    let told = refusal(&other, &config).await;
    assert!(told.contains("is a copy of") && told.contains(folder.to_str().unwrap()), "{told}");

    let moved = parent.path().join("moved");
    std::fs::rename(&folder, &moved).unwrap();
    deliver(&mut Table::open(&moved, &config).await.unwrap(), &[bare(1)]).await;
    let told = refusal(&other, &config).await;
    assert!(told.contains("moved or copied") && told.contains("Remove"), "{told}");
    std::fs::remove_dir_all(&moved).unwrap();
    std::fs::remove_file(other.join("identity.json")).unwrap();
    Table::open(&other, &config).await.unwrap();
}

#[tokio::test]
async fn to_check_a_folder_changes_nothing() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("data");
    check_data_folder(&folder, &Config::default()).await.unwrap();
    assert!(!folder.exists());
}

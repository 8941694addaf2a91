//! Unfinished writes are cut off, damage is refused or reported, and no read gives wrong bytes.

use std::fs;
use std::path::{Path, PathBuf};

use eventlog::{EventLog, LogError};

use crate::embedded::fixture::{TOPIC, advance, append, open, payloads, position, read_from, record, segments};

/// One segment: a record, then a group of two records and positions.
struct TwoGroups {
    bytes: Vec<u8>,
    /// Where the record's group begins, and where it ends.
    first: std::ops::Range<usize>,
    name: PathBuf,
}

async fn two_groups() -> TwoGroups {
    let dir = tempfile::tempdir().unwrap();
    let log = open(dir.path(), 1 << 20).unwrap();
    log.partitions(TOPIC).await.unwrap();
    let length = || fs::metadata(&segments(dir.path())[0]).unwrap().len() as usize;
    let start = length();
    append(&log, "first").await.unwrap();
    let end = length();
    let mut transactor = log.transactor("sink", TOPIC).await.unwrap();
    transactor.commit(vec![record("second"), record("third")], &advance(None, 5)).await.unwrap();
    log.close().await;
    let path = segments(dir.path()).remove(0);
    let name = path.strip_prefix(dir.path()).unwrap().to_owned();
    TwoGroups { bytes: fs::read(path).unwrap(), first: start..end, name }
}

/// A folder with a log of this one segment.
fn folder(log: &TwoGroups, bytes: &[u8]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir_all(dir.path().join(&log.name).parent().unwrap()).unwrap();
    fs::write(dir.path().join(&log.name), bytes).unwrap();
    dir
}

async fn check_cut(whole: &TwoGroups, bytes: &[u8], what: &str) {
    let dir = folder(whole, bytes);
    let log = open(dir.path(), 1 << 20).unwrap_or_else(|error| panic!("{what}: {error}"));
    if bytes == whole.bytes {
        assert_eq!(payloads(&log).await, ["first", "second", "third"], "{what}");
        return;
    }
    assert_eq!(payloads(&log).await, ["first"], "{what}");
    assert_eq!(position(&log).await, None, "{what}");
    assert_eq!(append(&log, "next").await.unwrap(), 1, "{what}");
    log.close().await;
    assert_eq!(payloads(&open(dir.path(), 1 << 20).unwrap()).await, ["first", "next"], "{what}");
}

#[tokio::test]
async fn a_group_torn_at_any_byte_is_cut_off_whole() {
    let whole = two_groups().await;
    for cut in whole.first.end..=whole.bytes.len() {
        check_cut(&whole, &whole.bytes[..cut], &format!("cut at byte {cut}")).await;
        let mut zeros = whole.bytes[..cut].to_vec();
        zeros.resize(whole.bytes.len(), 0);
        check_cut(&whole, &zeros, &format!("zeros from byte {cut}")).await;
    }
}

#[tokio::test]
async fn damage_before_a_sound_frame_refuses_to_open_and_names_file_and_byte() {
    let whole = two_groups().await;
    for at in 0..whole.first.end {
        let mut bytes = whole.bytes.clone();
        bytes[at] ^= 0x10;
        let dir = folder(&whole, &bytes);
        let Err(LogError::Damaged(text)) = open(dir.path(), 1 << 20) else {
            panic!("byte {at} was changed and the log opened");
        };
        let found = if at < whole.first.start { 0 } else { whole.first.start };
        let expected = format!("{} at byte {found}:", dir.path().join(&whole.name).display());
        assert!(text.starts_with(&expected), "byte {at}: {text}");
        assert_eq!(fs::read(dir.path().join(&whole.name)).unwrap(), bytes, "nothing is changed in a damaged log");
    }
}

/// A log of several segments with a record of 100 bytes each offset.
async fn many_segments(dir: &Path) {
    let log = open(dir, 1000).unwrap();
    for number in 0..50 {
        append(&log, format!("{number:0100}")).await.unwrap();
    }
    log.close().await;
    assert!(segments(dir).len() > 4);
}

#[tokio::test]
async fn damage_in_an_older_segment_is_reported_by_the_read_and_nothing_wrong_is_read() {
    let dir = tempfile::tempdir().unwrap();
    many_segments(dir.path()).await;
    let path = segments(dir.path()).remove(1);
    let sound = fs::read(&path).unwrap();
    for at in (48..sound.len()).step_by(7) {
        let mut bytes = sound.clone();
        bytes[at] ^= 1;
        fs::write(&path, bytes).unwrap();
        let log = open(dir.path(), 1000).unwrap();
        let error = read_from(&log, 0).await.unwrap_err();
        assert!(matches!(&error, LogError::Damaged(text) if text.contains(path.to_str().unwrap())), "{error}");
        let after = read_from(&log, 20).await.unwrap();
        assert_eq!(after.len(), 30, "what lies in other segments can be read");
        log.close().await;
    }
}

#[tokio::test]
async fn a_missing_or_shortened_or_lengthened_older_segment_refuses_to_open() {
    for change in ["remove", "shorten", "lengthen"] {
        let dir = tempfile::tempdir().unwrap();
        many_segments(dir.path()).await;
        let path = segments(dir.path()).remove(1);
        let bytes = fs::read(&path).unwrap();
        match change {
            "remove" => fs::remove_file(&path).unwrap(),
            "shorten" => fs::write(&path, &bytes[..bytes.len() - 1]).unwrap(),
            _ => fs::write(&path, [&bytes[..], b"x"].concat()).unwrap(),
        }
        assert!(matches!(open(dir.path(), 1000), Err(LogError::Damaged(_))), "{change}");
    }
}

#[tokio::test]
async fn a_segment_that_was_being_created_is_forgotten() {
    let dir = tempfile::tempdir().unwrap();
    many_segments(dir.path()).await;
    let unfinished = segments(dir.path()).remove(0).with_file_name("00000000000000000050.new");
    fs::write(&unfinished, b"pblog").unwrap();
    let log = open(dir.path(), 1000).unwrap();
    assert_eq!(payloads(&log).await.len(), 50);
    assert!(!unfinished.exists());
}

#[tokio::test]
async fn a_payload_that_looks_like_a_frame_does_not_pass_for_one() {
    let whole = two_groups().await;
    let dir = tempfile::tempdir().unwrap();
    let log = open(dir.path(), 1 << 20).unwrap();
    append(&log, "first").await.unwrap();
    // The frames of another log, with just the offsets that would be next here.
    append(&log, whole.bytes[whole.first.end..].to_vec()).await.unwrap();
    log.close().await;
    let path = segments(dir.path()).remove(0);
    let bytes = fs::read(&path).unwrap();
    fs::write(&path, &bytes[..bytes.len() - 1]).unwrap();
    assert_eq!(payloads(&open(dir.path(), 1 << 20).unwrap()).await, ["first"]);
}

//! A second process is kept out, and a real limit of the operating system is met as a full disk.

use std::io::Read;
use std::path::Path;

use eventlog::LogError;

use crate::embedded::child::{report, reports, start};
use crate::embedded::fixture::{append, open, payloads};

/// The part of the process that has the log open.
pub(crate) fn hold(dir: &Path) {
    let _log = open(dir, 1 << 20).unwrap();
    report("open");
    // Until the process that started this one lets go of it.
    let _ = std::io::stdin().read(&mut [0]);
}

/// The part of the process that may not write files beyond a size.
pub(crate) async fn fill(dir: &Path) {
    let log = open(dir, 1 << 30).unwrap();
    for bytes in [20_000, 20_000, 20_000, 100, 20_000, 100] {
        match append(&log, vec![b'x'; bytes]).await {
            Ok(_) => report(&format!("taken {bytes}")),
            Err(LogError::Full { .. }) => report("full"),
            Err(error) => report(&error.to_string()),
        }
    }
}

#[test]
fn a_second_process_is_kept_out_until_the_first_has_ended() {
    let dir = tempfile::tempdir().unwrap();
    let mut child = start("hold", dir.path(), "");
    let mut reports = reports(child.stdout.take().unwrap());
    assert_eq!(reports.next().as_deref(), Some("open"));
    assert!(matches!(open(dir.path(), 1 << 20), Err(LogError::Locked(_))));
    child.kill().unwrap();
    child.wait().unwrap();
    let log = open(dir.path(), 1 << 20).unwrap();
    assert!(matches!(open(dir.path(), 1 << 20), Err(LogError::Locked(_))), "nor may one process open it twice");
    drop(log);
    open(dir.path(), 1 << 20).unwrap();
}

#[tokio::test]
async fn a_write_that_the_operating_system_cuts_short_is_taken_back_and_the_log_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    // 100 blocks of 512 bytes; the limit's signal is ignored so that the write fails instead.
    let mut child = start("fill", dir.path(), "trap '' XFSZ; ulimit -f 100;");
    let reports: Vec<String> = reports(child.stdout.take().unwrap()).collect();
    assert!(child.wait().unwrap().success());
    assert_eq!(reports, ["taken 20000", "taken 20000", "full", "taken 100", "full", "taken 100"]);
    let lengths: Vec<usize> = payloads(&open(dir.path(), 1 << 30).unwrap()).await.iter().map(String::len).collect();
    assert_eq!(lengths, [20_000, 20_000, 100, 100]);
}

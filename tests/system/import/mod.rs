//! `pageberg import`: a real web server log into a gateway that fails in every way that it may.

mod stub;

use std::collections::HashSet;
use std::fs;
use std::io::Write;
use std::process::{Command, Output, Stdio};

use self::stub::{Reply, Stub};
use serde_json::Value;
use tempfile::TempDir;
use testkit::fixtures::web_log;

const LINES: usize = 10_000;

/// A folder of its own with the log's copy in it, and the command to import it.
struct Import {
    dir: TempDir,
    url: String,
}

impl Import {
    fn into(stub: &Stub) -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::copy(web_log(), dir.path().join("access.log")).unwrap();
        Self { dir, url: stub.url.clone() }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pageberg"));
        command.current_dir(self.dir.path()).env_clear().args(["import", "--to", &self.url]).args(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Runs to the end; returns standard output and standard error.
    async fn run(&self, arguments: &[&str]) -> (Output, String, String) {
        let mut command = self.command(arguments);
        let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
        let [stdout, stderr] = [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text).into_owned());
        (output, stdout, stderr)
    }

    async fn succeeds(&self, arguments: &[&str]) -> (String, String) {
        let (output, stdout, stderr) = self.run(arguments).await;
        assert!(output.status.success(), "{stderr}");
        (stdout, stderr)
    }
}

fn ids(events: &[Value]) -> HashSet<String> {
    events.iter().map(|event| event["event_id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_line_of_a_log_arrives_in_order_and_a_resumed_import_adds_only_what_is_new() {
    let stub = Stub::start(&[]).await;
    let import = Import::into(&stub);
    let (report, _) = import.succeeds(&["--host", "example.org", "access.log"]).await;
    assert!(report.starts_with("10,000 lines parsed, 10,000 imported, 0 rejected in "), "{report}");
    let taken = stub.taken();
    assert_eq!((taken.len(), ids(&taken).len()), (LINES, LINES));
    let log = fs::read_to_string(web_log()).unwrap();
    for (line, event) in log.lines().zip(&taken) {
        assert!(line.starts_with(event["ip"].as_str().unwrap()), "{line}");
        assert_eq!(event["host"], "example.org");
    }

    let (report, _) = import.succeeds(&["--resume", "access.log"]).await;
    assert!(report.starts_with("0 lines parsed"), "{report}");
    let mut file = fs::File::options().append(true).open(import.dir.path().join("access.log")).unwrap();
    file.write_all(log.lines().next().unwrap().as_bytes()).unwrap();
    import.succeeds(&["--resume", "access.log"]).await;
    assert_eq!((stub.taken().len(), ids(&stub.taken()).len()), (LINES + 1, LINES + 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_that_is_not_resumed_adds_the_lines_again_and_says_so() {
    let stub = Stub::start(&[]).await;
    let import = Import::into(&stub);
    import.succeeds(&["access.log"]).await;
    let (_, hint) = import.succeeds(&["access.log"]).await;
    assert!(hint.contains("was imported before (10000 events") && hint.contains("--resume"), "{hint}");
    assert_eq!(ids(&stub.taken()).len(), 2 * LINES);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_busy_gateway_and_a_lost_answer_lose_nothing_and_repeat_only_the_same_events() {
    let stub = Stub::start(&[Reply::Busy, Reply::Take, Reply::Busy, Reply::TakeAndBreak, Reply::Busy]).await;
    let import = Import::into(&stub);
    import.succeeds(&["access.log"]).await;
    assert_eq!((stub.taken().len(), ids(&stub.taken()).len()), (LINES + 1000, LINES));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_that_was_killed_goes_on_where_the_gateway_last_answered() {
    let stub = Stub::start(&[Reply::Take, Reply::Take, Reply::Take, Reply::TakeAndHang]).await;
    let import = Import::into(&stub);
    let mut killed = import.command(&["--batch", "500", "access.log"]).spawn().unwrap();
    stub.wait_for_requests(4).await;
    killed.kill().unwrap();
    killed.wait().unwrap();

    let (report, _) = import.succeeds(&["--resume", "access.log"]).await;
    assert!(report.starts_with("8,500 lines parsed"), "{report}");
    assert_eq!((stub.taken().len(), ids(&stub.taken()).len()), (LINES + 500, LINES));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_killed_before_the_first_answer_keeps_its_ids() {
    let stub = Stub::start(&[Reply::TakeAndHang]).await;
    let import = Import::into(&stub);
    let mut killed = import.command(&["access.log"]).spawn().unwrap();
    stub.wait_for_requests(1).await;
    killed.kill().unwrap();
    killed.wait().unwrap();
    import.succeeds(&["--resume", "access.log"]).await;
    assert_eq!((stub.taken().len(), ids(&stub.taken()).len()), (LINES + 1000, LINES));
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_that_give_no_event_are_told_with_their_number_and_reason() {
    let stub = Stub::start(&[Reply::RefuseOne(1)]).await;
    let import = Import::into(&stub);
    let log = fs::read_to_string(web_log()).unwrap();
    let good = log.lines().next().unwrap();
    let odd = [good, "nonsense", good, &good.replace("83.149.9.216", "crawl.example.com"), good, ""].join("\n");
    fs::write(import.dir.path().join("odd.log"), odd).unwrap();
    let (report, told) = import.succeeds(&["--rejects", "rejects.tsv", "odd.log"]).await;
    assert!(report.starts_with("5 lines parsed, 2 imported, 3 rejected"), "{report}");
    assert!(told.contains("odd.log:2: no time in brackets"), "{told}");
    assert!(told.contains("odd.log:3: url is not wanted"), "{told}");
    assert!(told.contains("odd.log:4: the client \"crawl.example.com\" is no address"), "{told}");
    let rejects = fs::read_to_string(import.dir.path().join("rejects.tsv")).unwrap();
    assert_eq!(rejects.lines().nth(1).unwrap(), format!("odd.log\t3\turl is not wanted\t{good}"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_is_imported_decompressed_but_never_resumed() {
    let stub = Stub::start(&[]).await;
    let import = Import::into(&stub);
    for (count, path) in [(1, "-"), (2, "/dev/stdin")] {
        let mut child = import.command(&[path]).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let compressed = zstd::encode_all(fs::File::open(web_log()).unwrap(), 1).unwrap();
        let write = move || {
            stdin.write_all(&compressed).unwrap();
            drop(stdin);
            assert!(child.wait().unwrap().success());
        };
        tokio::task::spawn_blocking(write).await.unwrap();
        assert_eq!(ids(&stub.taken()).len(), count * LINES);
    }
    let (output, _, told) = import.run(&["--resume", "-"]).await;
    assert!(!output.status.success() && told.contains("standard input cannot be resumed"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_missing_is_told_before_anything_is_sent() {
    let stub = Stub::start(&[]).await;
    let (output, _, told) = Import::into(&stub).run(&["access.log", "missing.log"]).await;
    assert!(!output.status.success() && told.contains("failed to open missing.log"), "{told}");
    assert!(stub.taken().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_gives_up_when_nobody_takes_it_and_says_how_to_go_on() {
    let stub = Stub::start(&[]).await;
    let import = Import { url: "http://127.0.0.1:1".to_owned(), ..Import::into(&stub) };
    let (output, _, told) = import.run(&["--timeout", "1", "access.log"]).await;
    assert_eq!(output.status.code(), Some(1));
    assert!(told.contains("has taken nothing for 1 s") && told.contains("--resume"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_torn_archive_is_imported_as_far_as_it_goes_and_fails() {
    let stub = Stub::start(&[]).await;
    let import = Import::into(&stub);
    let whole = zstd::encode_all(fs::File::open(web_log()).unwrap(), 1).unwrap();
    fs::write(import.dir.path().join("torn.zst"), &whole[..whole.len() / 2]).unwrap();
    let (output, _, told) = import.run(&["torn.zst"]).await;
    assert!(!output.status.success() && told.contains("failed to import torn.zst"), "{told}");
    assert!(stub.taken().len() > 1000, "{}", stub.taken().len());
}

#[tokio::test]
async fn an_import_gives_its_server_key_and_asks_to_be_refused_rather_than_misread() {
    let stub = Stub::start(&[]).await;
    let import = Import::into(&stub);
    let key = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(key.path(), "secret\n").unwrap();
    import.succeeds(&[web_log().to_str().unwrap()]).await;
    assert_eq!((stub.header("pageberg-sender").as_deref(), stub.header("authorization")), (Some("trusted"), None));
    import.succeeds(&["--key-file", key.path().to_str().unwrap(), web_log().to_str().unwrap()]).await;
    assert_eq!(stub.header("authorization").as_deref(), Some("Bearer secret"));
}

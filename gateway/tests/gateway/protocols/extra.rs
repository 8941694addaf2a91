//! What holds for any captured request holds for those that `PAGEBERG_EXTRA_FIXTURES` adds.

use gateway::Config;
use testkit::fixtures;

use super::sent;
use crate::support::Server;

/// Every line of `beacons/*.jsonl` below the folder, in the form of captures.jsonl.
#[tokio::test]
async fn every_extra_request_is_answered_with_success_or_a_problem() {
    let Some(folder) = fixtures::extra() else { return };
    let is_beacons = |file: &std::path::Path| {
        file.extension().is_some_and(|extension| extension == "jsonl")
            && file.parent().is_some_and(|parent| parent.ends_with("beacons"))
    };
    for file in fixtures::files_below(&folder).iter().filter(|file| is_beacons(file)) {
        let requests = sent::read(file);
        assert!(!requests.is_empty(), "{} holds no request", file.display());
        for sent in &requests {
            let server = Server::start(Config::default()).await;
            let answer = server.send(sent.bytes()).await;
            let what = format!("{}: {}: {} {}", file.display(), sent.label, answer.status, answer.text());
            assert!(answer.status < 500, "{what}");
            if !sent.is_preflight() && !(200..300).contains(&answer.status) {
                answer.assert_problem(answer.status, "");
            }
        }
        println!("{}: {} requests", file.display(), requests.len());
    }
}

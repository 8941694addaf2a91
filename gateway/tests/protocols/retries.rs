//! What a tracker sends again is known again.

use gateway::Config;

use crate::sent;
use crate::support::Server;

#[tokio::test]
async fn an_event_that_a_tracker_sends_again_later_has_the_same_id() {
    let server = Server::start(Config::default()).await;
    for (label, first, later) in [
        ("segment #2", "\"sentAt\":\"2026-11-21T01:29:18.270Z\"", "\"sentAt\":\"2026-11-21T01:31:00.000Z\""),
        ("@segment/analytics-node 3.1.0, node #1", "\"sentAt\":\"2026", "\"sentAt\":\"2027"),
        ("snowplow #2", "\"stm\":\"1795224552139\"", "\"stm\":\"1795224599999\""),
        ("posthog-node 5.70.0, node #1", "\"sent_at\":\"2026", "\"sent_at\":\"2027"),
    ] {
        let sent = sent::named(label);
        let body = String::from_utf8(sent.body.clone()).unwrap();
        assert!(body.contains(first), "{label}");
        let before = server.log.event_ids().len();
        assert_eq!(server.send(sent.bytes()).await.status, 200, "{label}");
        assert_eq!(server.send(sent.with_body(body.replace(first, later).as_bytes())).await.status, 200, "{label}");
        let ids = server.log.event_ids().split_off(before);
        let (once, again) = ids.split_at(ids.len() / 2);
        assert!(!once.is_empty());
        assert_eq!(once, again, "{label}");
    }
}

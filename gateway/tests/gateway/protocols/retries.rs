//! What a tracker sends again is known again.

use gateway::Config;

use super::sent;
use crate::support::Server;

#[tokio::test]
async fn an_event_that_a_tracker_sends_again_later_has_the_same_id() {
    let server = Server::start(Config::default()).await;
    for (label, first, later) in [
        (
            "@segment/analytics-next 1.84.3 in Chromium #2",
            "\"sentAt\":\"2026-01-31T09:30:00.044Z\"",
            "\"sentAt\":\"2026-01-31T09:31:42.000Z\"",
        ),
        ("@segment/analytics-node 3.1.0, node #1", "\"sentAt\":\"2026", "\"sentAt\":\"2027"),
        ("@snowplow/browser-tracker 4.10.1 in Chromium #2", "\"stm\":\"1769851800019\"", "\"stm\":\"1769851847879\""),
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

//! What senders and load balancers see while the log does not take events.

use eventlog::LogError;
use gateway::Config;

use crate::support::{Fault, Server};

const EVENT: &str = r#"{"url":"/"}"#;
const READY: &str = "GET /health/ready HTTP/1.1\r\nHost: t\r\n\r\n";

#[tokio::test]
async fn events_that_the_log_does_not_take_get_no_2xx_and_a_time_to_try_again() {
    let server = Server::start(Config::default()).await;
    let faults: [(Fault, u16, Option<&str>); 5] = [
        (|| LogError::Busy, 503, Some("1")),
        (|| LogError::Full { reason: "secret".to_owned() }, 503, Some("5")),
        (|| LogError::Unavailable { reason: "secret".to_owned() }, 503, Some("5")),
        (|| LogError::Damaged("secret".to_owned()), 503, Some("5")),
        (|| LogError::TooLarge { bytes: 2, limit: 1 }, 413, None),
    ];
    for (fault, status, retry_after) in faults {
        server.log.fail_with(Some(fault));
        for body in [EVENT, "[{\"url\":\"/\"},{}]"] {
            let answer = server.post(body).await;
            answer.assert_problem(status, "record");
            assert_eq!(answer.header("retry-after"), retry_after, "{}", fault());
            assert!(!answer.text().contains("secret"));
        }
        // A request without any good event needs no log.
        server.post("{}").await.assert_problem(400, "url");
    }
    server.log.fail_with(None);
    assert_eq!(server.post(EVENT).await.status, 200);
    assert_eq!(server.log.records().len(), 1);
}

#[tokio::test]
async fn readiness_follows_the_log_and_liveness_does_not() {
    let server = Server::start(Config::default()).await;
    assert_eq!(server.send(READY).await.status, 200);
    server.log.fail_with(Some(|| LogError::Full { reason: String::new() }));
    server.post(EVENT).await.assert_problem(503, "cannot be recorded");
    server.send(READY).await.assert_problem(503, "could not be recorded");
    assert_eq!(server.send("GET /health/live HTTP/1.1\r\nHost: t\r\n\r\n").await.status, 200);
    server.log.fail_with(None);
    assert_eq!(server.post(EVENT).await.status, 200);
    assert_eq!(server.send(READY).await.status, 200);
    server.log.hold();
    server.send(READY).await.assert_problem(503, "does not answer");
}

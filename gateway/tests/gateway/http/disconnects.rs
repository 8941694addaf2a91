//! Senders that go away before their answer.

use gateway::Config;
use metrics_exporter_prometheus::PrometheusBuilder;

use crate::support::{Server, eventually, post, total};

#[tokio::test]
async fn an_append_goes_on_when_its_sender_is_gone() {
    let server = Server::start(Config::default()).await;
    server.log.hold();
    for sent in 1..=20 {
        let mut client = server.client().await;
        client.write(post(r#"{"url":"/"}"#)).await;
        server.log.begun(sent).await;
        drop(client);
    }
    server.log.release();
    eventually("all appends end", async || server.log.appends() == 20).await;
    assert_eq!(server.post(r#"{"url":"/"}"#).await.status, 200);
}

#[tokio::test]
async fn the_gateway_waits_for_appends_whose_senders_are_gone() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let metrics = recorder.handle();
    let _recording = metrics::set_default_local_recorder(&recorder);
    let server = Server::start(Config::default()).await;
    server.log.hold();
    let mut client = server.client().await;
    client.write(post(r#"{"url":"/"}"#)).await;
    server.log.begun(1).await;
    drop(client);
    eventually("the request is cancelled", async || {
        total(&metrics, "pageberg_http_requests_total", "cancelled") == 1.0
    })
    .await;
    server.shutdown.cancel();
    server.log.release();
    assert_eq!(server.stopped().await.appends(), 1);
}

#[tokio::test]
async fn a_body_that_breaks_off_is_answered_when_somebody_still_reads() {
    let server = Server::start(Config::default()).await;
    for head in ["Content-Length: 100", "Transfer-Encoding: chunked"] {
        let mut client = server.client().await;
        client.write(format!("POST /v1/events HTTP/1.1\r\nHost: t\r\n{head}\r\n\r\n5\r\n{{\"url")).await;
        client.finish_writing().await;
        client.answer().await.assert_problem(400, "broke off");
    }
    assert_eq!(server.log.appends(), 0);
}

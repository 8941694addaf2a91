//! Every event of every request is counted once.

use std::sync::Arc;

use eventlog::LogError;
use gateway::Config;
use metrics_exporter_prometheus::PrometheusBuilder;

use crate::support::{Server, eventually, post, total};

// The recorder is this thread's own, and so is the runtime: other tests do not count here.
#[tokio::test]
async fn every_event_ends_in_one_outcome_whatever_becomes_of_its_request() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let metrics = recorder.handle();
    let _recording = metrics::set_default_local_recorder(&recorder);
    gateway::describe();
    let render = metrics.clone();
    let server = Server::start_rendering(Config::default(), Arc::new(move || render.render())).await;

    assert_eq!(server.post("[{\"url\":\"/\"},{},{\"url\":\"/\"}]").await.status, 207);
    assert_eq!(server.post("{}\n{}").await.status, 400);
    assert_eq!(server.post("").await.status, 400);
    server.log.fail_with(Some(|| LogError::Busy));
    assert_eq!(server.post("[{\"url\":\"/\"},{},{\"url\":\"/\"},{\"url\":\"/\"}]").await.status, 503);
    server.log.fail_with(None);
    server.log.hold();
    let mut gone = server.client().await;
    gone.write(post("[{\"url\":\"/\"},{\"url\":\"/\"},{\"url\":\"/\"},{\"url\":\"/\"}]")).await;
    server.log.begun(3).await;
    drop(gone);
    eventually("the request is cancelled", async || {
        total(&metrics, "pageberg_http_requests_total", "cancelled") == 1.0
    })
    .await;
    server.log.release();
    eventually("its events are counted", async || total(&metrics, "pageberg_events_total", "accepted") == 6.0).await;

    assert_eq!(total(&metrics, "pageberg_events_total", "rejected"), 1.0 + 2.0 + 1.0 + 1.0);
    assert_eq!(total(&metrics, "pageberg_events_total", "refused"), 3.0);
    assert_eq!(total(&metrics, "pageberg_events_total", ""), 14.0);
    assert_eq!(total(&metrics, "pageberg_http_requests_total", "route=\"/v1/events\""), 5.0);
    assert_eq!(total(&metrics, "pageberg_http_request_seconds_count", "/v1/events"), 4.0);
    eventually("nothing stays buffered", async || total(&metrics, "pageberg_http_buffered_bytes", "") == 0.0).await;
    eventually("no connection is left", async || total(&metrics, "pageberg_http_connections", "") == 0.0).await;
    let page = server.send("GET /metrics HTTP/1.1\r\nHost: t\r\n\r\n").await.text();
    assert!(page.contains("pageberg_http_body_bytes_total"), "{page}");
}

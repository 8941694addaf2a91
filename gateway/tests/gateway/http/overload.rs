//! More than can be served: what is refused, of whom, and how fast.

use gateway::Config;
use metrics_exporter_prometheus::PrometheusBuilder;
use tokio::net::TcpStream;

use crate::support::{Client, Server, eventually, post, total};

const EVENT: &str = r#"{"url":"/"}"#;
const BEGUN: &str = "POST /v1/events HTTP/1.1\r\nHost: t\r\nOrigin: https://a.example\r\nContent-Length: 11\r\n\r\n";

/// This machine is a visitor like any other.
fn untrusting() -> Config {
    Config { trusted_senders: Vec::new(), ..Config::default() }
}

async fn get(server: &Server, path: &str) -> u16 {
    server.send(format!("GET {path} HTTP/1.1\r\nHost: t\r\n\r\n")).await.status
}

#[tokio::test]
async fn requests_beyond_the_limit_are_refused_at_once_and_the_gateway_still_tells_how_it_is() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let metrics = recorder.handle();
    let _recording = metrics::set_default_local_recorder(&recorder);
    let server = Server::start(Config { max_requests: 2, ..Config::default() }).await;
    let mut slow = Vec::new();
    for _ in 0..2 {
        let mut client = server.client().await;
        client.write(BEGUN).await;
        slow.push(client);
    }
    eventually("both wait for their bodies", async || server.post(EVENT).await.status == 503).await;
    let before = total(&metrics, "pageberg_refusals_total", "overload");
    let mut bodiless = server.client().await;
    bodiless.write(BEGUN).await;
    let refused = bodiless.answer().await;
    refused.assert_problem(503, "too many requests are being served");
    assert_eq!(refused.header("retry-after"), Some("1"));
    assert_eq!(refused.header("access-control-allow-origin"), Some("*"), "a page can read it");
    assert_eq!(total(&metrics, "pageberg_refusals_total", "overload"), before + 1.0);
    assert_eq!(total(&metrics, "pageberg_events_total", "refused"), before + 1.0);
    for path in ["/health/live", "/health/ready", "/metrics"] {
        assert_eq!(get(&server, path).await, 200, "{path}");
    }
    for mut client in slow {
        client.write(EVENT).await;
        assert_eq!(client.answer().await.status, 200);
    }
    eventually("there is room again", async || server.post(EVENT).await.status == 200).await;
}

#[tokio::test]
async fn one_address_cannot_have_all_requests() {
    let server = Server::start(Config { max_requests_per_address: 1, ..untrusting() }).await;
    let mut slow = server.client().await;
    slow.write(BEGUN).await;
    eventually("it waits for its body", async || server.post(EVENT).await.status == 429).await;
    let refused = server.post(EVENT).await;
    refused.assert_problem(429, "too many requests of this address");
    assert_eq!(refused.header("retry-after"), Some("1"));
    let mut other = Client::connect_from("127.0.0.2", server.address).await;
    other.write(post(EVENT)).await;
    assert_eq!(other.answer().await.status, 200);
    slow.write(EVENT).await;
    assert_eq!(slow.answer().await.status, 200);
}

#[tokio::test]
async fn one_address_cannot_have_all_connections() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let metrics = recorder.handle();
    let _recording = metrics::set_default_local_recorder(&recorder);
    let server = Server::start(Config { max_connections: 4, max_connections_per_address: 2, ..untrusting() }).await;
    let dropped = || total(&metrics, "pageberg_http_connections_dropped_total", "address_limit");
    let mut open = Vec::new();
    for _ in 0..2 {
        let mut client = server.client().await;
        client.write(post(EVENT)).await;
        assert_eq!(client.answer().await.status, 200);
        open.push(client);
    }
    for _ in 0..5 {
        server.client().await.closes().await;
    }
    assert_eq!(dropped(), 5.0);
    let mut other = Client::connect_from("127.0.0.2", server.address).await;
    other.write(post(EVENT)).await;
    assert_eq!(other.answer().await.status, 200);
    open.pop();
    let posted = async || {
        let mut client = server.client().await;
        client.write(post(EVENT)).await;
        client.answer_or_end().await.is_some_and(|answer| answer.status == 200)
    };
    eventually("a place is given back", posted).await;
}

#[tokio::test]
async fn proxies_and_trusted_senders_have_as_many_connections_as_they_need() {
    let trusting = Config { trusted_proxies: vec!["127.0.0.1".parse().unwrap()], ..untrusting() };
    for config in [Config::default(), trusting, Config { max_connections_per_address: 0, ..untrusting() }] {
        let limit = config.max_connections_per_address.min(1);
        let server = Server::start(Config { max_connections_per_address: limit, ..config }).await;
        let _open: Vec<TcpStream> = vec![TcpStream::connect(server.address).await.unwrap()];
        for _ in 0..3 {
            let mut client = server.client().await;
            client.write(post(EVENT)).await;
            assert_eq!(client.answer().await.status, 200);
        }
    }
}

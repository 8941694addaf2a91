//! A gateway that stops answers what it has begun, truthfully.

use gateway::Config;
use tokio::net::TcpStream;

use crate::support::{Client, Server, eventually, post};

const EVENT: &str = r#"{"url":"/"}"#;

async fn in_flight(server: &Server, count: usize) -> Vec<Client> {
    server.log.hold();
    let mut clients = Vec::new();
    for sent in 1..=count {
        let mut client = server.client().await;
        client.write(post(EVENT)).await;
        server.log.begun(sent).await;
        clients.push(client);
    }
    clients
}

#[tokio::test]
async fn requests_in_flight_are_answered_and_what_is_answered_is_durable() {
    let server = Server::start(Config::default()).await;
    let mut half_sent = server.client().await;
    let request = post(EVENT);
    half_sent.write(&request[..request.len() - 5]).await;
    let mut clients = in_flight(&server, 20).await;
    server.shutdown.cancel();
    let address = server.address;
    eventually("no connection is accepted", async || TcpStream::connect(address).await.is_err()).await;
    half_sent.write(&request[request.len() - 5..]).await;
    clients.push(half_sent);
    server.log.release();
    let mut ids = Vec::new();
    for client in &mut clients {
        let answer = client.answer().await;
        assert_eq!(answer.status, 200);
        ids.extend(answer.event_ids());
        assert!(client.ends().await);
    }
    let mut durable = server.stopped().await.event_ids();
    durable.sort();
    ids.sort();
    assert_eq!(durable, ids);
}

#[tokio::test]
async fn what_is_not_durable_in_time_gets_no_answer() {
    let server = Server::start(Config { shutdown_timeout_ms: 100, ..Config::default() }).await;
    let mut clients = in_flight(&server, 3).await;
    server.shutdown.cancel();
    let log = server.stopped().await;
    for client in &mut clients {
        assert!(client.answer_or_end().await.is_none());
    }
    assert_eq!(log.appends(), 0);
}

#[tokio::test]
async fn idle_connections_do_not_hold_it_up() {
    let server = Server::start(Config { shutdown_timeout_ms: 600_000, ..Config::default() }).await;
    let mut idle = server.client().await;
    idle.write(post(EVENT)).await;
    assert_eq!(idle.answer().await.status, 200);
    let mut silent = server.client().await;
    server.post(EVENT).await;
    server.shutdown.cancel();
    server.stopped().await;
    assert!(idle.ends().await && silent.ends().await);
}

#[tokio::test]
async fn a_gateway_that_stops_is_not_ready() {
    let server = Server::start(Config::default()).await;
    server.log.hold();
    let mut client = server.client().await;
    client.write("GET /health/ready HTTP/1.1\r\nHost: t\r\n\r\n").await;
    server.log.begun(1).await;
    server.shutdown.cancel();
    let address = server.address;
    eventually("no connection is accepted", async || TcpStream::connect(address).await.is_err()).await;
    server.log.release();
    client.answer().await.assert_problem(503, "stopping");
    server.stopped().await;
}

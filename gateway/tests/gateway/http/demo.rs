//! The demo page: where it is, and how many may look for how long.

use gateway::{Config, Site};

use crate::support::{Answer, Client, Server, eventually};

const ID: &str = "01890a5d-ac96-774b-bcce-b302099a8057";
const MAX_STREAMS: usize = 16;

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: t\r\n\r\n")
}

fn of_id(id: &str) -> String {
    get(&format!("/demo/events?id={id}"))
}

/// So many streams that are looking.
async fn streams(server: &Server, count: usize) -> Vec<(Client, Answer)> {
    let mut open = Vec::new();
    for _ in 0..count {
        let mut client = server.client().await;
        client.write(of_id(ID)).await;
        let answer = client.answer().await;
        open.push((client, answer));
    }
    open
}

#[tokio::test]
async fn the_page_is_there_on_a_laptop_and_where_it_is_wanted() {
    let sites = || vec![Site { name: "shop".to_owned(), ..Site::default() }];
    for (config, status) in [
        (Config::default(), 200),
        (Config { demo: Some(false), ..Config::default() }, 404),
        (Config { sites: sites(), ..Config::default() }, 404),
        (Config { sites: sites(), demo: Some(true), ..Config::default() }, 200),
        (Config { listen: ([0, 0, 0, 0], 80).into(), accept_all: Some(true), ..Config::default() }, 404),
    ] {
        let server = Server::start(config).await;
        let page = server.send(get("/demo")).await;
        assert_eq!(page.status, status);
        assert_eq!(page.header("content-security-policy").is_some(), status == 200);
        assert!(!page.text().contains("=\"http"), "it loads nothing from elsewhere");
        assert_eq!(server.send(of_id("x")).await.status, if status == 200 { 400 } else { 404 });
    }
}

#[tokio::test]
async fn only_so_many_look_at_a_time_and_who_goes_makes_room() {
    let server = Server::start(Config::default()).await;
    server.log.hold();
    let mut open = streams(&server, MAX_STREAMS).await;
    assert!(open.iter().all(|(_, answer)| answer.header("content-type") == Some("text/event-stream")));
    let refused = server.send(of_id(ID)).await;
    refused.assert_problem(503, "too many");
    assert_eq!(refused.header("retry-after"), Some("5"));
    open.pop();
    eventually("there is room", async || server.send(of_id(ID)).await.status == 200).await;
}

#[tokio::test]
async fn a_gateway_that_stops_does_not_wait_for_those_who_look() {
    let server = Server::start(Config { shutdown_timeout_ms: 600_000, ..Config::default() }).await;
    server.log.hold();
    let _open = streams(&server, 3).await;
    server.shutdown.cancel();
    server.stopped().await;
}

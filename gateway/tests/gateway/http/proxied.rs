//! The PROXY protocol: for whom a trusted proxy connects, and what the same bytes are from others.

use gateway::{Config, Network};
use metrics_exporter_prometheus::PrometheusBuilder;
use proxy_header::{ProxiedAddress, ProxyHeader, Tlv};

use crate::support::{Answer, Server, post, post_with, total};

const EVENT: &str = r#"{"url":"/"}"#;

fn behind_a_proxy() -> Config {
    Config {
        proxy_protocol: true,
        trusted_proxies: vec!["127.0.0.1".parse().unwrap()],
        trusted_senders: Vec::new(),
        ..Config::default()
    }
}

fn stream(source: &str, destination: &str) -> ProxyHeader<'static> {
    ProxyHeader::with_address(ProxiedAddress::stream(source.parse().unwrap(), destination.parse().unwrap()))
}

fn version_1(header: &ProxyHeader<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    header.encode_v1(&mut bytes).unwrap();
    bytes
}

fn version_2(header: &ProxyHeader<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    header.encode_v2(&mut bytes).unwrap();
    bytes
}

async fn send(server: &Server, header: &[u8], request: Vec<u8>) -> Answer {
    server.send([header, &request].concat()).await
}

#[tokio::test]
async fn a_trusted_proxy_says_for_whom_it_connects_in_both_versions() {
    let server = Server::start(behind_a_proxy()).await;
    let v4 = stream("192.0.2.7:1234", "10.0.0.1:443");
    let v6 = stream("[2001:db8::7]:1234", "[2001:db8::1]:443");
    let mut with_more = stream("192.0.2.8:1", "10.0.0.1:443");
    with_more.append_tlv(Tlv::Authority("example.com".into()));
    with_more.append_tlv(Tlv::Noop(5_000));
    for (header, ip) in [
        (version_1(&v4), "192.0.2.7"),
        (version_2(&v4), "192.0.2.7"),
        (version_1(&v6), "2001:db8::7"),
        (version_2(&v6), "2001:db8::7"),
        (version_2(&with_more), "192.0.2.8"),
        (version_1(&ProxyHeader::with_local()), "127.0.0.1"),
        (version_2(&ProxyHeader::with_local()), "127.0.0.1"),
        (b"PROXY UNKNOWN whatever else\r\n".to_vec(), "127.0.0.1"),
    ] {
        assert_eq!(send(&server, &header, post(EVENT)).await.status, 200);
        assert_eq!(server.log.events().pop().unwrap()["ip"], ip);
    }
    let spoofed = post_with("X-Forwarded-For: 8.8.8.8\r\n", EVENT);
    assert_eq!(send(&server, &version_1(&v4), spoofed).await.status, 200);
    assert_eq!(server.log.events().pop().unwrap()["ip"], "192.0.2.7", "the client itself is no trusted proxy");
}

#[tokio::test]
async fn a_header_that_comes_byte_by_byte_is_read_and_keep_alive_goes_on_after_it() {
    let server = Server::start(behind_a_proxy()).await;
    for header in [version_1(&stream("192.0.2.7:1", "10.0.0.1:2")), version_2(&stream("192.0.2.7:1", "10.0.0.1:2"))] {
        let mut client = server.client().await;
        for byte in header {
            client.write([byte]).await;
            tokio::task::yield_now().await;
        }
        for _ in 0..2 {
            client.write(post(EVENT)).await;
            assert_eq!(client.answer().await.status, 200);
            assert_eq!(server.log.events().pop().unwrap()["ip"], "192.0.2.7");
        }
    }
}

#[tokio::test]
async fn a_trusted_proxy_without_a_whole_header_gets_no_answer() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let metrics = recorder.handle();
    let _recording = metrics::set_default_local_recorder(&recorder);
    let server = Server::start(Config { header_timeout_ms: 300, ..behind_a_proxy() }).await;
    let too_short_for_unix = [&b"\r\n\r\n\0\r\nQUIT\n"[..], &[0x21, 0x31, 0, 1, 0]].concat();
    for bytes in [
        post(EVENT),
        b"PROXY TCP4 1.2.3.4 somewhere 1 2\r\n".to_vec(),
        [&b"PROXY UNKNOWN "[..], &[b'a'; 200]].concat(),
        [&b"\r\n\r\n\0\r\nQUIT\n"[..], &[0x31, 0x11, 0, 12], &[0; 12]].concat(),
        too_short_for_unix,
        b"PROXY TCP4 1.2.3".to_vec(),
        b"\r\n\r\n\0\r\nQUIT\n\x21\x11\xff\xff".to_vec(),
        Vec::new(),
    ] {
        let mut client = server.client().await;
        client.write(&bytes).await;
        client.closes().await;
    }
    let dropped = |reason: &str| total(&metrics, "pageberg_http_connections_dropped_total", reason);
    assert_eq!((dropped("proxy_header"), dropped("too_slow")), (5.0, 3.0));
    assert_eq!(server.log.appends(), 0);
}

#[tokio::test]
async fn from_anybody_else_the_header_is_no_http() {
    let elsewhere: Vec<Network> = vec!["10.0.0.0/8".parse().unwrap()];
    let configs = [
        Config { trusted_proxies: elsewhere, ..behind_a_proxy() },
        Config { proxy_protocol: false, ..behind_a_proxy() },
    ];
    for config in configs {
        let server = Server::start(config).await;
        let header = version_1(&stream("192.0.2.7:1234", "10.0.0.1:443"));
        assert_eq!(send(&server, &header, post(EVENT)).await.status, 400);
        assert_eq!(server.post(EVENT).await.status, 200);
        assert_eq!(server.log.events().pop().unwrap()["ip"], "127.0.0.1");
    }
}

//! HTTPS: which certificate clients are shown, and what other bytes on its port do.

use std::path::Path;
use std::sync::Arc;

use gateway::{Config, TlsConfig};
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::{Request, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use metrics_exporter_prometheus::PrometheusBuilder;
use rcgen::{CertificateParams, KeyPair};
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use crate::support::{Client, Server, eventually, post, total};

const EVENT: &str = r#"{"url":"/"}"#;

/// A certificate and its key, in PEM.
struct Identity {
    certificate: rcgen::Certificate,
    key: KeyPair,
}

impl Identity {
    fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new(["localhost".to_owned()]).unwrap().self_signed(&key).unwrap();
        Self { certificate, key }
    }

    fn write(&self, folder: &Path) -> TlsConfig {
        let (cert_file, key_file) = (folder.join("cert.pem"), folder.join("key.pem"));
        std::fs::write(&cert_file, self.certificate.pem()).unwrap();
        std::fs::write(&key_file, self.key.serialize_pem()).unwrap();
        TlsConfig { cert_file: Some(cert_file), key_file: Some(key_file), reload_interval_ms: 10 }
    }

    fn is_shown(&self, shown: &[CertificateDer<'_>]) -> bool {
        shown == [self.certificate.der().clone()]
    }

    /// A client's side of a connection, which trusts this certificate alone.
    async fn connect(&self, server: &Server, protocol: &str) -> std::io::Result<TlsStream<TcpStream>> {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.der().clone()).unwrap();
        let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![protocol.into()];
        let stream = TcpStream::connect(server.address).await?;
        TlsConnector::from(Arc::new(config)).connect(ServerName::try_from("localhost").unwrap(), stream).await
    }

    async fn posts(&self, server: &Server) -> bool {
        let Ok(stream) = self.connect(server, "http/1.1").await else { return false };
        assert!(self.is_shown(stream.get_ref().1.peer_certificates().unwrap()));
        let mut client = Client::over(stream);
        client.write(post(EVENT)).await;
        client.answer().await.status == 200
    }
}

async fn start(identity: &Identity) -> (TempDir, Server) {
    let folder = TempDir::new().unwrap();
    let tls = identity.write(folder.path());
    let server = Server::start(Config { tls, ..Config::default() }).await;
    (folder, server)
}

#[tokio::test]
async fn events_are_taken_over_https_by_http_1_and_http_2() {
    let identity = Identity::new();
    let (_folder, server) = start(&identity).await;
    assert!(identity.posts(&server).await);
    let stream = identity.connect(&server, "h2").await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    let connection = tokio::spawn(connection);
    let request = Request::post("https://localhost/v1/events").body(Full::new(Bytes::from(EVENT))).unwrap();
    let response = sender.send_request(request).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    response.into_body().collect().await.unwrap();
    drop(sender);
    connection.await.unwrap().unwrap();
    assert_eq!(server.log.appends(), 2);
}

#[tokio::test]
async fn a_renewed_certificate_is_shown_to_the_next_client_and_open_connections_go_on() {
    let (first, second) = (Identity::new(), Identity::new());
    let (folder, server) = start(&first).await;
    let mut open = Client::over(first.connect(&server, "http/1.1").await.unwrap());
    second.write(folder.path());
    eventually("the new certificate is shown", async || second.posts(&server).await).await;
    assert!(!first.posts(&server).await);
    open.write(post(EVENT)).await;
    assert_eq!(open.answer().await.status, 200);
}

#[tokio::test]
async fn a_certificate_that_cannot_be_used_leaves_the_one_before_in_use() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let metrics = recorder.handle();
    let _recording = metrics::set_default_local_recorder(&recorder);
    let (first, second) = (Identity::new(), Identity::new());
    let (folder, server) = start(&first).await;
    let path = |name: &str| folder.path().join(name);
    let failed = || total(&metrics, "pageberg_tls_certificate_loads_total", "failed");
    let breaking: [(&str, &dyn Fn()); 4] = [
        ("another's key", &|| std::fs::write(path("key.pem"), second.key.serialize_pem()).unwrap()),
        ("half a file", &|| std::fs::write(path("cert.pem"), &first.certificate.pem()[..200]).unwrap()),
        ("an empty file", &|| std::fs::write(path("cert.pem"), "").unwrap()),
        ("no file", &|| std::fs::remove_file(path("key.pem")).unwrap()),
    ];
    for (index, (what, damage)) in breaking.into_iter().enumerate() {
        damage();
        eventually(what, async || failed() > index as f64).await;
        assert!(first.posts(&server).await, "{what}");
    }
    second.write(folder.path());
    eventually("the new certificate is shown", async || second.posts(&server).await).await;
    assert_eq!(failed(), 4.0, "each damage counts once, not at each look");
}

#[tokio::test]
async fn a_gateway_does_not_start_without_a_usable_certificate() {
    let folder = TempDir::new().unwrap();
    let (first, second) = (Identity::new(), Identity::new());
    let good = first.write(folder.path());
    let check = |tls: &TlsConfig| Config { tls: tls.clone(), ..Config::default() }.check_certificate();
    assert_eq!(check(&good), Ok(()));
    assert_eq!(check(&TlsConfig::default()), Ok(()));
    let absent = TlsConfig { cert_file: Some(folder.path().join("absent.pem")), ..good.clone() };
    assert!(check(&absent).unwrap_err().to_string().contains("absent.pem: No such file"));
    let swapped = TlsConfig { cert_file: good.key_file.clone(), ..good.clone() };
    assert!(check(&swapped).unwrap_err().to_string().contains("key.pem holds no certificate in PEM"));
    std::fs::write(folder.path().join("key.pem"), second.key.serialize_pem()).unwrap();
    assert!(check(&good).unwrap_err().to_string().contains("cannot be used together"));
}

#[tokio::test]
async fn other_bytes_on_the_port_of_https_hurt_nobody() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let metrics = recorder.handle();
    let _recording = metrics::set_default_local_recorder(&recorder);
    let identity = Identity::new();
    let (_folder, server) = start(&identity).await;
    let hello_of_16_kib = [&[0x16, 3, 1, 0x40, 0][..], &[1; 10_000]].concat();
    for bytes in [post(EVENT), b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(), vec![0; 1_000], hello_of_16_kib] {
        let mut client = server.client().await;
        client.write(&bytes).await;
        client.finish_writing().await;
        client.closes().await;
    }
    let dropped = |reason: &str| total(&metrics, "pageberg_http_connections_dropped_total", reason);
    assert_eq!(dropped("tls_handshake"), 4.0);
    assert!(identity.posts(&server).await);
    assert_eq!(server.log.appends(), 1);
}

#[tokio::test]
async fn a_handshake_is_as_limited_in_time_as_headers_are() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let metrics = recorder.handle();
    let _recording = metrics::set_default_local_recorder(&recorder);
    let folder = TempDir::new().unwrap();
    let tls = Identity::new().write(folder.path());
    let server = Server::start(Config { tls, header_timeout_ms: 100, ..Config::default() }).await;
    let mut silent = server.client().await;
    assert!(silent.ends().await);
    assert_eq!(total(&metrics, "pageberg_http_connections_dropped_total", "too_slow"), 1.0);
}

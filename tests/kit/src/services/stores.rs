//! Servers that speak the protocols of the clouds' stores, in memory, and an Iceberg REST catalog (Nessie) over one of them.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::LazyLock;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use chrono::Utc;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::{shared, text};

/// The account of every Azurite.
pub const AZURE_ACCOUNT: &str = "devstoreaccount1";
/// Its key.
pub const AZURE_KEY: &str = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

/// URL of an S3 server, which takes any credentials. It answers Google Cloud Storage's XML API as well.
pub fn s3() -> &'static str {
    static URL: LazyLock<String> = LazyLock::new(|| text(&shared("s3"), "url"));
    &URL
}

/// The name of a new bucket on the S3 server.
pub fn new_bucket() -> String {
    let name = unique_name("bucket");
    put(s3(), &format!("/{name}"), &[]);
    name
}

/// URL of Azure's blob server, its account included.
pub fn azure() -> &'static str {
    static URL: LazyLock<String> = LazyLock::new(|| text(&shared("azure"), "url"));
    &URL
}

/// The name of a new container on Azure's blob server.
pub fn new_container() -> String {
    let name = unique_name("container");
    let date = Utc::now().format("%a, %d %b %Y %H:%M:%S GMT").to_string();
    let headers = format!("x-ms-date:{date}\nx-ms-version:2021-12-02\n");
    let resource = format!("/{AZURE_ACCOUNT}/{AZURE_ACCOUNT}/{name}\nrestype:container");
    let signed = format!("PUT\n{}{headers}{resource}", "\n".repeat(11));
    let key = BASE64_STANDARD.decode(AZURE_KEY).unwrap();
    let signature = Hmac::<Sha256>::new_from_slice(&key).unwrap().chain_update(signed).finalize().into_bytes();
    let authorization = format!("SharedKey {AZURE_ACCOUNT}:{}", BASE64_STANDARD.encode(signature));
    let headers = [("x-ms-date", &*date), ("x-ms-version", "2021-12-02"), ("authorization", &authorization)];
    let host = azure().strip_suffix(&format!("/{AZURE_ACCOUNT}")).unwrap();
    put(host, &format!("/{AZURE_ACCOUNT}/{name}?restype=container"), &headers);
    name
}

/// A Nessie, whose tables lie in an S3 server of its own.
pub struct Nessie {
    /// URL of the catalog.
    pub url: String,
    /// URL of the S3 server.
    pub s3: String,
}

/// The Nessie that all tests share. Namespaces need names of their own.
pub fn nessie() -> &'static Nessie {
    static SHARED: LazyLock<Nessie> = LazyLock::new(|| {
        let facts = shared("nessie");
        Nessie { url: text(&facts, "url"), s3: text(&facts, "s3") }
    });
    &SHARED
}

fn unique_name(kind: &str) -> String {
    format!("{kind}{:032x}", rand::random::<u128>())
}

/// A PUT without a body, which must succeed.
fn put(server: &str, target: &str, headers: &[(&str, &str)]) {
    let host = server.strip_prefix("http://").unwrap();
    let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let mut connection = TcpStream::connect(host).unwrap();
    let head =
        format!("PUT {target} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\ncontent-length: 0\r\n{headers}\r\n");
    connection.write_all(head.as_bytes()).unwrap();
    let mut response = String::new();
    connection.read_to_string(&mut response).unwrap();
    assert!(response.starts_with("HTTP/1.1 20"), "PUT {target}: {response}");
}

//! TLS: the certificate that clients are shown, read from files, and read again when they change.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use metrics::counter;
use serde::{Deserialize, Serialize};
use tokio::time::sleep;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::{ClientHello, ResolvesServerCert};
use tokio_rustls::rustls::sign::CertifiedKey;
use tokio_rustls::rustls::{self, ServerConfig};
use tracing::{info, warn};

use crate::metrics::TLS_CERTIFICATE_LOADS_TOTAL;

/// The certificate with which connections are encrypted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TlsConfig {
    /// PEM file of the certificate, and after it those that lead to its root. With it `listen` takes HTTPS and nothing
    /// else; without it, plain HTTP.
    pub cert_file: Option<PathBuf>,
    /// PEM file of the certificate's private key.
    pub key_file: Option<PathBuf>,
    /// How often both files are looked at for a new certificate, in milliseconds. It is used from the next connection on;
    /// one that cannot be used changes nothing.
    pub reload_interval_ms: u64,
}

impl Default for TlsConfig {
    fn default() -> Self {
        Self { cert_file: None, key_file: None, reload_interval_ms: 30_000 }
    }
}

/// Why there is no certificate.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// Only one file of the two is named.
    #[error("name both cert_file and key_file, or neither")]
    Half,
    /// A file cannot be read.
    #[error("failed to read {}", .0.display())]
    Unreadable(PathBuf, #[source] io::Error),
    /// A file holds something else.
    #[error("{} holds no {}", .0.display(), .1)]
    Absent(PathBuf, &'static str),
    /// The certificate is damaged, or is not the key's.
    #[error("the certificate of {} and the key of {} cannot be used together", .0.display(), .1.display())]
    Unusable(PathBuf, PathBuf, #[source] rustls::Error),
}

impl TlsConfig {
    /// Whether connections are encrypted.
    ///
    /// # Errors
    /// When only one of the files is named.
    pub fn files(&self) -> Result<Option<Files>, TlsError> {
        match (self.cert_file.clone(), self.key_file.clone()) {
            (Some(certificate), Some(key)) => Ok(Some(Files { certificate, key })),
            (None, None) => Ok(None),
            _ => Err(TlsError::Half),
        }
    }

    /// TLS as configured, and what keeps its certificate up to date; `None` without one.
    ///
    /// # Errors
    /// When the files do not hold a certificate and its key.
    pub fn open(&self) -> Result<Option<(Arc<ServerConfig>, Watcher)>, TlsError> {
        let Some(files) = self.files()? else { return Ok(None) };
        let pem = Pem::read(&files)?;
        let shown = Arc::new(Shown(ArcSwap::from_pointee(pem.certified(&files)?)));
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("ring supports the default protocol versions")
            .with_no_client_auth()
            .with_cert_resolver(shown.clone());
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let interval = Duration::from_millis(self.reload_interval_ms);
        Ok(Some((Arc::new(config), Watcher { files, interval, seen: Some(pem), shown })))
    }
}

/// Where the certificate and its key are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Files {
    certificate: PathBuf,
    key: PathBuf,
}

/// What the files hold.
#[derive(PartialEq, Eq)]
struct Pem {
    certificate: Vec<u8>,
    key: Vec<u8>,
}

impl Pem {
    fn read(files: &Files) -> Result<Self, TlsError> {
        let read = |path: &Path| std::fs::read(path).map_err(|error| TlsError::Unreadable(path.to_owned(), error));
        Ok(Self { certificate: read(&files.certificate)?, key: read(&files.key)? })
    }

    fn certified(&self, files: &Files) -> Result<CertifiedKey, TlsError> {
        let no_certificate = || TlsError::Absent(files.certificate.clone(), "certificate in PEM");
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&self.certificate).collect();
        let chain = chain.ok().filter(|chain| !chain.is_empty()).ok_or_else(no_certificate)?;
        let no_key = |_| TlsError::Absent(files.key.clone(), "private key in PEM");
        let key = PrivateKeyDer::from_pem_slice(&self.key).map_err(no_key)?;
        let unusable = |error| TlsError::Unusable(files.certificate.clone(), files.key.clone(), error);
        CertifiedKey::from_der(chain, key, &ring::default_provider()).map_err(unusable)
    }
}

/// The certificate that the next client is shown.
#[derive(Debug)]
struct Shown(ArcSwap<CertifiedKey>);

impl ResolvesServerCert for Shown {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.load_full())
    }
}

/// Looks at the files from time to time.
pub struct Watcher {
    files: Files,
    interval: Duration,
    /// What they held last; `None` when they could not be read.
    seen: Option<Pem>,
    shown: Arc<Shown>,
}

impl Watcher {
    /// Goes on until it is dropped.
    pub async fn run(mut self) {
        loop {
            sleep(self.interval).await;
            self.look();
        }
    }

    /// Two small files every half a minute: not worth another thread.
    fn look(&mut self) {
        let found = Pem::read(&self.files);
        if found.as_ref().ok() == self.seen.as_ref() {
            return;
        }
        let (seen, outcome) = match found {
            Ok(pem) => {
                let certified = pem.certified(&self.files);
                (Some(pem), certified)
            }
            Err(error) => (None, Err(error)),
        };
        self.seen = seen;
        self.show(outcome);
    }

    fn show(&self, outcome: Result<CertifiedKey, TlsError>) {
        let result = match outcome {
            Ok(certified) => {
                self.shown.0.store(Arc::new(certified));
                info!(file = %self.files.certificate.display(), "the TLS certificate has changed and is in use");
                "ok"
            }
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                warn!(error, "the new TLS certificate cannot be used: the one before stays in use");
                "failed"
            }
        };
        counter!(TLS_CERTIFICATE_LOADS_TOTAL, "result" => result).increment(1);
    }
}

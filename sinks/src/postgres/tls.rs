//! TLS to Postgres: certificates are always verified.

use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::ConfigError;

/// The certificates that a server may be verified against.
#[derive(Clone)]
pub(super) struct Tls {
    config: ClientConfig,
}

impl Tls {
    /// Trusts the certificates of a PEM file, or the system's.
    pub(super) fn new(ca_file: Option<&Path>) -> Result<Self, ConfigError> {
        let mut roots = RootCertStore::empty();
        match ca_file {
            Some(path) => {
                for certificate in read(path)? {
                    roots.add(certificate).map_err(|error| unreadable(path, &error))?;
                }
            }
            // A machine may have no certificates at all and yet need none: what is missing shows at the handshake.
            None => _ = roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs),
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("ring supports the default protocol versions")
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self { config })
    }

    pub(super) fn connector(&self) -> MakeRustlsConnect {
        MakeRustlsConnect::new(self.config.clone())
    }
}

fn read(path: &Path) -> Result<Vec<CertificateDer<'static>>, ConfigError> {
    let certificates: Vec<_> =
        CertificateDer::pem_file_iter(path).and_then(Iterator::collect).map_err(|error| unreadable(path, &error))?;
    if certificates.is_empty() { Err(unreadable(path, &"no certificate in it")) } else { Ok(certificates) }
}

fn unreadable(path: &Path, error: &dyn std::fmt::Display) -> ConfigError {
    ConfigError::Certificates(format!("{}: {error}", path.display()))
}

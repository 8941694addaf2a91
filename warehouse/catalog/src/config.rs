//! What can be set about the catalog.

use std::collections::BTreeMap;

use event::{Secret, SecretUrl};
use serde::{Deserialize, Serialize};

use super::CATALOG_NAME;
use crate::Error;

/// The catalog that holds the table: it tells every writer and reader which state of the table is the current one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CatalogConfig {
    /// `sqlite`: the file `catalog.sqlite` in the data folder. `postgres`: tables in a Postgres database, as PyIceberg's
    /// SqlCatalog makes them too. `rest`: a service that speaks Iceberg's REST protocol (Polaris, Lakekeeper, Nessie…).
    pub kind: CatalogKind,
    /// Name of the catalog. In SQL it is part of every key, so other clients must give the same.
    pub name: String,
    /// The database, when the kind is `postgres`.
    pub postgres: PostgresCatalogConfig,
    /// The service, when the kind is `rest`.
    pub rest: RestCatalogConfig,
}

impl Default for CatalogConfig {
    fn default() -> Self {
        Self {
            kind: CatalogKind::default(),
            name: CATALOG_NAME.to_owned(),
            postgres: PostgresCatalogConfig::default(),
            rest: RestCatalogConfig::default(),
        }
    }
}

/// A kind of catalog.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CatalogKind {
    /// A SQLite file.
    #[default]
    Sqlite,
    /// A Postgres database.
    Postgres,
    /// A REST service.
    Rest,
}

/// A Postgres database with Iceberg's SQL catalog, whose tables are made when they are missing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PostgresCatalogConfig {
    /// `postgres://user@host:port/database`; `sslmode` (disable, allow, prefer, require, verify-ca, verify-full) and
    /// `sslrootcert` may follow in its query.
    pub url: Option<SecretUrl>,
    /// User; wins over the url's.
    pub user: Option<String>,
    /// Password; wins over the url's.
    pub password: Option<Secret>,
}

/// A service that speaks Iceberg's REST protocol. It says where new tables lie; `iceberg.storage` tells how their files
/// are reached, unless the service lends credentials of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RestCatalogConfig {
    /// URL of the service, what comes before `/v1/config`.
    pub uri: String,
    /// Which warehouse of the service; its default one when unset.
    pub warehouse: Option<String>,
    /// What stands between `/v1/` and `namespaces` in its addresses, when the service does not tell by itself.
    pub prefix: Option<String>,
    /// Token sent as `Authorization: Bearer …`; it is not renewed.
    pub token: Option<Secret>,
    /// OAuth2 client credentials, `id:secret`, for which tokens are fetched and renewed.
    pub credential: Option<Secret>,
    /// OAuth2 scope that is asked for.
    pub scope: String,
    /// Address that gives out tokens; `uri` with `/v1/oauth/tokens` when unset.
    pub oauth2_server_uri: Option<String>,
    /// Headers sent along with each request; `X-Iceberg-Access-Delegation = "vended-credentials"` asks the service to
    /// lend credentials for the table's files.
    pub headers: BTreeMap<String, Secret>,
    /// How long a connection may take to be made, in milliseconds.
    pub connect_timeout_ms: u64,
    /// How long one request may take, in milliseconds.
    pub request_timeout_ms: u64,
}

impl Default for RestCatalogConfig {
    fn default() -> Self {
        Self {
            uri: String::new(),
            warehouse: None,
            prefix: None,
            token: None,
            credential: None,
            scope: "catalog".to_owned(),
            oauth2_server_uri: None,
            headers: BTreeMap::new(),
            connect_timeout_ms: 5_000,
            request_timeout_ms: 60_000,
        }
    }
}

impl CatalogConfig {
    /// Whether the values can be used. Asks no catalog.
    ///
    /// # Errors
    /// `Config` with the name of the first one that cannot.
    pub fn check(&self) -> Result<(), Error> {
        let fault = match self.kind {
            _ if self.name.trim().is_empty() => Some("catalog.name must not be empty"),
            CatalogKind::Sqlite => None,
            CatalogKind::Postgres => self.postgres.fault(),
            CatalogKind::Rest => self.rest.fault(),
        };
        fault.map_or(Ok(()), |fault| Err(Error::Config(fault.to_owned())))
    }
}

impl PostgresCatalogConfig {
    fn fault(&self) -> Option<&'static str> {
        let url = self.url.as_ref().map_or("", SecretUrl::expose);
        let is_postgres = url.starts_with("postgres://") || url.starts_with("postgresql://");
        (!is_postgres).then_some("catalog.postgres.url must begin with postgres:// or postgresql://")
    }
}

impl RestCatalogConfig {
    fn fault(&self) -> Option<&'static str> {
        let is_url = |url: &str| url.starts_with("https://") || url.starts_with("http://");
        let is_printable = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
        let names_secret = |url: &str| url.contains('@') || url.contains('?');
        let mut told = [&self.token, &self.credential].into_iter().flatten();
        if !is_url(&self.uri) {
            Some("catalog.rest.uri must begin with https:// or http://")
        } else if names_secret(&self.uri) {
            Some("catalog.rest.uri must hold no user and no query: credentials belong into catalog.rest.credential")
        } else if self.oauth2_server_uri.as_deref().is_some_and(|url| !is_url(url) || names_secret(url)) {
            Some("catalog.rest.oauth2_server_uri must begin with https:// or http:// and hold no user and no query")
        } else if self.token.is_some() && self.credential.is_some() {
            Some("catalog.rest.token and catalog.rest.credential: give one of them")
        } else if told.any(|secret| !is_printable(secret.expose())) {
            Some("catalog.rest.token and catalog.rest.credential must be made of ASCII characters without spaces")
        } else if self.connect_timeout_ms == 0 || self.request_timeout_ms == 0 {
            Some("catalog.rest.connect_timeout_ms and catalog.rest.request_timeout_ms must not be 0")
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(change: impl FnOnce(&mut CatalogConfig)) -> String {
        let mut config = CatalogConfig::default();
        change(&mut config);
        config.check().unwrap_err().to_string()
    }

    fn rest(change: impl FnOnce(&mut RestCatalogConfig)) -> String {
        fault(|config| {
            config.kind = CatalogKind::Rest;
            config.rest.uri = "https://catalog.example".to_owned();
            change(&mut config.rest);
        })
    }

    #[test]
    fn what_cannot_be_used_is_named() {
        assert!(CatalogConfig::default().check().is_ok());
        assert!(fault(|config| config.name = " ".to_owned()).contains("catalog.name"));
        assert!(fault(|config| config.kind = CatalogKind::Postgres).contains("catalog.postgres.url"));
        assert!(fault(|config| config.kind = CatalogKind::Rest).contains("catalog.rest.uri must begin"));
        assert!(rest(|config| config.uri = "https://ann:hunter2@catalog.example".to_owned()).contains("no user"));
        assert!(rest(|config| config.oauth2_server_uri = Some("login".to_owned())).contains("oauth2_server_uri"));
        assert!(rest(|config| config.token = Some("two words".into())).contains("without spaces"));
        assert!(rest(|config| config.request_timeout_ms = 0).contains("request_timeout_ms"));
        let both = rest(|config| (config.token, config.credential) = (Some("t".into()), Some("a:b".into())));
        assert!(both.contains("one of them"));
    }

    #[test]
    fn no_secret_is_printed() {
        let mut config = CatalogConfig::default();
        config.postgres.url = Some("postgres://ann:hidden@db/catalog".into());
        config.postgres.password = Some("hidden".into());
        config.rest.token = Some("hidden".into());
        config.rest.credential = Some("hidden".into());
        config.rest.headers = [("x-key".to_owned(), "hidden".into())].into();
        assert!(!format!("{config:?}").contains("hidden"));
        assert!(!serde_json::to_string(&config).unwrap().contains("hidden"));
    }
}

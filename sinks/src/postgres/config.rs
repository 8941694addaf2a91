//! What can be set about Postgres, and what the settings amount to.

use std::path::PathBuf;
use std::time::Duration;

use event::{Secret, SecretUrl};
use serde::{Deserialize, Serialize};

use super::table::Table;
use super::tls::Tls;
use super::url;

/// Where Postgres is and how rows go there.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// `postgres://user@host:port/database` or `jdbc:postgresql://host:port/database`; quotes around it are ignored.
    /// `sslmode` may be disable, prefer (the default: without TLS when the server has none that can be trusted),
    /// require, verify-ca or verify-full; the last three are one here, as certificates are always verified. JDBC's
    /// `currentSchema` is the search_path, and its `targetServerType` may be primary or any.
    pub url: Option<SecretUrl>,
    /// User; wins over the url's.
    pub user: Option<String>,
    /// Password; wins over the url's.
    pub password: Option<Secret>,
    /// Database; wins over the url's.
    pub database: Option<String>,
    /// The table, `name` or `schema.name`, made if it is missing. Pageberg keeps its positions in the same schema.
    pub table: String,
    /// PEM file with the certificates that the server's is verified against; the system's when unset.
    pub tls_ca_file: Option<PathBuf>,
    /// Longest time to open a connection, in milliseconds.
    pub connect_timeout_ms: u64,
    /// Longest time for one statement and for one commit as a whole, in milliseconds.
    pub statement_timeout_ms: u64,
    /// Events after which a batch is committed.
    pub max_batch_events: usize,
    /// Size of its records at which a batch is committed, in bytes.
    pub max_batch_bytes: usize,
    /// Age of its oldest event at which a batch is committed, in milliseconds.
    pub max_batch_age_ms: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            url: None,
            user: None,
            password: None,
            database: None,
            table: "processed_events".to_owned(),
            tls_ca_file: None,
            connect_timeout_ms: 5_000,
            statement_timeout_ms: 60_000,
            max_batch_events: 10_000,
            max_batch_bytes: 16 << 20,
            max_batch_age_ms: 200,
        }
    }
}

impl Config {
    fn check_limits(&self) -> Result<(), ConfigError> {
        let limits = [
            ("connect_timeout_ms", self.connect_timeout_ms > 0),
            ("statement_timeout_ms", self.statement_timeout_ms > 0),
            ("max_batch_events", self.max_batch_events > 0),
        ];
        limits.iter().find(|(_, holds)| !holds).map_or(Ok(()), |(name, _)| Err(ConfigError::Zero(name)))
    }
}

/// Why a configuration cannot work.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// No url.
    #[error("postgres.url is not set")]
    NoUrl,
    /// The url cannot be read.
    #[error("postgres.url is no postgres:// or jdbc:postgresql:// url")]
    Url(#[source] tokio_postgres::Error),
    /// The url has a parameter that means nothing here.
    #[error("postgres.url has the unknown parameter {name}; the nearest known one is {nearest}")]
    Parameter {
        /// As it is written.
        name: String,
        /// One that there is.
        nearest: &'static str,
    },
    /// The url asks for a server that takes no writes.
    #[error("postgres.url asks for the targetServerType {0}: pageberg writes, which needs `primary` or `any`")]
    ReadOnlyServer(String),
    /// The table's name cannot be one.
    #[error("postgres.table must be `name` or `schema.name`, each part 1 to 63 bytes long")]
    Table,
    /// A limit that nothing could keep to.
    #[error("postgres.{0} must be more than 0")]
    Zero(&'static str),
    /// The certificates cannot be read.
    #[error("postgres.tls_ca_file holds no certificates that can be read: {0}")]
    Certificates(String),
}

/// A configuration that was checked.
#[derive(Clone)]
pub(super) struct Settings {
    pub(super) server: tokio_postgres::Config,
    pub(super) tls: Tls,
    pub(super) table: Table,
    pub(super) connect_timeout: Duration,
    pub(super) statement_timeout: Duration,
}

/// The server closes a connection that was silent for this long and does not answer probes for as long again; so it
/// notices a client machine that went away in the middle of a transaction, and lets go of the locks.
const KEEPALIVE_IDLE: Duration = Duration::from_secs(30);

/// A session that says nothing for so long in the midst of a commit hangs; the server ends it, and other writers go on.
const HUNG_AFTER: Duration = Duration::from_secs(10);

impl Settings {
    pub(super) fn of(config: &Config) -> Result<Self, ConfigError> {
        config.check_limits()?;
        let url = config.url.as_ref().and_then(|url| url::unquoted(url.expose())).ok_or(ConfigError::NoUrl)?;
        let mut server = url::parse(url)?;
        if let Some(user) = config.user.as_deref().and_then(url::unquoted) {
            server.user(user);
        }
        if let Some(password) = config.password.as_ref().and_then(|secret| url::unquoted(secret.expose())) {
            server.password(password);
        }
        if let Some(database) = config.database.as_deref().and_then(url::unquoted) {
            server.dbname(database);
        }
        if server.get_application_name().is_none() {
            server.application_name("pageberg");
        }
        let connect_timeout = Duration::from_millis(config.connect_timeout_ms);
        let statement_timeout = Duration::from_millis(config.statement_timeout_ms);
        server.connect_timeout(connect_timeout);
        server.keepalives_idle(KEEPALIVE_IDLE);
        server.tcp_user_timeout(statement_timeout);
        let tls = Tls::new(config.tls_ca_file.as_deref())?;
        let table = Table::parse(&config.table).ok_or(ConfigError::Table)?;
        Ok(Self { server, tls, table, connect_timeout, statement_timeout })
    }

    /// What every transaction is told first.
    pub(super) fn limits(&self) -> String {
        let statement = self.statement_timeout.as_millis();
        let hung = self.statement_timeout.min(HUNG_AFTER).as_millis();
        let idle = KEEPALIVE_IDLE.as_secs();
        format!(
            "SET LOCAL statement_timeout = {statement}; SET LOCAL idle_in_transaction_session_timeout = {hung}; \
             SET LOCAL tcp_keepalives_idle = {idle}; SET LOCAL tcp_keepalives_interval = 10; \
             SET LOCAL tcp_keepalives_count = 3; SET LOCAL client_min_messages = warning"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(config: Config) -> tokio_postgres::Config {
        Settings::of(&config).unwrap().server
    }

    #[test]
    fn the_lab_s_separate_values_win_over_the_url_s_and_may_be_quoted() {
        let server = settings(Config {
            url: Some("\"jdbc:postgresql://db:5433/web?user=url\"".into()),
            user: Some("'ann'".to_owned()),
            password: Some("\"hunter2\"".into()),
            database: Some(String::new()),
            ..Config::default()
        });
        assert_eq!(server.get_user(), Some("ann"));
        assert_eq!(server.get_password(), Some(&b"hunter2"[..]));
        assert_eq!((server.get_dbname(), server.get_ports()), (Some("web"), &[5433][..]));
    }

    #[test]
    fn what_cannot_work_is_refused_before_anything_starts() {
        let with = |url: &str| Config { url: Some(url.into()), ..Config::default() };
        let table = Config { table: "a.b.c".to_owned(), ..with("postgres://db/web") };
        let file = Config { tls_ca_file: Some("/nowhere/ca.pem".into()), ..with("postgres://db/web") };
        let zero = Config { statement_timeout_ms: 0, ..with("postgres://db/web") };
        let fault = |config: &Config| Settings::of(config).err();
        assert!(matches!(fault(&Config::default()), Some(ConfigError::NoUrl)));
        assert!(matches!(fault(&with("''")), Some(ConfigError::NoUrl)));
        assert!(matches!(fault(&with("postgres://db:port/web")), Some(ConfigError::Url(_))));
        assert!(matches!(fault(&zero), Some(ConfigError::Zero("statement_timeout_ms"))));
        assert!(matches!(fault(&table), Some(ConfigError::Table)));
        assert!(matches!(fault(&file), Some(ConfigError::Certificates(_))));
    }

    #[test]
    fn a_configuration_is_printed_without_passwords() {
        let config = Config {
            url: Some("postgres://ann:hunter2@db/web".into()),
            password: Some("hunter2".into()),
            ..Config::default()
        };
        let printed = format!("{config:?} {}", serde_json::to_string(&config).unwrap());
        assert!(printed.contains("ann") && !printed.contains("hunter2"), "{printed}");
    }
}

//! The SQL catalog in a Postgres database.

use std::path::Path;
use std::str::FromStr;

use event::SecretUrl;
use iceberg_catalog_sql::SqlBindStyle;
use sqlx::ConnectOptions;
use sqlx::postgres::PgConnectOptions;

use super::PostgresCatalogConfig;
use super::sql::Database;
use crate::{Config, Error};

/// Connects, and makes the catalog's tables when they are missing.
pub(super) async fn open(data_folder: &Path, config: &Config<'_>) -> Result<Database, Error> {
    Database::open(&url(&config.catalog.postgres)?, SqlBindStyle::DollarNumeric, data_folder, config, None).await
}

/// The URL with the user and the password that win over its own.
fn url(config: &PostgresCatalogConfig) -> Result<String, Error> {
    let url = config.url.as_ref().map_or("", SecretUrl::expose);
    // The reason could show what stands in the place of a password.
    let unreadable = |_reason| Error::Config("catalog.postgres.url is no URL of a Postgres database".to_owned());
    let mut server = PgConnectOptions::from_str(url).map_err(unreadable)?;
    if let Some(user) = &config.user {
        server = server.username(user);
    }
    if let Some(password) = &config.password {
        server = server.password(password.expose());
    }
    Ok(server.to_url_lossy().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_and_password_win_over_those_of_the_url() {
        let config = PostgresCatalogConfig {
            url: Some("postgres://ann:old@db.example:5433/lake?sslmode=require".into()),
            user: Some("ben".to_owned()),
            password: Some("n:w@/?".into()),
        };
        let server = PgConnectOptions::from_str(&url(&config).unwrap()).unwrap();
        assert_eq!((server.get_host(), server.get_port(), server.get_username()), ("db.example", 5433, "ben"));
        assert_eq!(server.get_database(), Some("lake"));
        assert!(url(&config).unwrap().contains("n%3Aw%40%2F%3F@"));
        let spoilt = PostgresCatalogConfig { url: Some("postgres://ann:hidden@db:port/x".into()), ..config };
        assert!(!url(&spoilt).unwrap_err().to_string().contains("hidden"));
    }
}

//! One connection: opened, brought up to date, used for one transaction after the other.

use std::error::Error;
use std::future::Future;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio_postgres::config::SslMode;
use tokio_postgres::{Client, Statement};

use super::config::Settings;
use super::errors::Failure;
use super::migrations;
use super::rows::COLUMNS;
use super::table::Table;

/// A connection to a database that has every table. Dropped, it closes at once, whatever is under way.
pub(super) struct Connection {
    pub(super) client: Client,
    pub(super) table: Table,
    pub(super) copy: Statement,
    _driver: Driver,
}

impl Connection {
    pub(super) async fn open(settings: &Settings) -> Result<Self, Failure> {
        let (client, driver) = within(settings.connect_timeout, connect(settings)).await?;
        within(settings.statement_timeout, Self::prepare(settings, client, driver)).await
    }

    async fn prepare(settings: &Settings, mut client: Client, driver: Driver) -> Result<Self, Failure> {
        client.batch_execute(&settings.session()).await?;
        let table = locate(&client, &settings.table).await?;
        migrations::apply(&mut client, &table).await?;
        check_columns(&client, &table).await?;
        let copy = format!("COPY {} ({}) FROM STDIN (FORMAT binary)", table.sql(), column_list());
        let copy = client.prepare(&copy).await?;
        Ok(Self { client, table, copy, _driver: driver })
    }
}

/// The server's version, asked over a connection that changes nothing.
pub(super) async fn version(settings: &Settings) -> Result<String, Failure> {
    let (client, _driver) = within(settings.connect_timeout, connect(settings)).await?;
    let ask = async { Ok(client.query_one("SHOW server_version", &[]).await?) };
    Ok(within(settings.statement_timeout, ask).await?.get(0))
}

/// Awaits no longer than `limit`.
pub(super) async fn within<T>(limit: Duration, future: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    tokio::time::timeout(limit, future).await.unwrap_or(Err(Failure::Timeout(limit)))
}

async fn connect(settings: &Settings) -> Result<(Client, Driver), Failure> {
    let (client, connection) = match settings.server.connect(settings.tls.connector()).await {
        Err(error) if settings.server.get_ssl_mode() == SslMode::Prefer && is_untrusted(&error) => {
            tracing::warn!(
                "postgres has no certificate that can be trusted: connecting without TLS, as sslmode=prefer asks"
            );
            let mut unencrypted = settings.server.clone();
            unencrypted.ssl_mode(SslMode::Disable);
            unencrypted.connect(settings.tls.connector()).await?
        }
        outcome => outcome?,
    };
    Ok((client, Driver::spawn(connection)))
}

/// Whether the handshake failed because of what the server's certificate is.
fn is_untrusted(error: &tokio_postgres::Error) -> bool {
    let io = error.source().and_then(|source| source.downcast_ref::<std::io::Error>());
    io.and_then(std::io::Error::get_ref).is_some_and(|inner| inner.is::<rustls::Error>())
}

/// The task that moves a connection's bytes.
struct Driver(JoinHandle<()>);

impl Driver {
    fn spawn<F>(connection: F) -> Self
    where
        F: Future<Output = Result<(), tokio_postgres::Error>> + Send + 'static,
    {
        Self(tokio::spawn(async move {
            if let Err(error) = connection.await {
                let cause = error.source().map(ToString::to_string);
                tracing::warn!(%error, cause, "lost the connection to postgres");
            }
        }))
    }
}

/// Without this a silent server would keep the socket and the task for as long as it stays silent.
impl Drop for Driver {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// The table with its schema: the configured one, else the one where the search_path finds the table, else where it
/// would be made.
async fn locate(client: &Client, table: &Table) -> Result<Table, Failure> {
    if table.schema.is_some() {
        return Ok(table.clone());
    }
    let sql = "\
        SELECT coalesce((SELECT nspname FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace \
        WHERE pg_class.oid = to_regclass($1)), current_schema())::text";
    let schema: Option<String> = client.query_one(sql, &[&table.sql()]).await?.get(0);
    Ok(Table { schema: Some(schema.ok_or(Failure::NoSchema)?), ..table.clone() })
}

/// A column of another type would refuse every row: better to say so once, and wait.
async fn check_columns(client: &Client, table: &Table) -> Result<(), Failure> {
    let select = client.prepare(&format!("SELECT {} FROM {}", column_list(), table.sql())).await?;
    let unfit = COLUMNS.iter().zip(select.columns()).find(|(column, found)| !column.fits(found.type_()));
    match unfit {
        None => Ok(()),
        Some((column, found)) => {
            Err(Failure::Column { column: column.name, table: table.sql(), found: found.type_().name().to_owned() })
        }
    }
}

fn column_list() -> String {
    COLUMNS.each_ref().map(|column| column.name).join(", ")
}

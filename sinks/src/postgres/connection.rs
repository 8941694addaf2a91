//! One connection: opened, brought up to date, used for one transaction after the other.

use std::collections::HashMap;
use std::error::Error;
use std::future::Future;
use std::time::Duration;

use event::Positions;
use postgres_types::ToSql;
use tokio::task::JoinHandle;
use tokio_postgres::config::SslMode;
use tokio_postgres::{Client, IsolationLevel, Row, SimpleQueryMessage, Transaction};

use super::config::Settings;
use super::errors::Failure;
use super::migrations;
use super::positions;
use super::rows::COLUMNS;
use super::table::Table;

/// A connection to a database that has every table. Dropped, it closes at once, whatever is under way.
pub(super) struct Connection {
    client: Client,
    /// What every transaction is told first.
    limits: String,
    pub(super) table: Table,
    pub(super) copy: String,
    _driver: Driver,
}

impl Connection {
    pub(super) async fn open(settings: &Settings) -> Result<Self, Failure> {
        let (client, driver) = within(settings.connect_timeout, connect(settings)).await?;
        within(settings.statement_timeout, Self::prepare(settings, client, driver)).await
    }

    async fn prepare(settings: &Settings, client: Client, driver: Driver) -> Result<Self, Failure> {
        let mut connection = Self::new(settings, client, driver);
        connection.table = connection.locate().await?;
        migrations::apply(&mut connection).await?;
        connection.check_columns().await?;
        connection.copy = format!("COPY {} ({}) FROM STDIN (FORMAT binary)", connection.table.sql(), column_list());
        Ok(connection)
    }

    fn new(settings: &Settings, client: Client, driver: Driver) -> Self {
        let (table, limits) = (settings.table.clone(), settings.limits());
        Self { client, limits, table, copy: String::new(), _driver: driver }
    }

    pub(super) fn is_closed(&self) -> bool {
        self.client.is_closed()
    }

    /// Begins a transaction. A statement that is prepared in it must be dropped before it ends.
    pub(super) async fn transaction(&mut self, isolation: IsolationLevel) -> Result<Transaction<'_>, Failure> {
        let transaction = self.client.build_transaction().isolation_level(isolation).start().await?;
        transaction.batch_execute(&self.limits).await?;
        Ok(transaction)
    }

    /// One query in a transaction of its own.
    pub(super) async fn query(&mut self, sql: &str, values: &[&(dyn ToSql + Sync)]) -> Result<Vec<Row>, Failure> {
        let transaction = self.transaction(IsolationLevel::ReadCommitted).await?;
        let rows = transaction.query(sql, values).await?;
        transaction.commit().await?;
        Ok(rows)
    }

    /// The table with its schema: the configured one, else the one where the search_path finds the table, else where it
    /// would be made.
    async fn locate(&mut self) -> Result<Table, Failure> {
        let table = self.table.clone();
        if table.schema.is_some() {
            return Ok(table);
        }
        let sql = "\
            SELECT coalesce((SELECT nspname FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace \
            WHERE pg_class.oid = to_regclass($1)), current_schema())::text";
        let rows = self.query(sql, &[&table.sql()]).await?;
        let schema = rows.first().and_then(|row| row.get::<_, Option<String>>(0));
        Ok(Table { schema: Some(schema.ok_or(Failure::NoSchema)?), ..table })
    }

    /// A column of another type would refuse every row: better to say so once, and wait.
    async fn check_columns(&mut self) -> Result<(), Failure> {
        let table = self.table.sql();
        let rows = self.query(COLUMN_TYPES, &[&table]).await?;
        let found: HashMap<String, String> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
        for column in &COLUMNS {
            match found.get(column.name) {
                None => return Err(Failure::NoColumn { column: column.name, table }),
                Some(found) if !column.fits(found) => {
                    return Err(Failure::Column { column: column.name, table, found: found.clone() });
                }
                Some(_) => {}
            }
        }
        Ok(())
    }
}

/// The name of each column's type, or of the type that its domain is made of. Asked of the catalog: a statement that is
/// prepared has tokio-postgres look unknown types up by statements that it keeps.
const COLUMN_TYPES: &str = "\
    WITH RECURSIVE columns(name, type) AS (\
        SELECT attname, atttypid FROM pg_attribute \
        WHERE attrelid = to_regclass($1) AND attnum > 0 AND NOT attisdropped \
        UNION ALL SELECT name, typbasetype FROM columns JOIN pg_type ON pg_type.oid = type WHERE typtype = 'd') \
    SELECT name::text, typname::text FROM columns JOIN pg_type ON pg_type.oid = type WHERE typtype <> 'd'";

/// The server's version, asked over a connection that changes nothing.
pub(super) async fn version(settings: &Settings) -> Result<String, Failure> {
    let (client, _driver) = within(settings.connect_timeout, connect(settings)).await?;
    let ask = async { Ok(client.simple_query("SHOW server_version").await?) };
    let answer = within(settings.statement_timeout, ask).await?;
    let version = answer.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => row.get(0),
        _ => None,
    });
    Ok(version.unwrap_or_default().to_owned())
}

/// Where a consumer stands, asked over a connection that changes nothing.
pub(super) async fn stored_positions(settings: &Settings, consumer: &str, topic: &str) -> Result<Positions, Failure> {
    let (client, driver) = within(settings.connect_timeout, connect(settings)).await?;
    let ask = async {
        let mut connection = Connection::new(settings, client, driver);
        let table = connection.locate().await?;
        let stored = table.in_schema("pageberg_positions");
        let transaction = connection.transaction(IsolationLevel::ReadCommitted).await?;
        let exists = transaction.query_one("SELECT to_regclass($1) IS NOT NULL", &[&stored]).await?.get(0);
        if exists { positions::load(&transaction, &table, consumer, topic).await } else { Ok(Positions::default()) }
    };
    within(settings.statement_timeout, ask).await
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

fn column_list() -> String {
    COLUMNS.each_ref().map(|column| column.name).join(", ")
}

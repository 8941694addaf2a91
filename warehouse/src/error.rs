//! What can go wrong with the table, told apart by what the caller can do.

/// A failed operation on the table.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A setting that cannot be used.
    #[error("{0}")]
    Config(String),
    /// The table's positions are not those that the commit expects: another process is ahead. Nothing was written.
    #[error("another process has moved the positions of the table")]
    Moved,
    /// A row that no Parquet file can hold.
    #[error("a row cannot be written: {0}")]
    Row(String),
    /// A property of the table that pageberg wrote and cannot read back.
    #[error("the table property {key} is {value}, which is no offset")]
    Position {
        /// Name of the property.
        key: String,
        /// What it holds.
        value: String,
    },
    /// The catalog, a file, or what stands in one. After a failed commit it is unknown whether it happened.
    #[error("failed to {action}")]
    Iceberg {
        /// What was attempted.
        action: &'static str,
        /// The cause.
        #[source]
        source: Box<iceberg::Error>,
    },
    /// The SQLite file of the catalog.
    #[error("failed to {action}")]
    Catalog {
        /// What was attempted.
        action: &'static str,
        /// The cause.
        #[source]
        source: sqlx::Error,
    },
    /// The rows could not be put into columns.
    #[error("failed to put rows into columns")]
    Arrow(#[from] arrow_schema::ArrowError),
    /// The thread that encodes was ended, as happens at shutdown.
    #[error("the encoding of rows was interrupted")]
    Interrupted,
}

impl Error {
    /// For `map_err`: an Iceberg error with what was attempted.
    pub(crate) fn iceberg(action: &'static str) -> impl FnOnce(iceberg::Error) -> Self {
        move |source| Self::Iceberg { action, source: Box::new(source) }
    }

    /// For `map_err`: a catalog error with what was attempted.
    pub(crate) fn catalog(action: &'static str) -> impl FnOnce(sqlx::Error) -> Self {
        move |source| Self::Catalog { action, source }
    }
}

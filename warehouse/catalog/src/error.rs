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
    /// Other writers were first each time that a change of the table was tried, for a minute. Nothing was changed.
    #[error("other writers changed the table at every attempt for a minute: try again when they write less")]
    Contended,
    /// Files that were to be replaced are no longer in the table, or rows in them were deleted since. Nothing was
    /// changed.
    #[error("the files to replace were changed by another writer")]
    Replaced,
    /// It could not be found out whether a change of the table has happened.
    #[error("it is unknown whether the table was changed")]
    Uncertain {
        /// The cause.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The table is not of format version 2.
    #[error("the table is of Iceberg's format version {found}, and pageberg writes version 2 only")]
    Format {
        /// Its format version.
        found: u8,
    },
    /// There is no such table, and it was not asked to make one.
    #[error("there is no table {name}: it is made when the first event is delivered")]
    NoTable {
        /// Namespace and name.
        name: String,
    },
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
    /// Another engine has put a snapshot in the place of pageberg's, and it cannot be told which events it holds.
    #[error(
        "another engine has changed the table so that snapshot {snapshot} does not tell which events it holds: remove the \
         table's properties pageberg.position.… to have all of the log written again, or set its property \
         pageberg.positions.snapshot-id to {snapshot} to go on where they say"
    )]
    PositionsUnknown {
        /// The current snapshot.
        snapshot: i64,
    },
    /// A column that somebody added has the name of one of pageberg's, and another type.
    #[error("the table has a column {name} of the type {found}, which is not pageberg's: rename it")]
    Column {
        /// Name of the column.
        name: String,
        /// Its type in the table.
        found: String,
    },
    /// A column that no row can be written to any more, as somebody has changed it.
    #[error("the table's column {column} {reason}")]
    Unfit {
        /// Name of the column.
        column: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A column that is needed was dropped.
    #[error("the table has no column {name} any more")]
    NoColumn {
        /// Name that it once had.
        name: &'static str,
    },
    /// Not as many rows were written as were read.
    #[error("{written} rows were written of {read}")]
    Lost {
        /// Rows read.
        read: u64,
        /// Rows written.
        written: u64,
    },
    /// A setting of the storage that cannot be used, or files that could not be listed.
    #[error(transparent)]
    Storage(#[from] storage::Error),
    /// A data folder whose Iceberg table belongs to another.
    #[error("{0}")]
    DataFolder(String),
    /// The catalog, a file, or what stands in one. After a failed commit it is unknown whether it happened.
    #[error("failed to {action}")]
    Iceberg {
        /// What was attempted.
        action: &'static str,
        /// The cause.
        #[source]
        source: Box<iceberg::Error>,
    },
    /// A REST catalog has answered that it will not. Nothing has happened.
    #[error("the catalog refused to {action}: {reason} (status {status}); {advice}")]
    Refused {
        /// What was asked for.
        action: &'static str,
        /// Status of its answer.
        status: u16,
        /// The name that Iceberg's protocol has for it; empty when it gave none.
        kind: String,
        /// The reason that it gave.
        reason: String,
        /// What to do about it.
        advice: &'static str,
    },
    /// A REST catalog that did not answer, or not so that it can be understood. Nothing has happened.
    #[error("failed to {action}")]
    Unreachable {
        /// What was attempted.
        action: &'static str,
        /// The cause.
        #[source]
        source: reqwest::Error,
    },
    /// The database of the catalog.
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
    pub fn iceberg(action: &'static str) -> impl FnOnce(iceberg::Error) -> Self {
        move |source| Self::Iceberg { action, source: Box::new(source) }
    }

    /// For `map_err`: a catalog error with what was attempted.
    pub fn catalog(action: &'static str) -> impl FnOnce(sqlx::Error) -> Self {
        move |source| Self::Catalog { action, source }
    }
}

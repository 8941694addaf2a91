//! Stages events in data files that nobody sees yet.

use std::num::NonZeroUsize;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use event::Enriched;
use iceberg::arrow::schema_to_arrow_schema;
use iceberg::io::FileIO;
use iceberg::table::Table;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use crate::columns::OwnColumns;
use crate::encoder::Encoder;
use crate::files::{self, DataFiles, RememberedLocations};
use crate::property::PropertyColumn;
use crate::rows::{self, RowError};
use crate::{Error, FilesConfig};

/// Events per record batch. One is built on the calling thread in about a millisecond; encoding has threads of its own.
const ROWS_PER_BATCH: usize = 1024;

/// How rows become columns of a table's schema, given which of them are pageberg's.
pub(crate) type Columns<T> = fn(&SchemaRef, &OwnColumns, &[T]) -> Result<RecordBatch, RowError>;

/// What an encoding thread gives back.
type Encoded = (Encoder, Result<DataFiles, Error>);

/// Data files in the making. A call may be dropped while it waits; only [`Writer::abort`] makes sense then, as it does
/// after an error.
pub struct Writer {
    schema: SchemaRef,
    own: OwnColumns,
    locations: RememberedLocations,
    file_io: FileIO,
    /// Absent while a thread encodes, and for ever after a failure.
    encoder: Option<Encoder>,
    encoding: Option<JoinHandle<Encoded>>,
}

impl Writer {
    pub(crate) fn new(table: &Table, config: &FilesConfig) -> Result<Self, Error> {
        Self::with_limit(table, config, None)
    }

    /// A writer of files with as many rows each, whatever their size.
    pub(crate) fn of_files(table: &Table, config: &FilesConfig, rows_a_file: NonZeroUsize) -> Result<Self, Error> {
        Self::with_limit(table, config, Some(rows_a_file))
    }

    fn with_limit(table: &Table, config: &FilesConfig, rows_a_file: Option<NonZeroUsize>) -> Result<Self, Error> {
        let schema = schema_to_arrow_schema(table.metadata().current_schema())
            .map_err(Error::iceberg("read the table's schema"))?;
        let locations = RememberedLocations::new(table.metadata())?;
        Ok(Self {
            schema: Arc::new(schema),
            own: OwnColumns::of(table.metadata(), &[])?,
            file_io: table.file_io().clone(),
            encoder: Some(Encoder::new(table, locations.clone(), config, rows_a_file)?),
            locations,
            encoding: None,
        })
    }

    /// The same, which also fills the columns made of properties.
    pub(crate) fn with_properties(mut self, table: &Table, columns: &[PropertyColumn]) -> Result<Self, Error> {
        self.own = OwnColumns::of(table.metadata(), columns)?;
        Ok(self)
    }

    /// Stages events. Memory is bounded by the configuration, whatever the events' days.
    ///
    /// # Errors
    /// `Row` when an event can never be written; any other when the files cannot.
    pub async fn write(&mut self, events: &[Enriched]) -> Result<(), Error> {
        self.write_rows(&rows::in_order(events), rows::record_batch).await
    }

    /// Stages rows of any kind, given how some of them become columns.
    pub(crate) async fn write_rows<T: Sync>(&mut self, rows: &[T], columns: Columns<T>) -> Result<(), Error> {
        let mut pieces: Vec<&[T]> = rows.chunks(ROWS_PER_BATCH).rev().collect();
        while let Some(piece) = pieces.pop() {
            match columns(&self.schema, &self.own, piece) {
                Ok(batch) => self.encode(batch).await?,
                Err(RowError::TooLarge) if piece.len() > 1 => {
                    let (first, second) = piece.split_at(piece.len() / 2);
                    pieces.extend([second, first]);
                }
                Err(RowError::TooLarge) => return Err(Error::Row("one of its texts exceeds 2 GiB".to_owned())),
                Err(RowError::Column(error)) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Stages rows that are in columns already, those of the table's schema in its order.
    pub(crate) async fn write_columns(&mut self, rows: RecordBatch) -> Result<(), Error> {
        let rows = RecordBatch::try_new(self.schema.clone(), rows.columns().to_vec())?;
        self.encode(rows).await
    }

    /// Completes the files and makes them durable. Nothing can be written afterwards.
    pub async fn close(&mut self) -> Result<DataFiles, Error> {
        let mut encoder = self.encoder.take().ok_or(Error::Interrupted)?;
        let runtime = Handle::current();
        self.run(move || {
            let result = runtime.block_on(encoder.finish());
            (encoder, result)
        })
        .await
    }

    /// Deletes everything staged, as far as possible. Not to be called once what [`Writer::close`] gave may be published.
    pub async fn abort(mut self) {
        if let Some(encoding) = self.encoding.take() {
            // Whatever came of it, its files must be complete before they can be deleted.
            drop(encoding.await);
        }
        drop(self.encoder.take());
        files::delete(self.locations.take(), &self.file_io).await;
    }

    /// What waits in temporary files, in bytes.
    pub fn spilled_bytes(&self) -> u64 {
        self.encoder.as_ref().map_or(0, Encoder::spilled_bytes)
    }

    async fn encode(&mut self, batch: RecordBatch) -> Result<(), Error> {
        let mut encoder = self.encoder.take().ok_or(Error::Interrupted)?;
        let runtime = Handle::current();
        let encode = move || {
            let result = runtime.block_on(encoder.write(&batch)).map(|()| DataFiles::default());
            (encoder, result)
        };
        self.run(encode).await.map(drop)
    }

    async fn run(&mut self, encode: impl FnOnce() -> Encoded + Send + 'static) -> Result<DataFiles, Error> {
        let encoding = self.encoding.insert(tokio::task::spawn_blocking(encode));
        let (encoder, result) = encoding.await.map_err(|_stopped| Error::Interrupted)?;
        self.encoding = None;
        let files = result?;
        self.encoder = Some(encoder);
        Ok(files)
    }
}

//! Stages events in data files that nobody sees yet.

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
use crate::encoder::{Encoder, Shape};
use crate::files::{self, DataFiles, RememberedLocations};
use crate::property::PropertyColumn;
use crate::rows::{self, RowError};
use crate::{Error, FilesConfig};

/// Rows per record batch: few enough to stay in the processor's caches while it is built and encoded, and so many that what
/// Iceberg's writer does once a batch, which is to compare its schema field by field, costs little.
const ROWS_PER_BATCH: usize = 4096;

/// How rows become columns of a table's schema.
pub(crate) type Columns<T> = fn(&SchemaRef, &[T]) -> Result<RecordBatch, RowError>;

/// What an encoding thread gives back.
type Encoded = (Encoder, Result<(), Error>);

/// Data files in the making. A call may be dropped while it waits; only [`Writer::abort`] makes sense then, as it does
/// after an error.
pub struct Writer {
    schema: SchemaRef,
    own: Arc<OwnColumns>,
    locations: RememberedLocations,
    file_io: FileIO,
    /// Absent while a thread encodes, and for ever after a failure.
    encoder: Option<Encoder>,
    encoding: Option<JoinHandle<Encoded>>,
}

impl Writer {
    pub(crate) fn new(table: &Table, config: &FilesConfig, shape: Shape) -> Result<Self, Error> {
        let schema = schema_to_arrow_schema(table.metadata().current_schema())
            .map_err(Error::iceberg("read the table's schema"))?;
        let locations = RememberedLocations::new(table.metadata())?;
        Ok(Self {
            schema: Arc::new(schema),
            own: Arc::new(OwnColumns::of(table.metadata(), &[])?),
            file_io: table.file_io().clone(),
            encoder: Some(Encoder::new(table, locations.clone(), config, shape)?),
            locations,
            encoding: None,
        })
    }

    /// The same, which also fills the columns made of properties.
    pub(crate) fn with_properties(mut self, table: &Table, columns: &[PropertyColumn]) -> Result<Self, Error> {
        self.own = Arc::new(OwnColumns::of(table.metadata(), columns)?);
        Ok(self)
    }

    /// Stages events, which are sorted together: the more, the better. Memory is bounded by theirs and the configuration,
    /// whatever their days.
    ///
    /// # Errors
    /// `Row` when an event can never be written; any other when the files cannot.
    pub async fn write<E: AsRef<[Enriched]> + Send + Sync + 'static>(&mut self, batches: Vec<E>) -> Result<(), Error> {
        let (schema, own) = (self.schema.clone(), self.own.clone());
        self.run(async move |encoder: &mut Encoder| {
            let events = rows::in_order(batches.iter().flat_map(E::as_ref));
            encode(encoder, &events, |piece| rows::record_batch(&schema, &own, piece)).await
        })
        .await
    }

    /// Stages rows of any kind, given how some of them become columns.
    pub(crate) async fn write_rows<T: Send + Sync + 'static>(
        &mut self,
        rows: Vec<T>,
        columns: Columns<T>,
    ) -> Result<(), Error> {
        let schema = self.schema.clone();
        self.run(async move |encoder: &mut Encoder| encode(encoder, &rows, |piece| columns(&schema, piece)).await).await
    }

    /// Stages rows that are in columns already, those of the table's schema in its order.
    pub(crate) async fn write_columns(&mut self, rows: RecordBatch) -> Result<(), Error> {
        let rows = RecordBatch::try_new(self.schema.clone(), rows.columns().to_vec())?;
        self.run(async move |encoder: &mut Encoder| encoder.write(&rows).await).await
    }

    /// Completes the files and makes them durable. Nothing can be written afterwards.
    pub async fn close(&mut self) -> Result<DataFiles, Error> {
        self.run(async |encoder: &mut Encoder| encoder.finish().await).await?;
        self.encoder.take().map(Encoder::into_files).ok_or(Error::Interrupted)
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

    /// Does the work, which must not keep other tasks waiting, on a thread of its own.
    async fn run<W>(&mut self, work: W) -> Result<(), Error>
    where
        W: AsyncFnOnce(&mut Encoder) -> Result<(), Error> + Send + 'static,
    {
        let mut encoder = self.encoder.take().ok_or(Error::Interrupted)?;
        let runtime = Handle::current();
        let encoding = self.encoding.insert(tokio::task::spawn_blocking(move || {
            let result = runtime.block_on(work(&mut encoder));
            (encoder, result)
        }));
        let (encoder, result) = encoding.await.map_err(|_stopped| Error::Interrupted)?;
        self.encoding = None;
        result?;
        self.encoder = Some(encoder);
        Ok(())
    }
}

/// Stages rows in batches that can be made of them.
async fn encode<T>(
    encoder: &mut Encoder,
    rows: &[T],
    columns: impl Fn(&[T]) -> Result<RecordBatch, RowError>,
) -> Result<(), Error> {
    let mut pieces: Vec<&[T]> = rows.chunks(ROWS_PER_BATCH).rev().collect();
    while let Some(piece) = pieces.pop() {
        match columns(piece) {
            Ok(batch) => encoder.write(&batch).await?,
            Err(RowError::TooLarge) if piece.len() > 1 => {
                let (first, second) = piece.split_at(piece.len() / 2);
                pieces.extend([second, first]);
            }
            Err(RowError::TooLarge) => return Err(Error::Row("one of its texts exceeds 2 GiB".to_owned())),
            Err(RowError::Unfit { column, reason }) => return Err(Error::Unfit { column, reason }),
            Err(RowError::Column(error)) => return Err(error.into()),
        }
    }
    Ok(())
}

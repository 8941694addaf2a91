//! Sorted rows in a temporary file.

use std::fs::{self, File};
use std::io::{BufReader, BufWriter, Seek};
use std::path::Path;

use arrow_array::RecordBatch;
use arrow_ipc::reader::StreamReader;
use arrow_ipc::writer::StreamWriter;
use arrow_schema::{ArrowError, SchemaRef};

/// Bytes that are read or written at a time.
const BUFFER_BYTES: usize = 128 << 10;

/// A file without a name: whatever ends the process, nothing is left of it.
pub(super) struct Run {
    file: File,
    bytes: u64,
}

impl Run {
    /// Writes the batches to a file in the folder, which is made when missing.
    pub(super) fn write(
        folder: &Path,
        schema: &SchemaRef,
        batches: impl Iterator<Item = Result<RecordBatch, ArrowError>>,
    ) -> Result<Self, ArrowError> {
        fs::create_dir_all(folder)?;
        let file = BufWriter::with_capacity(BUFFER_BYTES, tempfile::tempfile_in(folder)?);
        let mut writer = StreamWriter::try_new(file, schema)?;
        for batch in batches {
            writer.write(&batch?)?;
        }
        let mut file = writer.into_inner()?.into_inner().map_err(|error| ArrowError::from(error.into_error()))?;
        let bytes = file.stream_position()?;
        Ok(Self { file, bytes })
    }

    /// Size of the file.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The batches as they were written.
    pub(super) fn read(mut self) -> Result<impl Iterator<Item = Result<RecordBatch, ArrowError>>, ArrowError> {
        self.file.rewind()?;
        StreamReader::try_new(BufReader::with_capacity(BUFFER_BYTES, self.file), None)
    }
}

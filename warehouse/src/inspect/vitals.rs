//! What a table's metadata tells without its manifests.

use crate::{Error, Table};

/// Sizes of the table as it was last loaded or committed to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Vitals {
    /// Rows.
    pub rows: u64,
    /// Data files.
    pub files: u64,
    /// Bytes of data files.
    pub bytes: u64,
    /// Files that tell of deleted rows.
    pub delete_files: u64,
    /// Snapshots.
    pub snapshots: u64,
    /// Bytes of the current metadata file.
    pub metadata_bytes: u64,
}

impl Table {
    /// The table's name within its namespace.
    pub fn name(&self) -> &str {
        self.table.identifier().name()
    }

    /// Sums of the current snapshot, as the writers keep them. Reads nothing but the size of one file.
    ///
    /// # Errors
    /// `Iceberg` when the metadata file cannot be measured.
    pub async fn vitals(&self) -> Result<Vitals, Error> {
        let metadata = self.table.metadata();
        let summary = metadata.current_snapshot().map(|snapshot| &snapshot.summary().additional_properties);
        let total = |key: &str| summary.and_then(|summary| summary.get(key)?.parse().ok()).unwrap_or_default();
        Ok(Vitals {
            rows: total("total-records"),
            files: total("total-data-files"),
            bytes: total("total-files-size"),
            delete_files: total("total-delete-files"),
            snapshots: metadata.snapshots().len() as u64,
            metadata_bytes: self.metadata_bytes().await.map_err(Error::iceberg("measure the table's metadata"))?,
        })
    }

    async fn metadata_bytes(&self) -> iceberg::Result<u64> {
        let file = self.table.file_io().new_input(self.table.metadata_location_result()?)?;
        Ok(file.metadata().await?.size)
    }
}

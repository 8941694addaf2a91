//! Looking places up again in the Iceberg table.

use std::path::Path;

use event::{Reenriched, Reenrichment};
use warehouse::{Error, Table};

use super::Config;

/// Looks the places of a time range up again, beside whatever else writes to the table.
///
/// # Errors
/// As [`Table::open`] and [`Table::reenrich`]. What was committed stays; running it again does the rest.
pub async fn reenrich(data_folder: &Path, config: &Config, asked: Reenrichment<'_>) -> Result<Reenriched, Error> {
    Table::open(data_folder, &config.warehouse()).await?.reenrich(asked).await
}

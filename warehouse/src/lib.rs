//! The Iceberg table of page views: the only place that knows Iceberg, Arrow and Parquet.
//!
//! 1. [`Table::open`] finds or creates the table, adds the columns that it lacks (`columns`), and [`Table::positions`]
//!    tells how far into the log it reaches.
//! 2. [`Writer::write`] turns events into columns (`rows`) and columns into data files, one partition beside the other
//!    (`encoder`), on local disk or in a cloud's store ([`storage`]). Nobody sees them yet.
//! 3. [`Writer::close`] makes the files durable.
//! 4. [`Table::append`] publishes them and moves the positions, in one commit. Every change of the table is computed
//!    from its metadata (`commit`) and swapped in by the `catalog`.
//! 5. Data files are put in the place of others (`rewrite`): so [`Table::reenrich`] looks the places of old rows up again.
//! 6. [`Table::maintain`] keeps the table small and fast to read (`maintain`).
//! 7. How it stands is told by `inspect`, beside whoever writes it.
//!
//! **Invariant:** rows and the log positions that they reach become visible in the same commit, or neither does.
//! **Invariant:** a commit happens only on the positions that it expects.
//! **Invariant:** no change but an append moves the positions, and none undoes what others have committed.
//! **Invariant:** the positions are those of the snapshot that readers see (`lineage`).
//! **Invariant:** what a catalog or snapshot names is complete and durable before it is named, and never changes.
//! **Invariant:** a file is deleted only when no commit names it, and it is certain or long ago enough that none will.

mod beginning;
mod bounds;
mod clock;
mod columns;
mod commit;
mod config;
mod encoder;
mod files;
mod fitting;
pub mod inspect;
mod layout;
mod letters;
mod lineage;
mod maintain;
mod ownership;
mod places;
mod positions;
mod property;
mod reenrich;
mod rewrite;
mod rows;
mod schema;
mod table;
mod writer;

pub use catalog::{
    CATALOG_NAME, Catalog, CatalogConfig, CatalogKind, Error, PostgresCatalogConfig, RestCatalogConfig, is_absence,
};
pub use config::{Config, FilesConfig, TableConfig};
pub use files::DataFiles;
pub use letters::KeptLetter;
pub use maintain::{Maintained, MaintenanceConfig, target_files};
pub use ownership::check_data_folder;
pub use storage::StorageConfig;
pub use table::Table;
pub use writer::Writer;

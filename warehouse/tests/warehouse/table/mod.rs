//! The table as other Iceberg clients see it: every test reads back with one that is not pageberg's.

mod clock;
mod columns;
mod commits;
mod days;
mod evolution;
mod inspect;
mod layout;
mod letters;
mod locked;
mod maintain;
mod ownership;
mod promotion;
mod reenrich;
mod rollback;

use std::path::Path;

use testkit::services::python::printed_by_python;

/// What Spark does by default: the row is named in a file of deleted positions.
fn delete_by_position(folder: &Path, log_offset: i64) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/warehouse/table/delete_row.py");
    printed_by_python(&[script.to_str().unwrap(), folder.to_str().unwrap(), &log_offset.to_string()]);
}

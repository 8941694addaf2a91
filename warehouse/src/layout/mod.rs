//! How the table's rows are laid out in files: which partitions there are, where their files lie, and in which order the
//! rows of a file come.

mod change;
mod directory;
mod partition_by;
mod sorting;

pub(crate) use change::Arrangement;
pub(crate) use directory::directory;
pub(crate) use partition_by::PartitionBy;
pub(crate) use sorting::{ROW_ORDER, sort_order_id};

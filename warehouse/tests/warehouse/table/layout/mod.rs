//! How rows lie in files: partitions, order and bloom filters, as other clients see them.

mod files;
mod partitions;

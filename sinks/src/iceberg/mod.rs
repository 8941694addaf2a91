//! The iceberg sink.

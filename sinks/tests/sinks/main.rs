//! What each sink promises: the contract of all, and what each promises beyond it.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod contract;
mod dead_letters;
mod events;
mod iceberg;
mod letter_table;
mod postgres;
mod postgres_errors;
mod postgres_migrations;
mod postgres_pooler;
mod postgres_reenrich;
mod postgres_refusals;

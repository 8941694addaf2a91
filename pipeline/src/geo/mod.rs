//! The side input of the pipeline: which place an address belongs to.

mod address;
mod cache;
mod config;
mod database;
mod mmdb;

pub use cache::Locator;
pub use config::Config;
pub use database::{GeoDatabase, GeoError, Located};

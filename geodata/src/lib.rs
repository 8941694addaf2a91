//! Which place an address belongs to, from local database files that can be replaced while they are in use.
//!
//! 1. A [`DatabaseFile`] is one file in memory, of whichever format (`format`).
//! 2. [`GeoDatabase`] asks the files in their configured order.
//! 3. [`LiveDatabase`] holds the one in use; a newer one takes its place without a pause ([`refresh`]),
//!    fetched from its maker where that is configured ([`update`]).
//! 4. A [`Locator`] looks visitors' addresses up, with a cache of its own.
//!
//! **Invariant:** no file, however damaged, ends a look-up in anything but a place or an unknown place.

mod address;
mod attribution;
mod cache;
mod config;
mod database;
mod file;
mod format;
mod inspect;
mod ip2location;
mod live;
mod locator;
mod merge;
pub mod metrics;
mod mmdb;
mod plausible;
pub mod refresh;
mod traffic;
pub mod update;

pub use attribution::{Attribution, attributions};
pub use config::Config;
pub use database::{GeoDatabase, Located};
pub use file::{DatabaseFile, GeoError};
pub use inspect::{Found, Inspection, inspect};
pub use live::LiveDatabase;
pub use locator::Locator;
pub use traffic::Counts;

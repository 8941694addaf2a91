//! Newer database files take the place of those in use while look-ups go on.
//!
//! 1. The [`Watcher`] looks at each path (`slot`): a changed file is read when it stayed the same between two looks.
//! 2. What was read is held against what is in use ([`examine`]), with look-ups of probe addresses.
//! 3. It is put in use, or refused: a [`Refusal`] is counted, logged once for each content, and shown by [`Status`].
//!
//! **Invariant:** what is in use stays in use until something sound takes its place, whatever happens to the files.

mod config;
mod examine;
mod identity;
pub(crate) mod probes;
mod refusal;
mod slot;
mod status;
mod watcher;

pub use config::Config;
pub use examine::examine;
pub use refusal::Refusal;
pub use status::{DatabaseStatus, LastRefusal, OnDisk, Status};
pub use watcher::Watcher;

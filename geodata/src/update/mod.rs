//! Fetches newer databases from their makers and puts them in place; whoever uses the files notices by himself.
//!
//! 1. [`Config`] names what to fetch; each database is a [`Source`] with its own file.
//! 2. Each `attempt` asks the `vendor` what to download, if there is anything newer; `http` downloads it, `unpack` takes the
//!    database out of its archive, `install` checks it and renames it into its place.
//! 3. [`State`] remembers versions and downloads, so that no quota is exceeded over restarts; `schedule` tells when to look
//!    again.
//!
//! **Invariant:** any failure, and a crash at any instant, leaves the database that was there.
//!
//! **Invariant:** keys and tokens go to the origin that they are for, and are in no error, log or state.

mod attempt;
mod config;
mod error;
mod http;
mod install;
mod outcome;
mod run;
mod schedule;
mod source;
mod state;
mod unpack;
mod updater;
mod vendor;

pub use config::{Config, ConfigError, DbIpConfig, Ip2LocationConfig, MaxMindConfig, UrlConfig};
pub use error::UpdateError;
pub use http::{Progress, Validators};
pub use outcome::{Outcome, Urgency};
pub use run::run;
pub use source::Source;
pub use state::{Record, State};
pub use updater::{StartError, Updater};

//! What can be set about geodata.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::refresh;

/// Where places come from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// MMDB files, asked in this order; the first that knows an address wins. A pair for IPv4 and IPv6 is two files.
    pub files: Vec<PathBuf>,
    /// When a newer file takes the place of one in use.
    pub refresh: refresh::Config,
}

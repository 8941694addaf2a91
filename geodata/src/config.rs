//! What can be set about geodata.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::{refresh, update};

/// Where places come from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Files of geo databases, MMDB or IP2Location BIN, asked in this order: each field of a place comes from the first that
    /// knows it. A pair for IPv4 and IPv6 is two files.
    pub files: Vec<PathBuf>,
    /// When a newer file takes the place of one in use.
    pub refresh: refresh::Config,
    /// Databases to fetch from their makers.
    pub update: update::Config,
}

impl Config {
    /// All files in the order in which they are asked: those of `files`, then those that `update` fetches with this data
    /// folder. What cannot be fetched is left out; `update` tells why.
    pub fn all_files(&self, data: &Path) -> Vec<PathBuf> {
        let mut files = self.files.clone();
        for source in self.update.sources(data).unwrap_or_default() {
            if !files.iter().any(|file| file == source.file()) {
                files.push(source.file().to_owned());
            }
        }
        files
    }
}

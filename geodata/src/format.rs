//! The formats of geo database files, told apart by their content.

use std::net::IpAddr;

use chrono::NaiveDate;
use event::Place;
use maxminddb::MaxMindDbError;

use crate::ip2location::{Bin, BinError};
use crate::mmdb::Mmdb;

/// Why a file's content cannot be read as a geo database.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FormatError {
    #[error(transparent)]
    Mmdb(#[from] MaxMindDbError),
    #[error(transparent)]
    Bin(#[from] BinError),
}

/// A file's content in one of the formats, all of which answer the same questions.
pub(crate) enum Format {
    Mmdb(Mmdb),
    Bin(Bin),
}

impl Format {
    /// Takes a file's content. An MMDB file has a marker; what has none is tried as IP2Location's, which have no mark.
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Self, FormatError> {
        Ok(if Mmdb::is_marked(&bytes) {
            Self::Mmdb(Mmdb::from_bytes(bytes)?)
        } else {
            Self::Bin(Bin::from_bytes(bytes)?)
        })
    }

    /// The kind of database as its maker names it; may be empty, long, or hold anything.
    pub fn name(&self) -> String {
        match self {
            Self::Mmdb(mmdb) => mmdb.name().to_owned(),
            Self::Bin(bin) => bin.name(),
        }
    }

    /// When it says that it was built.
    pub fn built(&self) -> Option<NaiveDate> {
        match self {
            Self::Mmdb(mmdb) => mmdb.built(),
            Self::Bin(bin) => Some(bin.built()),
        }
    }

    /// The key of the record of a routable address: the same key is the same place. `None` when it has none.
    pub fn find(&self, address: IpAddr) -> Result<Option<usize>, FormatError> {
        Ok(match self {
            Self::Mmdb(mmdb) => mmdb.find(address),
            Self::Bin(bin) => bin.find(address)?,
        })
    }

    /// The place in the record that [`Format::find`] found under `key` for this address.
    pub fn place(&self, key: usize, address: IpAddr) -> Result<Place, FormatError> {
        Ok(match self {
            Self::Mmdb(mmdb) => mmdb.place(address)?,
            Self::Bin(bin) => bin.place(key)?,
        })
    }

    /// Reads every record once.
    pub fn verify(&self) -> Result<(), FormatError> {
        match self {
            Self::Mmdb(mmdb) => mmdb.verify()?,
            Self::Bin(bin) => bin.verify()?,
        }
        Ok(())
    }
}

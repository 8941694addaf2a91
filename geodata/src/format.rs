//! The formats of geo database files, told apart by their content.

use std::net::IpAddr;

use chrono::NaiveDate;
use event::Place;
use maxminddb::MaxMindDbError;

use crate::mmdb::Mmdb;

/// Why a file's content cannot be read as a geo database.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FormatError {
    #[error(transparent)]
    Mmdb(#[from] MaxMindDbError),
    #[error("it is neither an MMDB nor an IP2Location file")]
    Unknown,
}

/// A file's content in one of the formats, all of which answer the same questions.
pub(crate) enum Format {
    Mmdb(Mmdb),
}

impl Format {
    /// Takes a file's content. An MMDB file has a marker; what has none is tried as IP2Location's, which have no mark.
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Self, FormatError> {
        if Mmdb::is_marked(&bytes) { Ok(Self::Mmdb(Mmdb::from_bytes(bytes)?)) } else { Err(FormatError::Unknown) }
    }

    /// The kind of database as its maker names it; may be empty, long, or hold anything.
    pub fn name(&self) -> String {
        match self {
            Self::Mmdb(mmdb) => mmdb.name().to_owned(),
        }
    }

    /// When it says that it was built.
    pub fn built(&self) -> Option<NaiveDate> {
        match self {
            Self::Mmdb(mmdb) => mmdb.built(),
        }
    }

    /// The key of the record of a routable address: the same key is the same place. `None` when it has none.
    pub fn find(&self, address: IpAddr) -> Result<Option<usize>, FormatError> {
        Ok(match self {
            Self::Mmdb(mmdb) => mmdb.find(address)?,
        })
    }

    /// The place in the record that [`Format::find`] found under `key` for this address.
    pub fn place(&self, _key: usize, address: IpAddr) -> Result<Place, FormatError> {
        Ok(match self {
            Self::Mmdb(mmdb) => mmdb.place(address)?,
        })
    }
}

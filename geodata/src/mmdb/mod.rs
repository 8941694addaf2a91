//! MaxMind DB files in both layouts: nested (GeoIP2, GeoLite2) and flat (ip-location-db).

mod record;
mod tree;

use std::collections::HashSet;
use std::net::IpAddr;

use bytes::Bytes;
use chrono::{DateTime, NaiveDate};
use event::Place;
use foldhash::fast::RandomState;
use maxminddb::{MaxMindDbError, Reader, WithinOptions};

use record::Record;
use tree::{Layout, SearchTree};

/// What the metadata of every MMDB file begin with; they lie within the last 128 KiB (MaxMind DB file format
/// specification 2.0).
const METADATA_MARKER: &[u8] = b"\xab\xcd\xefMaxMind.com";
const METADATA_MAX_BYTES: usize = 128 * 1024;

/// An MMDB file held in memory: a mapped file that somebody truncates would kill the process.
pub(crate) struct Mmdb {
    reader: Reader<Bytes>,
    tree: SearchTree,
}

impl Mmdb {
    /// Whether these bytes claim to be an MMDB file.
    pub fn is_marked(bytes: &[u8]) -> bool {
        let tail = &bytes[bytes.len().saturating_sub(METADATA_MAX_BYTES)..];
        tail.windows(METADATA_MARKER.len()).any(|window| window == METADATA_MARKER)
    }

    /// Reads the metadata of a file's bytes.
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Self, MaxMindDbError> {
        let bytes = Bytes::from(bytes);
        let reader = Reader::from_source(bytes.clone())?;
        let metadata = reader.metadata();
        let layout = Layout {
            node_count: metadata.node_count,
            record_bits: metadata.record_size,
            ip_version: metadata.ip_version,
        };
        Ok(Self { tree: SearchTree::new(bytes, layout), reader })
    }

    /// The kind of database as its maker names it; may be empty.
    pub fn name(&self) -> &str {
        &self.reader.metadata().database_type
    }

    /// When it was built.
    pub fn built(&self) -> Option<NaiveDate> {
        let seconds = i64::try_from(self.reader.metadata().build_epoch).ok()?;
        DateTime::from_timestamp(seconds, 0).map(|time| time.date_naive())
    }

    /// Where the record of a routable address stands: the same offset is the same place. `None` when it is not known.
    pub fn find(&self, address: IpAddr) -> Option<usize> {
        self.tree.find(address)
    }

    /// The place of a routable address that has a record.
    pub fn place(&self, address: IpAddr) -> Result<Place, MaxMindDbError> {
        let record = self.reader.lookup(address)?.decode::<Record<'_>>()?;
        Ok(record.map(Place::from).unwrap_or_default())
    }

    /// Reads every record once.
    ///
    /// # Errors
    /// When one cannot be read, or the tree has more ends than nodes allow, as one that leads back into itself has.
    pub fn verify(&self) -> Result<(), MaxMindDbError> {
        let mut ends_left = u64::from(self.reader.metadata().node_count) * 2;
        let mut read = HashSet::<_, RandomState>::default();
        // Ends without a record count too: a few nodes that meet again and again have more of them than could ever be visited.
        let every_end = WithinOptions::default().include_networks_without_data();
        for network in self.reader.networks(every_end)? {
            let network = network?;
            if network.offset().is_some_and(|offset| read.insert(offset)) {
                network.decode::<Record<'_>>()?;
            }
            let fault = || MaxMindDbError::invalid_database("the search tree leads back into itself");
            ends_left = ends_left.checked_sub(1).ok_or_else(fault)?;
        }
        Ok(())
    }
}

//! IP2Location's BIN files, DB1 to DB26, of IPv4 and IPv6.
//!
//! A header of 64 bytes names two tables of ranges, for IPv4 and IPv6. A row is the range's first address and one 32-bit value a
//! column: a coordinate, or where a text stands in the file. The range ends where the next one begins. Everything is
//! little-endian. The vendor describes the format by its readers alone; this one follows the Python package `IP2Location`.

mod columns;
mod error;
mod header;
mod row;
mod table;

use std::net::IpAddr;

use chrono::NaiveDate;
use event::Place;

use columns::Columns;
pub(crate) use error::BinError;
use header::Header;
use table::Table;

/// A BIN file held in memory, whose tables are known to lie in it and to be in order.
pub(crate) struct Bin {
    bytes: Vec<u8>,
    database_type: u8,
    built: NaiveDate,
    columns: Columns,
    ipv4: Table<4>,
    ipv6: Table<16>,
}

impl Bin {
    /// Takes a file's bytes, and goes once over its tables.
    ///
    /// # Errors
    /// When it is no BIN of IP2Location, is cut short, or has tables that do not fit in it or are out of order.
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Self, BinError> {
        let Header { database_type, columns, built, ipv4, ipv6 } = Header::read(&bytes)?;
        let ipv4 = Table::open(&bytes, ipv4, columns)?;
        let ipv6 = Table::open(&bytes, ipv6, columns)?;
        if ipv4.is_empty() && ipv6.is_empty() {
            return Err(BinError::Empty);
        }
        Ok(Self { columns: Columns::of(database_type), bytes, database_type, built, ipv4, ipv6 })
    }

    /// What it is called here: the vendor's word for its type, as in `IP2LOCATION-DB11`.
    pub fn name(&self) -> String {
        format!("IP2LOCATION-DB{}", self.database_type)
    }

    /// When it was built.
    pub fn built(&self) -> NaiveDate {
        self.built
    }

    /// The key of the row whose range holds a routable address: where its columns stand in the file. `None` when the file has
    /// no such range.
    ///
    /// # Errors
    /// When the search is led out of the file.
    pub fn find(&self, address: IpAddr) -> Result<Option<usize>, BinError> {
        match address {
            IpAddr::V4(address) => self.ipv4.find(&self.bytes, address.to_bits().into()),
            IpAddr::V6(address) => self.ipv6.find(&self.bytes, address.to_bits()),
        }
    }

    /// The place of the row with this key.
    ///
    /// # Errors
    /// When a column leads out of the file.
    pub fn place(&self, key: usize) -> Result<Place, BinError> {
        row::place(&self.bytes, key, &self.columns)
    }

    /// Reads every row once.
    ///
    /// # Errors
    /// When one cannot be read.
    pub fn verify(&self) -> Result<(), BinError> {
        self.ipv4.keys().chain(self.ipv6.keys()).try_for_each(|key| self.place(key).map(drop))
    }
}

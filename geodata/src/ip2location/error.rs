//! What can be wrong with a BIN file.

/// Why a file is no usable BIN, or what is wrong with it at some place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BinError {
    #[error("it is {0}, not a geo database")]
    Foreign(&'static str),
    #[error("its {0} bytes are too few for a geo database")]
    Short(usize),
    #[error("it has no mark of an MMDB, and no IP2Location BIN begins with the byte {0}")]
    Type(u8),
    #[error("it is an IP2Location BIN for another purpose: its product code is {0}, not 1 (2 is IP2Proxy)")]
    Product(u8),
    #[error("it has no mark of an MMDB, and no date of an IP2Location BIN: 20{0:02}-{1:02}-{2:02}")]
    Date(u8, u8, u8),
    #[error("it is cut short: its header says {stated} bytes, there are {actual}")]
    Cut { stated: u32, actual: usize },
    #[error("an IP2Location DB{database_type} has at least {needed} columns, its header says {columns}")]
    Columns { database_type: u8, needed: u8, columns: u8 },
    #[error("it has no ranges of addresses")]
    Empty,
    #[error("its header puts the IPv{version} {part} outside of the file")]
    Outside { version: u8, part: &'static str },
    #[error("its IPv{version} range {row} begins before the one before it")]
    Disorder { version: u8, row: u32 },
    #[error("it is damaged: byte {0} is asked for, which it does not have")]
    Beyond(usize),
}

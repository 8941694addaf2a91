//! Each sound database says of every address what its vendor's own Python reader says of it.

mod addresses;
mod bin;
mod every_type;
mod mmdb;
mod reference;

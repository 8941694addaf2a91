//! Whatever a geo database file holds, look-ups in it end, and in nothing worse than an unknown place.

mod bin;
mod campaign;
mod hostile;
mod mmdb;

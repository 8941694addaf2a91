//! Data files in the place of others, in one snapshot, whatever is appended meanwhile.
//!
//! 1. The files of a snapshot are read, and others are written that hold the same rows or what became of them.
//! 2. A [`Replacement`] is committed: the manifests that list the old files are written anew without them.
//! 3. If an old file has gone meanwhile, or rows in it were deleted, nothing happens: its rows must be read again.

mod index;
mod read;
mod replacement;

pub(crate) use index::{ManifestIndex, live_entries};
pub(crate) use read::{read, rewritten, whole};
pub(crate) use replacement::{Replacement, delete_manifests};

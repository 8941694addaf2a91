//! A log that goes on taking records while the real one, the remote, cannot be reached: they wait in a folder.
//!
//! 1. An append goes straight to the remote, whose answer is the answer.
//! 2. When the remote is unavailable, or does not answer in time, the `gate` turns: the records, and all that come after,
//!    are `frame`d into the `store`, an embedded log, and acknowledged once they are synced.
//! 3. The `replay` waits until the remote has settled every append from before, then sends what is stored, oldest first,
//!    one `batch` at a time, and notes in the store how far it has come.
//! 4. When it has nearly caught up, new appends wait a moment for the last batch. Then the gate turns back.
//!
//! 5. A partition that takes nothing while others do has its records moved to a lane, which is replayed by itself.
//!
//! A process that was killed goes on with step 3 at its next start.
//!
//! **Invariant:** no record reaches the remote before one of the same key that was acknowledged earlier: while anything
//! is stored or on its way there, nothing goes straight to the remote; and nothing stored is sent while an append from
//! before is unsettled. The remote must keep the order of a key, and answer each append in the end.
//! **Invariant:** what was acknowledged is in the remote, or waits in the store's topic `spooled` or a lane, or, when the remote
//! refuses it for good, stays in the store's topic `refused`.
//!
//! # Duplicates
//! A record that was stored because its append took too long is not replayed when the remote has taken it after all. Still
//! it can reach the remote twice: when nobody knows how an append ended, and when this process is killed before it has noted
//! what the remote has taken. Then all that follows the first copy is repeated in its order. **Every payload must hold its
//! event's id**: readers that leave out each id's second copy within a window of records see every event once, in order.
//!
//! Whatever is configured, between the two copies stand fewer than [`REPEAT_RECORDS`] of one partition: no more than half as
//! many records are under way to the remote at once; when the way turns all of these are given up together and stored before
//! anything else; and no more are replayed in one batch. What other processes append until this one has replayed it comes on
//! top: it has no bound of its own.
//!
//! # Failures
//! - Only a remote that is `Unavailable`, does not answer within `after_ms`, or answers nothing but `Busy` for as long, is
//!   away. Its other errors are the caller's.
//! - A replay that fails is tried again until it succeeds, whatever the error, and all that is stored waits behind it, but
//!   for the records of other partitions. Only what has failed is sent again. Only a record that the remote finds too large, or that another version stored, is set
//!   aside in `refused`.
//! - After a failed sync the store takes nothing more until the process is started again: nothing is replayed either, for
//!   it could not be noted and would be repeated.

mod batch;
mod config;
mod finish;
mod frame;
mod gate;
mod lanes;
mod late;
mod log;
mod metrics;
mod replay;
mod state;
mod store;

pub use config::Config;
pub use log::{SPOOLED_PARTITION, SpooledLog};

/// How many records may be under way to the remote at once, whatever is configured: about what a busy broker acknowledges
/// in a tenth of a second.
const DIRECT_RECORDS: usize = 16 << 10;

/// How far apart, counted in records of a partition, two copies of a record can stand: the window in which readers find
/// duplicates must be as large.
pub const REPEAT_RECORDS: usize = 2 * DIRECT_RECORDS;

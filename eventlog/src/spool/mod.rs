//! A log that goes on taking records while the real one, the remote, cannot be reached: they wait in a folder.
//!
//! 1. An append goes straight to the remote, whose answer is the answer.
//! 2. When the remote is unavailable, or does not answer in time, the `gate` turns: the records, and all that come after,
//!    are `frame`d into the `store`, an embedded log, and acknowledged once they are synced.
//! 3. The `replay` waits until the remote has settled every append from before, then sends what is stored, oldest first,
//!    one `batch` at a time, and notes in the store how far it has come.
//! 4. When it has nearly caught up, new appends wait a moment for the last batch. Then the gate turns back.
//!
//! A process that was killed goes on with step 3 at its next start.
//!
//! **Invariant:** no record reaches the remote before one of the same key that was acknowledged earlier: while anything
//! is stored or on its way there, nothing goes straight to the remote; and nothing stored is sent while an append from
//! before is unsettled. The remote must keep the order of a key, and answer each append in the end.
//! **Invariant:** what was acknowledged is in the remote, or waits in the store's topic `spooled`, or, when the remote
//! refuses it for good, stays in the store's topic `refused`.
//!
//! # Duplicates
//! A record can reach the remote twice: when an append that failed, or was not answered in time, had arrived all the same,
//! and when a batch had arrived before the process was killed or the answer lost. Then all that follows the first copy is
//! repeated in its order. **Every payload must hold its event's id**: readers that leave out each id's second copy within
//! a window of records see every event once, in order. Between the two copies stand, in one partition, at most what was
//! appended within `after_ms` at the start of an outage, or one replayed batch; and what other processes append until this
//! one has replayed it. Only the last has no bound of its own: the window must hold it.
//!
//! # Failures
//! - Only a remote that is `Unavailable`, does not answer within `after_ms`, or answers nothing but `Busy` for as long, is
//!   away. Its other errors are the caller's.
//! - A replay that fails is tried again until it succeeds, whatever the error, and all that is stored waits behind it. Only
//!   a record that the remote finds too large, or that another version stored, is set aside in `refused`.
//! - After a failed sync the store takes nothing more until the process is started again: nothing is replayed either, for
//!   it could not be noted and would be repeated.

mod batch;
mod config;
mod finish;
mod frame;
mod gate;
mod log;
mod replay;
mod state;
mod store;

pub use config::Config;
pub use log::{SPOOLED_PARTITION, SpooledLog};

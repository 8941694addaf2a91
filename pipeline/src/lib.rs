//! From the log to the sinks: decodes and enriches each record once and hands it to every sink at the sink's own pace.
//!
//! 1. [`Pipeline::run`] joins the group and learns which partitions are this process's.
//! 2. The head reads records, decodes them, leaves duplicates out, looks up places ([`geodata`]), reads what the events
//!    tell of their visits ([`visit`]), takes from them what is not to be stored, and fills the ring.
//! 3. Each sink's lane takes batches from the ring, or from the log itself when it has fallen behind.
//! 4. The lane stages them in its [`Sink`] and commits them together with the positions that they reach.
//! 5. A row that a sink refuses is searched by bisecting the commit and kept as a dead letter; [`replay_record`] brings it
//!    back.
//!
//! **Invariant:** positions are known by the sink alone; after any failure a lane asks for them and goes on from there.
//! **Invariant:** a row with a dead letter reaches its sink by a replay only.
//! **Invariant:** the lanes' memory is bounded by the ring and by what each keeps of its next commit, and no lane waits for
//! another longer than the head's patience.
//! **Invariant:** what is not to be stored of a visitor's address reaches no sink.
//! **Invariant:** what a record decodes to depends on the log alone, so every sink and every restart sees the same events.

mod batch;
mod bisect;
mod config;
mod decode;
mod duplicates;
mod enrich;
mod feed;
mod head;
mod identity;
mod lane;
pub mod metrics;
mod patience;
mod privacy;
mod refused;
mod replay;
mod ring;
mod run;
mod sink;
mod source;
mod staged;
mod start;
mod status;

pub use batch::{Batch, Coverage};
pub use config::{Config, ConfigError, IpStorage, OnMissing, Start};
pub use enrich::{Contents, Enricher};
pub use identity::record_mark;
pub use replay::replay_record;
pub use run::{Pipeline, PipelineError};
pub use sink::{DeadLetters, Pace, Sink, SinkError};
pub use status::{Counts, LaneState, SinkStatus, Status};

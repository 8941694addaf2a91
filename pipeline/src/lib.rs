//! From the log to the sinks: decodes and enriches each record once and hands it to every sink at the sink's own pace.

mod batch;
mod sink;

pub use batch::Batch;
pub use sink::{DeadLetters, Pace, Sink, SinkError};

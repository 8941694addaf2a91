//! What every sink promises, tried on each of them.
//!
//! Another sink joins by implementing [`SinkUnderTest`] and one `contract!` line.

mod iceberg;
mod memory;
mod postgres;
mod promises;
mod topic;

use async_trait::async_trait;
use event::EventId;
use pipeline::Sink;

/// A place that sinks write to, and a way to look at it from outside.
#[async_trait]
trait SinkUnderTest: Send + Sync {
    /// A new sink that writes to the place, as another process would make it.
    async fn sink(&self) -> Box<dyn Sink>;

    /// The ids of the events that a reader of the place sees, in any order.
    async fn event_ids(&self) -> Vec<EventId>;
}

macro_rules! contract {
    ($sink:ident, $start:expr) => {
        contract!($sink, $start;
            a_new_place_has_no_positions
            nothing_is_seen_before_the_commit
            a_commit_publishes_every_batch_with_the_positions
            rows_and_positions_outlive_the_sink_that_wrote_them
            a_commit_without_events_moves_the_positions
            partitions_move_on_their_own
            topics_have_positions_of_their_own
            a_commit_that_expects_other_positions_writes_nothing
            resuming_drops_what_was_staged
            of_two_sinks_that_race_one_writes
            a_call_dropped_half_way_neither_loses_nor_doubles_an_event
        );
    };
    ($sink:ident, $start:expr; $($promise:ident)*) => {
        mod $sink {
            $(
                #[tokio::test(flavor = "multi_thread")]
                async fn $promise() {
                    crate::contract::promises::$promise(&$start.await).await;
                }
            )*
        }
    };
}

mod kept_by {
    contract!(memory_sink, crate::contract::memory::start());
    contract!(kafka_sink_in_memory, crate::contract::topic::in_memory());
    contract!(kafka_sink_on_the_embedded_log, crate::contract::topic::embedded());
    contract!(postgres_sink, crate::contract::postgres::start());
    contract!(iceberg_sink, crate::contract::iceberg::start());
}

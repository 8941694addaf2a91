//! Events, batches and positions for the tests of sinks.

use std::ops::Range;
use std::sync::Arc;

use event::{Advance, Draft, Enriched, EventId, LogPosition, Place, Step, Timestamp, Visit};
use pipeline::{Batch, Sink, SinkError};

pub const TOPIC: &str = "web.raw";

/// The event of the record at a position, the same each time.
pub fn enriched(partition: i32, offset: i64) -> Enriched {
    let position = LogPosition { topic: TOPIC.into(), partition, offset };
    let json = format!(r#"{{"url":"https://example.com/{offset}","host":"example.com","ip":"192.0.2.{partition}"}}"#);
    let time = Timestamp::parse("2026-01-31T09:30:00Z").unwrap();
    let event = Draft::parse(json.as_bytes()).unwrap().recorded(time, &position).unwrap();
    let place = Arc::new(Place { country: Some("CI".into()), ..Place::default() });
    Enriched { event, place, geo_database: None, visit: Visit::default(), late: false, position }
}

pub fn batch_of(partition: i32, offsets: Range<i64>) -> Arc<Batch> {
    Arc::new(Batch {
        events: offsets.clone().map(|offset| enriched(partition, offset)).collect(),
        covers: [(partition, offsets)].into(),
        ..Batch::default()
    })
}

pub fn batch(offsets: Range<i64>) -> Arc<Batch> {
    batch_of(0, offsets)
}

pub fn step(partition: i32, expected: Option<i64>, next: i64) -> Advance {
    Advance { topic: TOPIC.into(), steps: vec![Step { partition, expected, next, last: None }] }
}

/// The ids of the events at these offsets of partition 0, sorted.
pub fn ids(offsets: Range<i64>) -> Vec<EventId> {
    let mut ids: Vec<_> = offsets.map(|offset| enriched(0, offset).event.id).collect();
    ids.sort();
    ids
}

/// What a lane does with a batch of partition 0: asks where the sink stands and writes what is not there yet. A commit
/// that was given up may still come through, so the positions may move between the question and the commit.
pub async fn deliver(sink: &mut dyn Sink, events: &Arc<Batch>, advance: &Advance) {
    let done = Some(advance.steps[0].next);
    while sink.resume(TOPIC).await.unwrap().get(0) != done {
        sink.write(events).await.unwrap();
        match sink.commit(advance).await {
            Ok(()) | Err(SinkError::Moved) => {}
            Err(error) => panic!("{error:?}"),
        }
    }
}

//! The promises, each as a function of any sink.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use event::{Advance, EventId, Positions};
use pipeline::{Batch, Sink, SinkError};

use crate::contract::SinkUnderTest;
use crate::events::{TOPIC, batch, batch_of, deliver, ids, step};

fn at(positions: &[(i32, i64)]) -> Positions {
    positions.iter().copied().collect()
}

async fn seen(place: &impl SinkUnderTest) -> Vec<EventId> {
    let mut ids = place.event_ids().await;
    ids.sort();
    ids
}

async fn resumed(place: &impl SinkUnderTest) -> Box<dyn Sink> {
    let mut sink = place.sink().await;
    sink.resume(TOPIC).await.unwrap();
    sink
}

async fn stored(place: &impl SinkUnderTest) -> Positions {
    place.sink().await.resume(TOPIC).await.unwrap()
}

pub async fn a_new_place_has_no_positions(place: &impl SinkUnderTest) {
    assert_eq!(stored(place).await, Positions::default());
}

pub async fn nothing_is_seen_before_the_commit(place: &impl SinkUnderTest) {
    let mut sink = resumed(place).await;
    sink.write(&batch(0..3)).await.unwrap();
    assert_eq!((seen(place).await, stored(place).await), (ids(0..0), at(&[])));
}

pub async fn a_commit_publishes_every_batch_with_the_positions(place: &impl SinkUnderTest) {
    let mut sink = resumed(place).await;
    sink.write(&batch(5..7)).await.unwrap();
    sink.write(&batch(7..9)).await.unwrap();
    sink.commit(&step(0, None, 9)).await.unwrap();
    assert_eq!((seen(place).await, stored(place).await), (ids(5..9), at(&[(0, 9)])));
    sink.write(&batch(9..12)).await.unwrap();
    sink.commit(&step(0, Some(9), 12)).await.unwrap();
    assert_eq!((seen(place).await, stored(place).await), (ids(5..12), at(&[(0, 12)])));
}

pub async fn rows_and_positions_outlive_the_sink_that_wrote_them(place: &impl SinkUnderTest) {
    let mut first = resumed(place).await;
    first.write(&batch(0..2)).await.unwrap();
    first.commit(&step(0, None, 2)).await.unwrap();
    drop(first);
    let mut second = place.sink().await;
    assert_eq!(second.resume(TOPIC).await.unwrap(), at(&[(0, 2)]));
    second.write(&batch(2..4)).await.unwrap();
    second.commit(&step(0, Some(2), 4)).await.unwrap();
    assert_eq!(seen(place).await, ids(0..4));
}

pub async fn a_commit_without_events_moves_the_positions(place: &impl SinkUnderTest) {
    let mut sink = resumed(place).await;
    sink.commit(&step(0, None, 4)).await.unwrap();
    let empty = Arc::new(Batch { covers: [(0, 4..9)].into(), ..Batch::default() });
    sink.write(&empty).await.unwrap();
    sink.commit(&step(0, Some(4), 9)).await.unwrap();
    assert_eq!((seen(place).await, stored(place).await), (ids(0..0), at(&[(0, 9)])));
}

pub async fn partitions_move_on_their_own(place: &impl SinkUnderTest) {
    let mut sink = resumed(place).await;
    sink.write(&batch_of(0, 0..2)).await.unwrap();
    sink.write(&batch_of(2, 10..11)).await.unwrap();
    let steps = [step(0, None, 2), step(2, None, 11)].into_iter().flat_map(|advance| advance.steps).collect();
    sink.commit(&Advance { topic: TOPIC.into(), steps }).await.unwrap();
    sink.write(&batch_of(1, 0..1)).await.unwrap();
    sink.write(&batch_of(2, 11..12)).await.unwrap();
    let steps = [step(1, None, 1), step(2, Some(11), 12)].into_iter().flat_map(|advance| advance.steps).collect();
    sink.commit(&Advance { topic: TOPIC.into(), steps }).await.unwrap();
    assert_eq!(stored(place).await, at(&[(0, 2), (1, 1), (2, 12)]));
    assert_eq!(seen(place).await.len(), 5);
}

pub async fn topics_have_positions_of_their_own(place: &impl SinkUnderTest) {
    let mut sink = resumed(place).await;
    sink.commit(&step(0, None, 4)).await.unwrap();
    assert_eq!(sink.resume("another").await.unwrap(), Positions::default());
    sink.commit(&Advance { topic: "another".into(), ..step(0, None, 7) }).await.unwrap();
    assert_eq!(sink.resume(TOPIC).await.unwrap(), at(&[(0, 4)]));
}

pub async fn a_commit_that_expects_other_positions_writes_nothing(place: &impl SinkUnderTest) {
    let mut sink = resumed(place).await;
    sink.write(&batch(0..2)).await.unwrap();
    sink.commit(&step(0, None, 2)).await.unwrap();
    let wrong = [step(0, None, 3), step(0, Some(1), 3), step(0, Some(3), 4), step(1, Some(0), 1)];
    let half = Advance { steps: vec![step(0, Some(2), 3).steps[0], step(1, Some(0), 1).steps[0]], ..step(0, None, 0) };
    for advance in wrong.into_iter().chain([half]) {
        sink.write(&batch(2..3)).await.unwrap();
        let outcome = sink.commit(&advance).await;
        assert!(matches!(outcome, Err(SinkError::Moved)), "{advance:?}: {outcome:?}");
        assert_eq!(sink.resume(TOPIC).await.unwrap(), at(&[(0, 2)]));
        assert_eq!(seen(place).await, ids(0..2));
    }
    sink.write(&batch(2..3)).await.unwrap();
    sink.commit(&step(0, Some(2), 3)).await.unwrap();
    assert_eq!(seen(place).await, ids(0..3));
}

pub async fn resuming_drops_what_was_staged(place: &impl SinkUnderTest) {
    let mut sink = resumed(place).await;
    sink.write(&batch(0..2)).await.unwrap();
    sink.resume(TOPIC).await.unwrap();
    sink.write(&batch(2..3)).await.unwrap();
    sink.commit(&step(0, None, 3)).await.unwrap();
    assert_eq!(seen(place).await, ids(2..3));
}

pub async fn of_two_sinks_that_race_one_writes(place: &impl SinkUnderTest) {
    let (mut one, mut other) = (place.sink().await, place.sink().await);
    for round in 0..5_i64 {
        let reached = (round > 0).then_some(round * 2);
        one.resume(TOPIC).await.unwrap();
        other.resume(TOPIC).await.unwrap();
        let (next, advance) = (batch(round * 2..round * 2 + 2), step(0, reached, round * 2 + 2));
        one.write(&next).await.unwrap();
        other.write(&next).await.unwrap();
        let outcomes = tokio::join!(one.commit(&advance), other.commit(&advance));
        let is_one_winner = matches!(
            outcomes,
            (Ok(()), Err(SinkError::Moved | SinkError::Retry { .. }))
                | (Err(SinkError::Moved | SinkError::Retry { .. }), Ok(()))
        );
        assert!(is_one_winner, "{outcomes:?}");
        assert_eq!(seen(place).await, ids(0..round * 2 + 2));
    }
}

pub async fn a_call_dropped_half_way_neither_loses_nor_doubles_an_event(place: &impl SinkUnderTest) {
    let mut sink = place.sink().await;
    for polls in 0..20 {
        let next = i64::from(polls) * 2;
        let (events, advance) = (batch(next..next + 2), step(0, (next > 0).then_some(next), next + 2));
        sink.resume(TOPIC).await.unwrap();
        _ = polled_at_most(polls, sink.write(&events)).await;
        sink.resume(TOPIC).await.unwrap();
        sink.write(&events).await.unwrap();
        _ = polled_at_most(polls, sink.commit(&advance)).await;
        _ = polled_at_most(polls, sink.resume(TOPIC)).await;
        deliver(&mut *sink, &events, &advance).await;
        assert_eq!(seen(place).await, ids(0..next + 2), "after {polls} polls");
    }
}

/// The future's output; `None` when it is not ready after `polls` polls and was dropped.
async fn polled_at_most<T>(polls: u32, future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    let mut left = polls;
    poll_fn(move |context| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        future.as_mut().poll(context).map(Some)
    })
    .await
}

//! One call that sends records: counts what becomes of each, and answers once all are settled.

use std::sync::{Arc, Mutex};

use rdkafka::error::KafkaError;
use tokio::sync::{OwnedSemaphorePermit, oneshot};

/// What became of the records of a call, in the order given.
#[derive(Debug)]
pub(super) struct Settled {
    /// Partition and offset of each record that is durable.
    pub(super) positions: Vec<(i32, i64)>,
    /// How many are not.
    pub(super) failed: usize,
    /// Why the first of them is not.
    pub(super) error: Option<KafkaError>,
}

/// One record's share in its call, carried by librdkafka from the sending to the acknowledgement.
pub(super) struct Delivery {
    call: Arc<Mutex<Call>>,
    index: usize,
}

struct Call {
    outstanding: usize,
    settled: Settled,
    answer: Option<oneshot::Sender<Settled>>,
    /// Held until all records are settled, whether or not the caller still waits.
    room: Vec<OwnedSemaphorePermit>,
}

/// The shares of a call of `records` records, at least one, and its answer.
pub(super) fn call(
    records: usize,
    room: Vec<OwnedSemaphorePermit>,
) -> (impl Iterator<Item = Box<Delivery>>, oneshot::Receiver<Settled>) {
    let (answer, answered) = oneshot::channel();
    let settled = Settled { positions: vec![(0, 0); records], failed: 0, error: None };
    let call = Call { outstanding: records, settled, answer: Some(answer), room };
    let call = Arc::new(Mutex::new(call));
    ((0..records).map(move |index| Box::new(Delivery { call: call.clone(), index })), answered)
}

impl Delivery {
    /// Notes what became of the record; the last one answers the call.
    pub(super) fn settle(&self, result: Result<(i32, i64), KafkaError>) {
        let mut call = self.call.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        match result {
            Ok(position) => call.settled.positions[self.index] = position,
            Err(error) => {
                call.settled.failed += 1;
                call.settled.error.get_or_insert(error);
            }
        }
        call.outstanding -= 1;
        if call.outstanding == 0 {
            // Before the answer, so that the caller's next call finds room.
            call.room.clear();
            let empty = Settled { positions: Vec::new(), failed: 0, error: None };
            let settled = std::mem::replace(&mut call.settled, empty);
            if let Some(answer) = call.answer.take() {
                // Nobody listens any more when the caller has given up.
                let _ = answer.send(settled);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use rdkafka::error::RDKafkaErrorCode;

    use super::*;

    #[test]
    fn a_call_is_answered_once_its_last_record_is_settled_whatever_the_order() {
        let (deliveries, mut answer) = call(3, Vec::new());
        for delivery in deliveries.collect::<Vec<_>>().iter().rev() {
            assert!(answer.try_recv().is_err());
            delivery.settle(Ok((1, 10 + delivery.index as i64)));
        }
        let settled = answer.try_recv().unwrap();
        assert_eq!((settled.positions, settled.failed), (vec![(1, 10), (1, 11), (1, 12)], 0));
    }

    #[test]
    fn the_first_error_is_told_with_the_number_of_records_that_failed() {
        let (deliveries, mut answer) = call(3, Vec::new());
        let error = |code| Err(KafkaError::MessageProduction(code));
        let results = [Ok((0, 0)), error(RDKafkaErrorCode::MessageTimedOut), error(RDKafkaErrorCode::QueueFull)];
        deliveries.zip(results).for_each(|(delivery, result)| delivery.settle(result));
        let settled = answer.try_recv().unwrap();
        assert_eq!(settled.failed, 2);
        assert_eq!(settled.error, Some(KafkaError::MessageProduction(RDKafkaErrorCode::MessageTimedOut)));
    }
}

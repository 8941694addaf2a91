//! One call that sends records: counts what becomes of each, and answers once all are settled.

use std::sync::{Arc, Mutex};

use rdkafka::error::KafkaError;
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use crate::Receipts;

/// What became of the records of a call that are not durable.
#[derive(Debug, Default)]
pub(super) struct Settled {
    /// How many there are.
    pub(super) failed: usize,
    /// Why the first of them is not.
    pub(super) error: Option<KafkaError>,
    /// Whether the producer itself did not take one of them.
    pub(super) refused_here: bool,
}

/// What is held as long as records are unsettled.
pub(super) type Permits = Arc<Vec<OwnedSemaphorePermit>>;

/// One record's share in its call, carried by librdkafka from the sending to the acknowledgement.
pub(super) struct Delivery {
    call: Arc<Mutex<Call>>,
    index: usize,
}

struct Call {
    outstanding: usize,
    receipts: Receipts,
    settled: Settled,
    answer: Option<oneshot::Sender<Settled>>,
    /// Held until all records are settled, whether or not the caller still waits.
    permits: Option<Permits>,
}

/// The shares of a call that sends the records of these indices, at least one, and its answer.
pub(super) fn call(
    indices: Vec<usize>,
    receipts: Receipts,
    permits: Permits,
) -> (impl Iterator<Item = Box<Delivery>>, oneshot::Receiver<Settled>) {
    let (answer, answered) = oneshot::channel();
    let (outstanding, settled) = (indices.len(), Settled::default());
    let call = Call { outstanding, receipts, settled, answer: Some(answer), permits: Some(permits) };
    let call = Arc::new(Mutex::new(call));
    (indices.into_iter().map(move |index| Box::new(Delivery { call: call.clone(), index })), answered)
}

impl Delivery {
    /// Which record it is.
    pub(super) fn index(&self) -> usize {
        self.index
    }

    /// Notes what became of the record; the last one answers the call.
    pub(super) fn settle(&self, result: Result<(i32, i64), KafkaError>) {
        self.note(result, false);
    }

    /// Notes that the producer did not take the record.
    pub(super) fn refuse(&self, error: KafkaError) {
        self.note(Err(error), true);
    }

    fn note(&self, result: Result<(i32, i64), KafkaError>, refused_here: bool) {
        let mut call = self.call.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        match result {
            Ok(position) => call.receipts.note(self.index, position),
            Err(error) => {
                call.settled.failed += 1;
                call.settled.refused_here |= refused_here;
                call.settled.error.get_or_insert(error);
            }
        }
        call.outstanding -= 1;
        if call.outstanding == 0 {
            call.permits = None;
            let settled = std::mem::take(&mut call.settled);
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
        let receipts = Receipts::new(3);
        let (deliveries, mut answer) = call(vec![0, 1, 2], receipts.clone(), Permits::default());
        for delivery in deliveries.collect::<Vec<_>>().iter().rev() {
            assert!(answer.try_recv().is_err());
            delivery.settle(Ok((1, 10 + delivery.index as i64)));
        }
        assert_eq!(answer.try_recv().unwrap().failed, 0);
        assert_eq!(receipts.positions(), [Some((1, 10)), Some((1, 11)), Some((1, 12))]);
    }

    #[test]
    fn the_first_error_is_told_with_the_number_of_records_that_failed() {
        let receipts = Receipts::new(4);
        let (deliveries, mut answer) = call(vec![0, 1, 3], receipts.clone(), Permits::default());
        let error = |code| Err(KafkaError::MessageProduction(code));
        let results = [Ok((0, 0)), error(RDKafkaErrorCode::MessageTimedOut), error(RDKafkaErrorCode::QueueFull)];
        deliveries.zip(results).for_each(|(delivery, result)| delivery.settle(result));
        let settled = answer.try_recv().unwrap();
        assert_eq!((settled.failed, receipts.missing()), (2, vec![1, 2, 3]));
        assert_eq!(settled.error, Some(KafkaError::MessageProduction(RDKafkaErrorCode::MessageTimedOut)));
    }
}

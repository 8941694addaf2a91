//! Which records of one append are durable, told while the append is still under way.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Partition and offset, once a record is durable.
type Receipt = Option<(i32, i64)>;

/// Partition and offset of each record of one append, once it is durable. All copies show the same.
#[derive(Clone, Debug, Default)]
pub struct Receipts(Arc<Mutex<Vec<Receipt>>>);

impl Receipts {
    /// Those of an append of so many records, none of which is durable yet.
    pub fn new(records: usize) -> Self {
        Self(Arc::new(Mutex::new(vec![None; records])))
    }

    /// Notes that a record is durable.
    pub fn note(&self, index: usize, position: (i32, i64)) {
        if let Some(receipt) = self.lock().get_mut(index) {
            *receipt = Some(position);
        }
    }

    /// Notes that all records are durable, given in order.
    pub fn note_all(&self, positions: Vec<(i32, i64)>) {
        *self.lock() = positions.into_iter().map(Some).collect();
    }

    /// Where each record stands, as far as that is known.
    pub fn positions(&self) -> Vec<Option<(i32, i64)>> {
        self.lock().clone()
    }

    /// Whether a record is known to be durable.
    pub fn holds(&self, index: usize) -> bool {
        self.lock().get(index).is_some_and(Option::is_some)
    }

    /// The records that are not known to be durable.
    pub fn missing(&self) -> Vec<usize> {
        self.lock().iter().enumerate().filter(|(_, receipt)| receipt.is_none()).map(|(index, _)| index).collect()
    }

    /// Whether no record is known to be durable.
    pub fn is_empty(&self) -> bool {
        self.lock().iter().all(Option::is_none)
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Receipt>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

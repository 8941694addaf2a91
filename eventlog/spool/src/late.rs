//! Appends that were stored before the remote has answered: some of their records may arrive there all the same.

use eventlog::Receipts;

/// One such append.
pub(super) struct Late {
    /// Where its first stored record stands in the store.
    pub(super) first: i64,
    /// Which of its records were stored, in order.
    pub(super) stored: Vec<usize>,
    pub(super) receipts: Receipts,
}

impl Late {
    /// The offsets of the records that have arrived.
    pub(super) fn delivered(&self) -> impl Iterator<Item = i64> + '_ {
        let offsets = (self.first..).zip(&self.stored);
        offsets.filter(|(_, index)| self.receipts.holds(**index)).map(|(offset, _)| offset)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_arrives_after_it_was_stored_is_told_by_its_offset_in_the_store() {
        let receipts = Receipts::new(4);
        receipts.note(0, (0, 7));
        let late = Late { first: 10, stored: receipts.missing(), receipts: receipts.clone() };
        assert_eq!(late.delivered().count(), 0);
        receipts.note(2, (1, 3));
        assert_eq!(late.delivered().collect::<Vec<_>>(), [11]);
    }
}

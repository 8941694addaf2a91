//! Which files of a partition are merged into how many. Pure.
//!
//! While a partition is written to, a merge makes of its small files either a good one, or one with at least
//! `min_growth` times as many rows as the largest of them. So a row is rewritten at most log(rows of a good file / rows
//! of a commit) times to the base `min_growth`, and of each order of magnitude a few small files are left. Once a
//! partition is over it is brought to its target number of files, at the price of the fewest bytes.

/// The number of files that so many bytes of one partition need; 0 bytes need none. A partition that is written to has
/// more, for small files wait until enough of them have come.
pub fn target_files(bytes: u64, target_file_bytes: u64) -> u64 {
    bytes.div_ceil(target_file_bytes.max(1))
}

/// What decides on a data file.
#[derive(Debug, Clone, Copy)]
pub(super) struct Piece {
    pub(super) rows: u64,
    pub(super) bytes: u64,
    /// Whether rows of it were deleted.
    pub(super) has_deletes: bool,
}

/// When files are merged.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rules {
    /// Size of a good file.
    pub(super) target_bytes: u64,
    /// Size below which a file is small.
    pub(super) small_bytes: u64,
    /// How many times the rows of its largest file a merge must have.
    pub(super) min_growth: u64,
    /// How long ago the partition must have been changed for being over.
    pub(super) settled_after_ms: u64,
}

/// Files to be merged.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Merge {
    /// Their indexes, in ascending order.
    pub(super) of: Vec<usize>,
    /// The number of files that take their place.
    pub(super) into: u64,
    /// The bytes that these will have, roughly.
    pub(super) bytes: u64,
}

/// Late rows that are worth rewriting a hundred times as many for, once the partition is over.
const WORTH: u64 = 100;

/// What is to be merged in a partition that was last changed so long ago.
pub(super) fn merges(files: &[Piece], quiet_ms: u64, rules: &Rules) -> Vec<Merge> {
    let partition = Partition { files, weights: weights(files), rules };
    let last = partition.last_merge();
    match last.filter(|merge| quiet_ms >= partition.patience_ms(merge)) {
        Some(merge) => vec![merge],
        None => partition.merges_of_small(),
    }
}

/// What each file adds to the size of another: no more than its rows need in the file with the most rows, because much
/// of a tiny file is not its rows.
fn weights(files: &[Piece]) -> Vec<u64> {
    let largest = files.iter().max_by_key(|file| file.rows);
    let Some(dense) = largest.filter(|file| file.rows > 0) else {
        return files.iter().map(|file| file.bytes).collect();
    };
    let share = |file: &Piece| (u128::from(file.rows) * u128::from(dense.bytes)).div_ceil(u128::from(dense.rows));
    files.iter().map(|file| u64::try_from(share(file)).map_or(file.bytes, |share| share.min(file.bytes))).collect()
}

struct Partition<'p> {
    files: &'p [Piece],
    weights: Vec<u64>,
    rules: &'p Rules,
}

impl Partition<'_> {
    /// The cheapest merge that brings the partition to its target; `None` when it is there.
    fn last_merge(&self) -> Option<Merge> {
        let goal = self.files_of(0..self.files.len());
        let mut order: Vec<usize> = (0..self.files.len()).collect();
        order.sort_by_key(|&index| (!self.files[index].has_deletes, self.weights[index]));
        let has_deletes = self.files.iter().filter(|file| file.has_deletes).count();
        let of = (has_deletes..=order.len()).map(|count| &order[..count]).find(|of| {
            let left = (order.len() - of.len()) as u64;
            self.files_of(of.iter().copied()) + left <= goal
        })?;
        if of.is_empty() { None } else { Some(self.merge(of.to_vec())) }
    }

    /// How long a partition must be quiet for its last merge. The more would be rewritten for each late row, the
    /// longer: events that trickle into old days must not have whole files rewritten each time.
    fn patience_ms(&self, merge: &Merge) -> u64 {
        let files = merge.of.iter().map(|&index| self.files[index]);
        let has_deletes = files.clone().any(|file| file.has_deletes);
        let (all, largest) = files.fold((0, 0), |(all, largest), file| (all + file.rows, file.rows.max(largest)));
        let cost = if has_deletes { 1 } else { largest / (all - largest).max(1) / WORTH };
        self.rules.settled_after_ms.saturating_mul(cost.max(1))
    }

    /// Merges that fill a file each, and at most one of what is left that grows enough.
    fn merges_of_small(&self) -> Vec<Merge> {
        let mut small: Vec<usize> =
            (0..self.files.len()).filter(|&index| self.files[index].bytes < self.rules.small_bytes).collect();
        small.sort_by_key(|&index| (self.files[index].rows, self.weights[index]));
        let groups = super::packed::packed(small, self.rules.target_bytes, |&index| self.weights[index]);
        let is_full = |group: &Vec<usize>| group.len() > 1 && self.weight_of(group) >= self.rules.small_bytes;
        let (full, rest): (Vec<_>, Vec<_>) = groups.into_iter().partition(is_full);
        let grown = self.grown(rest.into_iter().flatten().collect());
        full.into_iter().chain(grown).map(|group| self.merge(group)).collect()
    }

    /// The most of these files, from the fewest rows on, that make at least `min_growth` times the largest of them.
    fn grown(&self, mut small: Vec<usize>) -> Option<Vec<usize>> {
        small.sort_by_key(|&index| (self.files[index].rows, self.weights[index]));
        let (mut rows, mut bytes, mut end) = (0, 0, 0);
        for (count, &index) in (1..).zip(&small) {
            rows += self.files[index].rows;
            bytes += self.weights[index];
            let grows = rows >= self.files[index].rows.saturating_mul(self.rules.min_growth);
            if grows && bytes <= self.rules.target_bytes {
                end = count;
            }
        }
        small.truncate(end);
        (small.len() > 1).then_some(small)
    }

    fn merge(&self, mut of: Vec<usize>) -> Merge {
        of.sort_unstable();
        Merge { into: self.files_of(of.iter().copied()).max(1), bytes: self.weight_of(&of), of }
    }

    fn files_of(&self, indexes: impl Iterator<Item = usize>) -> u64 {
        target_files(indexes.map(|index| self.weights[index]).sum(), self.rules.target_bytes)
    }

    fn weight_of(&self, indexes: &[usize]) -> u64 {
        indexes.iter().map(|&index| self.weights[index]).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: Rules = Rules { target_bytes: 100, small_bytes: 75, min_growth: 5, settled_after_ms: 1_000 };

    /// Files of ten rows a byte.
    fn pieces(sizes: &[u64]) -> Vec<Piece> {
        sizes.iter().map(|&bytes| Piece { rows: bytes * 10, bytes, has_deletes: false }).collect()
    }

    /// Sizes that are merged, with the number of files that they become.
    fn merged(sizes: &[u64], quiet_ms: u64) -> Vec<(Vec<u64>, u64)> {
        let merges = merges(&pieces(sizes), quiet_ms, &RULES);
        merges.iter().map(|merge| (merge.of.iter().map(|&index| sizes[index]).collect(), merge.into)).collect()
    }

    #[test]
    fn while_a_partition_is_written_to_a_merge_fills_a_file_or_grows_by_its_factor() {
        assert_eq!(merged(&[1; 4], 0), []);
        assert_eq!(merged(&[1; 5], 0), [(vec![1; 5], 1)]);
        assert_eq!(merged(&[20, 1, 1, 1, 1, 1], 0), [(vec![1; 5], 1)], "the large one is not rewritten for so little");
        assert_eq!(merged(&[5, 5, 5, 5, 1, 1, 1, 1, 1], 0), [(vec![5, 5, 5, 5, 1, 1, 1, 1, 1], 1)]);
        assert_eq!(merged(&[60, 30], 0), [(vec![60, 30], 1)]);
        assert_eq!(merged(&[70, 2, 80, 99], 0), []);
    }

    #[test]
    fn what_comes_in_small_pieces_is_rewritten_a_few_times_and_leaves_few_files() {
        let (mut files, mut rewritten) = (Vec::<u64>::new(), 0);
        let rules = Rules { target_bytes: 100_000, small_bytes: 75_000, ..RULES };
        for _ in 0..2_000 {
            files.extend([10; 6]);
            let pieces = pieces(&files);
            let done = merges(&pieces, 0, &rules);
            let of: Vec<usize> = done.iter().flat_map(|merge| merge.of.clone()).collect();
            rewritten += of.iter().map(|&index| files[index]).sum::<u64>();
            let left = files.iter().enumerate().filter(|(index, _)| !of.contains(index)).map(|(_, bytes)| *bytes);
            files = left.chain(done.iter().map(|merge| merge.bytes)).collect();
            assert!(files.len() < 30, "{files:?}");
        }
        let written: u64 = 2_000 * 60;
        assert!(rewritten < written * 7, "each byte {:.1} times", rewritten as f64 / written as f64);
    }

    #[test]
    fn a_partition_that_is_over_has_its_target_number_of_files() {
        assert_eq!(merged(&[20, 1, 1], 1_000), [(vec![20, 1, 1], 1)]);
        assert_eq!(merged(&[90, 95, 20, 1, 1], 1_000), [(vec![20, 1, 1], 1)], "the good ones stay");
        assert_eq!(merged(&[60, 60, 60], 1_000), [(vec![60, 60, 60], 2)]);
        assert_eq!(merged(&[90, 90, 90, 90, 90, 40], 1_000), [(vec![90, 90, 90, 90, 40], 4)]);
        for complete in [vec![], vec![1], vec![100, 99], vec![300], vec![60, 60]] {
            assert_eq!(merged(&complete, u64::MAX), [], "{complete:?}");
        }
    }

    #[test]
    fn the_less_has_come_late_the_longer_the_last_merge_waits() {
        let late = [Piece { rows: 50_000, bytes: 50, has_deletes: false }, Piece { rows: 5, ..pieces(&[1])[0] }];
        assert_eq!(merges(&late, 99_999, &RULES), []);
        assert_eq!(merges(&late, 100_000, &RULES).len(), 1, "ten thousand rows for each, so a hundred times as long");
    }

    #[test]
    fn files_with_deleted_rows_are_rewritten_once_the_partition_is_over() {
        let mut files = pieces(&[100, 100, 100]);
        files[1].has_deletes = true;
        assert_eq!(merges(&files, 999, &RULES), []);
        assert_eq!(merges(&files, 1_000, &RULES), [Merge { of: vec![1], into: 1, bytes: 100 }]);
    }

    #[test]
    fn what_a_tiny_file_holds_beside_its_rows_does_not_count() {
        let mut files = vec![Piece { rows: 1, bytes: 10, has_deletes: false }; 50];
        files.push(Piece { rows: 1_000, bytes: 50, has_deletes: false });
        let [merge] = &merges(&files, 1_000, &RULES)[..] else { panic!("one merge") };
        assert_eq!((merge.of.len(), merge.into, merge.bytes), (51, 1, 100), "550 bytes would be six files");
    }
}

//! Which of a topic's oldest segments may go.

/// A segment that is no longer written to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sealed {
    pub(super) bytes: u64,
    /// Offset after its last record.
    pub(super) end_offset: i64,
    /// No record in it is later, in µs.
    pub(super) last_micros: i64,
}

/// What a topic keeps.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Bytes of all its segments; 0 for any number.
    pub(super) bytes: u64,
    /// Segments whose records are all earlier go.
    pub(super) oldest_micros: i64,
    /// Records from this offset on stay whatever the other limits say.
    pub(super) needed_from: i64,
}

/// How many of the oldest segments may go, when all segments together have `total_bytes`.
pub(super) fn removable(sealed: &[Sealed], total_bytes: u64, limits: &Limits) -> usize {
    let mut left_bytes = total_bytes;
    let goes = |segment: &&Sealed| {
        let too_large = limits.bytes > 0 && left_bytes > limits.bytes;
        let too_old = segment.last_micros < limits.oldest_micros;
        left_bytes -= segment.bytes;
        (too_large || too_old) && segment.end_offset <= limits.needed_from
    };
    sealed.iter().take_while(goes).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_segments_go_by_size_or_age_but_never_what_is_needed() {
        let sealed: Vec<Sealed> =
            (1..=4).map(|n| Sealed { bytes: 100, end_offset: 10 * n, last_micros: 1000 * n }).collect();
        let all = i64::MAX;
        for (bytes, oldest_micros, needed_from, gone) in [
            (0, i64::MIN, all, 0),
            (450, i64::MIN, all, 0),
            (449, i64::MIN, all, 1),
            (300, i64::MIN, all, 2),
            (1, i64::MIN, all, 4),
            (0, 1000, all, 0),
            (0, 2001, all, 2),
            (0, i64::MAX, all, 4),
            (1, i64::MAX, i64::MIN, 0),
            (1, i64::MAX, 29, 2),
            (1, i64::MAX, 30, 3),
        ] {
            let limits = Limits { bytes, oldest_micros, needed_from };
            assert_eq!(removable(&sealed, 450, &limits), gone, "{limits:?}");
        }
    }
}

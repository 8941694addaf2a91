//! The wall clock without its short jumps: a step counts once it has lasted. By a clock that is years ahead for a moment all that
//! is kept would be too old, and every later record would be of that time.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use event::Timestamp;

/// What a running clock is off by without having been set, in µs.
const DRIFT_MICROS: i64 = 2_000_000;

/// How long a step must last: longer than a clock that is being set is wrong, shorter than people wait for a machine that slept.
const STEP_LASTS: Duration = Duration::from_secs(60);

/// The wall clock, as this process has come to know it.
struct Steady {
    /// The wall's time at a moment, which time is counted from.
    anchor: (i64, Duration),
    /// A wall that says otherwise: how far it is off, in µs, and since when.
    step: Option<(i64, Duration)>,
}

/// A clock for [`Options`](super::Options).
pub(super) fn steady_clock() -> Arc<dyn Fn() -> Timestamp + Send + Sync> {
    let began = Instant::now();
    let steady = Mutex::new(Steady::at(Timestamp::now().micros(), Duration::ZERO));
    Arc::new(move || {
        let mut steady = steady.lock().unwrap_or_else(PoisonError::into_inner);
        Timestamp::from_micros(steady.tell(Timestamp::now().micros(), began.elapsed())).unwrap_or_default()
    })
}

impl Steady {
    fn at(wall: i64, elapsed: Duration) -> Self {
        Self { anchor: (wall, elapsed), step: None }
    }

    /// The time, given what the wall says and how long the process has run.
    fn tell(&mut self, wall: i64, elapsed: Duration) -> i64 {
        let counted = self.anchor.0 + micros(elapsed.saturating_sub(self.anchor.1));
        let off = wall - counted;
        if off.abs() <= DRIFT_MICROS {
            *self = Self::at(wall, elapsed);
            return wall;
        }
        match self.step {
            Some((before, since)) if (off - before).abs() <= DRIFT_MICROS => {
                if elapsed.saturating_sub(since) < STEP_LASTS {
                    return counted;
                }
                *self = Self::at(wall, elapsed);
                wall
            }
            _ => {
                self.step = Some((off, elapsed));
                counted
            }
        }
    }
}

fn micros(time: Duration) -> i64 {
    i64::try_from(time.as_micros()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000_000;

    fn tell(steady: &mut Steady, wall: i64, second: u64) -> i64 {
        steady.tell(wall, Duration::from_secs(second))
    }

    fn second(number: u64) -> i64 {
        micros(Duration::from_secs(number))
    }

    #[test]
    fn a_clock_that_is_wrong_for_a_moment_changes_nothing() {
        let mut steady = Steady::at(HOUR, Duration::ZERO);
        for (at, off) in [(1, 0), (2, 87_600 * HOUR), (8, 87_600 * HOUR), (10, 0), (20, -HOUR), (50, -HOUR), (70, 0)] {
            assert_eq!(tell(&mut steady, HOUR + second(at) + off, at), HOUR + second(at), "{at}");
        }
    }

    #[test]
    fn a_step_that_lasts_counts_and_so_does_drift() {
        let mut steady = Steady::at(HOUR, Duration::ZERO);
        assert_eq!(tell(&mut steady, 9 * HOUR, 1), HOUR + second(1));
        assert_eq!(tell(&mut steady, 9 * HOUR + second(59), 60), HOUR + second(60));
        assert_eq!(tell(&mut steady, 9 * HOUR + second(60), 61), 9 * HOUR + second(60));
        let drifted = 9 * HOUR + second(1_061);
        assert_eq!(tell(&mut steady, drifted, 1_061), drifted);
        assert_eq!(tell(&mut steady, drifted + second(999), 2_061), drifted + second(999));
    }
}

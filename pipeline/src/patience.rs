//! How long the fastest lane may be made to wait for slower ones, so that they read the log together.

use std::time::Duration;

use tokio::time::Instant;

/// The most that can be saved up, and so the longest that a lane which stands still holds the others up.
pub(crate) const MOST: Duration = Duration::from_secs(2);

/// Time that may be spent on waiting. As much is earned by going on as may be spent, so that no more than half of the time is.
pub(crate) struct Patience {
    left: Duration,
    counted: Instant,
}

impl Patience {
    pub fn new() -> Self {
        Self { left: MOST, counted: Instant::now() }
    }

    /// Counts the time since the last count, and tells what is left.
    pub fn count(&mut self, waited: bool) -> Duration {
        let now = Instant::now();
        let passed = now - self.counted;
        self.counted = now;
        self.left = if waited { self.left.saturating_sub(passed) } else { (self.left + passed).min(MOST) };
        self.left
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn no_more_than_half_of_the_time_is_spent_on_waiting() {
        let mut patience = Patience::new();
        advance(MOST).await;
        assert_eq!(patience.count(true), Duration::ZERO, "all that was saved up is spent");
        let second = Duration::from_secs(1);
        advance(second).await;
        assert_eq!(patience.count(false), second);
        advance(second / 4).await;
        assert_eq!(patience.count(true), second * 3 / 4);
        advance(MOST * 10).await;
        assert_eq!(patience.count(false), MOST);
    }
}

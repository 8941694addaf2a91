//! What goes on on a connection, as far as the limits of its time need to know.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::sleep;

/// The requests and the answers of a connection.
#[derive(Default)]
pub struct Activity {
    begun: AtomicU64,
    ended: AtomicU64,
    /// Grows by one as time passes, see [`Activity::stall`].
    turn: AtomicU64,
    /// Parts of answers that wait to be sent: of this turn and of the one before.
    unsent: [AtomicU64; 2],
}

impl Activity {
    /// A request begins.
    pub fn visit(self: &Arc<Self>) -> Visit {
        self.begun.fetch_add(1, Ordering::Relaxed);
        Visit(self.clone())
    }

    /// A part of an answer is there and waits for the connection.
    pub fn unsent(self: &Arc<Self>) -> Unsent {
        let slot = slot(self.turn.load(Ordering::Relaxed));
        self.unsent[slot].fetch_add(1, Ordering::Relaxed);
        Unsent { activity: self.clone(), slot }
    }

    /// Returns once there has been no request for `idle`, and for less than twice as long.
    pub async fn cease(&self, idle: Duration) {
        loop {
            let before = self.begun.load(Ordering::Relaxed);
            sleep(idle).await;
            let now = self.begun.load(Ordering::Relaxed);
            if now == before && now == self.ended.load(Ordering::Relaxed) {
                return;
            }
        }
    }

    /// Returns once a part of an answer has waited for `patience`, and for less than twice as long: its reader is stuck,
    /// or wants to keep us waiting.
    pub async fn stall(&self, patience: Duration) {
        loop {
            sleep(patience).await;
            let turn = self.turn.load(Ordering::Relaxed);
            if self.unsent[slot(turn + 1)].load(Ordering::Relaxed) > 0 {
                return;
            }
            self.turn.store(turn + 1, Ordering::Relaxed);
        }
    }
}

fn slot(turn: u64) -> usize {
    usize::from(turn % 2 == 1)
}

/// A request under way, until its whole answer was handed to the connection.
pub struct Visit(Arc<Activity>);

impl Drop for Visit {
    fn drop(&mut self) {
        self.0.ended.fetch_add(1, Ordering::Relaxed);
    }
}

/// A part of an answer on its way; dropped when it is sent, or given up.
pub struct Unsent {
    activity: Arc<Activity>,
    slot: usize,
}

impl Drop for Unsent {
    fn drop(&mut self) {
        self.activity.unsent[self.slot].fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::timeout;

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(10);

    #[tokio::test(start_paused = true)]
    async fn a_part_that_is_not_sent_within_its_time_is_a_stall_and_a_slow_sequence_of_parts_is_none() {
        let activity = Arc::new(Activity::default());
        let sending = async {
            for _ in 0..20 {
                let _part = activity.unsent();
                sleep(PATIENCE * 9 / 10).await;
            }
        };
        tokio::select! {
            () = activity.stall(PATIENCE) => panic!("each part was sent in time"),
            () = sending => {}
        }
        let _stuck = activity.unsent();
        timeout(PATIENCE * 2 + PATIENCE / 10, activity.stall(PATIENCE)).await.expect("a stall");
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_is_not_idle_before_its_last_answer_is_whole() {
        let activity = Arc::new(Activity::default());
        let visit = activity.visit();
        assert!(timeout(PATIENCE * 5, activity.cease(PATIENCE)).await.is_err());
        drop(visit);
        timeout(PATIENCE * 2, activity.cease(PATIENCE)).await.expect("an end");
    }
}

//! What goes on on a connection, as far as the limits of its time need to know.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::sleep;

/// The requests and the answers of a connection.
#[derive(Default)]
pub struct Activity {
    begun: AtomicU64,
    ended: AtomicU64,
    /// Whether a part of a request's head has come, and no request of it yet.
    has_part: AtomicBool,
    part_came: Notify,
    /// Whether requests come in frames: what is read between them need not be a part of any.
    is_framed: AtomicBool,
    /// Grows by one as time passes, see [`Activity::stall`].
    turn: AtomicU64,
    /// Parts of answers that wait to be sent: of this turn and of the one before.
    unsent: [AtomicU64; 2],
}

impl Activity {
    /// A part of the next request's head has come, or is to come from now on.
    pub fn expect_head(&self) {
        let is_between = self.begun.load(Ordering::Relaxed) == self.ended.load(Ordering::Relaxed);
        if is_between && !self.is_framed.load(Ordering::Relaxed) && !self.has_part.swap(true, Ordering::Relaxed) {
            self.part_came.notify_one();
        }
    }

    /// A request begins, of HTTP/2 or of a version before.
    pub fn visit(self: &Arc<Self>, is_framed: bool) -> Visit {
        self.is_framed.store(is_framed, Ordering::Relaxed);
        self.has_part.store(false, Ordering::Relaxed);
        self.begun.fetch_add(1, Ordering::Relaxed);
        Visit(self.clone())
    }

    /// A part of an answer is there and waits for the connection.
    pub fn unsent(self: &Arc<Self>) -> Unsent {
        let slot = slot(self.turn.load(Ordering::Relaxed));
        self.unsent[slot].fetch_add(1, Ordering::Relaxed);
        Unsent { activity: self.clone(), slot }
    }

    /// Returns once a request's head has not become whole for `limit`, and for less than twice as long.
    pub async fn linger(&self, limit: Duration) {
        loop {
            self.part_came.notified().await;
            let before = self.begun.load(Ordering::Relaxed);
            sleep(limit).await;
            let is_same = before == self.begun.load(Ordering::Relaxed);
            match (self.has_part.load(Ordering::Relaxed), is_same) {
                (true, true) => return,
                // Another one, which is looked at from now on.
                (true, false) => self.part_came.notify_one(),
                (false, _) => {}
            }
        }
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
    async fn a_head_that_does_not_become_whole_is_given_up_and_an_idle_connection_is_not() {
        let activity = Arc::new(Activity::default());
        activity.expect_head();
        drop(activity.visit(false));
        assert!(timeout(PATIENCE * 5, activity.linger(PATIENCE)).await.is_err(), "nothing of a second request came");
        let requests = async {
            for _ in 0..20 {
                activity.expect_head();
                sleep(PATIENCE * 9 / 10).await;
                drop(activity.visit(false));
            }
        };
        tokio::select! {
            () = activity.linger(PATIENCE) => panic!("each head was whole in time"),
            () = requests => {}
        }
        activity.expect_head();
        timeout(PATIENCE * 2 + PATIENCE / 10, activity.linger(PATIENCE)).await.expect("an end");
        drop(activity.visit(true));
        activity.expect_head();
        assert!(timeout(PATIENCE * 5, activity.linger(PATIENCE)).await.is_err(), "frames are no heads");
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_is_not_idle_before_its_last_answer_is_whole() {
        let activity = Arc::new(Activity::default());
        let visit = activity.visit(false);
        assert!(timeout(PATIENCE * 5, activity.cease(PATIENCE)).await.is_err());
        drop(visit);
        timeout(PATIENCE * 2, activity.cease(PATIENCE)).await.expect("an end");
    }
}

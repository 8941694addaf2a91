//! The one reader of the log's newest records, for all lanes.

use std::sync::Arc;
use std::time::Duration;

use event::Positions;
use eventlog::LogError;
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

use crate::ring::Ring;
use crate::source::{Origin, Source};

const WAIT_FOR_OTHER_LANES: Duration = Duration::from_secs(2);
const RETRY_WAIT: Duration = Duration::from_secs(1);

/// Fills the ring from where the lanes stand, for ever.
pub(crate) async fn run(origin: Origin, ring: Arc<Ring>, lanes: usize, mut began: mpsc::Receiver<Positions>) {
    let window = i64::try_from(origin.config.duplicate_window_records).unwrap_or(i64::MAX);
    loop {
        let mut at = start(&gathered(lanes, &mut began).await, window);
        ring.begin(at.clone());
        tokio::select! {
            () = fill_while_held(&origin, &ring, &mut at) => {}
            () = ring.suspected() => {}
        }
        // Before the restart: what lanes sent until now may be out of date.
        while began.try_recv().is_ok() {}
        ring.restart();
        sleep(RETRY_WAIT).await;
    }
}

/// Fills the ring until the log does not hold what comes next.
async fn fill_while_held(origin: &Origin, ring: &Ring, at: &mut Positions) {
    loop {
        let Err(error) = fill(origin, ring, at).await;
        if matches!(error, LogError::OutOfRange { .. }) {
            tracing::warn!(%error, "the log does not hold what comes next: every sink looks where to go on");
            return;
        }
        tracing::warn!(%error, "cannot read the log; trying again");
        sleep(RETRY_WAIT).await;
    }
}

async fn fill(origin: &Origin, ring: &Ring, at: &mut Positions) -> Result<std::convert::Infallible, LogError> {
    let mut source = Source::start(origin, at).await?;
    loop {
        let batch = source.next().await?;
        batch.pass(at);
        ring.push(batch).await;
    }
}

/// Where the lanes stand that begin soon after the first; a sink that is down must not hold the others back.
async fn gathered(lanes: usize, began: &mut mpsc::Receiver<Positions>) -> Vec<Positions> {
    let Some(first) = began.recv().await else { return std::future::pending().await };
    let mut gathered = vec![first];
    let others = async {
        while gathered.len() < lanes {
            let Some(positions) = began.recv().await else { break };
            gathered.push(positions);
        }
    };
    // Those that are not here by then will read the log until they have caught up.
    let _ = timeout(WAIT_FOR_OTHER_LANES, others).await;
    gathered
}

/// The position in each partition of the slowest lane that stands no more than `window` before the fastest one: so much
/// is read in any case, to know duplicates.
fn start(lanes: &[Positions], window: i64) -> Positions {
    let mut furthest = Positions::default();
    for (partition, next) in lanes.iter().flat_map(Positions::iter) {
        furthest.set(partition, furthest.get(partition).map_or(next, |known| known.max(next)));
    }
    let is_near = |lane: &&Positions| {
        furthest
            .iter()
            .all(|(partition, most)| lane.get(partition).is_some_and(|next| most.saturating_sub(next) <= window))
    };
    let mut start = furthest.clone();
    for (partition, next) in lanes.iter().filter(is_near).flat_map(Positions::iter) {
        start.set(partition, start.get(partition).map_or(next, |known| known.min(next)));
    }
    start
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_head_begins_with_the_slowest_lane_that_is_near_the_fastest() {
        let at = |first, second| [(0, first), (1, second)].into_iter().collect::<Positions>();
        for (lanes, expected) in [
            (vec![at(500, 90)], at(500, 90)),
            (vec![at(500, 90), at(450, 100)], at(450, 90)),
            (vec![at(500, 90), at(399, 90)], at(500, 90)),
            (vec![at(500, 90), at(499, 0), at(0, 90)], at(499, 0)),
        ] {
            assert_eq!(start(&lanes, 100), expected, "{lanes:?}");
        }
    }
}

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

/// Fills the ring from where the fastest lane stands, for ever.
pub(crate) async fn run(origin: Origin, ring: Arc<Ring>, lanes: usize, mut began: mpsc::UnboundedReceiver<Positions>) {
    let mut at = fastest(lanes, &mut began).await;
    ring.begin(at.clone());
    loop {
        let Err(error) = fill(&origin, &ring, &mut at).await;
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

/// The furthest position in each partition of the lanes that begin soon after the first; a sink that is down must not hold
/// the others back.
async fn fastest(lanes: usize, began: &mut mpsc::UnboundedReceiver<Positions>) -> Positions {
    let Some(mut furthest) = began.recv().await else { return std::future::pending().await };
    let others = async {
        for _ in 1..lanes {
            let Some(positions) = began.recv().await else { break };
            for (partition, next) in positions.iter() {
                furthest.set(partition, furthest.get(partition).map_or(next, |known| known.max(next)));
            }
        }
    };
    // Those that are not here by then will read the log until they have caught up.
    let _ = timeout(WAIT_FOR_OTHER_LANES, others).await;
    furthest
}

//! Keeps the databases up to date as long as the server runs.

use std::time::Duration;

use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::UpdateError;
use super::outcome::{Outcome, Urgency};
use super::source::Source;
use super::updater::Updater;

/// Longest sleep: somebody else may have updated meanwhile, or the clock may have been set.
const MAX_SLEEP: Duration = Duration::from_secs(600);
/// Shortest, also when the record of updates cannot be written and so tells nothing.
const MIN_SLEEP: Duration = Duration::from_secs(60);
/// Hosts that start together do not ask together, unless they lack a database.
const START_JITTER: Duration = Duration::from_secs(60);

/// Updates each source when it is time, one after the other, until `shutdown`.
pub async fn run(updater: Updater, shutdown: CancellationToken) {
    let updating = async {
        if updater.sources().iter().all(|source| source.file().exists()) {
            sleep(START_JITTER.mul_f64(rand::random())).await;
        }
        loop {
            for source in updater.sources() {
                update(&updater, source).await;
            }
            sleep(until_next(&updater)).await;
        }
    };
    shutdown.run_until_cancelled(updating).await;
}

async fn update(updater: &Updater, source: &Source) {
    let name = source.name();
    match updater.update_once(source, Urgency::WhenDue, &|_, _| {}).await {
        Ok(Outcome::Updated { database, bytes }) => {
            tracing::info!(source = name, database, bytes, "a newer geo database is in place");
        }
        Ok(Outcome::Unchanged) => tracing::debug!(source = name, "the geo database in place is the newest"),
        Ok(Outcome::NotDue { .. }) | Err(UpdateError::Busy) => {}
        Err(error) => {
            let advice = error.advice().unwrap_or("it is tried again by itself");
            tracing::warn!(source = name, error = error.told(), advice, "a geo database was not updated");
        }
    }
}

fn until_next(updater: &Updater) -> Duration {
    let Ok(state) = updater.state() else { return MAX_SLEEP };
    let now = updater.now();
    let wait = |source: &Source| (state.next_check(source, now)? - now).to_std().ok();
    let waits = updater.sources().iter().map(|source| wait(source).unwrap_or_default());
    waits.min().unwrap_or(MAX_SLEEP).clamp(MIN_SLEEP, MAX_SLEEP)
}

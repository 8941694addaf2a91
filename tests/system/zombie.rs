//! A worker that hangs until others have its partitions, and then goes on, writes nothing.

use std::time::Duration;

use crate::clients::Clients;
use crate::cluster::Cluster;

/// Longer than any commit interval and time-out that the worker could still act on.
const WATCHED: Duration = Duration::from_secs(8);

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_wakes_after_its_partitions_moved_writes_nothing_to_any_sink() {
    let cluster = Cluster::start(2_000).await;
    let clients = Clients::start(&cluster.gateway_url, 4, 40, Duration::from_millis(10));
    tokio::time::sleep(Duration::from_secs(3)).await;
    // Under load, so that it holds rows that it has staged and not committed.
    cluster.workers[0].pause();
    cluster.workers[1].until("in charge of all", async |_| cluster.has_all_partitions(1).await).await;
    let acknowledged = clients.stop().await;
    cluster.until_delivered_by(1).await;
    let before = cluster.ids().await;

    cluster.workers[0].go_on();
    cluster.until_running().await;
    tokio::time::sleep(WATCHED).await;
    assert!(cluster.ids().await == before, "the worker wrote something");
    cluster.expect_each_once(&acknowledged).await;
}

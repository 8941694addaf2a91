//! Faults of every kind at random moments under load: what was acknowledged is in every sink exactly once.
//!
//! A short run by default; `make chaos` sets PAGEBERG_TEST_CHAOS=long.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rand::Rng;
use rand::rngs::StdRng;
use rand::seq::{IndexedRandom, SliceRandom};
use tokio::task::block_in_place;
use tokio::time::sleep;

use crate::clients::Clients;
use crate::cluster::Cluster;
use testkit::seed::seeded;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Fault {
    Broker,
    Gateway,
    FirstWorker,
    SecondWorker,
    Postgres,
}

const EVERY_FAULT: [Fault; 5] =
    [Fault::Broker, Fault::Gateway, Fault::FirstWorker, Fault::SecondWorker, Fault::Postgres];

/// How much of it.
struct Plan {
    faults: usize,
    events: usize,
    clients: usize,
    most_events_a_request: usize,
    pause_ms: u64,
}

const SHORT: Plan = Plan { faults: 7, events: 5_000, clients: 4, most_events_a_request: 40, pause_ms: 10 };
const LONG: Plan = Plan { faults: 22, events: 300_000, clients: 6, most_events_a_request: 400, pause_ms: 500 };

#[tokio::test(flavor = "multi_thread")]
async fn whatever_was_acknowledged_is_in_every_sink_exactly_once_whichever_part_fails() {
    let plan = if std::env::var("PAGEBERG_TEST_CHAOS").is_ok_and(|run| run == "long") { LONG } else { SHORT };
    let mut random = seeded();
    let mut cluster = Cluster::start(500).await;
    let clients = Clients::start(
        &cluster.gateway_url,
        plan.clients,
        plan.most_events_a_request,
        Duration::from_millis(plan.pause_ms),
    );
    let mut recoveries = BTreeMap::<Fault, Vec<Duration>>::new();
    for fault in faults(&mut random, plan.faults) {
        sleep(Duration::from_millis(random.random_range(500..3_000))).await;
        let took = strike(&mut cluster, fault, Duration::from_millis(random.random_range(0..4_000))).await;
        println!("{fault:?}: running again after {:.1} s, {} acknowledged", took.as_secs_f64(), clients.acknowledged());
        recoveries.entry(fault).or_default().push(took);
    }
    while clients.acknowledged() < plan.events {
        sleep(Duration::from_millis(100)).await;
    }
    let acknowledged = clients.stop().await;
    let began = Instant::now();
    cluster.until_delivered().await;
    println!("everything delivered {:.1} s after the last request", began.elapsed().as_secs_f64());
    cluster.expect_each_once(&acknowledged).await;
    report(&recoveries, acknowledged.len());
}

/// Each kind at least once if there are enough, in any order.
fn faults(random: &mut StdRng, count: usize) -> Vec<Fault> {
    let mut faults = EVERY_FAULT.to_vec();
    faults.extend((EVERY_FAULT.len()..count).filter_map(|_| EVERY_FAULT.choose(random)));
    faults.shuffle(random);
    faults
}

/// Breaks a part, leaves it broken for a while, and tells how long the whole then took until it ran again.
async fn strike(cluster: &mut Cluster, fault: Fault, broken: Duration) -> Duration {
    match fault {
        Fault::Broker => block_in_place(|| cluster.broker.kill()),
        Fault::Postgres => block_in_place(|| cluster.postgres.kill()),
        Fault::Gateway => cluster.gateway.kill(),
        Fault::FirstWorker => cluster.workers[0].kill(),
        Fault::SecondWorker => cluster.workers[1].kill(),
    }
    sleep(broken).await;
    let began = Instant::now();
    match fault {
        Fault::Broker => block_in_place(|| cluster.broker.restart()),
        Fault::Postgres => block_in_place(|| cluster.postgres.restart()),
        Fault::Gateway => drop(cluster.gateway.start().await),
        Fault::FirstWorker => drop(cluster.workers[0].start().await),
        Fault::SecondWorker => drop(cluster.workers[1].start().await),
    }
    cluster.until_running().await;
    began.elapsed()
}

fn report(recoveries: &BTreeMap<Fault, Vec<Duration>>, acknowledged: usize) {
    let faults: usize = recoveries.values().map(Vec::len).sum();
    println!("{faults} faults, {acknowledged} events acknowledged, 0 duplicates, 0 losses; time until running again:");
    for (fault, times) in recoveries {
        let mut times = times.clone();
        times.sort();
        let [least, middle, most] = [0, times.len() / 2, times.len() - 1].map(|index| times[index].as_secs_f64());
        println!("  {fault:?} x{}: min {least:.1} s, median {middle:.1} s, max {most:.1} s", times.len());
    }
}

//! Workers that were paused or killed while others went on.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use eventlog::kafka::Config;
use eventlog::{EventLog, LogError};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};
use tokio::task::spawn_blocking;

use crate::kafka::fixture::{DEADLINE, advance, assigned, config, connect, record, shared, unique, within};
use testkit::kafka_console::read_topic;
use testkit::services::kafka;

const ZOMBIE: &str = "PAGEBERG_TEST_ZOMBIE";
const ENTRY: &str = "kafka::fencing::a_worker_commits_when_it_is_told_to";
const READY: &str = "the worker owns all partitions";
const MOVED: &str = "the commit was refused as moved";

/// Does nothing unless it was started by [`worker`]: joins, and commits when a line comes in.
#[test]
fn a_worker_commits_when_it_is_told_to() {
    let Ok(setting) = std::env::var(ZOMBIE) else { return };
    let [address, group, topic] = setting.split(' ').collect::<Vec<_>>().try_into().unwrap();
    let commit = async {
        let brokers = Some(address.to_owned());
        let log = connect(&Config { brokers, session_timeout_ms: 2_000, ..Config::default() });
        let mut member = log.join(group, topic).await.unwrap();
        let mut transactor = log.transactor(group, &format!("{topic}.out")).await.unwrap();
        assigned(&mut member, &[0, 1, 2, 3]).await;
        transactor.commit(vec![record("a", "in time")], &advance(topic, None, 1)).await.unwrap();
        report(READY);
        std::io::stdin().lock().read_line(&mut String::new()).unwrap();
        match transactor.commit(vec![record("a", "too late")], &advance(topic, Some(1), 2)).await {
            Err(LogError::Moved) => report(MOVED),
            other => report(&format!("{other:?}")),
        }
    };
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap().block_on(commit);
}

fn report(text: &str) {
    let mut out = std::io::stdout().lock();
    out.write_all(format!("\n{text}\n").as_bytes()).unwrap();
}

fn worker(address: &str, group: &str, topic: &str) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", ENTRY, "--nocapture"]).env(ZOMBIE, format!("{address} {group} {topic}"));
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap()
}

fn signal(child: &Child, signal: &str) {
    let status = Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap();
    assert!(status.success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_paused_until_its_partitions_moved_writes_nothing_when_it_goes_on() {
    let (log, topic) = shared();
    let (address, group) = (kafka::shared().address(), unique("workers"));
    log.partitions(&topic).await.unwrap();
    let mut zombie = worker(address, &group, &topic);
    let mut reports = BufReader::new(zombie.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert!(reports.any(|line| line == READY));
    signal(&zombie, "-STOP");
    let mut member = log.join(&group, &topic).await.unwrap();
    assigned(&mut member, &[0, 1, 2, 3]).await;
    // The positions are still those that the zombie expects: the group's generation alone can tell.
    assert_eq!(log.positions(&group, &topic).await.unwrap().get(0), Some(1));
    zombie.stdin.take().unwrap().write_all(b"go on\n").unwrap();
    signal(&zombie, "-CONT");
    let said: Vec<String> = spawn_blocking(move || reports.collect()).await.unwrap();
    assert!(said.iter().any(|line| line == MOVED), "{said:?}");
    assert!(zombie.wait().unwrap().success());
    assert_eq!(log.positions(&group, &topic).await.unwrap().get(0), Some(1));
    let written = spawn_blocking(move || read_topic(address, &format!("{topic}.out"))).await.unwrap();
    assert_eq!(written.iter().map(|seen| &seen.payload[..]).collect::<Vec<_>>(), [b"in time"]);
}

/// Leaves a transaction open, as a worker does that is killed within its commit.
fn leave_open(address: &str, group: &str, topic: &str, output: &str, lasts: Duration) {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", address);
    let consumer: BaseConsumer = config.clone().set("group.id", group).create().unwrap();
    let id = format!("{group}.killed");
    let lasts = lasts.as_millis().to_string();
    config.set("transactional.id", id).set("transaction.timeout.ms", &lasts).set("message.timeout.ms", &lasts);
    let producer: BaseProducer = config.create().unwrap();
    producer.init_transactions(DEADLINE).unwrap();
    producer.begin_transaction().unwrap();
    producer.send(BaseRecord::<(), str>::to(output).partition(0).payload("half done")).unwrap();
    producer.flush(DEADLINE).unwrap();
    let mut offsets = TopicPartitionList::new();
    offsets.add_partition_offset(topic, 0, Offset::Offset(99)).unwrap();
    producer.send_offsets_to_transaction(&offsets, &consumer.group_metadata().unwrap(), DEADLINE).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transaction_left_open_by_a_killed_worker_is_waited_for_and_then_never_was() {
    let broker = kafka::shared();
    let log = connect(&Config { request_timeout_ms: 500, ..config(broker.address()) });
    let (group, topic) = (unique("workers"), unique("page_views"));
    let output = format!("{topic}.out");
    let mut transactor = log.transactor(&group, &output).await.unwrap();
    transactor.commit(vec![record("a", "whole")], &advance(&topic, None, 5)).await.unwrap();
    let killed = {
        let (group, topic, output) = (group.clone(), topic.clone(), output.clone());
        move || leave_open(broker.address(), &group, &topic, &output, Duration::from_secs(3))
    };
    spawn_blocking(killed).await.unwrap();
    let unknown = log.positions(&group, &topic).await;
    assert!(matches!(&unknown, Err(LogError::Unavailable { reason }) if reason.contains("still open")), "{unknown:?}");
    let settled = async {
        loop {
            match log.positions(&group, &topic).await {
                Ok(positions) => break positions,
                Err(error) => assert!(error.is_retriable(), "{error}"),
            }
        }
    };
    assert_eq!(within(settled).await.get(0), Some(5));
    transactor.commit(vec![record("a", "next")], &advance(&topic, Some(5), 6)).await.unwrap();
    let written = spawn_blocking(move || read_topic(broker.address(), &output)).await.unwrap();
    let mut written: Vec<_> = written.into_iter().map(|seen| String::from_utf8(seen.payload).unwrap()).collect();
    written.sort();
    assert_eq!(written, ["next", "whole"]);
}

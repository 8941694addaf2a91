//! Limit: an HTTP server that hands bodies to Kafka unread and answers when they are durable.
//!
//! usage: `axum_kafka ADDRESS BROKERS TOPIC [keyed]`
//!
//! `POST /one` makes a record of the body, `POST /lines` one of each line. With `keyed` each record has a key
//! of its own, which spreads them over the partitions as the keys of visitors do; else the client fills one partition's
//! batch after the other.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use anyhow::{Context, bail};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use axum::serve::ListenerExt;
use bench_tools::kafka::durable_producer;
use rdkafka::ClientContext;
use rdkafka::message::DeliveryResult;
use rdkafka::producer::{BaseRecord, ProducerContext, ThreadedProducer};
use tokio::sync::Notify;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What of a request is not durable yet: one count a request costs less than one future a record.
#[derive(Default)]
struct Pending {
    records: AtomicU64,
    failed: AtomicBool,
    done: Notify,
}

impl Pending {
    fn settle(&self, is_durable: bool) {
        if !is_durable {
            self.failed.store(true, Ordering::Relaxed);
        }
        if self.records.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.done.notify_one();
        }
    }
}

struct Deliveries;

impl ClientContext for Deliveries {}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = Arc<Pending>;

    fn delivery(&self, result: &DeliveryResult<'_>, pending: Arc<Pending>) {
        pending.settle(result.is_ok());
    }
}

struct Sending {
    producer: ThreadedProducer<Deliveries>,
    topic: String,
    is_keyed: bool,
    next_key: AtomicU64,
}

impl Sending {
    async fn send<'a>(&self, payloads: impl Iterator<Item = &'a [u8]>) -> StatusCode {
        let pending = Arc::new(Pending::default());
        // One of its own, settled last, so that the count cannot reach 0 before all are sent.
        pending.records.store(1, Ordering::Relaxed);
        for payload in payloads {
            pending.records.fetch_add(1, Ordering::AcqRel);
            let key = self.next_key.fetch_add(1, Ordering::Relaxed).to_be_bytes();
            let record = BaseRecord::<[u8], [u8], _>::with_opaque_to(&self.topic, pending.clone()).payload(payload);
            let record = if self.is_keyed { record.key(&key[..]) } else { record };
            if self.producer.send(record).is_err() {
                pending.settle(false);
            }
        }
        pending.settle(true);
        pending.done.notified().await;
        if pending.failed.load(Ordering::Relaxed) { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::NO_CONTENT }
    }
}

async fn one(State(sending): State<Arc<Sending>>, body: Bytes) -> StatusCode {
    sending.send(std::iter::once(&body[..])).await
}

async fn lines(State(sending): State<Arc<Sending>>, body: Bytes) -> StatusCode {
    sending.send(body.split(|byte| *byte == b'\n').filter(|line| !line.is_empty())).await
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [address, brokers, topic, options @ ..] = &arguments[..] else {
        bail!("usage: axum_kafka ADDRESS BROKERS TOPIC [keyed]")
    };
    let is_keyed = options.iter().any(|option| option == "keyed");
    let producer = durable_producer(brokers).create_with_context(Deliveries).context("failed to make a producer")?;
    let listener = tokio::net::TcpListener::bind(address).await?.tap_io(|socket| {
        let _ = socket.set_nodelay(true);
    });
    let state = Arc::new(Sending { producer, topic: topic.clone(), is_keyed, next_key: AtomicU64::new(0) });
    let router = Router::new().route("/one", post(one)).route("/lines", post(lines)).with_state(state);
    Ok(axum::serve(listener, router).await?)
}

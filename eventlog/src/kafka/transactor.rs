//! Outputs and positions in one Kafka transaction.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use event::Advance;
use rdkafka::consumer::{Consumer, ConsumerGroupMetadata};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{Producer, ThreadedProducer};
use rdkafka::{Offset, TopicPartitionList};
use tokio::sync::OwnedMutexGuard;
use uuid::Uuid;

use super::append::{check_sizes, outgoing};
use super::client::{Retiring, create};
use super::context::Transactional;
use super::errors;
use super::group::Group;
use super::log::Inner;
use super::membership::Holding;
use super::queries::{self, blocking};
use crate::metrics::KAFKA_TRANSACTION_SECONDS;
use crate::{LogError, NewRecord, Transactor};

type TransactionalProducer = Retiring<ThreadedProducer<Transactional>>;

const SETTLE_STEP: Duration = Duration::from_millis(1);

pub(super) struct KafkaTransactor {
    log: Arc<Inner>,
    group: Arc<Group>,
    output: String,
    /// Taken out during a commit, and not put back by one that leaves it in doubt.
    producer: Option<TransactionalProducer>,
}

/// Everything that one commit needs on its thread.
struct Commit {
    log: Arc<Inner>,
    group: Arc<Group>,
    output: String,
    records: Vec<NewRecord>,
    advance: Advance,
    holding: Option<Arc<Holding>>,
    /// Two commits of a process must not both find the positions that they expect.
    _turn: OwnedMutexGuard<()>,
}

/// How a commit failed: as a whole, or leaving the producer fit for another.
enum Failure {
    Refused(LogError),
    Broken(LogError),
}

impl KafkaTransactor {
    pub(super) async fn new(log: Arc<Inner>, group: Arc<Group>, output: &str) -> Result<Self, LogError> {
        let limit = log.topics.named(output).await?.max_payload_bytes;
        let id = format!("{}.{output}.{}", group.name, Uuid::new_v4());
        let clients = log.clients.clone();
        let producer = blocking(move || {
            let producer: ThreadedProducer<Transactional> = create(&clients.transactional(&id, limit), "transactor")?;
            let producer = TransactionalProducer::from(producer);
            match producer.init_transactions(clients.transaction_timeout()) {
                Ok(()) => Ok(producer),
                Err(error) => Err(errors::unavailable("begin to write in transactions", &error)),
            }
        });
        Ok(Self { producer: Some(producer.await?), log, group, output: output.to_owned() })
    }
}

#[async_trait]
impl Transactor for KafkaTransactor {
    async fn commit(&mut self, outputs: Vec<NewRecord>, advance: &Advance) -> Result<(), LogError> {
        if outputs.is_empty() && advance.steps.is_empty() {
            return Ok(());
        }
        let output = self.log.topics.named(&self.output).await?;
        check_sizes(&outputs, output.max_payload_bytes)?;
        self.log.topics.named(&advance.topic).await?;
        let turn = self.group.turn().await;
        let Some(producer) = self.producer.take() else {
            return Err(LogError::Unavailable {
                reason: "an earlier commit failed; ask for another transactor".to_owned(),
            });
        };
        let commit = Commit {
            log: self.log.clone(),
            group: self.group.clone(),
            output: self.output.clone(),
            records: outputs,
            advance: advance.clone(),
            holding: self.group.holding(&advance.topic, &advance.steps)?,
            _turn: turn,
        };
        let (producer, result) = blocking(move || Ok(commit.run(producer))).await?;
        self.producer = producer;
        result
    }
}

impl Commit {
    /// Gives the producer back when it can commit again.
    fn run(self, producer: TransactionalProducer) -> (Option<TransactionalProducer>, Result<(), LogError>) {
        let started = Instant::now();
        match self.check().and_then(|()| self.write(&producer)) {
            Ok(()) => {
                let group = self.group.name.clone();
                metrics::histogram!(KAFKA_TRANSACTION_SECONDS, "group" => group).record(started.elapsed());
                (Some(producer), Ok(()))
            }
            Err(Failure::Refused(error)) => (Some(producer), Err(error)),
            Err(Failure::Broken(error)) => {
                drop(producer);
                (None, Err(error))
            }
        }
    }

    fn check(&self) -> Result<(), Failure> {
        let partitions: Vec<i32> = self.advance.steps.iter().map(|step| step.partition).collect();
        if partitions.is_empty() {
            return Ok(());
        }
        let timeout = self.log.clients.transaction_timeout();
        let consumer = self.group.consumer(&self.log.clients).map_err(Failure::Refused)?;
        let stored =
            queries::positions(&consumer, &self.advance.topic, &partitions, timeout).map_err(Failure::Refused)?;
        if self.advance.follows(&stored) { Ok(()) } else { Err(Failure::Refused(LogError::Moved)) }
    }

    fn write(&self, producer: &TransactionalProducer) -> Result<(), Failure> {
        producer.begin_transaction().map_err(|error| Failure::Broken(verdict(&error)))?;
        let written = self.send(producer).and_then(|()| self.send_positions(producer));
        if written.is_ok() {
            self.settle(producer);
        }
        let committed = written.and_then(|()| producer.commit_transaction(self.log.clients.transaction_timeout()));
        committed.map_err(|error| {
            // Looked at anew by the next commit, for it may have been deleted.
            self.log.topics.forget(&self.output);
            self.abort(producer, &error)
        })
    }

    fn send(&self, producer: &TransactionalProducer) -> Result<(), KafkaError> {
        let send = |record| producer.send(outgoing(&self.output, record, ())).map_err(|(error, _)| error);
        // The commit itself tells whether all were delivered.
        self.records.iter().try_for_each(send)
    }

    /// Waits for the records in steps finer than those of the commit, which would wait for a tenth of a second.
    fn settle(&self, producer: &TransactionalProducer) {
        let deadline = Instant::now() + self.log.clients.transaction_timeout();
        while producer.in_flight_count() > 0 && Instant::now() < deadline {
            thread::sleep(SETTLE_STEP);
        }
    }

    fn send_positions(&self, producer: &TransactionalProducer) -> Result<(), KafkaError> {
        let mut offsets = TopicPartitionList::new();
        for step in &self.advance.steps {
            let mut offset = offsets.add_partition(&self.advance.topic, step.partition);
            offset.set_offset(Offset::Offset(step.next))?;
            offset.set_metadata(step.last.map(|mark| mark.to_string()).unwrap_or_default());
        }
        if offsets.count() == 0 {
            return Ok(());
        }
        let timeout = self.log.clients.transaction_timeout();
        let send = |proof: &ConsumerGroupMetadata| producer.send_offsets_to_transaction(&offsets, proof, timeout);
        match &self.holding {
            Some(holding) => send(&holding.proof),
            None => {
                let unknown = KafkaError::Global(RDKafkaErrorCode::UnknownGroup);
                let consumer = self.group.consumer(&self.log.clients).map_err(|_| unknown.clone())?;
                send(&consumer.group_metadata().ok_or(unknown)?)
            }
        }
    }

    /// Ends the transaction, so that nobody has to wait for its time limit. After a timeout of the commit itself nobody
    /// knows how it ended, and the producer is given up as it is.
    fn abort(&self, producer: &TransactionalProducer, error: &KafkaError) -> Failure {
        let verdict = verdict(error);
        let may_abort = match error {
            KafkaError::Transaction(error) => error.txn_requires_abort(),
            _ => true,
        };
        if may_abort && producer.abort_transaction(self.log.clients.transaction_timeout()).is_ok() {
            return Failure::Refused(verdict);
        }
        Failure::Broken(verdict)
    }
}

fn verdict(error: &KafkaError) -> LogError {
    match error.rdkafka_error_code() {
        Some(code) if errors::is_fenced(code) => LogError::Moved,
        _ => errors::unavailable("commit", error),
    }
}

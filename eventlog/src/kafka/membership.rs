//! A share in a topic: a consumer that keeps this process a member of the group and reads nothing.

use std::sync::{Arc, PoisonError, RwLock};
use std::thread;
use std::time::Duration;

use async_trait::async_trait;
use rdkafka::client::ClientContext;
use rdkafka::config::{FromClientConfigAndContext, RDKafkaLogLevel};
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext, ConsumerGroupMetadata};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::types::RDKafkaRespErr;
use rdkafka::{Offset, TopicPartitionList};
use tokio::sync::watch;

use super::client::Clients;
use super::context::{Context, RateLimit};
use super::errors;
use crate::metrics::KAFKA_REBALANCES;
use crate::{LogError, Membership};

/// How soon a member that was dropped begins to leave.
const POLL: Duration = Duration::from_millis(100);

type Member = BaseConsumer<MemberContext>;
type Proof = Option<ConsumerGroupMetadata>;

/// What this process owns, and the proof that the group's coordinator asks for.
pub(super) struct Holding {
    pub(super) partitions: Vec<i32>,
    pub(super) proof: ConsumerGroupMetadata,
}

/// The present share of one member, as its transactors see it.
pub(super) struct Share {
    /// Written by the member's own thread alone. `None` while nothing is owned.
    ///
    /// **Invariant:** the proof is of the generation that gave the partitions, so that the coordinator refuses it as soon
    /// as there is a later one. That of the moment would not do: a member that was excluded and has joined again already
    /// has a valid one, while it still believes to own what others have got since.
    holding: RwLock<Option<Arc<Holding>>>,
    /// `None` until the group has first told.
    partitions: watch::Sender<Option<Vec<i32>>>,
    /// Why the group does not take this process, last.
    trouble: watch::Sender<String>,
}

impl Share {
    pub(super) fn holding(&self) -> Option<Arc<Holding>> {
        self.holding.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn hold(&self, holding: Option<Holding>) {
        *self.holding.write().unwrap_or_else(PoisonError::into_inner) = holding.map(Arc::new);
    }

    /// Makes known what keeps this process out of the group until somebody mends it.
    fn report(&self, context: &MemberContext, error: &KafkaError) {
        let (group, topic) = (&context.group, &context.topic);
        if !error.rdkafka_error_code().is_some_and(errors::needs_somebody) {
            tracing::debug!(group, %error, "the member goes on after an error");
        } else if context.refusals.is_due() {
            tracing::warn!(group, topic, %error, "the group does not take this process, which gets no partitions");
            self.trouble.send_replace(error.to_string());
        }
    }

    fn owned(&self) -> Vec<i32> {
        self.partitions.borrow().clone().unwrap_or_default()
    }
}

/// Applies each rebalance and makes it known.
struct MemberContext {
    client: Context,
    group: String,
    topic: String,
    share: Arc<Share>,
    refusals: RateLimit,
}

impl MemberContext {
    /// Takes the partitions, without fetching from them.
    fn take(&self, consumer: &Member, partitions: &mut TopicPartitionList, proof: Proof) -> KafkaResult<()> {
        // An offset spares the question for the group's position. Nothing is read from there.
        partitions.set_all_offsets(Offset::End)?;
        consumer.incremental_assign(partitions)?;
        consumer.pause(partitions)?;
        let mut owned = self.share.owned();
        owned.extend(self.of_topic(partitions));
        owned.sort_unstable();
        owned.dedup();
        self.publish(consumer, owned, proof);
        Ok(())
    }

    /// Stops commits first, then lets the group give the partitions to others.
    fn give_up(&self, consumer: &Member, partitions: &TopicPartitionList, proof: Proof) -> KafkaResult<()> {
        let lost = self.of_topic(partitions);
        let owned = self.share.owned().into_iter().filter(|partition| !lost.contains(partition)).collect();
        self.publish(consumer, owned, proof);
        consumer.incremental_unassign(partitions)
    }

    fn publish(&self, consumer: &Member, owned: Vec<i32>, proof: Proof) {
        let held = !owned.is_empty() && !consumer.assignment_lost();
        self.share.hold(proof.filter(|_| held).map(|proof| Holding { partitions: owned.clone(), proof }));
        metrics::counter!(KAFKA_REBALANCES, "group" => self.group.clone()).increment(1);
        if self.share.partitions.borrow().as_ref() == Some(&owned) {
            return;
        }
        tracing::info!(group = self.group, topic = self.topic, partitions = ?owned, "the share in the topic has changed");
        self.share.partitions.send_replace(Some(owned));
    }

    fn of_topic(&self, partitions: &TopicPartitionList) -> Vec<i32> {
        partitions.elements_for_topic(&self.topic).iter().map(|element| element.partition()).collect()
    }
}

impl ClientContext for MemberContext {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.client.log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.client.error(error, reason);
    }
}

impl ConsumerContext for MemberContext {
    fn rebalance(&self, consumer: &Member, event: RDKafkaRespErr, partitions: &mut TopicPartitionList) {
        // The generation that this rebalance made: the member cannot join a later one before it has applied this one.
        let proof = consumer.group_metadata();
        let applied = match event {
            RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS => self.take(consumer, partitions, proof),
            _ => self.give_up(consumer, partitions, proof),
        };
        if let Err(error) = applied {
            tracing::error!(group = self.group, topic = self.topic, %error, "failed to apply a rebalance");
        }
    }
}

/// A member of a group, which leaves when it is dropped.
pub(super) struct KafkaMembership {
    partitions: watch::Receiver<Option<Vec<i32>>>,
    trouble: watch::Receiver<String>,
    /// Closed by dropping it.
    _stay: watch::Sender<()>,
}

impl KafkaMembership {
    /// Joins. `left` is dropped once the member has left.
    pub(super) fn join<T: Send + 'static>(
        clients: &Clients,
        group: &str,
        topic: &str,
        left: T,
    ) -> Result<(Self, Arc<Share>), LogError> {
        let partitions = watch::Sender::new(None);
        let mut receiver = partitions.subscribe();
        receiver.mark_unchanged();
        let trouble = watch::Sender::new(String::new());
        let troubles = trouble.subscribe();
        let share = Arc::new(Share { holding: RwLock::new(None), partitions, trouble });
        let context = MemberContext {
            client: Context::new("member"),
            group: group.to_owned(),
            topic: topic.to_owned(),
            share: share.clone(),
            refusals: RateLimit::default(),
        };
        let consumer = BaseConsumer::from_config_and_context(&clients.member(group), context)
            .and_then(|consumer| consumer.subscribe(&[topic]).map(|()| consumer))
            .map_err(|error| errors::unavailable("join the group", &error))?;
        let (stay, staying) = watch::channel(());
        let member = move || {
            keep_membership(consumer, &staying);
            drop(left);
        };
        let started = thread::Builder::new().name("kafka-member".to_owned()).spawn(member);
        started.map_err(|error| errors::unavailable("start a thread", &error))?;
        Ok((Self { partitions: receiver, trouble: troubles, _stay: stay }, share))
    }
}

/// Polls, without which the group would exclude the member, until nobody wants the membership any more; then leaves.
fn keep_membership(consumer: Member, staying: &watch::Receiver<()>) {
    while staying.has_changed().is_ok() {
        if let Some(Err(error)) = consumer.poll(POLL) {
            consumer.context().share.report(consumer.context(), &error);
        }
    }
    consumer.context().share.hold(None);
}

#[async_trait]
impl Membership for KafkaMembership {
    async fn assigned(&mut self) -> Result<Vec<i32>, LogError> {
        tokio::select! {
            changed = self.partitions.changed() => match changed {
                Ok(()) => Ok(self.partitions.borrow_and_update().clone().unwrap_or_default()),
                Err(error) => Err(errors::unavailable("follow the group", &error)),
            },
            Ok(()) = self.trouble.changed() => {
                let reason = self.trouble.borrow_and_update().clone();
                Err(LogError::Unavailable { reason: format!("failed to join the group: {reason}") })
            }
        }
    }
}

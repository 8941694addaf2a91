//! The producer of appends, and its replacement: after a fatal error, and when batches are to be smaller.

use std::sync::{Arc, PoisonError, RwLock};

use rdkafka::producer::{Producer, ThreadedProducer};

use super::client::{Clients, Retiring, create};
use super::context::Context;
use crate::LogError;

/// One producer, for as long as somebody waits for what it sends.
pub(super) struct Sender {
    pub(super) producer: Retiring<ThreadedProducer<Context>>,
    /// The largest batch of several records that it makes.
    pub(super) batch_bytes: usize,
}

impl Sender {
    fn new(clients: &Clients, batch_bytes: usize) -> Result<Arc<Self>, LogError> {
        let producer: ThreadedProducer<Context> = create(&clients.producer(batch_bytes), "producer")?;
        Ok(Arc::new(Self { producer: producer.into(), batch_bytes }))
    }
}

/// The producer in use.
pub(super) struct Senders {
    clients: Clients,
    current: RwLock<Arc<Sender>>,
}

impl Senders {
    pub(super) fn new(clients: &Clients, batch_bytes: usize) -> Result<Self, LogError> {
        Ok(Self { clients: clients.clone(), current: RwLock::new(Sender::new(clients, batch_bytes)?) })
    }

    pub(super) fn current(&self) -> Arc<Sender> {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// A producer whose batches are of `limit` bytes at most. Those of an earlier one are still settled by that.
    pub(super) fn within(&self, limit: usize) -> Result<Arc<Sender>, LogError> {
        let (limit, current) = (limit.max(1), self.current());
        if current.batch_bytes <= limit {
            return Ok(current);
        }
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        if current.batch_bytes > limit {
            tracing::info!(batch_bytes = limit, "smaller batches are sent, as a topic takes no larger ones");
            *current = Sender::new(&self.clients, limit)?;
        }
        Ok(current.clone())
    }

    /// After a fatal error, such as a broker that lost what it had acknowledged, a producer takes nothing more.
    pub(super) fn replace_if_failed(&self, sender: &Arc<Sender>) {
        let Some((_, reason)) = sender.producer.client().fatal_error() else { return };
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        if !Arc::ptr_eq(&current, sender) {
            return;
        }
        match Sender::new(&self.clients, sender.batch_bytes) {
            Ok(new) => {
                tracing::error!(reason, "the kafka producer failed for good and was replaced");
                *current = new;
            }
            Err(error) => tracing::error!(%error, reason, "failed to replace the kafka producer"),
        }
    }
}

//! Outputs and positions in one atomic group of the output topic's log, and the group's share in a topic.

use std::future::pending;
use std::sync::Arc;

use async_trait::async_trait;
use event::Advance;

use super::topic::{PARTITION, Topic};
use crate::{LogError, Membership, NewRecord, Transactor};

pub(super) struct EmbeddedTransactor {
    pub(super) group: Arc<str>,
    pub(super) output: Arc<Topic>,
}

#[async_trait]
impl Transactor for EmbeddedTransactor {
    async fn commit(&mut self, outputs: Vec<NewRecord>, advance: &Advance) -> Result<(), LogError> {
        if outputs.is_empty() && advance.steps.is_empty() {
            return Ok(());
        }
        let payloads = outputs.into_iter().map(|record| record.payload).collect();
        self.output.submit(payloads, Some((self.group.clone(), advance.clone()))).await.map(drop)
    }
}

/// One process has the log to itself, so it has all partitions for good.
pub(super) struct SoleMember {
    pub(super) told: bool,
}

#[async_trait]
impl Membership for SoleMember {
    async fn assigned(&mut self) -> Result<Vec<i32>, LogError> {
        if self.told {
            return pending().await;
        }
        self.told = true;
        Ok(vec![PARTITION])
    }
}

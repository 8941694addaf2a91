//! The transactional writer of one topic, shared by the sinks whose rows are records of the log.

use std::mem;
use std::sync::Arc;

use event::{Advance, Positions};
use eventlog::{EventLog, LogError, NewRecord, Transactor};

/// Appends records to `output` and moves the positions of `group`, both or neither.
pub(crate) struct Publisher {
    log: Arc<dyn EventLog>,
    group: String,
    output: String,
    transactor: Option<Box<dyn Transactor>>,
    staged: Vec<NewRecord>,
}

impl Publisher {
    pub(crate) fn new(log: Arc<dyn EventLog>, group: &str, output: &str) -> Self {
        Self { log, group: group.to_owned(), output: output.to_owned(), transactor: None, staged: vec![] }
    }

    /// Drops what is staged and tells where the group stands in `topic`.
    pub(crate) async fn resume(&mut self, topic: &str) -> Result<Positions, LogError> {
        self.staged.clear();
        if self.transactor.is_none() {
            // Before the positions are read: it ends what an earlier transactor left undone.
            self.transactor = Some(self.log.transactor(&self.group, &self.output).await?);
        }
        self.log.positions(&self.group, topic).await
    }

    pub(crate) fn stage(&mut self, records: impl Iterator<Item = NewRecord>) {
        self.staged.extend(records);
    }

    pub(crate) async fn commit(&mut self, advance: &Advance) -> Result<(), LogError> {
        // Taken out, so that a commit that fails or is dropped half-way takes its transactor with it.
        let Some(mut transactor) = self.transactor.take() else {
            return Err(LogError::Unavailable { reason: "the sink was not resumed after a failure".to_owned() });
        };
        transactor.commit(mem::take(&mut self.staged), advance).await?;
        self.transactor = Some(transactor);
        Ok(())
    }
}

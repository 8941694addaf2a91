//! A log that keeps records in memory, and holds appends back or fails them as a test says.

use std::ops::Range;
use std::sync::Mutex;

use async_trait::async_trait;
use event::{Positions, Timestamp};
use eventlog::{EventLog, LogError, Membership, NewRecord, Reader, Transactor};
use serde_json::Value;
use tokio::sync::watch;

/// How an append fails.
pub type Fault = fn() -> LogError;

pub struct ScriptedLog {
    appends: Mutex<Vec<Vec<NewRecord>>>,
    begun: watch::Sender<usize>,
    held: watch::Sender<bool>,
    fault: Mutex<Option<Fault>>,
}

impl Default for ScriptedLog {
    fn default() -> Self {
        Self {
            appends: Mutex::default(),
            begun: watch::Sender::new(0),
            held: watch::Sender::new(false),
            fault: Mutex::default(),
        }
    }
}

impl ScriptedLog {
    async fn until_released(&self) {
        self.begun.send_modify(|begun| *begun += 1);
        self.held.subscribe().wait_for(|held| !held).await.unwrap();
    }

    /// Calls wait from now on, until they are released.
    pub fn hold(&self) {
        self.held.send_replace(true);
    }

    pub fn release(&self) {
        self.held.send_replace(false);
    }

    /// How appends fail from now on; `None` lets them succeed.
    pub fn fail_with(&self, fault: Option<Fault>) {
        *self.fault.lock().unwrap() = fault;
    }

    /// Waits until so many calls have begun.
    pub async fn begun(&self, calls: usize) {
        self.begun.subscribe().wait_for(|begun| *begun >= calls).await.unwrap();
    }

    /// The number of appends that succeeded.
    pub fn appends(&self) -> usize {
        self.appends.lock().unwrap().len()
    }

    pub fn records(&self) -> Vec<NewRecord> {
        self.appends.lock().unwrap().concat()
    }

    pub fn events(&self) -> Vec<Value> {
        self.records().iter().map(|record| serde_json::from_slice(&record.payload).unwrap()).collect()
    }

    pub fn event_ids(&self) -> Vec<String> {
        self.events().iter().map(|event| event["event_id"].as_str().unwrap().to_owned()).collect()
    }
}

fn absent<T>() -> Result<T, LogError> {
    Err(LogError::Unavailable { reason: "this log only takes appends".to_owned() })
}

#[async_trait]
impl EventLog for ScriptedLog {
    async fn append(&self, topic: &str, records: Vec<NewRecord>) -> Result<Vec<(i32, i64)>, LogError> {
        assert_eq!(topic, "raw");
        self.until_released().await;
        if let Some(fault) = *self.fault.lock().unwrap() {
            return Err(fault());
        }
        let positions = (0..).map(|offset| (0, offset)).take(records.len()).collect();
        self.appends.lock().unwrap().push(records);
        Ok(positions)
    }

    async fn is_own(&self, _topic: &str) -> Result<bool, LogError> {
        Ok(true)
    }

    async fn partitions(&self, _: &str) -> Result<Vec<i32>, LogError> {
        self.until_released().await;
        Ok(vec![0])
    }

    async fn bounds(&self, _: &str, _: i32) -> Result<Range<i64>, LogError> {
        absent()
    }

    async fn offset_for_time(&self, _: &str, _: i32, _: Timestamp) -> Result<i64, LogError> {
        absent()
    }

    async fn positions(&self, _: &str, _: &str) -> Result<Positions, LogError> {
        absent()
    }

    async fn reader(&self, _: &str) -> Result<Box<dyn Reader>, LogError> {
        absent()
    }

    async fn join(&self, _: &str, _: &str) -> Result<Box<dyn Membership>, LogError> {
        absent()
    }

    async fn transactor(&self, _: &str, _: &str) -> Result<Box<dyn Transactor>, LogError> {
        absent()
    }

    async fn release(&self, _: &str, _: i32, _: i64) -> Result<(), LogError> {
        Ok(())
    }
}

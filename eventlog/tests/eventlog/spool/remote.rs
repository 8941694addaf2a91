//! A remote that fails as it is told to, in front of one that works.

use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use event::{Positions, Timestamp};
use eventlog::{EventLog, LogError, Membership, NewRecord, Reader, Receipts, Transactor};
use rand::{Rng, SeedableRng, rngs::StdRng};
use tokio::sync::watch;
use tokio::time::sleep;

/// How the remote behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mood {
    Works,
    /// Refuses at once, without effect.
    Down,
    Busy,
    /// Answers nothing until its mood changes; what was asked for takes effect only then.
    Hangs,
    /// Each append takes effect at once, and fails when the mood changes.
    LosesAnswers,
    /// Each append takes effect or not, in part or late, and is answered or not, as chance has it.
    Moody,
}

pub(crate) struct Remote {
    log: Arc<dyn EventLog>,
    mood: watch::Sender<Mood>,
    random: Mutex<StdRng>,
    /// What was appended while it worked, in order.
    taken: Mutex<Vec<NewRecord>>,
    max_payload_bytes: usize,
    /// Records of this key fail, and no others.
    broken_key: Mutex<Option<&'static str>>,
    attempts: AtomicUsize,
    /// Appends that hang take effect in the order in which they came, as with a producer that keeps the order of a key.
    hanging: tokio::sync::Mutex<()>,
}

impl Remote {
    pub(crate) fn new(log: Arc<dyn EventLog>, mood: Mood, seed: u64) -> Arc<Self> {
        Self::with_limit(log, mood, seed, usize::MAX)
    }

    /// A remote that refuses larger payloads.
    pub(crate) fn with_limit(log: Arc<dyn EventLog>, mood: Mood, seed: u64, max_payload_bytes: usize) -> Arc<Self> {
        let random = Mutex::new(StdRng::seed_from_u64(seed));
        let (mood, taken, broken_key) = (watch::Sender::new(mood), Mutex::default(), Mutex::default());
        let attempts = AtomicUsize::new(0);
        let hanging = tokio::sync::Mutex::new(());
        Arc::new(Self { log, mood, random, taken, max_payload_bytes, broken_key, attempts, hanging })
    }

    pub(crate) fn set_mood(&self, mood: Mood) {
        self.mood.send_replace(mood);
    }

    pub(crate) fn break_key(&self, key: Option<&'static str>) {
        *self.broken_key.lock().unwrap() = key;
    }

    /// How many appends were tried.
    pub(crate) fn attempts(&self) -> usize {
        self.attempts.load(Ordering::Relaxed)
    }

    pub(crate) fn taken(&self) -> Vec<NewRecord> {
        self.taken.lock().unwrap().clone()
    }

    fn draw(&self, range: Range<usize>) -> usize {
        self.random.lock().unwrap().random_range(range)
    }

    /// Answers when the mood it met is over.
    async fn hang(&self) {
        let mut mood = self.mood.subscribe();
        mood.wait_for(|mood| ![Mood::Hangs, Mood::LosesAnswers].contains(mood)).await.unwrap();
    }

    async fn append_moodily(&self, topic: &str, records: Vec<NewRecord>) -> Result<Vec<(i32, i64)>, LogError> {
        let away = || LogError::Unavailable { reason: "moody".to_owned() };
        let count = records.len();
        match self.draw(0..10) {
            0 | 1 => Err(away()),
            2 => Err(LogError::Busy),
            3 => self.log.append(topic, records).await.and(Err(away())),
            4 => {
                let part = records.into_iter().take(self.draw(0..count)).collect();
                self.log.append(topic, part).await.and(Err(away()))
            }
            5 | 6 => {
                sleep(Duration::from_millis(self.draw(0..80) as u64)).await;
                let answer = self.log.append(topic, records).await;
                if self.draw(0..2) == 0 { answer } else { Err(away()) }
            }
            _ => self.log.append(topic, records).await,
        }
    }
}

fn down() -> LogError {
    LogError::Unavailable { reason: "down".to_owned() }
}

#[async_trait]
impl EventLog for Remote {
    async fn append(&self, topic: &str, records: Vec<NewRecord>) -> Result<Vec<(i32, i64)>, LogError> {
        let limit = self.max_payload_bytes;
        if let Some(large) = records.iter().find(|record| record.payload.len() > limit) {
            return Err(LogError::TooLarge { bytes: large.payload.len(), limit });
        }
        let mood = *self.mood.borrow();
        match mood {
            Mood::Works => {
                self.taken.lock().unwrap().extend(records.iter().cloned());
                self.log.append(topic, records).await
            }
            Mood::Down => Err(down()),
            Mood::Busy => Err(LogError::Busy),
            Mood::Hangs => {
                let _in_order = self.hanging.lock().await;
                self.hang().await;
                self.log.append(topic, records).await
            }
            Mood::LosesAnswers => {
                self.log.append(topic, records).await?;
                self.hang().await;
                Err(down())
            }
            Mood::Moody => self.append_moodily(topic, records).await,
        }
    }

    async fn is_own(&self, _topic: &str) -> Result<bool, LogError> {
        Ok(true)
    }

    async fn append_each(&self, topic: &str, records: &[NewRecord], receipts: &Receipts) -> Result<(), LogError> {
        let broken = *self.broken_key.lock().unwrap();
        self.attempts.fetch_add(1, Ordering::Relaxed);
        let is_sound = |record: &NewRecord| broken.is_none_or(|key| record.key != key);
        let sound: Vec<usize> = (0..records.len()).filter(|index| is_sound(&records[*index])).collect();
        let positions = self.append(topic, sound.iter().map(|index| records[*index].clone()).collect()).await?;
        sound.iter().zip(positions).for_each(|(index, position)| receipts.note(*index, position));
        if sound.len() == records.len() { Ok(()) } else { Err(down()) }
    }

    fn partition_of(&self, _topic: &str, key: &[u8]) -> Option<i32> {
        match key {
            b"sound" => Some(0),
            b"broken" => Some(1),
            _ => None,
        }
    }

    async fn partitions(&self, topic: &str) -> Result<Vec<i32>, LogError> {
        let mood = *self.mood.borrow();
        match mood {
            Mood::Works => self.log.partitions(topic).await,
            Mood::Hangs | Mood::LosesAnswers => {
                self.hang().await;
                Err(down())
            }
            _ => Err(down()),
        }
    }

    async fn bounds(&self, topic: &str, partition: i32) -> Result<Range<i64>, LogError> {
        self.log.bounds(topic, partition).await
    }

    async fn offset_for_time(&self, topic: &str, partition: i32, time: Timestamp) -> Result<i64, LogError> {
        self.log.offset_for_time(topic, partition, time).await
    }

    async fn positions(&self, group: &str, topic: &str) -> Result<Positions, LogError> {
        self.log.positions(group, topic).await
    }

    async fn reader(&self, topic: &str) -> Result<Box<dyn Reader>, LogError> {
        self.log.reader(topic).await
    }

    async fn join(&self, group: &str, topic: &str) -> Result<Box<dyn Membership>, LogError> {
        self.log.join(group, topic).await
    }

    async fn transactor(&self, group: &str, output: &str) -> Result<Box<dyn Transactor>, LogError> {
        self.log.transactor(group, output).await
    }

    async fn release(&self, topic: &str, partition: i32, offset: i64) -> Result<(), LogError> {
        self.log.release(topic, partition, offset).await
    }
}

//! What can be set about the spool.

use serde::{Deserialize, Serialize};

use eventlog::{LogError, embedded};

/// Time between two looks for segments of replayed records.
const RETENTION_CHECK_MS: u64 = 1_000;

/// When records are spooled, how many, and how they are replayed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Time that the log is given to answer an append; after that its records are spooled.
    pub after_ms: u64,
    /// Bytes of spooled records that may wait to be replayed; more are refused. The disk must have room for a segment
    /// more.
    pub max_bytes: u64,
    /// Bytes that are replayed at once, of 16,384 records at most. What a crash can repeat is as much.
    pub replay_batch_bytes: usize,
    /// Longest pause before a replay that failed is tried again.
    pub max_backoff_ms: u64,
    /// Size at which a segment file is closed and the next one begun; whole segments are removed once replayed.
    pub segment_bytes: u64,
    /// Size of the largest record spooled, its key included.
    pub max_record_bytes: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            after_ms: 1_000,
            max_bytes: 10 << 30,
            replay_batch_bytes: 1 << 20,
            max_backoff_ms: 2_000,
            segment_bytes: 64 << 20,
            max_record_bytes: 16 << 20,
        }
    }
}

impl Config {
    /// Looks at what can be judged without a disk.
    ///
    /// # Errors
    /// `Misconfigured`.
    pub fn check(&self) -> Result<(), LogError> {
        let faults = [
            (self.after_ms == 0, "after_ms must be at least 1"),
            (self.max_bytes == 0, "max_bytes must be at least 1"),
            (self.segment_bytes == 0, "segment_bytes must be at least 1"),
            (self.max_record_bytes == 0, "max_record_bytes must be at least 1"),
        ];
        match faults.iter().find(|(wrong, _)| *wrong) {
            Some((_, fault)) => Err(LogError::Misconfigured((*fault).to_owned())),
            None => Ok(()),
        }
    }

    /// The settings of the store: a segment goes as soon as it was released, whatever its age.
    pub(super) fn of_store(&self) -> embedded::Config {
        embedded::Config {
            segment_bytes: self.segment_bytes,
            retention_hours: 0,
            retention_bytes: 1,
            retention_check_ms: RETENTION_CHECK_MS,
            max_record_bytes: self.max_record_bytes,
            ..embedded::Config::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_that_no_spool_can_work_with_are_refused_by_name() {
        assert!(Config::default().check().is_ok());
        for (config, fault) in [
            (Config { after_ms: 0, ..Config::default() }, "after_ms"),
            (Config { max_bytes: 0, ..Config::default() }, "max_bytes"),
            (Config { segment_bytes: 0, ..Config::default() }, "segment_bytes"),
            (Config { max_record_bytes: 0, ..Config::default() }, "max_record_bytes"),
        ] {
            let error = config.check().unwrap_err().to_string();
            assert!(error.contains(fault), "{error}");
        }
    }
}

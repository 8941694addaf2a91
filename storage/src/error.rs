//! What can go wrong before a file is touched, and in finding files.

/// A failed operation on the storage as a whole. What fails on one file is Iceberg's error.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A setting that cannot be used.
    #[error("{0}")]
    Config(String),
    /// The store, or the disk.
    #[error("failed to {action}")]
    Files {
        /// What was attempted.
        action: &'static str,
        /// The cause.
        #[source]
        source: Box<iceberg::Error>,
    },
}

impl Error {
    /// For `map_err`: an error of the store with what was attempted.
    pub(crate) fn files(action: &'static str) -> impl FnOnce(iceberg::Error) -> Self {
        move |source| Self::Files { action, source: Box::new(source) }
    }
}

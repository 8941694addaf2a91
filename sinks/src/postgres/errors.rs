//! What a failure says: pure.

use std::time::Duration;

use pipeline::SinkError;
use tokio_postgres::error::DbError;

use super::remedies::{Remedy, subject};

/// Why something asked of Postgres did not happen.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error("the connection or the server failed")]
    Database(#[from] tokio_postgres::Error),
    #[error("no answer within {} ms", .0.as_millis())]
    Timeout(Duration),
    #[error("column {column} of {table} has the type {found}, which cannot take what pageberg writes there")]
    Column { column: &'static str, table: String, found: String },
    #[error("column {column} of {table} is missing: add it as sql/ does")]
    NoColumn { column: &'static str, table: String },
    #[error("no schema of the search_path exists, so there is no place for a table")]
    NoSchema,
    #[error("{updated} rows of {asked} were updated: a trigger or a policy of the table keeps the others")]
    NotUpdated { asked: u64, updated: u64 },
    #[error("another process has moved the positions")]
    Moved,
    #[error("the sink was not resumed after a failure")]
    NotResumed,
}

impl Failure {
    /// What the lane is to do about it when no rows were sent. `attempt` completes "failed to".
    pub(super) fn into_sink_error(self, attempt: &str) -> SinkError {
        match self {
            Self::Moved => SinkError::Moved,
            Self::Database(error) => match error.as_db_error() {
                Some(answer) => retry(attempt, answer),
                None => SinkError::retry(attempt, error),
            },
            failure => SinkError::retry(attempt, failure),
        }
    }

    /// What the lane is to do about it when rows were sent, which may be what was refused.
    pub(super) fn into_commit_error(self, attempt: &str) -> SinkError {
        let Self::Database(error) = &self else { return self.into_sink_error(attempt) };
        let Some(answer) = error.as_db_error() else { return self.into_sink_error(attempt) };
        // The server's own words are not used about a row, because they may hold its values.
        match Remedy::of(answer) {
            Remedy::Row(fault) => SinkError::Refused { reason: format!("{fault}{}", subject(answer)) },
            Remedy::Suspect => SinkError::Suspect { reason: format!("a trigger refused it{}", subject(answer)) },
            Remedy::Retry | Remedy::Yield | Remedy::Mend(_) => self.into_sink_error(attempt),
        }
    }

    /// Whether somebody else has what was asked for.
    pub(super) fn is_others_turn(&self) -> bool {
        let Self::Database(error) = self else { return false };
        error.as_db_error().is_some_and(|answer| Remedy::of(answer) == Remedy::Yield)
    }
}

fn retry(attempt: &str, answer: &DbError) -> SinkError {
    let words = match Remedy::of(answer) {
        Remedy::Mend(what) => {
            let table = answer.table().map(|name| format!("table {name}: ")).unwrap_or_default();
            format!("{table}{what}{}", subject(answer))
        }
        Remedy::Yield => format!("another transaction was first{}", subject(answer)),
        Remedy::Retry | Remedy::Row(_) | Remedy::Suspect => return SinkError::retry(attempt, said(answer)),
    };
    match answer.code().code() {
        // What a row lacks is said along with the row.
        code if code.starts_with("23") => SinkError::retry(attempt, words),
        _ => SinkError::retry(format!("{attempt}: {words}"), said(answer)),
    }
}

/// The server's words without the details, which may be a row.
fn said(answer: &DbError) -> String {
    format!("{}: {} (SQLSTATE {})", answer.severity(), answer.message(), answer.code().code())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_silent_server_is_tried_again_and_a_second_writer_is_not_an_error_of_the_server() {
        let timeout = Failure::Timeout(Duration::from_secs(5)).into_commit_error("commit to postgres");
        assert!(matches!(timeout, SinkError::Retry { .. }));
        assert!(matches!(Failure::Moved.into_commit_error("commit to postgres"), SinkError::Moved));
    }
}

//! What a failure says: pure.

use std::time::Duration;

use pipeline::SinkError;
use tokio_postgres::error::{DbError, SqlState};

use super::rows::COLUMNS;

/// Why something asked of Postgres did not happen.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error("the connection or the server failed")]
    Database(#[from] tokio_postgres::Error),
    #[error("no answer within {} ms", .0.as_millis())]
    Timeout(Duration),
    #[error("column {column} of {table} has the type {found}, which cannot take what pageberg writes there")]
    Column { column: &'static str, table: String, found: String },
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
    /// What the lane is to do about it. `attempt` completes "failed to".
    pub(super) fn into_sink_error(self, attempt: &str) -> SinkError {
        match self {
            Self::Moved => SinkError::Moved,
            Self::Database(error) => match error.as_db_error().and_then(refusal) {
                Some(reason) => SinkError::Refused { reason },
                None => SinkError::retry(attempt, error),
            },
            failure => SinkError::retry(attempt, failure),
        }
    }
}

/// Why the server refused a row, without what is in the row; `None` when the error is not about a row.
fn refusal(error: &DbError) -> Option<String> {
    let fault = fault_of_row(error.code())?;
    let column = error.column().or_else(|| column_in(error.where_()?));
    let column = column.map(|name| format!(", column {name}")).unwrap_or_default();
    let constraint = error.constraint().map(|name| format!(", constraint {name}")).unwrap_or_default();
    Some(format!("{fault} (SQLSTATE {}{column}{constraint})", error.code().code()))
}

/// What is wrong with the row; `None` when the error may pass, or would meet every row alike. The server's own words
/// are not used, because they may hold the row's values.
fn fault_of_row(code: &SqlState) -> Option<&'static str> {
    Some(match code.code() {
        "22001" => "a value is too long for its column",
        "22021" | "22P05" => "a character has no place in the database's encoding",
        // The bytes of COPY itself: the rows are not to blame.
        "22P03" | "22P04" => return None,
        "23502" => "a column that may not be null has no value",
        "23503" => "a foreign key finds no row",
        "23505" => "a unique row is there already",
        "23514" | "44000" => "a check failed",
        "54000" => "a value is too large for an index",
        "P0001" => "a trigger refused it",
        code if code.starts_with("22") => "a value does not fit its column",
        code if code.starts_with("23") => "a constraint failed",
        _ => return None,
    })
}

/// The column in the context of a COPY error, `COPY table, line 1, column url`; it is not among the error's own fields.
fn column_in(context: &str) -> Option<&'static str> {
    let (_, rest) = context.split_once(", column ")?;
    let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
    COLUMNS.iter().map(|column| column.name).find(|name| *name == &rest[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_about_the_row_refuses_it() {
        for (code, is_about_the_row) in [
            ("22001", true),  // string_data_right_truncation
            ("22003", true),  // numeric_value_out_of_range
            ("22021", true),  // character_not_in_repertoire
            ("22P05", true),  // untranslatable_character
            ("22P03", false), // invalid_binary_representation
            ("22P04", false), // bad_copy_file_format
            ("23502", true),  // not_null_violation
            ("23503", true),  // foreign_key_violation
            ("23505", true),  // unique_violation
            ("23514", true),  // check_violation
            ("23P01", true),  // exclusion_violation
            ("44000", true),  // with_check_option_violation
            ("54000", true),  // program_limit_exceeded
            ("P0001", true),  // raise_exception
            ("08006", false), // connection_failure
            ("25P03", false), // idle_in_transaction_session_timeout
            ("28P01", false), // invalid_password
            ("3D000", false), // invalid_catalog_name
            ("40001", false), // serialization_failure
            ("40P01", false), // deadlock_detected
            ("42501", false), // insufficient_privilege
            ("42703", false), // undefined_column
            ("42P01", false), // undefined_table
            ("53100", false), // disk_full
            ("53300", false), // too_many_connections
            ("55P03", false), // lock_not_available
            ("57014", false), // query_canceled
            ("57P01", false), // admin_shutdown
            ("57P03", false), // cannot_connect_now
            ("XX000", false), // internal_error
        ] {
            assert_eq!(fault_of_row(&SqlState::from_code(code)).is_some(), is_about_the_row, "{code}");
        }
    }

    #[test]
    fn the_column_is_named_and_nothing_that_could_be_data() {
        for (context, column) in [
            ("COPY processed_events, line 3, column url", Some("url")),
            ("COPY processed_events, line 3, column url: \"http://…\"", Some("url")),
            ("COPY processed_events, line 3, column secret", None),
            ("COPY processed_events, line 3: \"a, column b\"", None),
        ] {
            assert_eq!(column_in(context), column, "{context}");
        }
    }

    #[test]
    fn a_silent_server_is_tried_again_and_a_second_writer_is_not_an_error_of_the_server() {
        let timeout = Failure::Timeout(Duration::from_secs(5)).into_sink_error("commit to postgres");
        assert!(matches!(timeout, SinkError::Retry { .. }));
        assert!(matches!(Failure::Moved.into_sink_error("commit to postgres"), SinkError::Moved));
    }
}

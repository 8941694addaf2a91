//! The errors of the server, sorted by what is to be done about them: pure.
//!
//! Codes: <https://www.postgresql.org/docs/current/errcodes-appendix.html>.

use tokio_postgres::error::{DbError, Severity};

use super::rows::COLUMNS;

/// What is to be done about an error.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Remedy {
    /// Try again: it says nothing about rows and tables, and may pass.
    Retry,
    /// Try again: somebody else was first, or holds what is needed.
    Yield,
    /// The row is a dead letter, for this reason.
    Row(&'static str),
    /// The row is a dead letter if the server says so each time.
    Suspect,
    /// No row can be written before somebody does this; the rows wait.
    Mend(&'static str),
}

use Remedy::{Mend, Retry, Row, Suspect, Yield};

/// By code, or by the class that a code begins with; the first that fits counts. Any other code is [`Suspect`]: nobody but a
/// trigger raises such a one.
static REMEDIES: [(&str, Remedy); 44] = [
    ("22001", Row("a value is too long for its column")),
    ("22021", Row("a character has no place in the database's encoding")),
    ("22P05", Row("a character has no place in the database's encoding")),
    ("22P03", Mend("a column does not read what pageberg writes: give it the type that sql/ has")),
    ("22P04", Mend("the server did not understand COPY: tell pageberg's developers")),
    ("22", Row("a value does not fit its column")),
    ("23502", Row("a column that may not be null has no value")),
    ("23503", Row("a foreign key finds no row")),
    ("23505", Row("a unique row is there already")),
    ("23514", Row("a check failed")),
    ("23", Row("a constraint failed")),
    ("44000", Row("a check failed")),
    ("54000", Row("a value is too large for an index")),
    ("P0001", Row("a trigger refused it")),
    ("40", Yield),
    ("55006", Yield),
    ("55P03", Yield),
    ("0A", Mend("the table is of a kind that cannot be written to: give pageberg another one")),
    ("28", Mend("the server lets this user not in: correct the user, the password or pg_hba.conf")),
    ("3D", Mend("the database is missing: create it, or correct postgres.url")),
    ("3F", Mend("the schema is missing: create it, or correct postgres.table")),
    ("42501", Mend("this user lacks a right: grant it")),
    ("42703", Mend("a column is missing: add it as sql/ does, or mend the trigger that names it")),
    ("42P01", Mend("a table is missing: create it, or mend the trigger that names it")),
    ("42", Mend("the table, or a trigger of it, is not made for these rows: mend it")),
    ("55000", Mend("the table cannot be written to in its present state: mend it")),
    ("00", Retry),
    ("01", Retry),
    ("03", Retry),
    ("08", Retry),
    ("0B", Retry),
    ("25", Retry),
    ("26", Retry),
    ("2D", Retry),
    ("34", Retry),
    ("3B", Retry),
    ("53", Retry),
    ("55", Retry),
    ("57", Retry),
    ("58", Retry),
    ("72", Retry),
    ("F0", Retry),
    ("HV", Retry),
    ("XX", Retry),
];

impl Remedy {
    /// What is to be done about an error that came while rows were written.
    pub(super) fn of(error: &DbError) -> Self {
        match of_code(error.code().code()) {
            Row(_) if foreign_column(error).is_some() => {
                Mend("every row would lack it: give the column a default, or let it be null")
            }
            Row(_) if lacks_partition(error) => {
                Mend("no partition of the table takes a row: add one; a DEFAULT partition takes what no other does")
            }
            // A connection that ends says nothing about a row.
            Suspect if error.parsed_severity() != Some(Severity::Error) => Retry,
            remedy => remedy,
        }
    }
}

fn of_code(code: &str) -> Remedy {
    REMEDIES.iter().find(|(prefix, _)| code.starts_with(prefix)).map_or(Suspect, |(_, remedy)| *remedy)
}

/// The column that a row lacks although pageberg writes no such column: so does every row.
fn foreign_column(error: &DbError) -> Option<&str> {
    let column = error.column().filter(|_| error.code().code() == "23502" && is_of_copy(error))?;
    COLUMNS.iter().all(|known| known.name != column).then_some(column)
}

/// Checks have names; what has none is the routing of rows to partitions.
fn lacks_partition(error: &DbError) -> bool {
    error.code().code() == "23514" && error.constraint().is_none() && is_of_copy(error)
}

/// Whether the error is COPY's own, and not of a trigger's statement.
fn is_of_copy(error: &DbError) -> bool {
    error.where_().is_none_or(|context| context.starts_with("COPY "))
}

/// What an error is about, without what is in the row: ` (SQLSTATE 23514, constraint url_is_short)`.
pub(super) fn subject(error: &DbError) -> String {
    let column = error.column().or_else(|| column_in(error.where_()?));
    let column = column.map(|name| format!(", column {name}")).unwrap_or_default();
    let constraint = error.constraint().map(|name| format!(", constraint {name}")).unwrap_or_default();
    format!(" (SQLSTATE {}{column}{constraint})", error.code().code())
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
    fn no_entry_hides_another() {
        for (index, (code, _)) in REMEDIES.iter().enumerate() {
            let before = REMEDIES[..index].iter().find(|(prefix, _)| code.starts_with(prefix));
            assert_eq!(before, None, "{code} never counts");
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
}

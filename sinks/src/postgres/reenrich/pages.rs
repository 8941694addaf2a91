//! The rows of a time range, some thousands at a time.

use std::ops::Range;

use event::Timestamp;
use tokio_postgres::{Row, Transaction};

use crate::postgres::connection::Connection;
use crate::postgres::errors::Failure;

/// Blocks that are read at a time: some thousand rows.
const BLOCKS: i64 = 64;

/// Rows that are read at a time by the index.
const ROWS: usize = 4_000;

/// The tables that hold the rows of a table: itself, or its partitions; with their blocks, and whether an index leads
/// to a time.
const LEAVES: &str = "\
    WITH RECURSIVE family(relation) AS (\
        SELECT to_regclass($1)::oid \
        UNION ALL SELECT inhrelid FROM pg_inherits JOIN family ON inhparent = relation) \
    SELECT relation::regclass::text, pg_relation_size(relation) / current_setting('block_size')::bigint, \
        EXISTS (SELECT FROM pg_index \
            JOIN pg_class AS index ON index.oid = indexrelid \
            JOIN pg_am ON pg_am.oid = index.relam \
            JOIN pg_attribute ON attrelid = indrelid AND attnum = indkey[0] \
            WHERE indrelid = relation AND indisvalid AND indpred IS NULL AND amname = 'btree' \
            AND attname = 'event_timestamp') \
    FROM family JOIN pg_class ON pg_class.oid = relation WHERE relkind = 'r' ORDER BY 1";

/// A table that holds rows.
pub(super) struct Leaf {
    /// Its name in SQL.
    pub(super) sql: String,
    blocks: i64,
    has_index: bool,
}

impl Leaf {
    /// The tables that hold the rows of the connection's table.
    pub(super) async fn all(connection: &mut Connection) -> Result<Vec<Self>, Failure> {
        let table = connection.table.sql();
        let rows = connection.query(LEAVES, &[&table]).await?;
        Ok(rows.iter().map(|row| Self { sql: row.get(0), blocks: row.get(1), has_index: row.get(2) }).collect())
    }

    /// Its blocks; 0 when they are not what is gone through.
    pub(super) fn parts(&self) -> u64 {
        if self.has_index { 0 } else { self.blocks.unsigned_abs() }
    }
}

/// A row as it is stored.
pub(super) struct StoredRow {
    /// Its place in the table.
    pub(super) ctid: String,
    pub(super) ip: Option<String>,
    pub(super) geo_database: Option<String>,
    /// Whether it was inserted or updated since the beginning.
    pub(super) is_new: bool,
}

impl StoredRow {
    fn of(row: &Row) -> Self {
        Self { ctid: row.get(0), ip: row.get(1), geo_database: row.get(2), is_new: row.get(3) }
    }
}

/// The first transaction that has not begun yet, as it stands in `xmin`.
pub(super) async fn next_transaction(connection: &mut Connection) -> Result<String, Failure> {
    let sql = "SELECT (pg_snapshot_xmax(pg_current_snapshot())::text::bigint % 4294967296)::text";
    Ok(connection.query(sql, &[]).await?.iter().map(|row| row.get::<_, String>(0)).collect())
}

/// Where the next rows begin.
pub(super) enum Pages {
    /// At this block, of so many that there were at the beginning.
    Block {
        next: i64,
        end: i64,
    },
    /// At the first row of the range.
    First,
    /// After the row of this time and place.
    After {
        time: String,
        ctid: String,
    },
    End,
}

impl Pages {
    pub(super) fn of(leaf: &Leaf) -> Self {
        match leaf {
            Leaf { has_index: true, .. } => Self::First,
            Leaf { blocks: 0, .. } => Self::End,
            Leaf { blocks, .. } => Self::Block { next: 0, end: *blocks },
        }
    }

    pub(super) fn is_end(&self) -> bool {
        matches!(self, Self::End)
    }

    /// The blocks between `earlier` and here.
    pub(super) fn parts_since(&self, earlier: &Self) -> u64 {
        let Self::Block { next: from, end } = earlier else { return 0 };
        let to = if let Self::Block { next, .. } = self { next } else { end };
        to.abs_diff(*from)
    }

    /// The next rows of the range, and where those after them begin. `beginning` is of [`next_transaction`].
    pub(super) async fn read(
        &self,
        transaction: &Transaction<'_>,
        leaf: &Leaf,
        range: &Range<Timestamp>,
        beginning: &str,
    ) -> Result<(Vec<StoredRow>, Self), Failure> {
        let rest = match self {
            Self::Block { next, .. } => {
                format!("ctid >= '({next},0)'::tid AND ctid < '({},0)'::tid", next + BLOCKS)
            }
            Self::First => in_order("true"),
            Self::After { time, ctid } => in_order(&format!(
                "event_timestamp >= '{time}' AND (event_timestamp > '{time}' OR ctid > '{ctid}'::tid)"
            )),
            Self::End => return Ok((Vec::new(), Self::End)),
        };
        // A time is read as the type of the column, in UTC with and without a time zone.
        let select = format!(
            "SELECT ctid::text, ip::text, geo_database::text, age(xmin) <= age('{beginning}'::xid), \
             event_timestamp::text FROM ONLY {} AS stored \
             WHERE event_timestamp >= '{}' AND event_timestamp < '{}' AND {rest}",
            leaf.sql, range.start, range.end
        );
        let rows = transaction.query(&select, &[]).await?;
        Ok((rows.iter().map(StoredRow::of).collect(), self.after(&rows)))
    }

    fn after(&self, rows: &[Row]) -> Self {
        match (self, rows.last()) {
            (Self::Block { next, end }, _) if next + BLOCKS < *end => Self::Block { next: next + BLOCKS, end: *end },
            (Self::First | Self::After { .. }, Some(last)) if rows.len() == ROWS => {
                Self::After { time: last.get(4), ctid: last.get(0) }
            }
            _ => Self::End,
        }
    }
}

fn in_order(condition: &str) -> String {
    // With the table's name, or the texts of the same names would be sorted.
    format!("{condition} ORDER BY stored.event_timestamp, stored.ctid LIMIT {ROWS}")
}

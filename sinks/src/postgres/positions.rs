//! The log positions in Postgres.

use event::{Advance, Positions};
use tokio_postgres::{Client, Transaction};

use super::errors::Failure;
use super::table::Table;

/// Where `consumer` stands in `topic`.
pub(super) async fn load(client: &Client, table: &Table, consumer: &str, topic: &str) -> Result<Positions, Failure> {
    let sql = "SELECT partition, next_offset FROM pageberg_positions WHERE consumer = $1 AND topic = $2";
    let rows = client.query(&table.localised(sql), &[&consumer, &topic]).await?;
    Ok(rows.iter().map(|row| (row.get::<_, i32>(0), row.get::<_, i64>(1))).collect())
}

const FIRST: &str = "\
    INSERT INTO pageberg_positions (consumer, topic, partition, next_offset) \
    SELECT $1, $2, step.partition, step.next FROM unnest($3::int[], $4::bigint[]) AS step(partition, next) \
    ON CONFLICT DO NOTHING";

const NEXT: &str = "\
    UPDATE pageberg_positions AS stored SET next_offset = step.next, updated_at = now() \
    FROM unnest($3::int[], $4::bigint[], $5::bigint[]) AS step(partition, next, expected) \
    WHERE stored.consumer = $1 AND stored.topic = $2 \
    AND stored.partition = step.partition AND stored.next_offset = step.expected";

/// Moves the positions if they are the expected ones. A second writer waits here until the first has ended.
///
/// # Errors
/// `Moved` when some are not; the transaction must then be rolled back.
pub(super) async fn advance(
    transaction: &Transaction<'_>,
    table: &Table,
    consumer: &str,
    advance: &Advance,
) -> Result<(), Failure> {
    let topic: &str = &advance.topic;
    let (mut first, mut next) = ((vec![], vec![]), (vec![], vec![], vec![]));
    for step in &advance.steps {
        match step.expected {
            None => {
                first.0.push(step.partition);
                first.1.push(step.next);
            }
            Some(expected) => {
                next.0.push(step.partition);
                next.1.push(step.next);
                next.2.push(expected);
            }
        }
    }
    let mut moved = 0;
    if !first.0.is_empty() {
        moved += transaction.execute(&table.localised(FIRST), &[&consumer, &topic, &first.0, &first.1]).await?;
    }
    if !next.0.is_empty() {
        moved += transaction.execute(&table.localised(NEXT), &[&consumer, &topic, &next.0, &next.1, &next.2]).await?;
    }
    if usize::try_from(moved).is_ok_and(|moved| moved == advance.steps.len()) { Ok(()) } else { Err(Failure::Moved) }
}

//! The log positions in Postgres.

use event::{Advance, Positions, Step};
use tokio_postgres::Transaction;
use tokio_postgres::types::ToSql;

use super::errors::Failure;
use super::table::Table;

/// Where `consumer` stands in `topic`.
pub(super) async fn load(
    transaction: &Transaction<'_>,
    table: &Table,
    consumer: &str,
    topic: &str,
) -> Result<Positions, Failure> {
    // By way of JSON, for a table that is looked at before its newest column is there.
    let sql = "SELECT partition, next_offset, to_jsonb(stored) ->> 'last_record' FROM pageberg_positions AS stored \
        WHERE consumer = $1 AND topic = $2";
    let mut positions = Positions::default();
    for row in transaction.query(&table.localised(sql), &[&consumer, &topic]).await? {
        let partition = row.get(0);
        positions.set(partition, row.get(1));
        if let Some(Ok(last)) = row.get::<_, Option<&str>>(2).map(str::parse) {
            positions.mark(partition, last);
        }
    }
    Ok(positions)
}

const FIRST: &str = "\
    INSERT INTO pageberg_positions (consumer, topic, partition, next_offset, last_record) \
    SELECT $1, $2, step.partition, step.next, step.last \
    FROM unnest($3::int[], $4::bigint[], $5::text[]) AS step(partition, next, last) \
    ON CONFLICT DO NOTHING";

const NEXT: &str = "\
    UPDATE pageberg_positions AS stored SET next_offset = step.next, last_record = step.last, updated_at = now() \
    FROM unnest($3::int[], $4::bigint[], $5::text[], $6::bigint[]) AS step(partition, next, last, expected) \
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
    let first: Vec<&Step> = advance.steps.iter().filter(|step| step.expected.is_none()).collect();
    let next: Vec<&Step> = advance.steps.iter().filter(|step| step.expected.is_some()).collect();
    let mut moved = 0;
    if !first.is_empty() {
        let (partitions, offsets, last) = columns(&first);
        let values: [&(dyn ToSql + Sync); 5] = [&consumer, &topic, &partitions, &offsets, &last];
        moved += transaction.execute(&table.localised(FIRST), &values).await?;
    }
    if !next.is_empty() {
        let (partitions, offsets, last) = columns(&next);
        let expected: Vec<Option<i64>> = next.iter().map(|step| step.expected).collect();
        let values: [&(dyn ToSql + Sync); 6] = [&consumer, &topic, &partitions, &offsets, &last, &expected];
        moved += transaction.execute(&table.localised(NEXT), &values).await?;
    }
    if usize::try_from(moved).is_ok_and(|moved| moved == advance.steps.len()) { Ok(()) } else { Err(Failure::Moved) }
}

/// Partitions, next offsets and the records before them.
fn columns(steps: &[&Step]) -> (Vec<i32>, Vec<i64>, Vec<Option<String>>) {
    let row = |step: &&Step| (step.partition, step.next, step.last.map(|mark| mark.to_string()));
    steps.iter().map(row).collect()
}

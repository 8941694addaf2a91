//! What a commit does to rows and positions, with others at work on the same table.

use std::path::Path;

use event::Positions;
use iceberg::expr::Predicate;
use iceberg::transaction::{ApplyTransactionAction, Transaction};
use serde_json::json;
use warehouse::{DataFiles, Error, Table};

use lakekit::table::*;

async fn staged(table: &Table, offset: i64) -> DataFiles {
    let mut writer = table.writer().unwrap();
    writer.write(vec![[bare(offset)]]).await.unwrap();
    writer.close().await.unwrap()
}

/// Another client's append: the files that the table has already, a second time.
async fn append_same_rows_again(folder: &Path) {
    let table = other_table(folder).await;
    let snapshot = table.metadata().current_snapshot().unwrap();
    let mut files = Vec::new();
    for manifest in table.manifest_list_reader(snapshot).load().await.unwrap().entries() {
        let manifest = manifest.load_manifest(table.file_io()).await.unwrap();
        files.extend(manifest.entries().iter().map(|entry| entry.data_file().clone()));
    }
    let transaction = Transaction::new(&table);
    let append = transaction.fast_append().with_check_duplicate(false).add_data_files(files);
    append.apply(transaction).unwrap().commit(&other_client(folder).await).await.unwrap();
}

#[tokio::test]
async fn positions_survive_a_restart_together_with_the_rows() {
    let folder = tempfile::tempdir().unwrap();
    let mut table = open(folder.path()).await;
    assert!(table.positions(TOPIC).unwrap().is_empty());
    deliver(&mut table, &[bare(0), bare(1)]).await;
    drop(table);

    let mut table = open(folder.path()).await;
    assert_eq!(table.positions(TOPIC).unwrap().get(0), Some(2));
    assert!(table.positions("another").unwrap().is_empty());
    deliver(&mut table, &[bare(2)]).await;
    assert_eq!(open(folder.path()).await.positions(TOPIC).unwrap().get(0), Some(3));
    assert_eq!(data_files(folder.path()).len(), 2, "a restart must not overwrite live files");
    for ids in both_readers(folder.path(), &["ids"]) {
        let mut expected: Vec<String> = (0..3).map(|offset| bare(offset).event.id.to_string()).collect();
        expected.sort();
        assert_eq!(ids, json!(expected));
    }
}

#[tokio::test]
async fn positions_move_without_rows_too() {
    let folder = tempfile::tempdir().unwrap();
    let mut table = open(folder.path()).await;
    table.append(DataFiles::default(), &advance(None, 7)).await.unwrap();
    for count in both_readers(folder.path(), &["count"]) {
        assert_eq!(count, json!({"rows": 0, "distinct_ids": 0}));
    }
    deliver(&mut table, &[bare(7)]).await;
    table.append(DataFiles::default(), &advance(Some(8), 9)).await.unwrap();
    assert_eq!(open(folder.path()).await.positions(TOPIC).unwrap().get(0), Some(9));
    for count in both_readers(folder.path(), &["count"]) {
        assert_eq!(count, json!({"rows": 1, "distinct_ids": 1}));
    }
}

#[tokio::test]
async fn a_snapshot_tells_the_positions_that_it_reached() {
    let folder = tempfile::tempdir().unwrap();
    deliver(&mut open(folder.path()).await, &[bare(0)]).await;
    let table = other_table(folder.path()).await;
    let summary = &table.metadata().current_snapshot().unwrap().summary().additional_properties;
    assert_eq!(summary.get("pageberg.position.raw_events.0").map(String::as_str), Some("1"));
}

#[tokio::test]
async fn of_two_writers_at_the_same_positions_exactly_one_wins() {
    let folder = tempfile::tempdir().unwrap();
    let (mut one, mut other) = (open(folder.path()).await, open(folder.path()).await);
    for round in 0..10 {
        let from = (round > 0).then_some(round);
        let (files, others) = (staged(&one, round).await, staged(&other, round).await);
        let step = advance(from, round + 1);
        let results = tokio::join!(one.append(files, &step), other.append(others, &step));
        let moved = [&results.0, &results.1].map(|result| matches!(result, Err(Error::Moved)));
        assert!(results.0.is_ok() || results.1.is_ok(), "{results:?}");
        assert_eq!(moved.iter().filter(|moved| **moved).count(), 1, "{results:?}");
    }
    assert_eq!(scan(folder.path(), Predicate::AlwaysTrue).await, 10);
    assert_eq!(data_files(folder.path()).len(), 10, "the loser's files must be gone");
}

#[tokio::test]
async fn a_commit_that_is_overtaken_at_any_instant_writes_nothing() {
    for with_rows in [true, false] {
        let folder = tempfile::tempdir().unwrap();
        let (mut one, mut other) = (open(folder.path()).await, open(folder.path()).await);
        for round in 0.. {
            let step = advance((round > 0).then_some(round), round + 1);
            let files = if with_rows { staged(&other, round).await } else { DataFiles::default() };
            let (results, was_done) =
                overtake(round, other.append(files, &step), one.append(DataFiles::default(), &step)).await;
            let is_one_winner = matches!(results, [Ok(()), Err(Error::Moved)] | [Err(Error::Moved), Ok(())]);
            assert!(is_one_winner, "after {round} polls: {results:?}");
            if was_done {
                break;
            }
        }
    }
}

#[tokio::test]
async fn a_writer_that_was_overtaken_long_ago_writes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut zombie = open(folder.path()).await;
    let files = staged(&zombie, 0).await;
    let mut table = open(folder.path()).await;
    deliver(&mut table, &[bare(0), bare(1)]).await;
    let started = std::time::Instant::now();
    assert!(matches!(zombie.append(files, &advance(None, 1)).await, Err(Error::Moved)));
    assert!(started.elapsed().as_secs() < 5, "it must not be tried again and again");
    assert_eq!(open(folder.path()).await.positions(TOPIC).unwrap().get(0), Some(2));
    assert_eq!(scan(folder.path(), Predicate::AlwaysTrue).await, 2);
}

#[tokio::test]
async fn workers_of_different_partitions_do_not_hinder_each_other_at_any_instant() {
    let folder = tempfile::tempdir().unwrap();
    let (mut one, mut other) = (open(folder.path()).await, open(folder.path()).await);
    for round in 0.. {
        let step = |partition: i32| {
            let stored: Positions = (round > 0).then_some((partition, round)).into_iter().collect();
            stored.advance_to(&TOPIC.into(), &[(partition, round + 1)].into_iter().collect())
        };
        let (zero, first, files) = (step(0), step(1), staged(&other, round).await);
        let (results, was_done) =
            overtake(round, other.append(files, &zero), one.append(DataFiles::default(), &first)).await;
        assert!(results.iter().all(Result::is_ok), "after {round} polls: {results:?}");
        if was_done {
            let positions = open(folder.path()).await.positions(TOPIC).unwrap();
            assert_eq!(positions, [(0, round + 1), (1, round + 1)].into_iter().collect());
            break;
        }
    }
}

#[tokio::test]
async fn another_engines_commit_in_between_is_kept_and_hinders_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut table = open(folder.path()).await;
    deliver(&mut table, &[bare(0)]).await;
    let files = staged(&table, 1).await;
    append_same_rows_again(folder.path()).await;

    assert_eq!(open(folder.path()).await.positions(TOPIC).unwrap().get(0), Some(1));
    table.append(files, &advance(Some(1), 2)).await.unwrap();
    assert_eq!(open(folder.path()).await.positions(TOPIC).unwrap().get(0), Some(2));
    for count in both_readers(folder.path(), &["count"]) {
        assert_eq!(count, json!({"rows": 3, "distinct_ids": 2}));
    }
}

#[tokio::test]
async fn a_commit_that_the_database_lost_is_not_taken_for_done_and_keeps_its_files() {
    let folder = tempfile::tempdir().unwrap();
    let mut table = open(folder.path()).await;
    let files = staged(&table, 0).await;
    let url = format!("sqlite://{}/catalog.sqlite", folder.path().display());
    let sqlite = sqlx::SqlitePool::connect(&url).await.unwrap();
    let lose = "CREATE TRIGGER lose AFTER UPDATE ON iceberg_tables WHEN new.metadata_location <> old.metadata_location \
        BEGIN UPDATE iceberg_tables SET metadata_location = old.metadata_location; END";
    sqlx::query(lose).execute(&sqlite).await.unwrap();

    assert!(matches!(table.append(files, &advance(None, 1)).await, Err(Error::Uncertain { .. })));
    assert_eq!(data_files(folder.path()).len(), 1);
    sqlx::query("DROP TRIGGER lose").execute(&sqlite).await.unwrap();
    let mut table = open(folder.path()).await;
    assert!(table.positions(TOPIC).unwrap().is_empty());
    deliver(&mut table, &[bare(0)]).await;
}

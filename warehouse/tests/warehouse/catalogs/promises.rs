//! What every catalog promises.

use event::{Advance, Positions};
use warehouse::{DataFiles, Error, MaintenanceConfig, Table};

use lakekit::catalogs::Lake;
use lakekit::table::{TOPIC, advance, bare, deliver};

pub async fn staged(table: &Table, offset: i64) -> DataFiles {
    let mut writer = table.writer().unwrap();
    writer.write(vec![[bare(offset)]]).await.unwrap();
    writer.close().await.unwrap()
}

/// The move of one partition.
pub fn step(partition: i32, from: Option<i64>, to: i64) -> Advance {
    let stored: Positions = from.into_iter().map(|next| (partition, next)).collect();
    stored.advance_to(&TOPIC.into(), &[(partition, to)].into_iter().collect())
}

pub async fn a_missing_table_is_made_and_its_positions_survive_a_restart(lake: &Lake) {
    let mut table = lake.open().await;
    assert!(table.positions(TOPIC).unwrap().is_empty());
    deliver(&mut table, &[bare(0), bare(1)]).await;
    table.append(DataFiles::default(), &advance(Some(2), 7)).await.unwrap();
    drop(table);
    let mut table = lake.open().await;
    assert_eq!(table.positions(TOPIC).unwrap().get(0), Some(7));
    deliver(&mut table, &[bare(7)]).await;
    assert_eq!(lake.rows(), "3");
}

pub async fn an_append_on_moved_positions_writes_nothing(lake: &Lake) {
    let mut zombie = lake.open().await;
    let files = staged(&zombie, 0).await;
    lake.with_one_row().await;
    assert!(matches!(zombie.append(files, &advance(None, 1)).await, Err(Error::Moved)));
    assert_eq!(lake.open().await.positions(TOPIC).unwrap().get(0), Some(1));
    assert_eq!(lake.rows(), "1");
}

pub async fn appends_at_the_same_time_lose_nothing(lake: &Lake) {
    const ROUNDS: i64 = 4;
    let (one, other) = tokio::join!(lake.open(), lake.open());
    let deliver = |mut table: Table, partition: i32| async move {
        for round in 0..ROUNDS {
            let files = staged(&table, round).await;
            table.append(files, &step(partition, (round > 0).then_some(round), round + 1)).await.unwrap();
        }
    };
    tokio::join!(deliver(one, 0), deliver(other, 1));
    let positions = lake.open().await.positions(TOPIC).unwrap();
    assert_eq!(positions, [(0, ROUNDS), (1, ROUNDS)].into_iter().collect());
    assert_eq!(lake.rows(), (2 * ROUNDS).to_string());
}

pub async fn another_engines_append_is_kept(lake: &Lake) {
    let mut table = lake.with_one_row().await;
    let files = staged(&table, 1).await;
    lake.pyiceberg("table = catalog.load_table(name)\ntable.append(table.scan().to_arrow())");
    table.append(files, &advance(Some(1), 2)).await.unwrap();
    assert_eq!(lake.open().await.positions(TOPIC).unwrap().get(0), Some(2));
    assert_eq!(lake.rows(), "3");
}

pub async fn positions_are_known_after_any_number_of_others_appends(lake: &Lake) {
    lake.with_one_row().await;
    lake.pyiceberg(
        "table = catalog.load_table(name)\nrows = table.scan().to_arrow()\nfor _ in range(3): table.append(rows)",
    );
    let mut table = lake.open().await;
    assert_eq!(table.positions(TOPIC).unwrap().get(0), Some(1));
    deliver(&mut table, &[bare(1)]).await;
    assert_eq!(lake.rows(), "5");
}

pub async fn a_clock_that_was_ahead_stops_nothing(lake: &Lake) {
    lake.with_one_row().await;
    ahead(lake, 10 * 365 * 24 * 60 * 60);
    let mut table = lake.open().await;
    deliver(&mut table, &[bare(1)]).await;
    let mut with_plan = lake.config.clone();
    with_plan.table.property_columns = [("plan".to_owned(), "string(props.plan)".to_owned())].into();
    let mut table = Table::open(lake.folder.path(), &with_plan).await.unwrap();
    table.maintain(&MaintenanceConfig { min_small_files: 2, ..MaintenanceConfig::default() }, false).await.unwrap();
    deliver(&mut table, &[bare(2)]).await;
    assert_eq!(lake.open().await.positions(TOPIC).unwrap().get(0), Some(3));
    assert_eq!(lake.rows(), "3");
}

/// Another engine's empty snapshot, by a clock that is ahead.
fn ahead(lake: &Lake, seconds: u64) {
    lake.pyiceberg(&format!(
        "import time, types, pyiceberg.table.snapshots as snapshots\n\
         snapshots.time = types.SimpleNamespace(time=lambda: time.time() + {seconds})\n\
         table = catalog.load_table(name)\ntable.append(table.scan().to_arrow().slice(0, 0))"
    ));
}

pub async fn a_table_that_another_engine_made_is_opened(lake: &Lake) {
    lake.open().await;
    let mut theirs = lake.config.clone();
    theirs.table.name = "theirs".to_owned();
    lake.pyiceberg(
        "from pyiceberg.schema import Schema\n\
         ours = catalog.load_table(name)\n\
         first = [column for column in ours.schema().fields if column.field_id <= 33]\n\
         theirs = [place.replace('page_views', 'theirs') for place in (name, ours.location())]\n\
         catalog.create_table(theirs[0], Schema(*first), theirs[1], ours.spec())",
    );
    let mut table = Table::open(lake.folder.path(), &theirs).await.unwrap();
    deliver(&mut table, &[bare(0)]).await;
    let reopened = Table::open(lake.folder.path(), &theirs).await.unwrap();
    assert_eq!(reopened.positions(TOPIC).unwrap().get(0), Some(1));
}

pub async fn upkeep_keeps_rows_and_positions(lake: &Lake) {
    let mut table = lake.open().await;
    for offset in 0..5 {
        deliver(&mut table, &[bare(offset)]).await;
    }
    let settings = MaintenanceConfig {
        snapshot_min_age_ms: 0,
        snapshot_max_age_ms: 0,
        snapshot_min_count: 1,
        snapshot_max_count: 1,
        ..MaintenanceConfig::default()
    };
    // Snapshots are another matter: Nessie keeps the history of its tables to itself.
    let done = table.maintain(&settings, false).await.unwrap();
    assert_eq!(done.files_compacted, 5, "{done:?}");
    deliver(&mut table, &[bare(5)]).await;
    assert_eq!(lake.open().await.positions(TOPIC).unwrap().get(0), Some(6));
    assert_eq!(lake.rows(), "6");
}

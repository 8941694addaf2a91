//! The table of dead letters as PyIceberg sees it.

use std::path::Path;

use event::{DeadLetter, LogPosition, Positions, Stage};
use warehouse::{Config, KeptLetter, MaintenanceConfig, Table};

use lakekit::table::*;

const LETTERS: &str = "web.dead_letters";

fn letter(offset: i64, stage: Stage, payload: &[u8]) -> KeptLetter {
    let position = |topic: &str, offset| LogPosition { topic: topic.into(), partition: 3, offset };
    KeptLetter {
        letter: DeadLetter {
            payload: payload.to_vec(),
            stage,
            reason: "not a JSON object".to_owned(),
            position: position("raw_events", offset * 10),
            time: time("2026-01-31T09:30:00Z"),
        },
        kept_at: position(LETTERS, offset),
        dead_at: time("2026-02-01T00:00:00Z"),
    }
}

async fn open_letters(folder: &Path) -> Table {
    let mut config = Config::default();
    config.table.name = "dead_letters".to_owned();
    Table::open_dead_letters(folder, &config).await.unwrap()
}

/// One commit that moves partition 3 past these.
async fn keep(table: &mut Table, letters: &[KeptLetter]) {
    let stored = table.positions(LETTERS).unwrap();
    let next = letters.last().unwrap().kept_at.offset + 1;
    let advance = stored.advance_to(&LETTERS.into(), &Positions::from_iter([(3, next)]));
    let mut writer = table.writer().unwrap();
    writer.write_dead_letters(letters.to_vec()).await.unwrap();
    let files = writer.close().await.unwrap();
    table.append(files, &advance).await.unwrap();
}

/// Holds PyIceberg's rows, by `letter_offset`, to Python's literals.
fn expect_rows(folder: &Path, columns: &str, rows: &str) {
    let lines = format!(
        "rows = catalog.load_table('{LETTERS}').scan().to_arrow().sort_by('letter_offset').to_pylist()\n\
         found = [tuple(row[name] for name in '{columns}'.split()) for row in rows]\n\
         assert found == {rows}, found"
    );
    run_pyiceberg(folder, &lines);
}

#[tokio::test(flavor = "multi_thread")]
async fn letters_keep_every_byte_and_tell_where_they_came_from() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    open(folder).await;
    let mut table = open_letters(folder).await;
    let long = vec![0xff; 3 << 20];
    let refused = Stage::Sink("postgres".to_owned());
    keep(&mut table, &[letter(0, Stage::Decode, b"\xff\0{"), letter(1, refused, b""), letter(2, Stage::Decode, &long)])
        .await;
    expect_rows(
        folder,
        "letter_id stage sink payload log_offset letter_partition",
        "[('decode@raw_events/3/0', 'decode', None, b'\\xff\\x00{', 0, 3), \
          ('sink:postgres@raw_events/3/10', 'sink', 'postgres', b'', 10, 3), \
          ('decode@raw_events/3/20', 'decode', None, b'\\xff' * (3 << 20), 20, 3)]",
    );
    run_pyiceberg(
        folder,
        &format!(
            "[row] = catalog.load_table('{LETTERS}').inspect.partitions().to_pylist()\n\
             assert str(row['partition']['dead_at_day']) == '2026-02-01', row\n\
             [file] = catalog.load_table('{LETTERS}').inspect.files().to_pylist()\n\
             assert all(len(bound) < 1000 for bound in dict(file['upper_bounds']).values()), 'a manifest of whole payloads'"
        ),
    );
    assert_eq!(open_letters(folder).await.positions(LETTERS).unwrap(), Positions::from_iter([(3, 3)]));
}

#[tokio::test(flavor = "multi_thread")]
async fn maintenance_merges_letters_and_changes_none() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    open(folder).await;
    let mut table = open_letters(folder).await;
    for offset in 0..8 {
        keep(&mut table, &[letter(offset, Stage::Decode, &[offset as u8])]).await;
    }
    let done = table.maintain(&MaintenanceConfig::default(), false).await.unwrap();
    assert_eq!((done.files_compacted, done.files_written), (8, 1));
    expect_rows(folder, "letter_offset payload", "[(number, bytes([number])) for number in range(8)]");
    assert_eq!(table.positions(LETTERS).unwrap(), Positions::from_iter([(3, 8)]));
    keep(&mut table, &[letter(8, Stage::Decode, b"x")]).await;
}

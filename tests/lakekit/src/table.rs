//! Events, other clients, and what they find.

use std::collections::HashMap;
use std::future::poll_fn;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use arrow_array::RecordBatch;
use event::{Advance, Enriched, Event, EventId, LogPosition, Place, Positions, Text, Timestamp, Visit};
use futures::TryStreamExt;
use iceberg::expr::Predicate;
use iceberg::io::LocalFsStorageFactory;
use iceberg::spec::DataFile;
use iceberg::{Catalog, CatalogBuilder, TableIdent};
use iceberg_catalog_sql::{SqlBindStyle, SqlCatalog, SqlCatalogBuilder};
use testkit::project;
use testkit::services::python::printed_by_python;
use warehouse::{CATALOG_NAME, Config, Table};

/// The topic that events come from.
pub const TOPIC: &str = "raw_events";

/// A time in RFC 3339.
pub fn time(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

/// An event with as little in it as there can be.
pub fn bare(offset: i64) -> Enriched {
    let event_time = time("2026-01-31T09:30:00.000Z");
    let position = LogPosition { topic: TOPIC.into(), partition: 0, offset };
    Enriched {
        event: Event::new(EventId::of_record(event_time, &position), event_time, event_time),
        place: Arc::new(Place::default()),
        geo_database: None,
        visit: Visit::default(),
        late: false,
        position,
    }
}

/// An event with this URL.
pub fn with_url(offset: i64, url: impl AsRef<str>) -> Enriched {
    let mut enriched = bare(offset);
    enriched.event.set(Text::Url, Some(url.as_ref()));
    enriched
}

/// An event with `plan` among its props.
pub fn with_plan(offset: i64, plan: &serde_json::Value) -> Enriched {
    let mut enriched = bare(offset);
    enriched.event.extra.insert("props".into(), serde_json::json!({"plan": plan}));
    enriched
}

/// An event of this time, in microseconds since 1970.
pub fn at_micros(offset: i64, micros: i64) -> Enriched {
    let mut enriched = bare(offset);
    enriched.event.event_time = Timestamp::from_micros(micros).unwrap();
    enriched
}

/// The move of partition 0.
pub fn advance(from: Option<i64>, to: i64) -> Advance {
    let stored: Positions = from.into_iter().map(|next| (0, next)).collect();
    stored.advance_to(&TOPIC.into(), &[(0, to)].into_iter().collect())
}

/// The table of a data folder, with the default settings.
pub async fn open(folder: &Path) -> Table {
    Table::open(folder, &Config::default()).await.unwrap()
}

/// Writes and commits events whose offsets run from where the table stands.
pub async fn deliver(table: &mut Table, events: &[Enriched]) {
    let from = table.positions(TOPIC).unwrap().get(0);
    let mut writer = table.writer().unwrap();
    writer.write(vec![events.to_vec()]).await.unwrap();
    let files = writer.close().await.unwrap();
    assert_eq!(files.rows(), events.len() as u64);
    let to = events.last().unwrap().position.offset + 1;
    table.append(files, &advance(from, to)).await.unwrap();
}

/// A catalog client with nothing of pageberg's in it.
pub async fn other_client(folder: &Path) -> SqlCatalog {
    SqlCatalogBuilder::default()
        .uri(format!("sqlite://{}/catalog.sqlite", folder.display()))
        .warehouse_location(format!("file://{}/warehouse", folder.display()))
        .sql_bind_style(SqlBindStyle::QMark)
        .with_storage_factory(Arc::new(LocalFsStorageFactory))
        .load(CATALOG_NAME, HashMap::new())
        .await
        .unwrap()
}

/// The table as [`other_client`] loads it.
pub async fn other_table(folder: &Path) -> iceberg::table::Table {
    let name = TableIdent::from_strs(["web", "page_views"]).unwrap();
    other_client(folder).await.load_table(&name).await.unwrap()
}

/// The rows that Iceberg's own scan finds.
pub async fn scan(folder: &Path, filter: Predicate) -> usize {
    let scan = other_table(folder).await.scan().with_filter(filter).build().unwrap();
    let batches: Vec<RecordBatch> = scan.to_arrow().await.unwrap().try_collect().await.unwrap();
    batches.iter().map(RecordBatch::num_rows).sum()
}

/// What readers.py prints for each of its readers.
pub fn both_readers(folder: &Path, query: &[&str]) -> [serde_json::Value; 2] {
    let (script, folder) = (project::kit_script("readers.py"), folder.to_str().unwrap());
    ["duckdb", "pyiceberg"].map(|reader| {
        let arguments = [&[script.to_str().unwrap(), reader, folder], query].concat();
        serde_json::from_str(&printed_by_python(&arguments)).unwrap()
    })
}

/// Every data file on disk, complete or not.
pub fn data_files(folder: &Path) -> Vec<PathBuf> {
    fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() { walk(&path, found) } else { found.push(path) }
        }
    }
    let mut found = Vec::new();
    walk(&folder.join("warehouse/web/page_views/data"), &mut found);
    found
}

/// Runs a line of Python on `table`, as PyIceberg loads it, and tells what it prints.
pub fn run_pyiceberg(folder: &Path, line: &str) -> String {
    let script = format!(
        "from pyiceberg.catalog.sql import SqlCatalog\n\
         catalog = SqlCatalog('{CATALOG_NAME}', uri='sqlite:///{}/catalog.sqlite')\n\
         table = catalog.load_table('web.page_views')\n{line}\n",
        folder.display()
    );
    printed_by_python(&["-c", &script])
}

/// The rows that DuckDB answers.
pub fn duckdb(query: &str) -> serde_json::Value {
    let script = format!("import duckdb, json\nprint(json.dumps(duckdb.sql({query:?}).fetchall()))");
    serde_json::from_str(&printed_by_python(&["-c", &script])).unwrap()
}

/// The data files of the current snapshot.
pub async fn listed(folder: &Path) -> Vec<DataFile> {
    let table = other_table(folder).await;
    let list = table.manifest_list_reader(table.metadata().current_snapshot().unwrap()).load().await.unwrap();
    let mut files = Vec::new();
    for manifest in list.entries() {
        let manifest = manifest.load_manifest(table.file_io()).await.unwrap();
        files.extend(manifest.entries().iter().filter(|entry| entry.is_alive()).map(|entry| entry.data_file().clone()));
    }
    files
}

/// Polls at most so often; `None` when the future is not ready by then.
pub async fn polled_at_most<F: Future + Unpin>(polls: i64, future: &mut F) -> Option<F::Output> {
    let mut left = polls;
    poll_fn(|context| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        Pin::new(&mut *future).poll(context).map(Some)
    })
    .await
}

/// Both results, and whether the first was ready after so many polls. If not it stands still from then on, until the
/// second is through or seems to wait for it, as it does when the first has locked the catalog.
pub async fn overtake<T>(polls: i64, slow: impl Future<Output = T>, fast: impl Future<Output = T>) -> ([T; 2], bool) {
    let (mut slow, mut fast) = (Box::pin(slow), Box::pin(fast));
    if let Some(done) = polled_at_most(polls, &mut slow).await {
        return ([done, fast.await], true);
    }
    match tokio::time::timeout(Duration::from_millis(500), &mut fast).await {
        Ok(done) => ([slow.await, done], false),
        Err(_locked) => (tokio::join!(slow, fast).into(), false),
    }
}

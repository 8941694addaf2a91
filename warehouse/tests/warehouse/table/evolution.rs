//! A table of the first release gets the columns of this one, while others read and write it.

use std::path::Path;

use event::{Enriched, Text};
use iceberg::Catalog;
use iceberg::spec::Schema;
use iceberg::transaction::{ApplyTransactionAction, Transaction};
use iceberg::{NamespaceIdent, TableCreation};
use serde_json::{Value, json};
use warehouse::{Error, Table};

use crate::table::reenrich::reenrich;
use lakekit::table::*;

/// The last field id of the first release.
const LAST_OF_FIRST_RELEASE: i32 = 33;

/// Makes the table as the first release did, with one row in it.
async fn old_table(folder: &Path) {
    let new = tempfile::tempdir().unwrap();
    deliver(&mut open(new.path()).await, &[visit(0)]).await;
    let metadata = other_table(new.path()).await.metadata_ref();
    let columns = metadata.current_schema().as_struct().fields().iter();
    let first = columns.filter(|column| column.id <= LAST_OF_FIRST_RELEASE).cloned();
    let creation = TableCreation::builder()
        .name("page_views".to_owned())
        .schema(Schema::builder().with_fields(first).build().unwrap())
        .partition_spec(metadata.default_partition_spec().as_ref().clone().into_unbound())
        .build();
    std::fs::File::create(folder.join("catalog.sqlite")).unwrap();
    let (catalog, namespace) = (other_client(folder).await, NamespaceIdent::new("web".to_owned()));
    catalog.create_namespace(&namespace, [].into()).await.unwrap();
    catalog.create_table(&namespace, creation).await.unwrap();
    let copy = format!(
        "new = SqlCatalog('pageberg', uri='sqlite:///{}/catalog.sqlite').load_table('web.page_views')\n\
         table.append(new.scan().to_arrow().select([field.name for field in table.schema().fields]))",
        new.path().display()
    );
    run_pyiceberg(folder, &copy);
}

/// An event of which this release stores more than the first.
fn visit(offset: i64) -> Enriched {
    let mut enriched = with_url(offset, format!("/{offset}"));
    enriched.event.set(Text::Ip, Some("192.0.2.1"));
    enriched.event.extra.insert("event_name".to_owned(), "signup".into());
    enriched
}

async fn ids(folder: &Path) -> Vec<(String, i32)> {
    let table = other_table(folder).await;
    let fields = table.metadata().current_schema().field_id_to_name_map().clone();
    let mut ids: Vec<(String, i32)> = fields.into_iter().map(|(id, name)| (name, id)).collect();
    ids.sort_by_key(|(_, id)| *id);
    ids
}

fn rows(folder: &Path) -> [Vec<Value>; 2] {
    both_readers(folder, &["rows"]).map(|rows| rows.as_array().unwrap().clone())
}

#[tokio::test]
async fn a_table_of_the_first_release_gets_the_columns_of_this_one_and_old_rows_are_null_there() {
    let (folder, new) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    old_table(folder.path()).await;
    let (mut table, other) = tokio::join!(open(folder.path()), open(folder.path()));
    drop(other);
    open(new.path()).await;
    assert_eq!(ids(folder.path()).await, ids(new.path()).await);
    let metadata = other_table(folder.path()).await.metadata_ref();
    assert_eq!((metadata.schemas_iter().count(), metadata.snapshots().count()), (2, 1));

    deliver(&mut table, &[visit(1)]).await;
    let location = other_table(folder.path()).await.metadata_location().map(str::to_owned);
    open(folder.path()).await;
    assert_eq!(other_table(folder.path()).await.metadata_location().map(str::to_owned), location);
    for rows in rows(folder.path()) {
        let names: Vec<&Value> = rows.iter().map(|row| &row["event_name"]).collect();
        assert_eq!(names, [&Value::Null, &json!("signup")]);
        assert_eq!([&rows[0]["url"], &rows[1]["url"]], [&json!("/0"), &json!("/1")]);
    }
}

#[tokio::test]
async fn rows_of_the_first_release_can_be_looked_up_again() {
    let folder = tempfile::tempdir().unwrap();
    old_table(folder.path()).await;
    let done = reenrich(&mut open(folder.path()).await, 0..30_000).await;
    assert_eq!((done.rows.changed, done.files_replaced), (1, 1));
    for rows in rows(folder.path()) {
        assert_eq!([&rows[0]["geo"]["country"], &rows[0]["event_name"]], [&json!("N1"), &Value::Null]);
    }
}

#[tokio::test]
async fn a_process_of_the_first_release_goes_on_writing() {
    let folder = tempfile::tempdir().unwrap();
    old_table(folder.path()).await;
    let stale = other_table(folder.path()).await;
    deliver(&mut open(folder.path()).await, &[visit(1)]).await;

    let snapshot = stale.metadata().current_snapshot().unwrap();
    let manifests = stale.manifest_list_reader(snapshot).load().await.unwrap();
    let manifest = manifests.entries()[0].load_manifest(stale.file_io()).await.unwrap();
    let files = manifest.entries().iter().map(|entry| entry.data_file().clone());
    let transaction = Transaction::new(&stale);
    let append = transaction.fast_append().with_check_duplicate(false).add_data_files(files);
    append.apply(transaction).unwrap().commit(&other_client(folder.path()).await).await.unwrap();

    deliver(&mut open(folder.path()).await, &[visit(2)]).await;
    for rows in rows(folder.path()) {
        let names: Vec<&Value> = rows.iter().map(|row| &row["event_name"]).collect();
        assert_eq!(names, [&Value::Null, &Value::Null, &json!("signup"), &json!("signup")]);
    }
}

#[tokio::test]
async fn a_column_of_somebody_elses_keeps_the_id_that_it_took() {
    let folder = tempfile::tempdir().unwrap();
    old_table(folder.path()).await;
    let theirs = "\
from pyiceberg.types import StringType
table.update_schema().add_column('mood', StringType()).commit()
rows = table.refresh().scan().to_arrow()
table.append(rows.set_column(rows.schema.get_field_index('mood'), 'mood', [['good']]))";
    run_pyiceberg(folder.path(), theirs);
    deliver(&mut open(folder.path()).await, &[visit(1)]).await;
    let ids = ids(folder.path()).await;
    assert!(ids.contains(&("mood".to_owned(), 34)) && ids.contains(&("browser".to_owned(), 35)), "{ids:?}");
    assert!(ids.iter().any(|(name, id)| name == "event_name" && *id > 47), "{ids:?}");
    for rows in rows(folder.path()) {
        let new = rows.iter().find(|row| row["url"] == "/1").unwrap();
        assert_eq!([&new["event_name"], &new["mood"]], [&json!("signup"), &Value::Null]);
        let good = rows.iter().filter(|row| row["mood"] == "good" && row["event_name"].is_null());
        assert_eq!((rows.len(), good.count()), (3, 1));
    }
}

#[tokio::test]
async fn a_column_of_another_type_under_a_name_of_pagebergs_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    old_table(folder.path()).await;
    let theirs = "\
from pyiceberg.types import LongType
table.update_schema().add_column('browser', LongType()).commit()";
    run_pyiceberg(folder.path(), theirs);
    let refused = Table::open(folder.path(), &warehouse::Config::default()).await.err().unwrap();
    assert!(matches!(&refused, Error::Column { name, .. } if name == "browser"), "{refused}");
}

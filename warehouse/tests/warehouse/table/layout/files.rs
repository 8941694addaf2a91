//! What is in a file: the order of its rows, its bloom filters, and what its manifest says of both.

use std::fs::File;

use arrow_array::cast::AsArray;
use arrow_array::types::TimestampMicrosecondType;
use event::{Enriched, Text};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::file::properties::ReaderProperties;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::file::serialized_reader::ReadOptionsBuilder;
use serde_json::json;
use warehouse::{Config, MaintenanceConfig, Table};

use lakekit::table::*;

/// Events of three sites and of none, their times as mixed as can be.
fn events(count: i64) -> Vec<Enriched> {
    let event = |offset: i64| {
        let mut enriched = at_micros(offset, offset * 7_919 % 86_400 * 1_000_000);
        if let Some(site) = [None, Some("shop"), Some("blog"), Some("docs")][offset as usize % 4] {
            enriched.event.extra.insert("site".into(), site.into());
            enriched.event.set(Text::Host, Some(&format!("{}.{site}.example", ["www", "m"][offset as usize / 4 % 2])));
        }
        enriched
    };
    (0..count).map(event).collect()
}

/// What rows are sorted by, in the order of the file.
fn sorted_by(file: &std::path::Path) -> Vec<(Option<String>, Option<String>, i64)> {
    let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(file).unwrap()).unwrap().build().unwrap();
    let rows = reader.flat_map(|batch| {
        let batch = batch.unwrap();
        let text = |name: &str, row: usize| {
            let texts = batch.column_by_name(name).unwrap().as_string::<i32>().clone();
            texts.iter().nth(row).unwrap().map(str::to_owned)
        };
        let times = batch.column_by_name("event_timestamp").unwrap().as_primitive::<TimestampMicrosecondType>();
        let row = |row| (text("site", row), text("host", row), times.value(row));
        (0..batch.num_rows()).map(row).collect::<Vec<_>>()
    });
    rows.collect()
}

#[tokio::test]
async fn the_rows_of_a_new_file_are_sorted_by_site_host_and_time_and_the_manifest_says_so() {
    for (open_files, buffer_bytes) in [(8, 32 << 20), (0, 256 << 10)] {
        let folder = tempfile::tempdir().unwrap();
        let mut config = Config::default();
        (config.files.open_files, config.files.buffer_bytes) = (open_files, buffer_bytes);
        let mut table = Table::open(folder.path(), &config).await.unwrap();
        deliver(&mut table, &events(3_000)).await;
        let [file] = &data_files(folder.path())[..] else { panic!("one file was expected") };
        let rows = sorted_by(file);
        assert!(rows.len() == 3_000 && rows.is_sorted(), "with a buffer of {buffer_bytes}");

        let metadata = other_table(folder.path()).await.metadata_ref();
        let [file] = &listed(folder.path()).await[..] else { panic!("one file was expected") };
        let order = metadata.sort_order_by_id(i64::from(file.sort_order_id().unwrap())).unwrap();
        assert_eq!(order.fields.iter().map(|field| field.source_id).collect::<Vec<_>>(), [4, 5, 2]);
        assert!(metadata.default_sort_order().is_unsorted(), "engines that cannot sort may write");
    }
}

#[tokio::test]
async fn a_file_of_rows_that_were_sorted_apart_is_not_said_to_be_sorted_until_it_is_compacted() {
    let folder = tempfile::tempdir().unwrap();
    let mut table = Table::open(folder.path(), &Config::default()).await.unwrap();
    for (commit, rows) in (0..).zip(events(2_500).chunks(500)) {
        let mut writer = table.writer().unwrap();
        for piece in rows.chunks(100) {
            writer.write(vec![piece.to_vec()]).await.unwrap();
        }
        let files = writer.close().await.unwrap();
        assert_eq!((files.count(), files.rows()), (1, 500));
        let from = (commit > 0).then_some(commit * 500);
        table.append(files, &advance(from, (commit + 1) * 500)).await.unwrap();
    }
    let listed_orders =
        async || listed(folder.path()).await.iter().map(|file| file.sort_order_id()).collect::<Vec<_>>();
    assert_eq!(listed_orders().await, [None; 5]);
    assert_eq!(table.maintain(&MaintenanceConfig::default(), false).await.unwrap().files_written, 1);
    let [Some(_)] = listed_orders().await[..] else { panic!("one sorted file was expected") };
}

#[tokio::test]
async fn each_event_id_is_in_the_bloom_filter_and_others_are_not() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = Config::default();
    config.files.row_group_rows = 1_000;
    let mut table = Table::open(folder.path(), &config).await.unwrap();
    let events = events(2_500);
    deliver(&mut table, &events).await;
    let [path] = &data_files(folder.path())[..] else { panic!("one file was expected") };
    let properties = ReaderProperties::builder().set_read_bloom_filter(true).build();
    let options = ReadOptionsBuilder::new().with_reader_properties(properties).build();
    let file = SerializedFileReader::new_with_options(File::open(path).unwrap(), options).unwrap();
    let column = file.metadata().file_metadata().schema_descr().columns().iter().position(|c| c.name() == "event_id");
    let groups: Vec<_> = (0..file.num_row_groups()).map(|group| file.get_row_group(group).unwrap()).collect();
    assert_eq!(groups.len(), 3);
    let filters: Vec<_> = groups.iter().map(|group| group.get_column_bloom_filter(column.unwrap()).unwrap()).collect();
    let may_hold = |id: &str| filters.iter().filter(|filter| filter.check(&id)).count();
    assert!(events.iter().all(|event| may_hold(&event.event.id.to_string()) >= 1));
    let others = (10_000..20_000).filter(|offset| may_hold(&bare(*offset).event.id.to_string()) > 0).count();
    assert!(others < 600, "{others} of 10,000 absent ids may be in one of three filters");
    let bytes: i32 = file
        .metadata()
        .row_groups()
        .iter()
        .map(|group| group.column(column.unwrap()).bloom_filter_length().unwrap())
        .sum();
    assert!(bytes < 2_500 * 3, "{bytes} bytes of filters");

    for (id, excluded) in [(events[0].event.id, false), (bare(1 << 40).event.id, true)] {
        let probe = format!(
            "SELECT bool_and(bloom_filter_excludes) FROM parquet_bloom_probe('{}', 'event_id', '{id}')",
            path.display()
        );
        assert_eq!(duckdb(&probe), json!([[excluded]]), "{id}");
    }
    let metadata = other_table(folder.path()).await.metadata_ref();
    assert_eq!(metadata.properties()["write.parquet.bloom-filter-enabled.column.event_id"], "true");
}

#[tokio::test]
async fn a_small_file_is_not_swollen_by_its_bloom_filter() {
    let size = async |columns: &[&str]| {
        let folder = tempfile::tempdir().unwrap();
        let mut config = Config::default();
        config.files.bloom_filter_columns = columns.iter().map(|column| (*column).to_owned()).collect();
        deliver(&mut Table::open(folder.path(), &config).await.unwrap(), &events(100)).await;
        listed(folder.path()).await[0].file_size_in_bytes()
    };
    let (without, with) = (size(&[]).await, size(&["event_id", "geo.country"]).await);
    assert!(with > without && with < without + 2_000, "{with} bytes, and {without} without filters");
}

//! What stands in the columns, whatever an event holds.

use std::sync::Arc;

use event::{Campaign, Channel, Device, Enriched, EventId, Place, Text, UserAgent, Visit};
use iceberg::expr::{Predicate, Reference};
use iceberg::spec::{Datum, PrimitiveType, Type};
use iceberg::transaction::{AddColumn, ApplyTransactionAction, Transaction};
use parquet::file::reader::{FileReader, SerializedFileReader};
use serde_json::{Value, json};
use warehouse::{Config, Table};

use lakekit::table::*;

#[tokio::test]
async fn columns_keep_their_ids_for_ever() {
    let folder = tempfile::tempdir().unwrap();
    open(folder.path()).await;
    let table = other_table(folder.path()).await;
    let schema = table.metadata().current_schema();
    let names: Vec<String> = (1..=47).map(|id| schema.name_by_field_id(id).unwrap().to_owned()).collect();
    let expected = "event_id event_timestamp received_at site host url path query referrer referrer_host user_agent ip \
        geo geo_database headers properties late log_topic log_partition log_offset geo.country geo.country_name \
        geo.state geo.region_code geo.city geo.continent geo.postcode geo.latitude geo.longitude geo.accuracy_km \
        geo.timezone geo.asn geo.as_org event_name browser browser_version os os_version device is_bot channel utm_source \
        utm_medium utm_campaign utm_term utm_content click_id";
    assert_eq!(names.join(" "), expected);
    assert_eq!(schema.highest_field_id(), 47);
}

fn full() -> Enriched {
    let mut enriched = with_url(1, "https://shop.example/kasse/🛒?q=crème&x#top");
    let event = &mut enriched.event;
    event.id = EventId::parse("01890A5D-AC96-774B-BCCE-B302099A8057").unwrap();
    event.event_time = time("9999-12-31T23:59:59.999Z");
    event.received_at = time("2026-01-31T09:30:00.123Z");
    event.set(Text::Referrer, Some("https://Search.example/?q=🧊"));
    event.set(Text::UserAgent, Some("{\"family\":\"x\"}"));
    event.set(Text::Host, Some("shop.example"));
    event.set(Text::Ip, Some("2001:db8::1"));
    event.set(Text::Headers, Some("{\"dnt\":\"1\"}"));
    event.extra =
        serde_json::from_str(r#"{"event_name":"köpa","site":"shop","plan":{"tier":[1,null,"\u0000"]}}"#).unwrap();
    enriched.place = Arc::new(Place {
        country: Some("CI".into()),
        country_name: Some("Côte d'Ivoire".into()),
        state: Some("Abidjan".into()),
        region_code: Some("AB".into()),
        city: Some("Yop\"ougon".into()),
        continent: Some("AF".into()),
        postcode: Some("01 BP".into()),
        latitude: Some(-90.0),
        longitude: Some(179.999_999),
        accuracy_km: Some(u16::MAX),
        timezone: Some("Africa/Abidjan".into()),
        asn: Some(u32::MAX),
        as_org: Some("Org".into()),
    });
    enriched.geo_database = Some("dbip-city@2026-01".into());
    enriched.visit = full_visit();
    enriched.late = true;
    enriched.position.offset = i64::MAX - 1;
    enriched.position.partition = i32::MAX;
    enriched
}

fn full_visit() -> Visit {
    let text = |text: &str| Some(text.to_owned());
    let agent = UserAgent {
        browser: text("Googlebot"),
        browser_version: text("2.1"),
        os: text("Android"),
        os_version: text("6.0.1"),
        device: Some(Device::Bot),
        is_bot: true,
    };
    let campaign = Campaign {
        source: text("crème"),
        medium: text("cpc"),
        name: text("spring"),
        term: text("schuhe 🥿"),
        content: text("top"),
        click_id: text("gclid:Cj0"),
    };
    Visit {
        agent: Arc::new(agent),
        referrer_host: text("search.example"),
        channel: Channel::PaidOther,
        campaign: Some(Box::new(campaign)),
    }
}

fn full_row() -> Value {
    json!({
        "event_id": "01890a5d-ac96-774b-bcce-b302099a8057", "event_timestamp": "9999-12-31T23:59:59.999000+00:00",
        "received_at": "2026-01-31T09:30:00.123000+00:00", "site": "shop", "host": "shop.example",
        "url": "https://shop.example/kasse/🛒?q=crème&x#top", "path": "/kasse/🛒", "query": "q=crème&x",
        "referrer": "https://Search.example/?q=🧊", "referrer_host": "search.example",
        "user_agent": "{\"family\":\"x\"}", "ip": "2001:db8::1",
        "geo": {
            "country": "CI", "country_name": "Côte d'Ivoire", "state": "Abidjan", "region_code": "AB",
            "city": "Yop\"ougon", "continent": "AF", "postcode": "01 BP", "latitude": -90.0, "longitude": 179.999_999,
            "accuracy_km": 65535, "timezone": "Africa/Abidjan", "asn": 4_294_967_295_u32, "as_org": "Org",
        },
        "geo_database": "dbip-city@2026-01", "headers": "{\"dnt\":\"1\"}",
        "properties": "{\"plan\":{\"tier\":[1,null,\"\\u0000\"]}}", "late": true,
        "log_topic": TOPIC, "log_partition": i32::MAX, "log_offset": i64::MAX - 1,
        "event_name": "köpa", "browser": "Googlebot", "browser_version": "2.1", "os": "Android", "os_version": "6.0.1",
        "device": "bot", "is_bot": true, "channel": "Paid Other", "utm_source": "crème", "utm_medium": "cpc",
        "utm_campaign": "spring", "utm_term": "schuhe 🥿", "utm_content": "top", "click_id": "gclid:Cj0",
    })
}

fn bare_row(enriched: &Enriched) -> Value {
    json!({
        "event_id": enriched.event.id.to_string(), "event_timestamp": "1970-01-01T00:00:00.000000+00:00",
        "received_at": "2026-01-31T09:30:00.000000+00:00", "site": null, "host": null, "url": null, "path": null,
        "query": null, "referrer": null, "referrer_host": null, "user_agent": null, "ip": null, "geo": null,
        "geo_database": null, "headers": null, "properties": null, "late": false, "log_topic": TOPIC,
        "log_partition": 0, "log_offset": 0, "event_name": "pageview", "browser": null, "browser_version": null,
        "os": null, "os_version": null, "device": null, "is_bot": false, "channel": "Direct", "utm_source": null,
        "utm_medium": null, "utm_campaign": null, "utm_term": null, "utm_content": null, "click_id": null,
    })
}

#[tokio::test]
async fn every_column_comes_back_as_it_was_from_the_emptiest_event_to_the_fullest() {
    let folder = tempfile::tempdir().unwrap();
    let mut table = open(folder.path()).await;
    let earliest = at_micros(0, 0);
    let mut odd = with_url(1, "not an address?\u{202e}\u{feff}");
    odd.event.set(Text::Referrer, Some("-"));
    odd.event.set(Text::Ip, Some("unknown"));
    odd.event.extra = serde_json::from_str(r#"{"site":7}"#).unwrap();
    odd.place = Arc::new(Place { asn: Some(0), ..Place::default() });
    let huge = with_url(2, format!("https://shop.example/{}", "ü".repeat(500_000)));
    deliver(&mut table, &[earliest.clone(), odd, huge.clone(), full()]).await;

    for rows in both_readers(folder.path(), &["rows"]) {
        assert_eq!(rows[0], bare_row(&earliest));
        assert_eq!(rows[3], full_row());
        assert_eq!(rows[2]["url"], huge.event.url().unwrap());
        assert_eq!(rows[2]["path"].as_str().unwrap().len(), 1_000_001);
        let odd = &rows[1];
        assert_eq!([&odd["site"], &odd["referrer_host"], &odd["geo"]["country"]], [&Value::Null; 3]);
        assert_eq!(odd["geo"]["asn"], 0);
        assert_eq!(odd["path"], "not an address");
        assert_eq!(odd["query"], "\u{202e}\u{feff}");
        assert_eq!([odd["ip"].as_str(), odd["properties"].as_str()], [Some("unknown"), Some("{\"site\":7}")]);
    }
}

#[tokio::test]
async fn a_row_is_found_by_its_url_whatever_else_is_in_its_file() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = Config::default();
    config.files.row_group_bytes = 32 << 10;
    let mut table = Table::open(folder.path(), &config).await.unwrap();
    let long = |offset: i64| format!("z{offset:0>100}");
    let mut events: Vec<Enriched> = (0..4096).map(|offset| with_url(offset, format!("a{offset}"))).collect();
    events.extend((4096..8192).map(|offset| with_url(offset, long(offset))));
    events.push(with_url(8192, "z".repeat(1_000_000)));
    deliver(&mut table, &events).await;

    let [file] = &data_files(folder.path())[..] else { panic!("one file was expected") };
    let file = SerializedFileReader::new(std::fs::File::open(file).unwrap()).unwrap();
    assert!(file.metadata().num_row_groups() > 2);
    for url in ["a0".to_owned(), "a4095".to_owned(), long(4096), long(8191)] {
        let filter = Reference::new("url").equal_to(Datum::string(&url));
        assert_eq!(scan(folder.path(), filter).await, 1, "{url}");
        assert_eq!(both_readers(folder.path(), &["url", &url]), [json!({"rows": 1}), json!({"rows": 1})], "{url}");
    }
    let longest = Reference::new("url").equal_to(Datum::string("z".repeat(1_000_000)));
    assert_eq!(scan(folder.path(), longest).await, 1);
}

#[tokio::test]
async fn events_too_large_for_one_batch_are_all_written() {
    let folder = tempfile::tempdir().unwrap();
    let huge = |offset: i64| with_url(offset, "/".repeat(33 << 20));
    deliver(&mut open(folder.path()).await, &[bare(0), huge(1), huge(2), bare(3), with_url(4, "/".repeat(65 << 20))])
        .await;
    assert_eq!(scan(folder.path(), Predicate::AlwaysTrue).await, 5);
    let metadata = std::fs::read_dir(folder.path().join("warehouse/web/page_views/metadata")).unwrap();
    let largest = metadata.map(|file| file.unwrap().metadata().unwrap().len()).max();
    assert!(largest < Some(100_000), "manifests must not carry whole addresses: {largest:?}");
}

#[tokio::test]
async fn a_column_that_somebody_added_is_null_and_one_that_was_renamed_is_still_filled() {
    let folder = tempfile::tempdir().unwrap();
    let mut table = open(folder.path()).await;
    deliver(&mut table, &[with_url(0, "/before")]).await;

    let catalog = other_client(folder.path()).await;
    let transaction = Transaction::new(&other_table(folder.path()).await);
    let added = AddColumn::optional("campaign", Type::Primitive(PrimitiveType::String));
    let update = transaction.update_schema().add_column(added);
    update.apply(transaction).unwrap().commit(&catalog).await.unwrap();
    let rename = "table.update_schema().rename_column('url', 'address').commit()";
    run_pyiceberg(folder.path(), rename);

    deliver(&mut open(folder.path()).await, &[with_url(1, "/after")]).await;
    for rows in both_readers(folder.path(), &["rows"]) {
        assert_eq!([&rows[0]["address"], &rows[1]["address"]], [&json!("/before"), &json!("/after")]);
        assert_eq!(rows[1]["campaign"], Value::Null);
    }
}

#[tokio::test]
async fn readers_open_a_table_in_a_folder_of_any_permitted_name() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("page views, ü & 'co' + 50=x");
    deliver(&mut open(&folder).await, &[bare(0)]).await;
    deliver(&mut open(&folder).await, &[bare(1)]).await;
    for count in both_readers(&folder, &["count"]) {
        assert_eq!(count, json!({"rows": 2, "distinct_ids": 2}));
    }
}

fn lifting(columns: &[(&str, &str)]) -> Config {
    let mut config = Config::default();
    config.table.property_columns =
        columns.iter().map(|(name, form)| ((*name).to_owned(), (*form).to_owned())).collect();
    config
}

#[tokio::test]
async fn properties_get_columns_by_configuration_and_keep_them() {
    let folder = tempfile::tempdir().unwrap();
    deliver(&mut open(folder.path()).await, &[with_plan(0, &json!("free"))]).await;
    let columns = [("plan", "string(props.plan)"), ("price", "double"), ("age", "long"), ("member", "boolean")];
    let mut table = Table::open(folder.path(), &lifting(&columns)).await.unwrap();
    let mut typed = with_plan(1, &json!("pro"));
    typed.event.extra.extend([("price".into(), json!(9)), ("age".into(), json!(-7)), ("member".into(), json!(false))]);
    let mut other = with_plan(2, &json!(["pro"]));
    other.event.extra.extend([("price".into(), json!("9")), ("age".into(), json!(1.5)), ("member".into(), json!(0))]);
    deliver(&mut table, &[typed, other]).await;
    let mut without = Table::open(folder.path(), &lifting(&columns[1..])).await.unwrap();
    let mut last = with_plan(3, &json!("pro"));
    last.event.extra.insert("price".into(), json!(0.5));
    deliver(&mut without, &[last]).await;

    for rows in both_readers(folder.path(), &["rows"]) {
        let lifted = |row: usize| ["plan", "price", "age", "member"].map(|name| rows[row][name].clone());
        let nothing = [Value::Null, Value::Null, Value::Null, Value::Null];
        assert_eq!([lifted(0), lifted(2)], [nothing.clone(), nothing], "old rows, and values of other types");
        assert_eq!(lifted(1), [json!("pro"), json!(9.0), json!(-7), json!(false)]);
        assert_eq!(lifted(3), [Value::Null, json!(0.5), Value::Null, Value::Null], "plan is no longer asked for");
        assert_eq!(rows[3]["properties"], json!("{\"price\":0.5,\"props\":{\"plan\":\"pro\"}}"));
    }
    let metadata = other_table(folder.path()).await.metadata_ref();
    let ids = ["age", "member", "plan", "price"].map(|name| metadata.current_schema().field_id_by_name(name));
    assert_eq!(ids, [Some(48), Some(49), Some(50), Some(51)], "given by the table, in the order of names");
    let refused = Table::open(folder.path(), &lifting(&[("plan", "long")])).await.err().unwrap();
    assert!(matches!(&refused, warehouse::Error::Column { name, .. } if name == "plan"), "{refused}");
}

//! What a real Postgres says and what the sink makes of it: each entry of the table of errors, and tables of other people.

use std::sync::Arc;

use event::{Draft, Timestamp};
use pipeline::{Batch, Sink, SinkError};
use testkit::services::postgres::{connect, new_database};
use tokio_postgres::Client;

use crate::events::{TOPIC, batch, deliver, enriched, step};
use crate::postgres::{LAB_TABLE, chain, config, event_ids, sink};

/// A trigger that raises the error whose code is the url.
const RAISE: &str = "
    CREATE FUNCTION raise() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        RAISE EXCEPTION 'what the row holds: %', NEW.url USING ERRCODE = NEW.url;
    END $$;
    CREATE TRIGGER raise BEFORE INSERT ON processed_events FOR EACH ROW EXECUTE FUNCTION raise()";

fn of_url(url: &str) -> Arc<Batch> {
    let mut event = enriched(0, 0);
    let draft = Draft::parse(format!(r#"{{"url":"{url}"}}"#).as_bytes()).unwrap();
    event.event = draft.recorded(Timestamp::default(), &event.position).unwrap();
    Arc::new(Batch { events: vec![event], covers: [(0, 0..1)].into(), ..Batch::default() })
}

/// What a commit of the batch comes to.
async fn committed(url: &str, batch: &Arc<Batch>) -> SinkError {
    let mut sink = sink(&config(url));
    sink.resume(TOPIC).await.unwrap();
    sink.write(batch).await.unwrap();
    sink.commit(&step(0, None, 1)).await.unwrap_err()
}

async fn database(sql: &str) -> (String, Client) {
    let url = new_database().await;
    let client = connect(&url).await;
    client.batch_execute(LAB_TABLE).await.unwrap();
    client.batch_execute(sql).await.unwrap();
    (url, client)
}

/// Codes that are a row's fault, with the reason.
const ROWS: [(&str, &str); 12] = [
    ("22001", "too long"),
    ("22021", "encoding"),
    ("22P05", "encoding"),
    ("22003", "does not fit"),
    ("23502", "null"),
    ("23503", "foreign key"),
    ("23505", "unique"),
    ("23514", "check"),
    ("23P01", "constraint"),
    ("44000", "check"),
    ("54000", "index"),
    ("P0001", "trigger"),
];

/// Codes that nobody knows, and those of the language that triggers are written in.
const SUSPECTS: [&str; 7] = ["45000", "ZZ001", "P0004", "21000", "38001", "02000", "54001"];

/// Codes after which somebody has to do something, with what that is about.
const TO_MEND: [(&str, &str); 11] = [
    ("22P03", "type"),
    ("22P04", "COPY"),
    ("0A000", "kind"),
    ("28P01", "pg_hba.conf"),
    ("3D000", "database"),
    ("3F000", "schema"),
    ("42501", "grant"),
    ("42703", "column"),
    ("42P01", "table"),
    ("42883", "mend"),
    ("55000", "state"),
];

/// Codes of a transaction that was not the first.
const OTHERS: [&str; 4] = ["40001", "40P01", "55006", "55P03"];

/// Codes that say nothing about rows or tables.
const PASSING: [&str; 17] = [
    "01000", "03000", "08006", "0B000", "25006", "26000", "2D000", "34000", "3B001", "53100", "55P04", "57014",
    "58030", "72000", "F0000", "HV000", "XX000",
];

#[tokio::test]
async fn each_code_is_answered_by_what_is_to_be_done_about_it() {
    let (url, _client) = database(RAISE).await;
    for (code, reason) in ROWS {
        let SinkError::Refused { reason: found } = committed(&url, &of_url(code)).await else { panic!("{code}") };
        assert!(found.contains(reason) && found.contains(code) && !found.contains("holds"), "{code}: {found}");
    }
    for code in SUSPECTS {
        let SinkError::Suspect { reason } = committed(&url, &of_url(code)).await else { panic!("{code}") };
        assert!(reason.contains(code) && !reason.contains("holds"), "{code}: {reason}");
    }
    let retried = |error: SinkError, code: &str| {
        assert!(matches!(error, SinkError::Retry { .. }), "{code}: {error:?}");
        error.to_string()
    };
    for (code, words) in TO_MEND {
        let said = retried(committed(&url, &of_url(code)).await, code);
        assert!(said.contains(words) && said.contains(code), "{code}: {said}");
    }
    for code in OTHERS {
        let said = retried(committed(&url, &of_url(code)).await, code);
        assert!(said.contains("another transaction"), "{code}: {said}");
    }
    for code in PASSING {
        retried(committed(&url, &of_url(code)).await, code);
    }
}

#[tokio::test]
async fn a_column_of_somebody_else_that_every_row_lacks_is_named_and_no_row_is_blamed() {
    let (url, client) = database("ALTER TABLE processed_events ADD COLUMN tenant TEXT NOT NULL").await;
    let error = committed(&url, &batch(0..1)).await;
    let said = chain(&error);
    assert!(matches!(error, SinkError::Retry { .. }), "{said}");
    assert!(said.contains("column tenant") && said.contains("table processed_events"), "{said}");
    assert!(!said.contains("192.0.2.0") && !said.contains("example.com"), "{said}");
    client.batch_execute("ALTER TABLE processed_events ALTER COLUMN tenant SET DEFAULT 'us'").await.unwrap();
    deliver(&mut sink(&config(&url)), &batch(0..1), &step(0, None, 1)).await;
    // A column that pageberg writes is missing in some rows only.
    client.batch_execute("ALTER TABLE processed_events ALTER COLUMN referrer SET NOT NULL").await.unwrap_err();
    client.batch_execute("DELETE FROM processed_events; DELETE FROM pageberg_positions").await.unwrap();
    client.batch_execute("ALTER TABLE processed_events ALTER COLUMN referrer SET NOT NULL").await.unwrap();
    let error = committed(&url, &batch(0..1)).await;
    assert!(matches!(&error, SinkError::Refused { reason } if reason.contains("column referrer")), "{error:?}");
}

#[tokio::test]
async fn rows_that_no_partition_takes_wait_for_one() {
    let url = new_database().await;
    let client = connect(&url).await;
    let partitioned = format!("{LAB_TABLE} PARTITION BY RANGE (event_timestamp)");
    client.batch_execute(&partitioned).await.unwrap();
    let error = committed(&url, &batch(0..1)).await;
    let said = chain(&error);
    assert!(matches!(error, SinkError::Retry { .. }), "{said}");
    assert!(said.contains("no partition of the table takes a row") && !said.contains("2026"), "{said}");
    client.batch_execute("CREATE TABLE rest PARTITION OF processed_events DEFAULT").await.unwrap();
    deliver(&mut sink(&config(&url)), &batch(0..1), &step(0, None, 1)).await;
    assert_eq!(event_ids(&client).await.len(), 1);
}

//! What a sink needs for its rows, without anything that they go to: `rows postgres|kafka|iceberg BATCHES`.
//!
//! The batches, of [`EVENTS_PER_BATCH`] page views each, are the same, so that the difference of two runs is that of their
//! rows. Under `valgrind --tool=callgrind` it is the same on every machine:
//! `(Ir of "rows kafka 9" − Ir of "rows kafka 1") / (8 × 4096)` instructions a row. Rows for Iceberg are those of one commit
//! to a new table, whose files are made, too.

use std::sync::Arc;

use event::{Advance, Channel, Device, Draft, Enriched, LogPosition, Place, Step, Timestamp, UserAgent, Visit};
use eventlog::memory::MemoryLog;
use pipeline::{Batch, Sink};
use sinks::{iceberg, kafka, postgres};

const TOPIC: &str = "raw_events";

const EVENTS_PER_BATCH: i64 = 4_096;

fn text(text: &str) -> Option<String> {
    Some(text.to_owned())
}

fn event(offset: i64, places: &[Arc<Place>], agent: &Arc<UserAgent>) -> Result<Enriched, Box<dyn std::error::Error>> {
    let mixed = offset.wrapping_mul(2_654_435_761) & 0xffff_ffff;
    let record = format!(
        r#"{{"url":"https://www.example.com/products/category-{}/item-{mixed}?page={}","#,
        mixed % 40,
        mixed % 7
    ) + &format!(
        r#""referrer":"https://search.example/?q=thing+{}","host":"www{}.example.com","ip":"198.51.{}.{}","#,
        mixed % 100,
        mixed % 3,
        mixed / 256 % 256,
        mixed % 256
    ) + r#""user_agent":"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/126.0.0.0 Safari/537.36","#
        + r#""headers":"{\"accept-language\":\"de-DE,de;q=0.9\",\"dnt\":\"1\"}","#
        + &format!(r#""event_time":"2026-01-31T09:{:02}:00.{:03}Z","#, offset / 1_000 % 60, offset % 1_000)
        + r#""event_name":"signup","plan":"pro"}"#;
    let position = LogPosition { topic: TOPIC.into(), partition: 0, offset };
    let visit = Visit {
        agent: agent.clone(),
        referrer_host: text("search.example"),
        channel: Channel::OrganicSearch,
        ..Visit::default()
    };
    Ok(Enriched {
        event: Draft::parse(record.as_bytes())?.recorded(Timestamp::parse("2026-01-31T10:00:00Z")?, &position)?,
        place: places[mixed as usize % places.len()].clone(),
        geo_database: Some("dbip-city@2026-11".into()),
        visit,
        late: false,
        position,
    })
}

fn batch() -> Result<Batch, Box<dyn std::error::Error>> {
    let place = |number: i32| Place {
        country: text("DE"),
        country_name: text("Germany"),
        state: Some(format!("State {}", number % 50)),
        city: Some(format!("City {number}")),
        continent: text("EU"),
        latitude: Some(f64::from(number) / 10.0),
        longitude: Some(f64::from(number) / -7.0),
        timezone: text("Europe/Berlin"),
        ..Place::default()
    };
    let places: Vec<_> = (0..500).map(|number| Arc::new(place(number))).collect();
    let agent = Arc::new(UserAgent {
        browser: text("Chrome"),
        browser_version: text("126.0.0"),
        os: text("Windows"),
        os_version: text("10"),
        device: Some(Device::Desktop),
        is_bot: false,
    });
    let events = (0..EVENTS_PER_BATCH).map(|offset| event(offset, &places, &agent)).collect::<Result<_, _>>()?;
    Ok(Batch { events, covers: [(0, 0..EVENTS_PER_BATCH)].into(), ..Batch::default() })
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [kind, batches] = &arguments[..] else { return Err("give a sink and a number of batches".into()) };
    let batches: usize = batches.parse()?;
    let folder = tempfile::tempdir_in(".")?;
    let mut sink: Box<dyn Sink> = match kind.as_str() {
        "postgres" => {
            let url = Some("postgres://postgres@127.0.0.1/web".into());
            Box::new(postgres::PostgresSink::new(&postgres::Config { url, ..Default::default() }, "rows")?)
        }
        "kafka" => Box::new(kafka::KafkaSink::new(MemoryLog::new(1), "rows", "output", &kafka::Config::default())),
        "iceberg" => Box::new(iceberg::IcebergSink::new(folder.path(), &iceberg::Config::default())),
        _ => return Err("the sink must be postgres, kafka or iceberg".into()),
    };
    let batch = Arc::new(batch()?);
    let is_table = kind == "iceberg";
    if is_table {
        sink.resume(TOPIC).await?;
    }
    for _ in 0..batches {
        sink.write(&batch).await?;
    }
    if is_table {
        let step = Step { partition: 0, expected: None, next: EVENTS_PER_BATCH, last: None };
        sink.commit(&Advance { topic: TOPIC.into(), steps: vec![step] }).await?;
    }
    Ok(())
}

//! Writes made-up events and tells what it took: `write EVENTS DAYS random|by-day [COMMITS]`.
//!
//! Prints the data files, their bytes, seconds, CPU seconds and the highest resident memory.

use std::sync::Arc;
use std::time::Instant;

use event::{
    Campaign, Channel, Enriched, Event, EventId, LogPosition, Place, Positions, Text, Timestamp, UserAgent, Visit,
};
use warehouse::{Config, Table};

const TOPIC: &str = "raw_events";

/// Events that are handed over at a time, as the pipeline does.
const EVENTS_PER_BATCH: i64 = 4_096;

const DAY_MICROS: i64 = 86_400_000_000;

const AGENTS: [&str; 3] = [
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148",
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
];

fn text(text: impl Into<String>) -> Option<String> {
    Some(text.into())
}

/// An even spread of the numbers, the same in each run.
fn mixed(number: i64) -> u64 {
    (number as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(31).wrapping_mul(0xbf58_476d_1ce4_e5b9)
}

fn event(offset: i64, day: i64, places: &[Arc<Place>], agents: &[Arc<UserAgent>]) -> Enriched {
    let random = mixed(offset);
    let (page, visitor) = (random % 2_000, random >> 44);
    let site = ["shop", "blog", "docs", "help"][(random >> 20) as usize % 4];
    let event_time = Timestamp::from_micros(day * DAY_MICROS + offset * 7_000 % DAY_MICROS).expect("a date");
    let position = LogPosition { topic: TOPIC.into(), partition: 0, offset };
    let extra = [("site", site), ("plan", "pro")].map(|(key, value)| (key.to_owned(), value.into()));
    let campaign = Campaign { source: text("newsletter"), medium: text("mail"), ..Campaign::default() };
    let mut event = Event::new(EventId::of_record(event_time, &position), event_time, event_time);
    event.extra = extra.into_iter().collect();
    for (text, value) in [
        (Text::Url, format!("https://{site}.example/products/category-{}/item-{page}?page={}", page % 40, page % 7)),
        (Text::Referrer, format!("https://search.example/?q=thing+{}", page % 100)),
        (Text::UserAgent, AGENTS[random as usize % 3].to_owned()),
        (Text::Host, format!("{site}.example")),
        (Text::Ip, format!("192.0.{}.{}", visitor % 256, visitor / 256 % 256)),
        (Text::Headers, format!("{{\"accept-language\":\"de-DE\",\"dnt\":\"1\",\"x-request-id\":\"{random:016x}\"}}")),
    ] {
        event.set(text, Some(&value));
    }
    Enriched {
        event,
        place: places[visitor as usize % places.len()].clone(),
        geo_database: Some("dbip-city@2026-11".into()),
        visit: Visit {
            agent: agents[random as usize % 3].clone(),
            referrer_host: text("search.example"),
            channel: Channel::Direct,
            campaign: (page % 10 == 0).then(|| Box::new(campaign)),
        },
        late: false,
        position,
    }
}

fn places() -> Vec<Arc<Place>> {
    let place = |number: i32| Place {
        country: Some(["DE", "US", "FR", "JP"][number as usize % 4].into()),
        country_name: Some("Germany".into()),
        state: Some(format!("State {}", number % 50)),
        city: Some(format!("City {number}")),
        continent: Some("EU".into()),
        latitude: Some(f64::from(number) / 10.0),
        longitude: Some(f64::from(number) / -7.0),
        timezone: Some("Europe/Berlin".into()),
        ..Place::default()
    };
    (0..500).map(|number| Arc::new(place(number))).collect()
}

fn agents() -> Vec<Arc<UserAgent>> {
    let agent = |browser: &str| UserAgent {
        browser: text(browser),
        browser_version: text("126.0"),
        os: text("Windows"),
        os_version: text("10"),
        ..UserAgent::default()
    };
    ["Chrome", "Safari", "Googlebot"].map(|browser| Arc::new(agent(browser))).to_vec()
}

/// The number of kilobytes in a line of Linux' account of this process.
fn status_kilobytes(name: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or_default()
}

/// CPU seconds of this process so far.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<f64> = stat.split_whitespace().filter_map(|field| field.parse().ok()).collect();
    // pid, then the fields after name and state: utime and stime are the 14th and 15th of proc(5).
    (fields.get(11).unwrap_or(&0.0) + fields.get(12).unwrap_or(&0.0)) / 100.0
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |at: usize, default: i64| arguments.get(at).map_or(Ok(default), |text| text.parse::<i64>());
    let (events, days, commits) = (number(0, 1_000_000)?, number(1, 1)?, number(3, 1)?);
    let by_day = arguments.get(2).is_some_and(|order| order == "by-day");
    let (places, agents) = (places(), agents());
    let folder = tempfile::tempdir_in(".")?;
    let mut table = Table::open(folder.path(), &Config::default()).await?;
    let mut from = Positions::default();
    let per_commit = events / commits;
    for commit in 0..commits {
        let (started, cpu_before) = (Instant::now(), cpu_seconds());
        let mut making = 0.0;
        let mut writer = table.writer()?;
        for first in (commit * per_commit..(commit + 1) * per_commit).step_by(EVENTS_PER_BATCH as usize) {
            let cpu = cpu_seconds();
            let offsets = first..(first + EVENTS_PER_BATCH).min((commit + 1) * per_commit);
            let day = |offset: i64| if by_day { offset * days / events } else { mixed(offset) as i64 % days };
            let batch: Vec<Enriched> =
                offsets.map(|offset| event(offset, 20_000 + day(offset).abs(), &places, &agents)).collect();
            making += cpu_seconds() - cpu;
            writer.write(vec![batch]).await?;
        }
        let files = writer.close().await?;
        let (count, bytes) = (files.count(), files.bytes());
        let to: Positions = [(0, (commit + 1) * per_commit)].into_iter().collect();
        table.append(files, &from.advance_to(&TOPIC.into(), &to)).await?;
        from = to;
        println!(
            "{per_commit} events, {count} files, {:.1} MB, {:.2} s, {:.2} CPU s ({making:.2} of it making events), {} MB resident at most",
            bytes as f64 / 1e6,
            started.elapsed().as_secs_f64(),
            cpu_seconds() - cpu_before,
            status_kilobytes("VmHWM:") / 1024,
        );
    }
    Ok(())
}

//! The events of each commit: always the same ones for the same number, as if a log held them.

use std::sync::Arc;

use event::{
    Advance, Campaign, Channel, Device, Enriched, Event, EventId, LogPosition, Place, Positions, Text, Timestamp,
    UserAgent, Visit,
};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

pub const TOPIC: &str = "raw_events";

/// Events in a commit.
pub const ROWS: i64 = 24;

/// 2026-01-01, in days since 1970.
const FIRST_DAY: i64 = 20_454;
const DAY_MICROS: i64 = 86_400_000_000;

const SITES: [&str; 4] = ["shop", "blog", "docs", "wiki"];
const CITIES: [(&str, &str, f64, f64); 5] = [
    ("DE", "Köln", 50.9375, 6.9603),
    ("FR", "Lyon", 45.764, 4.8357),
    ("BR", "São Paulo", -23.5505, -46.6333),
    ("JP", "Ōsaka", 34.6937, 135.5023),
    ("CI", "Yop\"ougon", 5.3177, -4.0899),
];
const AGENTS: [(&str, Device, bool); 4] = [
    ("Chrome", Device::Desktop, false),
    ("Safari", Device::Mobile, false),
    ("Firefox", Device::Tablet, false),
    ("Googlebot", Device::Bot, true),
];

/// The events of a commit on its day of so many; some are of the day before, and come late.
pub fn of_commit(commit: i64, commits_a_day: i64) -> Vec<Enriched> {
    let mut random = StdRng::seed_from_u64(commit as u64);
    let day = FIRST_DAY + commit / commits_a_day;
    let has_late = commit % 7 == 3 && commit % commits_a_day < commits_a_day / 2 && day > FIRST_DAY;
    (0..ROWS)
        .map(|row| {
            let late = has_late && row % 8 == 0;
            let micros = (day - i64::from(late)) * DAY_MICROS + random.random_range(0..DAY_MICROS);
            row_at(commit * ROWS + row, micros, late, &mut random)
        })
        .collect()
}

fn row_at(offset: i64, micros: i64, late: bool, random: &mut StdRng) -> Enriched {
    let event_time = Timestamp::from_micros(micros).unwrap();
    let position = LogPosition { topic: TOPIC.into(), partition: 0, offset };
    let words: Vec<String> = (0..8).map(|_| format!("{:x}", random.random::<u64>())).collect();
    let mut extra = serde_json::Map::new();
    if offset % 5 > 0 {
        extra.insert("site".into(), SITES[random.random_range(0..4)].into());
    }
    let mut event = Event::new(EventId::of_record(event_time, &position), event_time, event_time);
    event.extra = extra;
    for (text, value) in [
        (Text::Url, Some(format!("https://shop.example/{}/{}?q={offset}", offset % 100, words.join("/")))),
        (Text::Referrer, (offset % 3 == 0).then(|| format!("https://search.example/?q={}", offset % 13))),
        (Text::UserAgent, Some(format!("Mozilla/5.0 ({})", words[0]))),
        (Text::Host, Some("shop.example".to_owned())),
    ] {
        event.set(text, value.as_deref());
    }
    Enriched {
        event,
        place: Arc::new(place(offset, random)),
        geo_database: (offset % 4 > 0).then(|| "city@2026-01-01".into()),
        visit: visit(offset),
        late,
        position,
    }
}

/// One in five is not known at all.
fn place(offset: i64, random: &mut StdRng) -> Place {
    if offset % 5 == 4 {
        return Place::default();
    }
    let (country, city, latitude, longitude) = CITIES[random.random_range(0..CITIES.len())];
    Place {
        country: Some(country.into()),
        city: (offset % 7 > 0).then(|| city.into()),
        latitude: Some(latitude),
        longitude: Some(longitude),
        accuracy_km: (offset % 2 == 0).then(|| random.random_range(1..500)),
        asn: Some(random.random_range(1..400_000)),
        ..Place::default()
    }
}

fn visit(offset: i64) -> Visit {
    let (browser, device, is_bot) = AGENTS[offset as usize % AGENTS.len()];
    let agent = UserAgent { browser: Some(browser.into()), device: Some(device), is_bot, ..UserAgent::default() };
    let campaign = Campaign { source: Some(format!("letter {}", offset % 3)), ..Campaign::default() };
    Visit {
        agent: Arc::new(agent),
        referrer_host: (offset % 3 == 0).then(|| "search.example".into()),
        channel: if offset % 3 == 0 { Channel::OrganicSearch } else { Channel::Direct },
        campaign: (offset % 11 == 0).then(|| Box::new(campaign)),
    }
}

/// The move of the positions that a commit makes.
pub fn advance(stored: &Positions, commit: i64) -> Advance {
    stored.advance_to(&TOPIC.into(), &[(0, (commit + 1) * ROWS)].into_iter().collect())
}

//! The events of the benchmarks: seven texts as JSON, some 593 bytes, each a function of its number alone.

mod agents;
mod random;
mod synthetic;
mod weblog;

use std::path::Path;

use anyhow::Context;
use chrono::DateTime;
use random::Random;
use serde::Serialize;

pub use synthetic::Synthetic;
pub use weblog::Weblog;

/// When the first event happened: 2026-01-05, in milliseconds since 1970.
const FIRST_MS: i64 = 1_767_571_200_000;
const DAY_MS: f64 = 86_400_000.0;
/// Events are this far out of order, as those of real visitors are, in milliseconds.
const JITTER_MS: u64 = 30_000;

/// What a visit tells, without its time.
pub struct View {
    /// The address of the page.
    pub url: String,
    /// The page before; empty for none.
    pub referrer: String,
    /// What the browser says that it is.
    pub user_agent: String,
    /// The site.
    pub host: String,
    /// The visitor's address.
    pub ip: String,
    /// What the browser accepts.
    pub language: &'static str,
}

/// Where page views come from.
pub enum Source {
    /// Made up.
    Synthetic(Box<Synthetic>),
    /// Requests of a web server's log, again and again.
    Weblog(Weblog),
}

impl Source {
    /// Views of a web server's log in the combined format, over and over; without one, made-up ones.
    pub fn open(weblog: Option<&Path>) -> anyhow::Result<Self> {
        match weblog {
            Some(path) => {
                Ok(Self::Weblog(Weblog::read(path).with_context(|| format!("failed to read {}", path.display()))?))
            }
            None => Ok(Self::Synthetic(Box::default())),
        }
    }

    fn view(&self, number: u64) -> View {
        match self {
            Self::Synthetic(synthetic) => synthetic.view(number),
            Self::Weblog(weblog) => weblog.view(number),
        }
    }
}

/// The records of a run: `count` page views spread evenly over `days`.
pub struct PageViews {
    source: Source,
    count: u64,
    days: f64,
}

#[derive(Serialize)]
struct Record<'a> {
    url: &'a str,
    referrer: &'a str,
    user_agent: &'a str,
    host: &'a str,
    ip: &'a str,
    headers: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    event_time: Option<String>,
}

impl PageViews {
    /// With 0 days the records have no `event_time`: they happen when they are received.
    pub fn new(source: Source, count: u64, days: f64) -> Self {
        Self { source, count, days }
    }

    /// How many different views there are.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Writes the JSON of page view `number` over what `into` holds.
    pub fn write(&self, number: u64, into: &mut Vec<u8>) -> anyhow::Result<()> {
        let view = self.source.view(number);
        let headers = headers(&view);
        let record = Record {
            url: &view.url,
            referrer: &view.referrer,
            user_agent: &view.user_agent,
            host: &view.host,
            ip: &view.ip,
            headers: &headers,
            event_time: (self.days > 0.0).then(|| self.event_time(number)),
        };
        into.clear();
        serde_json::to_writer(into, &record).context("failed to write JSON")
    }

    fn event_time(&self, number: u64) -> String {
        let share = number as f64 / self.count.max(1) as f64;
        let jitter = Random::new(number ^ 0x7EA5_0000).below(JITTER_MS) as i64;
        let time_ms = FIRST_MS + (share * self.days * DAY_MS) as i64 + jitter;
        let time = DateTime::from_timestamp_millis(time_ms).unwrap_or_default();
        time.format("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
    }
}

/// A browser's request headers as a text of JSON, as loggers in front of Kafka write them.
fn headers(view: &View) -> String {
    format!(
        "{{\"accept\": \"text/html,application/xhtml+xml;q=0.9,*/*;q=0.8\", \"accept-language\": \"{}\", \
         \"accept-encoding\": \"gzip, deflate, br, zstd\", \"cache-control\": \"max-age=0\", \
         \"connection\": \"keep-alive\", \"x-forwarded-for\": \"{}\"}}",
        view.language, view.ip
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(count: u64, days: f64) -> Vec<String> {
        let views = PageViews::new(Source::open(None).unwrap(), count, days);
        let mut text = Vec::new();
        let mut write = |number| {
            views.write(number, &mut text).unwrap();
            String::from_utf8(text.clone()).unwrap()
        };
        (0..count).map(&mut write).collect()
    }

    #[test]
    fn the_same_number_makes_the_same_record() {
        assert_eq!(texts(100, 4.0), texts(100, 4.0));
    }

    #[test]
    fn records_are_as_large_as_those_that_the_alternatives_were_measured_with() {
        let texts = texts(20_000, 4.0);
        let mean = texts.iter().map(String::len).sum::<usize>() as f64 / texts.len() as f64;
        assert!((583.0..603.0).contains(&mean), "{mean} bytes");
    }

    #[test]
    fn times_are_spread_over_the_days() {
        let texts = texts(1_000, 10.0);
        assert!(texts[0].contains("2026-01-05T"), "{}", texts[0]);
        assert!(texts[999].contains("2026-01-14T"), "{}", texts[999]);
    }
}

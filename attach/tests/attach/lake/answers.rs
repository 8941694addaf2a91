//! Questions with filters on columns of every type, which Spark and DuckDB must answer alike.

use serde_json::Value;

use testkit::readers::Session;

/// `{views}` stands for the table. Each answers with at least one row, and text in an order of its own.
const QUESTIONS: [&str; 22] = [
    "SELECT count(*) FROM {views}",
    "SELECT count(*), min(event_id), max(event_id) FROM {views} WHERE site = 'shop'",
    "SELECT site, count(*) FROM {views} WHERE site IN ('blog', 'docs', 'none') GROUP BY site",
    "SELECT count(*) FROM {views} WHERE site IS NULL",
    "SELECT count(*) FROM {views} WHERE site <> 'shop' OR site IS NULL",
    "SELECT count(*), max(log_offset) FROM {views} WHERE url LIKE 'https://shop.example/7%'",
    "SELECT count(*) FROM {views} WHERE url NOT LIKE '%?q=1%' AND referrer IS NOT NULL",
    "SELECT event_id, url FROM {views} WHERE log_topic = 'raw_events' AND log_offset = 77",
    "SELECT sum(log_offset) FROM {views} WHERE log_offset BETWEEN 100 AND 2000 AND log_topic = 'raw_events'",
    "SELECT count(*) FROM {views} WHERE log_offset >= 1000 AND log_offset < 1001 AND log_partition = 0",
    "SELECT count(*) FROM {views} WHERE event_timestamp >= TIMESTAMP '2026-01-01 06:00:00+00:00' \
     AND event_timestamp < TIMESTAMP '2026-01-02 00:00:00+00:00'",
    "SELECT min(event_timestamp), max(event_timestamp) FROM {views} WHERE event_timestamp > TIMESTAMP '2026-01-02 12:30:00+00:00'",
    "SELECT CAST(event_timestamp AS DATE), count(*) FROM {views} GROUP BY 1",
    "SELECT hour(event_timestamp), count(*) FROM {views} WHERE year(event_timestamp) = 2026 AND month(event_timestamp) = 1 GROUP BY 1",
    "SELECT date_trunc('hour', event_timestamp), count(*) FROM {views} WHERE CAST(event_timestamp AS DATE) = DATE '2026-01-02' GROUP BY 1",
    "SELECT is_bot, count(*) FROM {views} WHERE is_bot OR is_bot IS NULL GROUP BY is_bot",
    "SELECT late, count(*) FROM {views} WHERE NOT late GROUP BY late",
    "SELECT geo.country, geo.city, count(*) FROM {views} WHERE geo.country IN ('DE', 'CI') GROUP BY 1, 2",
    "SELECT count(*), sum(geo.asn) FROM {views} WHERE geo.asn > 200000 AND geo.accuracy_km <= 250",
    "SELECT count(*), min(geo.latitude), max(geo.longitude) FROM {views} WHERE geo.latitude BETWEEN -30.5 AND 45.764",
    "SELECT count(*) FROM {views} WHERE geo IS NULL OR geo.city IS NULL OR geo.accuracy_km IS NULL",
    "SELECT device, channel, utm_source, count(*) FROM {views} WHERE device = 'mobile' AND referrer_host IS NULL \
     AND (utm_source IS NULL OR utm_source LIKE 'letter _') GROUP BY 1, 2, 3",
];

/// Panics at the first question that the two do not answer alike.
pub fn compare(one: &mut Session, other: &mut Session) -> usize {
    for question in QUESTIONS {
        let [answer, others] = [&mut *one, &mut *other].map(|session| rows(session, question));
        assert_eq!(answer, others, "{} and {}: {question}", one.reader, other.reader);
        assert!(!answer.is_empty(), "{question}");
    }
    QUESTIONS.len()
}

fn rows(session: &mut Session, question: &str) -> Vec<String> {
    let answer = session.ask(&format!("sql {question}"));
    let answer = answer.unwrap_or_else(|error| panic!("{}: {question}: {error}", session.reader));
    let mut rows: Vec<String> = answer.as_array().unwrap().iter().map(Value::to_string).collect();
    rows.sort();
    rows
}

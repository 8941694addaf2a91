//! `GET /`: tells a visitor how to post an event.

const HINT: &str = r#"pageberg takes events here:

  curl -d '{"url":"https://example.com/"}' http://HOST/v1/events

The body is one JSON object, an array of them, or one a line; plain, or with Content-Encoding gzip or zstd.
Keys: url or host (one of them is needed), referrer, headers, event_time (ISO 8601), event_id (UUID), event_name (when it
is no page view), site, and any others of your own; ip and user_agent are yours, or your visitor's when you are a trusted
sender. The answer comes once the events are durable, and names their ids.
"#;

/// Plain text with an example.
pub async fn get() -> &'static str {
    HINT
}

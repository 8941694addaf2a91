//! `GET /`: tells a visitor how to send an event.

const HINT: &str = r#"pageberg takes events here:

  curl -d '{"url":"https://example.com/"}' http://HOST/v1/events

The body is one JSON object, an array of them, or one a line; plain, or with Content-Encoding gzip or zstd.
Keys: url or host (one of them is needed), referrer, headers, event_time (ISO 8601), event_id (UUID), event_name (when it
is no page view), site, and any others of your own; ip and user_agent are yours, or your visitor's when you are a trusted
sender. The answer comes once the events are durable, and names their ids.

A page tells of its views by itself with

  <script defer src="http://HOST/beacon.js"></script>

or without scripts, as in mail:

  <img src="http://HOST/pixel.gif?url=https://example.com/" alt="">
"#;

/// Plain text with an example.
pub async fn get() -> &'static str {
    HINT
}

//! Posts batches to the gateway, and again until each is answered.

use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use event::Secret;
use reqwest::header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use reqwest::{Client, StatusCode};
use serde::Deserialize;

const FIRST_PAUSE: Duration = Duration::from_millis(200);
const MAX_PAUSE: Duration = Duration::from_secs(10);
/// One answer may take this long; a gateway that waits for its disk answers 503 well before.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);

/// Asks the gateway to refuse what it would record without the visitors' addresses and times.
const PAGEBERG_SENDER: HeaderName = HeaderName::from_static("pageberg-sender");

/// Posts to one gateway, one batch at a time, so that each visitor's events keep their order.
pub struct Sender {
    client: Client,
    url: String,
    give_up_after: Duration,
}

/// An event that the gateway refused.
#[derive(Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Place in the batch, from 0.
    pub index: usize,
    pub reason: String,
}

/// What an answer means for the batch.
#[derive(Debug, PartialEq, Eq)]
enum Answer {
    /// Recorded, but for these events.
    Taken(Vec<Refusal>),
    /// The same batch may be taken later.
    Again { reason: String, pause: Option<Duration> },
    /// The batch will never be taken.
    Never(String),
}

impl Sender {
    /// A sender to the gateway at `url`, known there by a server key if one is given, which repeats a batch for at most
    /// `give_up_after`.
    pub fn new(url: &str, key: Option<&Secret>, give_up_after: Duration) -> anyhow::Result<Self> {
        let mut headers = HeaderMap::from_iter([(PAGEBERG_SENDER, HeaderValue::from_static("trusted"))]);
        if let Some(key) = key {
            let bearer = HeaderValue::try_from(format!("Bearer {}", key.expose()));
            let mut bearer = bearer.context("the server key cannot stand in a header")?;
            bearer.set_sensitive(true);
            headers.insert(AUTHORIZATION, bearer);
        }
        let client = Client::builder().default_headers(headers).timeout(ANSWER_TIMEOUT.min(give_up_after)).build()?;
        Ok(Self { client, url: format!("{}/v1/events", url.trim_end_matches('/')), give_up_after })
    }

    /// Posts gzip'd NDJSON until it is answered, and returns the events that were refused.
    pub async fn send(&self, body: &[u8]) -> anyhow::Result<Vec<Refusal>> {
        let start = Instant::now();
        let mut pause = FIRST_PAUSE;
        loop {
            let (reason, asked) = match self.post(body.to_vec()).await {
                Answer::Taken(refused) => return Ok(refused),
                Answer::Never(reason) => bail!("{} refuses the events: {reason}", self.url),
                Answer::Again { reason, pause } => (reason, pause),
            };
            let wait = asked.unwrap_or(pause).max(FIRST_PAUSE);
            if start.elapsed() + wait >= self.give_up_after {
                let seconds = self.give_up_after.as_secs();
                bail!("{} has taken nothing for {seconds} s: {reason}", self.url);
            }
            if pause == FIRST_PAUSE {
                tracing::warn!(reason, "the gateway does not take events now, trying again");
            }
            tokio::time::sleep(wait).await;
            pause = (pause * 2).min(MAX_PAUSE);
        }
    }

    async fn post(&self, body: Vec<u8>) -> Answer {
        let request = self
            .client
            .post(&self.url)
            .header(CONTENT_TYPE, "application/x-ndjson")
            .header(CONTENT_ENCODING, "gzip")
            .body(body);
        match read(request).await {
            Ok((status, headers, body)) => answer(status, &headers, &body),
            Err(error) if error.is_builder() => Answer::Never(chain(error)),
            Err(error) => Answer::Again { reason: chain(error), pause: None },
        }
    }
}

async fn read(request: reqwest::RequestBuilder) -> reqwest::Result<(StatusCode, HeaderMap, Vec<u8>)> {
    let response = request.send().await?;
    let (status, headers) = (response.status(), response.headers().clone());
    Ok((status, headers, response.bytes().await?.to_vec()))
}

fn chain(error: reqwest::Error) -> String {
    format!("{:#}", anyhow::Error::new(error))
}

/// The gateway's answer to a batch of which it refuses some events (207) or all (400).
#[derive(Deserialize)]
struct BatchAnswer {
    #[serde(default)]
    results: Vec<EventResult>,
    #[serde(default)]
    errors: Vec<EventFault>,
}

#[derive(Deserialize)]
struct EventResult {
    index: usize,
    error: Option<Fault>,
}

#[derive(Deserialize)]
struct EventFault {
    index: usize,
    #[serde(flatten)]
    fault: Fault,
}

#[derive(Deserialize)]
struct Fault {
    field: Option<String>,
    reason: String,
}

fn answer(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Answer {
    match status.as_u16() {
        207 | 400 | 413 => match refusals(body) {
            Some(refused) => Answer::Taken(refused),
            None => Answer::Never(describe(status, body)),
        },
        200..300 => Answer::Taken(Vec::new()),
        408 | 425 | 429 | 500..600 => Answer::Again { reason: describe(status, body), pause: retry_after(headers) },
        _ => Answer::Never(describe(status, body)),
    }
}

/// The events refused one by one; `None` when the answer names none.
fn refusals(body: &[u8]) -> Option<Vec<Refusal>> {
    let answer: BatchAnswer = serde_json::from_slice(body).ok()?;
    let results = answer.results.into_iter().filter_map(|result| Some((result.index, result.error?)));
    let errors = answer.errors.into_iter().map(|error| (error.index, error.fault));
    let refused: Vec<Refusal> = results.chain(errors).map(|(index, fault)| Refusal::of(index, fault)).collect();
    (!refused.is_empty()).then_some(refused)
}

impl Refusal {
    fn of(index: usize, fault: Fault) -> Self {
        let reason = match fault.field {
            Some(field) => format!("{field} {}", fault.reason),
            None => fault.reason,
        };
        Self { index, reason }
    }
}

fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}

fn describe(status: StatusCode, body: &[u8]) -> String {
    let body = String::from_utf8_lossy(&body[..body.len().min(500)]);
    format!("{status} {}", body.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_tells_whether_a_batch_is_done_or_worth_another_try() {
        let asked = HeaderMap::from_iter([(RETRY_AFTER, "7".parse().unwrap())]);
        let some = br#"{"accepted":1,"rejected":1,"results":[{"index":0,"event_id":"x"},
            {"index":1,"error":{"field":"ip","reason":"must be an address"}}]}"#;
        let all = br#"{"status":400,"reason":"too deep","errors":[{"index":0,"reason":"too deep"}]}"#;
        let taken = |refusals: &[(usize, &str)]| {
            let refusal = |(index, reason): &(usize, &str)| Refusal { index: *index, reason: (*reason).to_owned() };
            Answer::Taken(refusals.iter().map(refusal).collect())
        };
        for (status, body, expected) in [
            (200, &b"{}"[..], taken(&[])),
            (202, b"", taken(&[])),
            (207, some, taken(&[(1, "ip must be an address")])),
            (400, all, taken(&[(0, "too deep")])),
        ] {
            assert_eq!(answer(StatusCode::from_u16(status).unwrap(), &asked, body), expected, "{status}");
        }
        for status in [408, 429, 500, 502, 503] {
            let answer = answer(StatusCode::from_u16(status).unwrap(), &asked, b"");
            assert!(matches!(answer, Answer::Again { pause: Some(pause), .. } if pause.as_secs() == 7), "{status}");
        }
        for status in [301, 400, 401, 404, 413, 415] {
            let answer = answer(StatusCode::from_u16(status).unwrap(), &asked, b"no");
            assert!(matches!(answer, Answer::Never(_)), "{status}");
        }
    }
}

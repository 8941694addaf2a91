//! What the sender of events is answered.

use axum::body::Body;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use bytes::Bytes;
use event::EventId;
use eventlog::LogError;
use serde::{Serialize, Serializer};

use crate::body::Share;
use crate::judge::Fault;
use crate::problem::Problem;

const BUSY_RETRY_AFTER_SECONDS: u32 = 1;
const AWAY_RETRY_AFTER_SECONDS: u32 = 5;

/// All events of a request are durable.
#[derive(Serialize)]
struct AllAccepted {
    accepted: usize,
    event_ids: Vec<IdText>,
}

/// Some events are durable, the others have faults.
#[derive(Serialize)]
struct SomeAccepted {
    accepted: usize,
    rejected: usize,
    results: Vec<EventResult>,
}

#[derive(Serialize)]
struct EventResult {
    index: usize,
    #[serde(flatten)]
    verdict: Verdict,
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum Verdict {
    EventId(IdText),
    Error(Fault),
}

struct IdText(EventId);

impl Serialize for IdText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

/// 200 with the ids, or 207 with each event's id or fault, once the good events are durable. `share` is held until the
/// answer is sent.
pub fn durable(verdicts: Vec<Result<EventId, Fault>>, share: Share) -> Response {
    let rejected = verdicts.iter().filter(|verdict| verdict.is_err()).count();
    let accepted = verdicts.len() - rejected;
    if rejected == 0 {
        let event_ids = verdicts.into_iter().flatten().map(IdText).collect();
        return json(StatusCode::OK, &AllAccepted { accepted, event_ids }, share);
    }
    let result = |(index, verdict): (usize, Result<EventId, Fault>)| EventResult {
        index,
        verdict: verdict.map_or_else(Verdict::Error, |id| Verdict::EventId(IdText(id))),
    };
    let results = verdicts.into_iter().enumerate().map(result).collect();
    json(StatusCode::MULTI_STATUS, &SomeAccepted { accepted, rejected, results }, share)
}

/// No event can be taken: 400, or 413 when a lone event is too large.
pub fn all_bad(faults: Vec<Fault>) -> Problem {
    let (status, detail) = match faults.as_slice() {
        [fault] if fault.too_large => (StatusCode::PAYLOAD_TOO_LARGE, fault.reason.clone()),
        [Fault { field: Some(field), reason, .. }] => (StatusCode::BAD_REQUEST, format!("{field} {reason}")),
        [fault] => (StatusCode::BAD_REQUEST, fault.reason.clone()),
        _ => (StatusCode::BAD_REQUEST, format!("none of the {} events can be taken", faults.len())),
    };
    Problem::new(status, detail).with_faults(faults)
}

/// The log did not take the events.
pub fn not_durable(error: &LogError) -> Problem {
    let unavailable =
        |detail, seconds| Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail).retry_after_seconds(seconds);
    match error {
        LogError::Busy => unavailable("too many events are being recorded at the moment", BUSY_RETRY_AFTER_SECONDS),
        LogError::TooLarge { limit, .. } => {
            let detail = format!("an event's record is over the limit of {limit} bytes");
            Problem::new(StatusCode::PAYLOAD_TOO_LARGE, detail)
        }
        _ => unavailable("events cannot be recorded at the moment", AWAY_RETRY_AFTER_SECONDS),
    }
}

fn json(status: StatusCode, answer: &impl Serialize, mut share: Share) -> Response {
    let json = serde_json::to_vec(answer).expect("ids, numbers and text always serialise");
    share.keep(json.len());
    let mut response = Response::new(Body::from(Bytes::from_owner(Held { json, _share: share })));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// An answer's bytes with their share of the memory budget: a sender that is slow to read its answer holds both.
struct Held {
    json: Vec<u8>,
    _share: Share,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.json
    }
}

#[cfg(test)]
mod tests {
    use axum::response::IntoResponse;
    use http_body_util::BodyExt;

    use super::*;
    use crate::body::Budget;

    fn fault(field: Option<&str>, too_large: bool) -> Fault {
        Fault { field: field.map(str::to_owned), reason: "is bad".to_owned(), too_large }
    }

    async fn shown(response: Response) -> (u16, String) {
        let status = response.status().as_u16();
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8(bytes.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn the_answer_tells_ids_and_faults_in_the_order_of_the_request() {
        let id = EventId::parse("01890a5d-ac96-774b-bcce-b302099a8057").unwrap();
        let share = || Budget::new(1_000).share();
        let all = r#"{"accepted":1,"event_ids":["01890a5d-ac96-774b-bcce-b302099a8057"]}"#;
        assert_eq!(shown(durable(vec![Ok(id)], share())).await, (200, all.to_owned()));
        let some = concat!(
            r#"{"accepted":1,"rejected":1,"results":[{"index":0,"error":{"field":"ip","reason":"is bad"}},"#,
            r#"{"index":1,"event_id":"01890a5d-ac96-774b-bcce-b302099a8057"}]}"#
        );
        let verdicts = vec![Err(fault(Some("ip"), false)), Ok(id)];
        assert_eq!(shown(durable(verdicts, share())).await, (207, some.to_owned()));
    }

    #[tokio::test]
    async fn events_without_any_good_one_are_a_problem() {
        for (faults, status, part) in [
            (vec![fault(Some("ip"), false)], 400, r#""detail":"ip is bad","field":"ip","reason":"is bad""#),
            (vec![fault(None, false)], 400, r#""detail":"is bad","reason":"is bad""#),
            (vec![fault(None, true)], 413, r#""detail":"is bad""#),
            (
                vec![fault(None, true), fault(None, false)],
                400,
                r#""detail":"none of the 2 events can be taken","errors""#,
            ),
        ] {
            let (answered, body) = shown(all_bad(faults).into_response()).await;
            assert_eq!(answered, status, "{body}");
            assert!(body.contains(part), "{body}");
        }
    }

    #[tokio::test]
    async fn what_the_log_does_not_take_is_to_be_tried_again_and_tells_nothing_of_the_inside() {
        let reason = || "secret".to_owned();
        for (error, status, retry_after) in [
            (LogError::Busy, 503, Some("1")),
            (LogError::Unavailable { reason: reason() }, 503, Some("5")),
            (LogError::Full { reason: reason() }, 503, Some("5")),
            (LogError::Damaged(reason()), 503, Some("5")),
            (LogError::TooLarge { bytes: 2, limit: 1 }, 413, None),
        ] {
            let response = not_durable(&error).into_response();
            let retry = response.headers().get("retry-after").map(|value| value.to_str().unwrap().to_owned());
            assert_eq!(retry.as_deref(), retry_after, "{error}");
            let (answered, body) = shown(response).await;
            assert_eq!(answered, status, "{error}");
            assert!(!body.contains("secret"), "{body}");
        }
    }
}

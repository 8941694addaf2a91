//! What the sender of events is answered.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use axum::body::{Body, HttpBody};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use bytes::Bytes;
use event::EventId;
use eventlog::LogError;
use hyper::body::{Frame, SizeHint};
use serde::{Serialize, Serializer};

use crate::body::Share;
use crate::problem::Problem;
use crate::verdict::{Fault, FaultKind, Verdict};

const BUSY_RETRY_AFTER_SECONDS: u32 = 1;
const AWAY_RETRY_AFTER_SECONDS: u32 = 5;

/// Some events are durable, the others are not wanted or have faults.
#[derive(Serialize)]
struct SomeAccepted<'a> {
    accepted: usize,
    #[serde(skip_serializing_if = "is_zero")]
    ignored: usize,
    rejected: usize,
    results: Results<'a>,
}

fn is_zero(count: &usize) -> bool {
    *count == 0
}

/// Each event's verdict and its place.
struct Results<'a>(&'a [Verdict]);

#[derive(Serialize)]
struct EventResult<'a> {
    index: usize,
    #[serde(flatten)]
    told: Told<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum Told<'a> {
    EventId(IdText),
    Ignored(&'a str),
    Error(&'a Fault),
}

struct IdText(EventId);

impl Serialize for IdText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.encode(&mut [0; 36]))
    }
}

impl Serialize for Results<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer
            .collect_seq(self.0.iter().enumerate().map(|(index, verdict)| EventResult { index, told: told(verdict) }))
    }
}

fn told(verdict: &Verdict) -> Told<'_> {
    match verdict {
        Verdict::Accepted(id) => Told::EventId(IdText(*id)),
        Verdict::Ignored(reason) => Told::Ignored(reason),
        Verdict::Rejected(fault) => Told::Error(fault),
    }
}

/// 200 with the ids when all events are durable, or each event's id, or why it was ignored, or its fault: 207 when any
/// has one.
pub fn durable(verdicts: &[Verdict]) -> Response {
    let accepted = verdicts.iter().filter(|verdict| verdict.accepted().is_some()).count();
    if accepted == verdicts.len() {
        return json(StatusCode::OK, all_accepted(verdicts));
    }
    let rejected = verdicts.iter().filter(|verdict| verdict.fault().is_some()).count();
    let ignored = verdicts.len() - accepted - rejected;
    let status = if rejected == 0 { StatusCode::OK } else { StatusCode::MULTI_STATUS };
    let answer = SomeAccepted { accepted, ignored, rejected, results: Results(verdicts) };
    json(status, serde_json::to_vec(&answer).expect("ids, numbers and text always serialise"))
}

/// All events of a request are durable: their ids. Nearly every answer is this one, and ids need no escapes.
fn all_accepted(verdicts: &[Verdict]) -> Vec<u8> {
    const ID_BYTES: usize = "\"01890a5d-ac96-774b-bcce-b302099a8057\",".len();
    let start = format!("{{\"accepted\":{},\"event_ids\":[", verdicts.len());
    let mut json = Vec::with_capacity(start.len() + verdicts.len() * ID_BYTES + "]}".len());
    json.extend_from_slice(start.as_bytes());
    for id in verdicts.iter().filter_map(Verdict::accepted) {
        json.push(b'"');
        json.extend_from_slice(id.encode(&mut [0; 36]).as_bytes());
        json.extend_from_slice(b"\",");
    }
    // No comma after the last.
    json.pop_if(|byte| *byte == b',');
    json.extend_from_slice(b"]}");
    json
}

/// No event can be taken: 400, 413 when a lone event is too large, 403 when all are forbidden.
pub fn all_bad(verdicts: Vec<Verdict>) -> Problem {
    let faults: Vec<Fault> = verdicts.into_iter().filter_map(Verdict::into_fault).collect();
    Problem::new(status_of(&faults), detail_of(&faults)).with_faults(faults)
}

fn status_of(faults: &[Fault]) -> StatusCode {
    let is_forbidden = |fault: &Fault| matches!(fault.kind, FaultKind::UnknownSite | FaultKind::ForeignOrigin);
    match faults {
        [Fault { kind: FaultKind::TooLarge, .. }] => StatusCode::PAYLOAD_TOO_LARGE,
        _ if faults.iter().all(is_forbidden) => StatusCode::FORBIDDEN,
        _ => StatusCode::BAD_REQUEST,
    }
}

fn detail_of(faults: &[Fault]) -> String {
    match faults {
        [Fault { field: Some(field), reason, .. }] => format!("{field} {reason}"),
        [fault] => fault.reason.clone(),
        _ => format!("none of the {} events can be taken", faults.len()),
    }
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

fn json(status: StatusCode, json: Vec<u8>) -> Response {
    let mut response = Response::new(Body::from(json));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// The answer with its share of the memory budget, which the connection holds on to until the last byte is sent: a sender
/// that is slow to read its answer holds both.
pub fn holding(response: Response, mut share: Share) -> Response {
    let bytes = response.body().size_hint().lower();
    share.keep(usize::try_from(bytes).unwrap_or(usize::MAX));
    response.map(|body| Body::new(Held { body, share: Arc::new(share) }))
}

struct Held {
    body: Body,
    share: Arc<Share>,
}

/// Bytes of the answer, on their way.
struct HeldBytes {
    bytes: Bytes,
    _share: Arc<Share>,
}

impl AsRef<[u8]> for HeldBytes {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl HttpBody for Held {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        let held = |bytes| Bytes::from_owner(HeldBytes { bytes, _share: self.share.clone() });
        Poll::Ready(frame.map(|frame| frame.map(|frame| frame.map_data(held))))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use axum::response::IntoResponse;
    use http_body_util::BodyExt;

    use super::*;
    use FaultKind::{ForeignOrigin, Malformed, TooLarge, UnknownSite};

    fn fault(field: Option<&str>, kind: FaultKind) -> Fault {
        Fault { field: field.map(str::to_owned), reason: "is bad".to_owned(), kind }
    }

    async fn shown(response: Response) -> (u16, String) {
        let status = response.status().as_u16();
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8(bytes.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn the_answer_tells_ids_and_faults_in_the_order_of_the_request() {
        let id = EventId::parse("01890a5d-ac96-774b-bcce-b302099a8057").unwrap();
        let all = r#"{"accepted":1,"event_ids":["01890a5d-ac96-774b-bcce-b302099a8057"]}"#;
        assert_eq!(shown(durable(&[Verdict::Accepted(id)])).await, (200, all.to_owned()));
        let some = concat!(
            r#"{"accepted":1,"rejected":1,"results":[{"index":0,"error":{"field":"ip","reason":"is bad"}},"#,
            r#"{"index":1,"event_id":"01890a5d-ac96-774b-bcce-b302099a8057"}]}"#
        );
        let verdicts = [Verdict::Rejected(fault(Some("ip"), Malformed)), Verdict::Accepted(id)];
        assert_eq!(shown(durable(&verdicts)).await, (207, some.to_owned()));
        let ignored = concat!(
            r#"{"accepted":1,"ignored":1,"rejected":0,"results":[{"index":0,"ignored":"local"},"#,
            r#"{"index":1,"event_id":"01890a5d-ac96-774b-bcce-b302099a8057"}]}"#
        );
        let verdicts = [Verdict::Ignored("local"), Verdict::Accepted(id)];
        assert_eq!(shown(durable(&verdicts)).await, (200, ignored.to_owned()));
    }

    #[tokio::test]
    async fn events_without_any_good_one_are_a_problem() {
        for (faults, status, part) in [
            (vec![fault(Some("ip"), Malformed)], 400, r#""detail":"ip is bad","field":"ip","reason":"is bad""#),
            (vec![fault(None, Malformed)], 400, r#""detail":"is bad","reason":"is bad""#),
            (vec![fault(None, TooLarge)], 413, r#""detail":"is bad""#),
            (vec![fault(None, UnknownSite), fault(None, ForeignOrigin)], 403, "none of the 2 events"),
            (
                vec![fault(None, TooLarge), fault(None, Malformed)],
                400,
                r#""detail":"none of the 2 events can be taken","errors""#,
            ),
        ] {
            let (answered, body) =
                shown(all_bad(faults.into_iter().map(Verdict::Rejected).collect()).into_response()).await;
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

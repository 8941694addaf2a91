//! pageberg's own protocol: one JSON object, an array or NDJSON, whatever the content type.

use axum::response::Response;
use event::Draft;
use event::split::split;

use super::{Asked, Message, Protocol, Reply, Request, Told};
use crate::answer;
use crate::body::json_tree_bytes;
use crate::problem::Problem;
use crate::verdict::{Fault, Verdict};

/// The protocol of `POST /v1/events`.
pub struct Native;

impl Protocol for Native {
    /// Events are parsed one by one while they are judged: only one draft is in memory at a time.
    fn read<'a>(&self, request: &Request<'a>) -> Result<Message<'a>, Problem> {
        let events = split(request.body, request.max_events)?;
        let max_bytes = request.max_event_bytes;
        // The text of a draft counts once it stands in the record.
        let trees = events.iter().filter(|json| json.len() <= max_bytes).map(|json| json_tree_bytes(json) - json.len());
        request.memory.reserve(trees.max().unwrap_or_default())?;
        Ok(Message::of(events.into_iter().map(move |json| told(json, max_bytes))))
    }

    fn answer(&self, _: &Asked<'_>, _: Reply, verdicts: &[Verdict]) -> Response {
        answer::durable(verdicts)
    }
}

fn told(json: &[u8], max_bytes: usize) -> Result<Told<'_>, Fault> {
    if json.len() > max_bytes {
        return Err(Fault::too_large(max_bytes));
    }
    let (draft, verbatim) = Draft::parse_verbatim(json)?;
    Ok(Told { draft, verbatim })
}

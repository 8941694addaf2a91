//! What became of an event, and what is wrong with one that is not taken.

use event::{EventId, FieldError};
use serde::Serialize;

/// The most that an answer repeats of what a sender wrote, in characters.
const MAX_QUOTED_CHARS: usize = 200;

/// What became of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It is durable, or to be made so.
    Accepted(EventId),
    /// It is not wanted, for this reason, and not recorded.
    Ignored(&'static str),
    /// It cannot be taken.
    Rejected(Fault),
}

impl Verdict {
    /// The id of an event that is taken.
    pub fn accepted(&self) -> Option<EventId> {
        match self {
            Self::Accepted(id) => Some(*id),
            Self::Ignored(_) | Self::Rejected(_) => None,
        }
    }

    /// What is wrong with an event that cannot be taken.
    pub fn fault(&self) -> Option<&Fault> {
        match self {
            Self::Rejected(fault) => Some(fault),
            Self::Accepted(_) | Self::Ignored(_) => None,
        }
    }

    /// What is wrong with an event that cannot be taken, handed over.
    pub fn into_fault(self) -> Option<Fault> {
        match self {
            Self::Rejected(fault) => Some(fault),
            Self::Accepted(_) | Self::Ignored(_) => None,
        }
    }
}

/// What is wrong with an event, as its sender is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// The key at fault; absent when the JSON as a whole is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// What is wrong.
    pub reason: String,
    /// What kind of fault it is, for the answer's status and for metrics.
    #[serde(skip)]
    pub kind: FaultKind,
}

/// The kinds of faults.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum FaultKind {
    /// Not what its name or its protocol says.
    #[default]
    Malformed,
    /// The event has too many bytes.
    TooLarge,
    /// A field has too many characters.
    TooLong,
    /// It belongs to no site that is configured.
    UnknownSite,
    /// It comes from a page that may not tell of this site.
    ForeignOrigin,
}

impl FaultKind {
    /// The metric label.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::TooLarge => "too_large",
            Self::TooLong => "field_too_long",
            Self::UnknownSite => "unknown_site",
            Self::ForeignOrigin => "foreign_origin",
        }
    }
}

impl Fault {
    /// A field that is not what its name or its protocol says; `reason` is read after its name.
    pub fn of(field: &str, reason: impl Into<String>) -> Self {
        Self { field: Some(shortened(field.to_owned())), reason: shortened(reason.into()), kind: FaultKind::Malformed }
    }

    /// An event larger than `limit` bytes.
    pub fn too_large(limit: usize) -> Self {
        let reason = format!("the event is over the limit of {limit} bytes");
        Self { field: None, reason, kind: FaultKind::TooLarge }
    }

    /// A field of more than `limit` characters.
    pub fn too_long(field: &str, limit: usize) -> Self {
        Self { kind: FaultKind::TooLong, ..Self::of(field, format!("is over the limit of {limit} characters")) }
    }

    /// An event of no configured site.
    pub fn of_unknown_site() -> Self {
        let reason = "the event belongs to no configured site: no key, site or page of it is known".to_owned();
        Self { field: None, reason, kind: FaultKind::UnknownSite }
    }

    /// An event from a page that may tell of no site.
    pub fn of_unknown_origin(origin: &str) -> Self {
        let reason = format!("the page's origin {origin:?} is in no configured site's allowed_origins");
        Self { field: None, reason: shortened(reason), kind: FaultKind::ForeignOrigin }
    }

    /// An event from a page that may not tell of its site.
    pub fn of_foreign_origin() -> Self {
        let reason = "the page's origin is not one of the event's site".to_owned();
        Self { field: None, reason, kind: FaultKind::ForeignOrigin }
    }
}

impl From<FieldError> for Fault {
    fn from(error: FieldError) -> Self {
        Self { field: error.field.map(shortened), reason: shortened(error.reason), kind: FaultKind::Malformed }
    }
}

fn shortened(mut text: String) -> String {
    if let Some((end, _)) = text.char_indices().nth(MAX_QUOTED_CHARS) {
        text.truncate(end);
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_repeats_only_the_start_of_what_the_sender_wrote() {
        let long = "\u{e9}".repeat(5_000);
        let fault = Fault::from(FieldError { field: Some(long.clone()), reason: long });
        assert_eq!(fault.field.unwrap().chars().count(), MAX_QUOTED_CHARS + 1);
        assert_eq!(fault.reason.chars().count(), MAX_QUOTED_CHARS + 1);
    }
}

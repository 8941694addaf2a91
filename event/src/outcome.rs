//! How a received event ended.

/// The end of an event's path through one process; every event is counted under exactly one at the gateway, and every
/// logged record under exactly one at each sink.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// Gateway: durable in the log.
    Accepted,
    /// Gateway: the sender's fault, answered with 4xx.
    Rejected,
    /// Gateway: pageberg could not take it now, answered with 429 or 503.
    Refused,
    /// Gateway: not wanted by the configuration, answered as such and not recorded.
    Ignored,
    /// Sink: committed.
    Delivered,
    /// Sink: an event of the same id was recorded shortly before.
    Duplicate,
    /// Sink: kept as a dead letter.
    DeadLettered,
}

impl Outcome {
    /// The metric label.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Rejected => "rejected",
            Self::Refused => "refused",
            Self::Ignored => "ignored",
            Self::Delivered => "delivered",
            Self::Duplicate => "duplicate",
            Self::DeadLettered => "dead_lettered",
        }
    }
}

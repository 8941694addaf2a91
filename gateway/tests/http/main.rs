//! The gateway over real connections: what senders see, friendly and hostile, and what becomes of their events.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod accounting;
mod disconnects;
mod events;
mod hostile;
mod log_failures;
mod shutdown;
mod support;

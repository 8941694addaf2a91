//! What senders see, friendly and hostile, and what becomes of their events.

mod accounting;
mod beacon;
mod cors;
mod demo;
mod disconnects;
mod events;
mod hostile;
mod limits;
mod log_failures;
mod openapi;
mod overload;
mod pixel;
mod proxied;
mod senders;
mod shutdown;
mod sites;
mod slow_readers;
mod tls;

//! Page views as the benchmarks send them, and what their load and their limits are made of.
//!
//! 1. [`page_views`] makes the events: page view *i* of a source is always the same.
//! 2. `page_views` (the binary) writes them to a file for the load over HTTP, or to a Kafka topic.
//! 3. `open_loop` sends them at a fixed rate; every other binary is a limit: the least that the work can cost.
//!
//! **Invariant:** nothing here is taken from pageberg, so that no limit moves with it.

pub mod kafka;
pub mod page_views;
pub mod samples;
pub mod view;

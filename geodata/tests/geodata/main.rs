//! Geo databases: what they tell, however damaged, while they are replaced and fetched.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod agreement;
mod damage;
mod refresh;
mod update;

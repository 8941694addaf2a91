//! A lake's life in a minute: commits without end, upkeep, crashes, and readers that must never notice.

mod answers;
mod campaign;
mod plan;
mod process;
mod rows;
mod verdict;
mod watch;
mod writer;

//! Database files that are replaced in every way there is, while they are in use.

mod editions;
mod refusals;
mod replacing;
mod storm;
mod watched;

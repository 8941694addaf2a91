//! One file per command: its arguments and what it does.

pub mod check;
pub mod db_init;
pub mod deadletters;
pub mod flags;
pub mod geo;
pub mod health;
pub mod import;
pub mod maintain;
pub mod positions;
pub mod serve;
pub mod show_config;
pub mod table;
pub mod topic;

//! The table as other Iceberg clients see it: every test reads back with one that is not pageberg's.

mod columns;
mod commits;
mod days;
mod evolution;
mod inspect;
mod layout;
mod letters;
mod maintain;
mod reenrich;

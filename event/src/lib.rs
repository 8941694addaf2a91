//! The nouns of pageberg: what a page view is at each stage of its path, without any I/O.
//!
//! 1. A sender's JSON is split into events ([`split`]), and each read into a [`Draft`]: fields as they came.
//! 2. The gateway turns a draft into an [`Event`] with [`Draft::accept`] and records it with [`Event::to_record`], or by
//!    repeating what was sent ([`Verbatim`]).
//! 3. The pipeline reads the record back with [`Draft::parse`] and [`Draft::recorded`].
//! 4. With the visitor's [`Place`] and what its own text tells ([`Visit`]) it is [`Enriched`], which is what sinks write.
//! 5. What cannot go on becomes a [`DeadLetter`].
//!
//! **Invariant:** no text in an [`Event`] holds U+0000, which Postgres cannot store.
//! **Invariant:** reading the same record twice gives the same [`Event`], its id included.

mod address;
mod calendar;
pub mod clock;
mod dead_letter;
mod draft;
mod enriched;
mod event;
mod id;
mod iso8601;
mod json;
mod key;
mod mark;
mod number;
mod object;
mod outcome;
mod place;
mod position;
mod quoted;
mod relocate;
mod secret;
pub mod split;
mod texts;
mod time;
mod verbatim;
mod visit;

pub use address::path_and_query;
pub use dead_letter::{DeadLetter, LetterId, LetterRecord, Stage};
pub use draft::{Draft, FieldError};
pub use enriched::Enriched;
pub use event::{Event, PAGE_VIEW, SCHEMA_VERSION};
pub use id::EventId;
pub use json::{holdable, read_json};
pub use key::partition_key;
pub use mark::{MarkError, RecordMark};
pub use number::{as_double, as_text, digits, json_number, write_value};
pub use outcome::Outcome;
pub use place::Place;
pub use position::{Advance, LogPosition, Positions, Step};
pub use quoted::write_json_text;
pub use relocate::{Locate, Reenriched, Reenrichment, Relocated, Verdict, Verdicts};
pub use secret::{Secret, SecretUrl};
pub use texts::Text;
pub use time::{TimeError, Timestamp};
pub use verbatim::Verbatim;
pub use visit::{Campaign, Channel, Device, UserAgent, Visit};

//! An event with everything that pageberg adds to it: the row that every sink writes.

use std::sync::Arc;

use crate::{Event, LogPosition, Place, Visit};

/// An event, its visitor's place and software, and where in the log it stands.
#[derive(Clone, PartialEq, Debug)]
pub struct Enriched {
    /// The event.
    pub event: Event,
    /// The visitor's place; all unknown when no database knows the address.
    pub place: Arc<Place>,
    /// The database that was asked, as `name@build-date`; `None` when none was.
    pub geo_database: Option<Arc<str>>,
    /// What its own text tells.
    pub visit: Visit,
    /// Whether the event came later than the watermark allows.
    pub late: bool,
    /// The record it was read from.
    pub position: LogPosition,
}

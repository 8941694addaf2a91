//! Looking visitors' places up again, for rows that an older geo database was asked for.

use std::ops::{ControlFlow, Range};
use std::sync::Arc;

use crate::{Place, Timestamp};

/// What today's database tells of a public address.
#[derive(Clone, PartialEq, Debug)]
pub struct Relocated {
    /// The place; all unknown when the database does not know the address.
    pub place: Arc<Place>,
    /// The database, as in [`Enriched::geo_database`](crate::Enriched::geo_database).
    pub database: Arc<str>,
}

/// Asks today's database; `None` for text that is no public address.
pub type Locate<'a> = dyn FnMut(&str) -> Option<Relocated> + Send + 'a;

/// What is to become of a stored row.
#[derive(Clone, PartialEq, Debug)]
pub enum Verdict {
    /// Stays: it has no address.
    NoAddress,
    /// Stays: what it has for an address is private, reserved, hashed or else no public address.
    NotPublic,
    /// Stays: today's database has told its place already.
    Current,
    /// Gets this place.
    Changed(Relocated),
}

impl Verdict {
    /// The verdict on a row with this address and this `geo_database`. A truncated address is looked up as it stands.
    pub fn on(ip: Option<&str>, database: Option<&str>, locate: &mut Locate) -> Self {
        let Some(ip) = ip else { return Self::NoAddress };
        match locate(ip) {
            None => Self::NotPublic,
            Some(today) if database == Some(&*today.database) => Self::Current,
            Some(today) => Self::Changed(today),
        }
    }
}

/// Rows by verdict.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Verdicts {
    /// Rows without an address.
    pub no_address: u64,
    /// Rows whose address is not public.
    pub not_public: u64,
    /// Rows that had today's place already.
    pub current: u64,
    /// Rows that got, or would get, today's place.
    pub changed: u64,
}

impl Verdicts {
    /// Counts a row.
    pub fn count(&mut self, verdict: &Verdict) {
        *match verdict {
            Verdict::NoAddress => &mut self.no_address,
            Verdict::NotPublic => &mut self.not_public,
            Verdict::Current => &mut self.current,
            Verdict::Changed(_) => &mut self.changed,
        } += 1;
    }

    /// Counts the rows of another count, too.
    pub fn add(&mut self, other: &Self) {
        self.no_address += other.no_address;
        self.not_public += other.not_public;
        self.current += other.current;
        self.changed += other.changed;
    }

    /// All rows.
    pub fn rows(&self) -> u64 {
        self.no_address + self.not_public + self.current + self.changed
    }
}

/// What looking the rows of a table up again has come to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Reenriched {
    /// What is gone through: data files of Iceberg, blocks of Postgres. 0 as long as that is not known.
    pub parts: u64,
    /// Those that are done with.
    pub parts_done: u64,
    /// Data files that were replaced; in Postgres each row is replaced by itself.
    pub files_replaced: u64,
    /// The rows of the range in the parts that are done with.
    pub rows: Verdicts,
}

/// Which rows of a table are to be looked up again, and who is asked and told meanwhile.
pub struct Reenrichment<'a> {
    /// Rows of these times, `event_timestamp`; the end is not among them.
    pub range: Range<Timestamp>,
    /// Count only: change nothing.
    pub dry_run: bool,
    /// Today's database.
    pub locate: &'a mut Locate<'a>,
    /// Told again and again how far it has come; can end it there.
    pub watch: &'a mut (dyn FnMut(&Reenriched) -> ControlFlow<()> + Send),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_public_address_that_another_database_was_asked_for_changes() {
        let today = Relocated { place: Arc::default(), database: "city@2".into() };
        let mut locate = |ip: &str| (ip == "8.8.8.8").then(|| today.clone());
        for (ip, database, verdict) in [
            (None, Some("city@1"), Verdict::NoAddress),
            (Some("c0ffee"), Some("city@1"), Verdict::NotPublic),
            (Some("8.8.8.8"), Some("city@2"), Verdict::Current),
            (Some("8.8.8.8"), Some("city@1"), Verdict::Changed(today.clone())),
            (Some("8.8.8.8"), None, Verdict::Changed(today.clone())),
        ] {
            assert_eq!(Verdict::on(ip, database, &mut locate), verdict, "{ip:?} {database:?}");
        }
    }

    #[test]
    fn every_row_is_counted_under_its_verdict() {
        let mut verdicts = Verdicts::default();
        for verdict in [Verdict::NoAddress, Verdict::NotPublic, Verdict::Current, Verdict::Current] {
            verdicts.count(&verdict);
        }
        let expected = Verdicts { no_address: 1, not_public: 1, current: 2, changed: 0 };
        assert_eq!((verdicts, verdicts.rows()), (expected, 4));
        verdicts.add(&expected);
        assert_eq!(verdicts.rows(), 8);
    }
}

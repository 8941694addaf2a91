//! Today's places in the rows that lack them.

use std::borrow::Cow;

use event::{Place, Relocated};
use postgres_types::{Kind, ToSql, Type};
use tokio_postgres::Transaction;

use super::pages::{Leaf, StoredRow};
use crate::postgres::errors::Failure;
use crate::postgres::rows::{readable_json, storable_text};

/// What is set, column by column: one value for each row that changes.
#[derive(Default)]
struct Changes<'a> {
    ctid: Vec<&'a str>,
    geodata: Vec<String>,
    latitude: Vec<Option<f64>>,
    longitude: Vec<Option<f64>>,
    timezone: Vec<Option<Cow<'a, str>>>,
    asn: Vec<Option<i64>>,
    as_org: Vec<Option<Cow<'a, str>>>,
    geo_database: Vec<Cow<'a, str>>,
}

impl<'a> Changes<'a> {
    fn push(&mut self, row: &'a StoredRow, place: &'a Place, database: &'a str) {
        self.ctid.push(&row.ctid);
        self.geodata.push(readable_json(place.geodata()));
        self.latitude.push(place.latitude);
        self.longitude.push(place.longitude);
        self.timezone.push(place.timezone.as_deref().map(storable_text));
        self.asn.push(place.asn.map(i64::from));
        self.as_org.push(place.as_org.as_deref().map(storable_text));
        self.geo_database.push(storable_text(database));
    }
}

/// Sets the places of rows that were read in this transaction.
pub(super) async fn update(
    transaction: &Transaction<'_>,
    leaf: &Leaf,
    changes: &[(&StoredRow, Relocated)],
) -> Result<(), Failure> {
    let mut set = Changes::default();
    changes.iter().for_each(|(row, today)| set.push(row, &today.place, &today.database));
    let geodata = transaction.prepare(&format!("SELECT geodata FROM ONLY {}", leaf.sql)).await?;
    let sql = statement(leaf, geodata.columns().first().is_some_and(|column| is_json(column.type_())));
    let values: [&(dyn ToSql + Sync); 8] = [
        &set.ctid,
        &set.geodata,
        &set.latitude,
        &set.longitude,
        &set.timezone,
        &set.asn,
        &set.as_org,
        &set.geo_database,
    ];
    let (asked, updated) = (changes.len() as u64, transaction.execute(&sql, &values).await?);
    if updated == asked { Ok(()) } else { Err(Failure::NotUpdated { asked, updated }) }
}

/// The rows are named twice: once to be found by their places, once to meet their values.
fn statement(leaf: &Leaf, geodata_is_json: bool) -> String {
    let cast = if geodata_is_json { "::json" } else { "" };
    format!(
        "UPDATE ONLY {} AS stored SET geodata = today.geodata{cast}, latitude = today.latitude, \
         longitude = today.longitude, timezone = today.timezone, asn = today.asn, as_org = today.as_org, \
         geo_database = today.geo_database \
         FROM unnest($1::text[]::tid[], $2::text[], $3::float8[], $4::float8[], $5::text[], $6::bigint[], \
         $7::text[], $8::text[]) \
         AS today(place, geodata, latitude, longitude, timezone, asn, as_org, geo_database) \
         WHERE stored.ctid = ANY($1::text[]::tid[]) AND stored.ctid = today.place",
        leaf.sql
    )
}

fn is_json(found: &Type) -> bool {
    match found.kind() {
        Kind::Domain(inner) => is_json(inner),
        _ => *found == Type::JSON,
    }
}

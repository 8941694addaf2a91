//! Where a visitor is, as a geo database tells it.

use serde::Serialize;

use crate::write_json_text;

/// What most geodata fits into.
const USUAL_GEODATA_BYTES: usize = 128;

/// A visitor's place; what the database does not know is `None`.
#[derive(Clone, PartialEq, Debug, Default, Serialize)]
pub struct Place {
    /// ISO 3166-1 alpha-2 code.
    pub country: Option<String>,
    /// English name.
    pub country_name: Option<String>,
    /// Region, state or province: English name.
    pub state: Option<String>,
    /// ISO 3166-2 code without the country.
    pub region_code: Option<String>,
    /// English name.
    pub city: Option<String>,
    /// Two letters, as in MaxMind's databases.
    pub continent: Option<String>,
    /// Postal code.
    pub postcode: Option<String>,
    /// Degrees north.
    pub latitude: Option<f64>,
    /// Degrees east.
    pub longitude: Option<f64>,
    /// Accuracy radius in kilometres.
    pub accuracy_km: Option<u16>,
    /// IANA time zone, or an offset where the database has only that.
    pub timezone: Option<String>,
    /// Autonomous system number.
    pub asn: Option<u32>,
    /// Autonomous system organisation.
    pub as_org: Option<String>,
}

impl Place {
    /// The lab's `geodata`: JSON text with the keys country, state and city (null where unknown), `{}` when none is known.
    pub fn geodata(&self) -> String {
        let mut json = Vec::with_capacity(USUAL_GEODATA_BYTES);
        self.write_geodata(&mut json);
        String::from_utf8(json).expect("JSON of texts is text")
    }

    /// Appends [`Self::geodata`] to `into`.
    pub fn write_geodata(&self, into: &mut Vec<u8>) {
        let names = [("{\"country\":", &self.country), (",\"state\":", &self.state), (",\"city\":", &self.city)];
        if names.iter().all(|(_, name)| name.is_none()) {
            return into.extend_from_slice(b"{}");
        }
        for (key, name) in names {
            into.extend_from_slice(key.as_bytes());
            match name {
                Some(name) => write_json_text(name, into),
                None => into.extend_from_slice(b"null"),
            }
        }
        into.push(b'}');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn geodata_has_the_three_keys_of_the_lab_or_none() {
        assert_eq!(Place::default().geodata(), "{}");
        let place =
            Place { country: Some("CI".into()), city: Some("Yop\"ougon".into()), asn: Some(1), ..Place::default() };
        assert_eq!(place.geodata(), r#"{"country":"CI","state":null,"city":"Yop\"ougon"}"#);
    }
}

//! One place out of what several databases tell of an address: each field from the first that knows it.
//!
//! What was measured or named together is taken together: latitude, longitude and accuracy; state and region code;
//! autonomous system number and organisation. A database that tells of another country than is known by then adds nothing
//! but its autonomous system: `city` must lie in `country`.

use event::Place;

/// Fills what is not `known` with what the next database tells; whether that was anything.
pub(crate) fn fill(known: &mut Place, told: Place) -> bool {
    let mut took = false;
    if known.asn.is_none() && known.as_org.is_none() {
        took |= take(&mut known.asn, told.asn) | take(&mut known.as_org, told.as_org);
    }
    if known.country.is_some() && told.country.is_some() && known.country != told.country {
        return took;
    }
    let nothing_of_country = known.country.is_none() && known.country_name.is_none();
    if nothing_of_country || known.country == told.country {
        took |= take(&mut known.country, told.country) | take(&mut known.country_name, told.country_name);
    }
    if known.state.is_none() && known.region_code.is_none() {
        took |= take(&mut known.state, told.state) | take(&mut known.region_code, told.region_code);
    }
    if known.latitude.is_none() {
        took |= take(&mut known.latitude, told.latitude) | take(&mut known.longitude, told.longitude);
        took |= take(&mut known.accuracy_km, told.accuracy_km);
    }
    took |= take(&mut known.continent, told.continent) | take(&mut known.timezone, told.timezone);
    took | take(&mut known.city, told.city) | take(&mut known.postcode, told.postcode)
}

fn take<T>(known: &mut Option<T>, told: Option<T>) -> bool {
    let takes = known.is_none() && told.is_some();
    if takes {
        *known = told;
    }
    takes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(value: &str) -> Option<String> {
        Some(value.to_owned())
    }

    fn merged(first: &Place, second: &Place) -> (Place, bool) {
        let mut known = first.clone();
        let took = fill(&mut known, second.clone());
        (known, took)
    }

    #[test]
    fn each_field_is_that_of_the_first_database_that_knows_it() {
        let first = Place { country: text("DE"), state: text("Berlin"), asn: Some(1), ..Place::default() };
        let second =
            Place { country: text("DE"), country_name: text("Germany"), city: text("Berlin"), ..Place::default() };
        let (place, took) = merged(&first, &second);
        assert!(took);
        assert_eq!(place, Place { country_name: text("Germany"), city: text("Berlin"), ..first });
    }

    #[test]
    fn what_belongs_together_comes_from_one_database() {
        let first = Place { latitude: Some(1.0), longitude: Some(2.0), region_code: text("BE"), ..Place::default() };
        let second = Place {
            latitude: Some(3.0),
            longitude: Some(4.0),
            accuracy_km: Some(5),
            state: text("Bavaria"),
            asn: Some(6),
            as_org: text("Six"),
            ..Place::default()
        };
        let (place, _) = merged(&first, &second);
        assert_eq!(place, Place { asn: Some(6), as_org: text("Six"), ..first.clone() });
        let (place, _) = merged(&Place { as_org: text("Seven"), ..Place::default() }, &second);
        assert_eq!((place.asn, place.as_org), (None, text("Seven")));
    }

    #[test]
    fn no_city_of_another_country_is_taken() {
        let first = Place { country: text("DE"), ..Place::default() };
        let second = Place { country: text("FR"), city: text("Paris"), asn: Some(1), ..Place::default() };
        assert_eq!(merged(&first, &second), (Place { asn: Some(1), ..first }, true));
    }

    #[test]
    fn a_database_that_adds_nothing_took_no_part() {
        let place = Place { country: text("DE"), city: text("Berlin"), ..Place::default() };
        assert!(!merged(&place, &place).1);
        assert!(!merged(&place, &Place::default()).1);
    }
}

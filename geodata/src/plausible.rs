//! What a place may hold, whatever a file says: a value that cannot be true counts as unknown.

use event::Place;

const MAX_TEXT_CHARS: usize = 200;

/// The place without what is empty, out of range or no code, and with texts of at most 200 characters, none of them a
/// control character: a damaged or hostile file must not put anything into a row that a sink refuses.
pub(crate) fn plausible(mut place: Place) -> Place {
    place.country = place.country.and_then(two_letters);
    place.continent = place.continent.and_then(two_letters);
    for text in [
        &mut place.country_name,
        &mut place.state,
        &mut place.region_code,
        &mut place.city,
        &mut place.postcode,
        &mut place.timezone,
        &mut place.as_org,
    ] {
        *text = text.take().and_then(short_text);
    }
    if !is_on_earth(place.latitude, place.longitude) {
        (place.latitude, place.longitude, place.accuracy_km) = (None, None, None);
    }
    // AS 0 means "no system" (RFC 7607).
    place.asn = place.asn.filter(|asn| *asn != 0);
    place
}

fn two_letters(mut code: String) -> Option<String> {
    code.make_ascii_uppercase();
    (code.len() == 2 && code.bytes().all(|byte| byte.is_ascii_uppercase())).then_some(code)
}

/// IP2Location writes `-` for what it does not know.
fn short_text(text: String) -> Option<String> {
    if text.is_empty() || text == "-" {
        return None;
    }
    if text.len() <= MAX_TEXT_CHARS && !text.contains(char::is_control) {
        return Some(text);
    }
    let shown = |character: char| if character.is_control() { char::REPLACEMENT_CHARACTER } else { character };
    Some(text.chars().take(MAX_TEXT_CHARS).map(shown).collect())
}

fn is_on_earth(latitude: Option<f64>, longitude: Option<f64>) -> bool {
    let within = |degrees: Option<f64>, most: f64| degrees.is_some_and(|degrees| (-most..=most).contains(&degrees));
    within(latitude, 90.0) && within(longitude, 180.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_two_letters_are_a_country() {
        for (told, expected) in
            [("US", Some("US")), ("us", Some("US")), ("USA", None), ("", None), ("-", None), ("U1", None), ("é", None)]
        {
            let place = plausible(Place { country: Some(told.to_owned()), ..Place::default() });
            assert_eq!(place.country.as_deref(), expected, "{told:?}");
        }
    }

    #[test]
    fn text_is_cut_after_200_characters_and_holds_no_control_characters() {
        let long = "ж".repeat(100_000);
        for (told, expected) in [
            ("-", None),
            ("", None),
            ("Aix-en-Provence", Some("Aix-en-Provence")),
            ("a\0b\u{1b}", Some("a\u{fffd}b\u{fffd}")),
            (&long, Some(&long[..400])),
        ] {
            let place = plausible(Place { city: Some(told.to_owned()), ..Place::default() });
            assert_eq!(place.city.as_deref(), expected);
        }
    }

    #[test]
    fn coordinates_are_known_together_and_on_earth_or_not_at_all() {
        for (latitude, longitude, sound) in [
            (Some(90.0), Some(-180.0), true),
            (Some(90.1), Some(0.0), false),
            (Some(0.0), Some(f64::INFINITY), false),
            (Some(f64::NAN), Some(0.0), false),
            (Some(1.0), None, false),
        ] {
            let place = plausible(Place { latitude, longitude, accuracy_km: Some(5), ..Place::default() });
            assert_eq!((place.latitude, place.longitude), if sound { (latitude, longitude) } else { (None, None) });
            assert_eq!(place.accuracy_km.is_some(), sound);
        }
    }

    #[test]
    fn autonomous_system_zero_is_none() {
        assert_eq!(plausible(Place { asn: Some(0), ..Place::default() }).asn, None);
    }
}

//! Numbers of more digits than serde_json's values hold: they stand among the values as text behind a mark, and are written
//! with the digits that they came with.
//!
//! The mark is a character that no text has to have: Unicode's U+FDD0 is for use inside of a program. A sender's text that
//! begins with it and goes on as a number is written as that number, which harms nobody.

use serde_json::{Number, Value};

use crate::quoted::write_json_text;

const MARK: char = '\u{fdd0}';

/// A double holds every decimal number of so many digits.
const SURE_BYTES: usize = 15;

/// How many bytes belong to the number at the beginning of a JSON text.
pub(crate) fn length(json: &[u8]) -> usize {
    let belongs = |byte: &&u8| byte.is_ascii_digit() || matches!(byte, b'-' | b'+' | b'.' | b'e' | b'E');
    json.iter().take_while(belongs).count()
}

/// The value of a JSON number, all of whose digits are kept; `None` for what is none.
pub fn json_number(text: &str) -> Option<Value> {
    match marked(text) {
        Some(marked) => Some(Value::String(marked)),
        None => serde_json::from_str(text).ok().map(Value::Number),
    }
}

/// The number behind a mark, when serde_json would lose digits of it. Beyond the range of a double it is left to serde_json,
/// which refuses it: many readers of a table would, too.
pub(crate) fn marked(number: &str) -> Option<String> {
    if number.len() <= SURE_BYTES && !number.contains(['e', 'E']) {
        return None;
    }
    let held: Number = serde_json::from_str(number).ok()?;
    let double = held.as_f64().filter(|_| held.is_f64())?;
    let is_integer = !number.contains(['.', 'e', 'E']);
    let is_lost = is_integer || (double != 0.0 && decimal(number) != decimal(&format!("{double:e}")));
    is_lost.then(|| format!("{MARK}{number}"))
}

/// A number's digits without zeros around them, and the power of ten of the first; all spellings of a number have the same.
fn decimal(number: &str) -> Option<(String, i64)> {
    let (mantissa, exponent) = number.split_once(['e', 'E']).unwrap_or((number, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = [whole.trim_start_matches('-'), fraction].concat();
    let significant = digits.trim_start_matches('0');
    let before_point = i64::try_from(whole.trim_start_matches('-').len()).ok()?;
    let zeros = i64::try_from(digits.len() - significant.len()).ok()?;
    let exponent: i64 = exponent.parse().ok()?;
    Some((significant.trim_end_matches('0').to_owned(), exponent.checked_add(before_point - zeros)?))
}

/// The digits of a number that is kept as text.
pub fn digits(text: &str) -> Option<&str> {
    let number = text.strip_prefix(MARK)?;
    let is_number = length(number.as_bytes()) == number.len() && serde_json::from_str::<Number>(number).is_ok();
    is_number.then_some(number)
}

/// The text that a value is; a number that is kept as text is none.
pub fn as_text(value: &Value) -> Option<&str> {
    value.as_str().filter(|text| digits(text).is_none())
}

/// The number that a value is, as near as a double comes to it.
pub fn as_double(value: &Value) -> Option<f64> {
    match value {
        Value::String(text) => digits(text)?.parse().ok(),
        other => other.as_f64(),
    }
}

/// Appends a value's JSON, numbers with all their digits.
pub fn write_value(value: &Value, into: &mut Vec<u8>) {
    match value {
        Value::String(text) => match digits(text) {
            Some(digits) => into.extend_from_slice(digits.as_bytes()),
            None => write_json_text(text, into),
        },
        Value::Array(values) => {
            into.push(b'[');
            write_separated(values, into, write_value);
            into.push(b']');
        }
        Value::Object(members) => {
            into.push(b'{');
            write_separated(members, into, |(key, value), into| {
                write_json_text(key, into);
                into.push(b':');
                write_value(value, into);
            });
            into.push(b'}');
        }
        other => serde_json::to_writer(into, other).expect("JSON values always serialise"),
    }
}

fn write_separated<T>(items: impl IntoIterator<Item = T>, into: &mut Vec<u8>, write: impl Fn(T, &mut Vec<u8>)) {
    for (index, item) in items.into_iter().enumerate() {
        if index > 0 {
            into.push(b',');
        }
        write(item, into);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::read_json;

    fn written(json: &str) -> String {
        let mut written = Vec::new();
        write_value(&read_json(json.as_bytes()).unwrap(), &mut written);
        String::from_utf8(written).unwrap()
    }

    #[test]
    fn a_number_keeps_all_its_digits() {
        for number in [
            "12345678901234567890123",
            "-12345678901234567890123",
            "18446744073709551616",
            "-9223372036854775809",
            "100000000000000000000000",
            "0.1234567890123456789",
            "12345678901234567.89",
            "1.2345678901234567890e-3",
            "18446744073709551615",
            "0.30000000000000004",
        ] {
            assert_eq!(written(number), number);
            let nested = format!(r#"{{"a":[{number},{{"b":{number}}}],"c":"\"\n"}}"#);
            assert_eq!(written(&nested), nested);
        }
    }

    #[test]
    fn a_number_that_is_held_as_it_is_stays_a_number() {
        for (number, shown) in [("1.50", "1.5"), ("0.10000000000000000", "0.1"), ("1e2", "100.0"), ("-0", "-0.0")] {
            assert!(json_number(number).unwrap().is_number(), "{number}");
            assert_eq!(written(number), shown);
        }
        for none in ["", "x", "1 2", "0123456789012345678901", "1e400", "NaN"] {
            assert_eq!(json_number(none), None, "{none}");
        }
    }

    #[test]
    fn a_kept_number_is_no_text_and_still_a_double() {
        let kept = json_number("12345678901234567890123").unwrap();
        assert_eq!((as_text(&kept), as_double(&kept)), (None, Some(1.2345678901234568e22)));
        for text in ["\u{fdd0}", "\u{fdd0}1,\"a\":2", "\u{fdd0} 1", "12345678901234567890123"] {
            assert_eq!(as_text(&Value::from(text)), Some(text));
        }
    }
}

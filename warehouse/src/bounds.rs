//! Bounds of text columns, cut to a size that manifests can carry: a page's address may be a megabyte long.
//!
//! A prefix is a lower bound of every text that it begins. As an upper bound its last character is raised by one, as
//! Iceberg's `truncate` metrics mode does.

use std::collections::HashMap;

use iceberg::spec::{Datum, PrimitiveLiteral};

/// Characters kept of a bound. Most addresses are shorter, and those of one site begin alike.
const MAX_CHARS: usize = 128;

/// The lower bounds by field id, cut.
pub(crate) fn lower(bounds: &HashMap<i32, Datum>) -> HashMap<i32, Datum> {
    let cut = |bound: &Datum| long_prefix(bound).map_or_else(|| bound.clone(), Datum::string);
    bounds.iter().map(|(field, bound)| (*field, cut(bound))).collect()
}

/// The upper bounds by field id, cut; one that cannot be raised is left out.
pub(crate) fn upper(bounds: &HashMap<i32, Datum>) -> HashMap<i32, Datum> {
    let cut = |bound: &Datum| match long_prefix(bound) {
        None => Some(bound.clone()),
        Some(prefix) => raised(prefix).map(Datum::string),
    };
    bounds.iter().filter_map(|(field, bound)| Some((*field, cut(bound)?))).collect()
}

/// The first characters of a text that has more of them.
fn long_prefix(bound: &Datum) -> Option<&str> {
    let PrimitiveLiteral::String(text) = bound.literal() else { return None };
    text.char_indices().nth(MAX_CHARS).map(|(end, _)| &text[..end])
}

/// The least text, as far as one character can tell, above every text that begins with `prefix`.
fn raised(prefix: &str) -> Option<String> {
    let (at, next) = prefix.char_indices().rev().find_map(|(at, last)| Some((at, successor(last)?)))?;
    Some(format!("{}{next}", &prefix[..at]))
}

fn successor(c: char) -> Option<char> {
    (c..=char::MAX).nth(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn both(text: &str) -> (Datum, Option<Datum>) {
        let bounds = HashMap::from([(1, Datum::string(text))]);
        (lower(&bounds)[&1].clone(), upper(&bounds).remove(&1))
    }

    #[test]
    fn bounds_that_fit_stay_as_they_are() {
        for text in ["", "/a", &"é".repeat(MAX_CHARS)] {
            assert_eq!(both(text), (Datum::string(text), Some(Datum::string(text))));
        }
        let number = HashMap::from([(1, Datum::long(7))]);
        assert_eq!((lower(&number), upper(&number)), (number.clone(), number));
    }

    #[test]
    fn a_long_text_lies_between_its_cut_bounds() {
        for filling in ["a", "é", "\u{d7ff}", "🦀", "z\u{10ffff}"] {
            let text = filling.repeat(1_000_000);
            let (low, high) = both(&text);
            let (text, high) = (Datum::string(text), high.unwrap());
            assert!(low < text && text < high, "{filling}");
            assert!(high.to_string().chars().count() <= MAX_CHARS + 2, "{filling}");
        }
    }

    #[test]
    fn a_text_above_which_there_is_none_has_no_upper_bound() {
        assert_eq!(both(&"\u{10ffff}".repeat(200)).1, None);
    }
}

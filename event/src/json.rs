//! JSON as senders write it, read so that nothing is refused or rounded that serde_json has no place for.
//!
//! RFC 8259 allows two things that serde_json does not hold. The escape of half a surrogate pair, which JavaScript writes
//! for a text that is cut inside a character, is read as U+FFFD. A number of more digits than a double or a 64-bit integer
//! holds is kept with its digits (see [`crate::number`]).

use std::borrow::Cow;

use memchr::memchr2;
use serde::de::DeserializeOwned;

use crate::number;

const REPLACEMENT: &[u8] = b"\\ufffd";

/// Bytes of a numbered escape, such as `\ud83d`.
const ESCAPE_BYTES: usize = 6;

/// Reads a JSON text as serde_json does, with U+FFFD for lone surrogates and with all digits of numbers.
///
/// # Errors
/// When it is not the JSON of a `T`.
pub fn read_json<T: DeserializeOwned>(json: &[u8]) -> serde_json::Result<T> {
    serde_json::from_slice(&holdable(json))
}

/// The same JSON text with what serde_json can hold; borrowed when that is all there is. Malformed JSON stays malformed.
pub fn holdable(json: &[u8]) -> Cow<'_, [u8]> {
    let mut rewriting = Rewriting { json, copied: 0, rewritten: Vec::new() };
    let mut at = 0;
    while let Some(byte) = json.get(at) {
        at = match byte {
            b'"' => rewriting.text(at + 1),
            b'-' | b'0'..=b'9' => rewriting.number(at),
            _ => at + 1,
        };
    }
    rewriting.finish()
}

/// A JSON text of which parts are replaced.
struct Rewriting<'a> {
    json: &'a [u8],
    /// Up to here the text was copied or replaced.
    copied: usize,
    rewritten: Vec<u8>,
}

impl<'a> Rewriting<'a> {
    /// Looks at the inside of a text from here on; returns where it ends.
    fn text(&mut self, mut at: usize) -> usize {
        while let Some(mark) = memchr2(b'"', b'\\', &self.json[at..]) {
            at += mark;
            if self.json[at] == b'"' {
                return at + 1;
            }
            at = self.escape(at).min(self.json.len());
        }
        self.json.len()
    }

    /// Looks at the escape that begins here; returns where it ends.
    fn escape(&mut self, at: usize) -> usize {
        match surrogate(self.json, at) {
            None => at + 2,
            Some(Surrogate::High) if surrogate(self.json, at + ESCAPE_BYTES) == Some(Surrogate::Low) => {
                at + 2 * ESCAPE_BYTES
            }
            Some(_) => {
                self.replace(at, at + ESCAPE_BYTES, REPLACEMENT);
                at + ESCAPE_BYTES
            }
        }
    }

    fn number(&mut self, start: usize) -> usize {
        let length = number::length(&self.json[start..]);
        let token = &self.json[start..start + length];
        if let Some(marked) = std::str::from_utf8(token).ok().and_then(number::marked) {
            self.replace(start, start + length, ["\"", &marked, "\""].concat().as_bytes());
        }
        start + length
    }

    fn replace(&mut self, start: usize, end: usize, with: &[u8]) {
        self.rewritten.extend_from_slice(&self.json[self.copied..start]);
        self.rewritten.extend_from_slice(with);
        self.copied = end;
    }

    fn finish(mut self) -> Cow<'a, [u8]> {
        if self.copied == 0 {
            return Cow::Borrowed(self.json);
        }
        self.rewritten.extend_from_slice(&self.json[self.copied..]);
        Cow::Owned(self.rewritten)
    }
}

#[derive(PartialEq)]
enum Surrogate {
    High,
    Low,
}

/// Which half of a surrogate pair the escape is that begins here, if it is any.
fn surrogate(json: &[u8], at: usize) -> Option<Surrogate> {
    let [b'\\', b'u', b'd' | b'D', second, third, fourth] = json.get(at..at + ESCAPE_BYTES)? else { return None };
    match (second, third.is_ascii_hexdigit() && fourth.is_ascii_hexdigit()) {
        (b'8' | b'9' | b'a' | b'b' | b'A' | b'B', true) => Some(Surrogate::High),
        (b'c'..=b'f' | b'C'..=b'F', true) => Some(Surrogate::Low),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn half_a_surrogate_pair_is_replaced_wherever_it_stands() {
        for (json, text) in [
            (r#""Sale \ud83d""#, "Sale \u{fffd}"),
            (r#""\ude00 \uD83D\ud83d\ude00\uDE00""#, "\u{fffd} \u{fffd}\u{1f600}\u{fffd}"),
            (r#""\\ud83d \"\ud83dx\\""#, "\\ud83d \"\u{fffd}x\\"),
            (r#""\ud83d\n\ud83d\u0041""#, "\u{fffd}\n\u{fffd}A"),
            (r#""\ud83d\ude00""#, "\u{1f600}"),
        ] {
            assert_eq!(read_json::<String>(json.as_bytes()).unwrap(), text, "{json}");
        }
        let nested: Value = read_json(br#"{"\ud83d":[{"a":"\ud83d"}]}"#).unwrap();
        assert_eq!(nested["\u{fffd}"][0]["a"], "\u{fffd}");
    }

    #[test]
    fn what_serde_json_holds_is_left_as_it_is_and_malformed_json_stays_so() {
        for json in [r#"{"a":"b\n","c":[1,-2.5e3,18446744073709551615,0.1]}"#, "", "\"", "-", r#""\u00e9 \\""#] {
            assert!(matches!(holdable(json.as_bytes()), Cow::Borrowed(_)), "{json}");
        }
        for json in [
            r#""\ud83"#,
            r#""\ud83d"#,
            r#""\ud83d\"#,
            r#""\ud83g""#,
            "[123456789012345678901",
            "012345678901234567890",
            "12345678901234567890x",
            "1234567890123456789.",
            "--123456789012345678901",
        ] {
            assert!(read_json::<Value>(json.as_bytes()).is_err(), "{json}");
        }
    }
}

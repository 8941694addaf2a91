//! Reads the members of one JSON object in a single pass. Nearly all that records hold is text, and for that this is several
//! times as quick as serde.
//!
//! What it does not know – a JSON over several lines, keys with escapes, faults of any kind – it leaves to [`Members`], which
//! serde reads after [`crate::json`]. Both find the same members.

use std::borrow::Cow;
use std::fmt;

use memchr::memchr2;
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::{Deserializer as JsonDeserializer, Value};

use crate::json::holdable;
use crate::number;

const WORD_BYTES: usize = size_of::<u64>();
/// Words looked at before the search with vectors.
const NEAR_WORDS: usize = 2;

/// What comes next in an object.
pub(crate) enum Next<'a> {
    /// A key and its value.
    Member(&'a str, Given),
    /// Nothing, and nothing after the object.
    End,
}

/// What a member holds.
pub(crate) enum Given {
    /// The text that was written to the end of the buffer, with U+FFFD for U+0000 and for half a surrogate pair.
    Text,
    /// No text; a number of many digits is marked (see [`crate::number`]).
    Other(Value),
}

/// An object that is being read. What gives `None` is left to serde.
pub(crate) struct Object<'a> {
    json: &'a str,
    at: usize,
    begun: bool,
    replaced: bool,
}

impl<'a> Object<'a> {
    /// An object without control characters: in texts they would be faults, between texts they are rare.
    pub fn open(json: &'a str) -> Option<Self> {
        let json = if json.ends_with('}') { json } else { json.trim_end_matches([' ', '\n', '\r', '\t']) };
        let is_plain = json.bytes().fold(u8::MAX, u8::min) >= b' ';
        let mut object = Self { json, at: 0, begun: false, replaced: false };
        (is_plain && object.takes(b'{')).then_some(object)
    }

    /// The next member. Its text, without escapes, goes to the end of `buffer`.
    pub fn next(&mut self, buffer: &mut String) -> Option<Next<'a>> {
        if self.takes(b'}') {
            return (self.at == self.json.len()).then_some(Next::End);
        }
        if self.begun {
            self.expect(b',')?;
        }
        self.begun = true;
        let key = self.key()?;
        self.expect(b':')?;
        let given = if self.takes(b'"') { self.text(buffer)? } else { Given::Other(self.other()?) };
        Some(Next::Member(key, given))
    }

    /// Whether a text so far had U+0000, or half a surrogate pair.
    pub fn has_replaced(&self) -> bool {
        self.replaced
    }

    /// Goes past any blanks, and past this byte if it comes then.
    fn takes(&mut self, byte: u8) -> bool {
        let rest = &self.json.as_bytes()[self.at..];
        let blanks = rest.iter().take_while(|byte| **byte == b' ').count();
        let found = rest.get(blanks) == Some(&byte);
        self.at += blanks + usize::from(found);
        found
    }

    fn expect(&mut self, byte: u8) -> Option<()> {
        self.takes(byte).then_some(())
    }

    fn key(&mut self) -> Option<&'a str> {
        self.expect(b'"')?;
        let (start, end) = (self.at, self.mark(self.at)?);
        self.at = end + 1;
        (self.json.as_bytes()[end] == b'"').then(|| &self.json[start..end])
    }

    fn text(&mut self, buffer: &mut String) -> Option<Given> {
        let bytes = self.json.as_bytes();
        let mut unseen = self.at;
        loop {
            let end = self.mark(unseen)?;
            buffer.push_str(&self.json[self.at..end]);
            self.at = end + 1;
            if bytes[end] == b'"' {
                return Some(Given::Text);
            }
            // What an escape only keeps from being a mark is copied with the text that follows.
            if matches!(bytes.get(self.at)?, b'"' | b'\\' | b'/') {
                unseen = self.at + 1;
                continue;
            }
            let character = self.escaped()?;
            self.replaced |= character.is_none();
            buffer.push(character.unwrap_or(char::REPLACEMENT_CHARACTER));
            unseen = self.at;
        }
    }

    /// Where a text ends or has an escape, from a place in it on.
    fn mark(&self, from: usize) -> Option<usize> {
        let bytes = &self.json.as_bytes()[from..];
        // Most are near, and found before a search with vectors has begun.
        for (index, word) in bytes.chunks_exact(WORD_BYTES).take(NEAR_WORDS).enumerate() {
            let word = u64::from_le_bytes(word.try_into().ok()?);
            let found = first_zeros(word ^ repeated(b'"')) | first_zeros(word ^ repeated(b'\\'));
            if found != 0 {
                return Some(from + index * WORD_BYTES + found.trailing_zeros() as usize / 8);
            }
        }
        memchr2(b'"', b'\\', bytes).map(|at| from + at)
    }

    /// The character of an escape; `Some(None)` for one that no event holds.
    fn escaped(&mut self) -> Option<Option<char>> {
        let byte = *self.json.as_bytes().get(self.at)?;
        self.at += 1;
        Some(Some(match byte {
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => return self.numbered(),
            _ => return None,
        }))
    }

    /// The character of one UTF-16 unit or two.
    fn numbered(&mut self) -> Option<Option<char>> {
        let first = self.unit()?;
        if !(0xd800..0xdc00).contains(&first) {
            return Some(char::from_u32(first.into()).filter(|character| *character != '\0'));
        }
        let after_first = self.at;
        if self.json[after_first..].starts_with("\\u") {
            self.at += "\\u".len();
            let pair = [first, self.unit()?];
            if let Some(Ok(character)) = char::decode_utf16(pair).next() {
                return Some(Some(character));
            }
        }
        self.at = after_first;
        Some(None)
    }

    fn unit(&mut self) -> Option<u16> {
        let digits = self.json.get(self.at..self.at + 4)?;
        self.at += 4;
        let is_number = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
        is_number.then(|| u16::from_str_radix(digits, 16).ok())?
    }

    fn other(&mut self) -> Option<Value> {
        let rest = &self.json[self.at..];
        if rest.starts_with("null") {
            self.at += "null".len();
            return Some(Value::Null);
        }
        if rest.starts_with(|first: char| first == '-' || first.is_ascii_digit()) {
            let (token, _) = rest.split_at(number::length(rest.as_bytes()));
            self.at += token.len();
            return number::json_number(token);
        }
        let mut values = JsonDeserializer::from_str(rest).into_iter::<Value>();
        let value = values.next()?.ok()?;
        let end = values.byte_offset();
        self.at += end;
        matches!(holdable(&rest.as_bytes()[..end]), Cow::Borrowed(_)).then_some(value)
    }
}

const fn repeated(byte: u8) -> u64 {
    u64::from_le_bytes([byte; WORD_BYTES])
}

/// Marks the lowest byte of a word that is zero; what is marked above it means nothing.
/// <https://graphics.stanford.edu/~seander/bithacks.html#ZeroInWord>
const fn first_zeros(word: u64) -> u64 {
    word.wrapping_sub(repeated(0x01)) & !word & repeated(0x80)
}

/// The members of an object in their order, a key that comes twice among them, as serde reads them.
pub(crate) struct Members(pub Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MembersVisitor)
    }
}

struct MembersVisitor;

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = Members;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(Members(members))
    }
}

//! Keys and values of a JSON object as they are read: text, which most values are, apart from all else.

use std::borrow::Cow;
use std::fmt;

use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

/// A value. U+0000 in a text has been replaced by U+FFFD; in texts within another value it has not.
pub(crate) enum Given {
    Text(String),
    /// No text.
    Other(Value),
}

impl From<Value> for Given {
    fn from(value: Value) -> Self {
        match value {
            Value::String(text) if text.contains('\0') => Self::Text(text.replace('\0', "\u{fffd}")),
            Value::String(text) => Self::Text(text),
            other => Self::Other(other),
        }
    }
}

impl From<Given> for Value {
    fn from(given: Given) -> Self {
        match given {
            Given::Text(text) => Self::String(text),
            Given::Other(value) => value,
        }
    }
}

impl<'de> Deserialize<'de> for Given {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(GivenVisitor)
    }
}

struct GivenVisitor;

impl<'de> Visitor<'de> for GivenVisitor {
    type Value = Given;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    /// Text without escapes, which cannot hold U+0000: JSON has control characters only as escapes.
    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Given, E> {
        Ok(Given::Text(text.to_owned()))
    }

    fn visit_str<E>(self, text: &str) -> Result<Given, E> {
        Ok(Value::from(text).into())
    }

    fn visit_unit<E>(self) -> Result<Given, E> {
        Ok(Given::Other(Value::Null))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Given, E> {
        Ok(Given::Other(value.into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Given, E> {
        Ok(Given::Other(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Given, E> {
        Ok(Given::Other(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Given, E> {
        Ok(Given::Other(value.into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Given, A::Error> {
        Value::deserialize(SeqAccessDeserializer::new(seq)).map(Given::Other)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Given, A::Error> {
        Value::deserialize(MapAccessDeserializer::new(map)).map(Given::Other)
    }
}

/// A key, borrowed from the JSON unless it holds escapes: most are known and needed only to be compared.
pub(crate) struct Key<'a>(pub Cow<'a, str>);

impl<'de> Deserialize<'de> for Key<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(KeyVisitor)
    }
}

struct KeyVisitor;

impl<'de> Visitor<'de> for KeyVisitor {
    type Value = Key<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_borrowed_str<E>(self, key: &'de str) -> Result<Key<'de>, E> {
        Ok(Key(Cow::Borrowed(key)))
    }

    fn visit_str<E>(self, key: &str) -> Result<Key<'de>, E> {
        Ok(Key(Cow::Owned(key.to_owned())))
    }
}

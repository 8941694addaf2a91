//! A sender's object, emptied field by field, whose faults name the fields as the sender does.

use event::{FieldError, Timestamp, read_json};
use metrics::counter;
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use url::form_urlencoded;

use crate::body::json_tree_bytes;
use crate::metrics::UNREADABLE_TIMES_TOTAL;
use crate::verdict::Fault;

/// The most parameters of a query or form: what PHP takes (`max_input_vars`), for which Matomo's are made.
const MAX_PARAMETERS: usize = 1_000;

/// The most memory for the values of one JSON text that stands inside of another.
const MAX_NESTED_BYTES: usize = 4 << 20;

/// The most that one event's nested JSON texts take, of which it has at most two.
pub const NESTED_BYTES: usize = 2 * MAX_NESTED_BYTES;

const MAX_RAW_TEXT_BYTES: usize = 1_000;

/// An object as a sender wrote it, and its own name for it.
#[derive(Debug, Default)]
pub struct Source {
    fields: Map<String, Value>,
    path: String,
}

impl Source {
    /// Reads a JSON object.
    ///
    /// # Errors
    /// When it is none, or nested deeper than 127.
    pub fn json(json: &[u8]) -> Result<Self, Fault> {
        match read_json(json) {
            Ok(fields) => Ok(Self::of(fields)),
            Err(error) => Err(fault(None, format!("not a JSON object: {error}"))),
        }
    }

    /// Reads a query or a form; of a parameter given twice the last one counts.
    ///
    /// # Errors
    /// Too many parameters.
    pub fn query(query: &[u8]) -> Result<Self, Fault> {
        let mut fields = Map::new();
        for (count, (name, value)) in form_urlencoded::parse(query).enumerate() {
            if count == MAX_PARAMETERS {
                return Err(fault(None, format!("it holds more than {MAX_PARAMETERS} parameters")));
            }
            fields.insert(name.into_owned(), value.into_owned().into());
        }
        Ok(Self::of(fields))
    }

    /// These fields.
    pub fn of(fields: Map<String, Value>) -> Self {
        Self { fields, path: String::new() }
    }

    /// Takes a field; null is as good as absent.
    pub fn take(&mut self, name: &str) -> Option<Value> {
        self.fields.remove(name).filter(|value| !value.is_null())
    }

    /// Whether a field is there.
    pub fn has(&self, name: &str) -> bool {
        self.fields.contains_key(name)
    }

    /// Whether a field says something: it is there, and neither empty nor zero.
    pub fn tells(&self, name: &str) -> bool {
        self.fields
            .get(name)
            .is_some_and(|value| !matches!(value, Value::Null) && value != "" && value != "0" && value != 0)
    }

    /// Takes a field as text; numbers and booleans count, empty text is as good as absent.
    ///
    /// # Errors
    /// An object or an array.
    pub fn text(&mut self, name: &str) -> Result<Option<String>, Fault> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::String(text)) if text.is_empty() => Ok(None),
            Some(Value::String(text)) => Ok(Some(event::digits(&text).map(str::to_owned).unwrap_or(text))),
            Some(Value::Object(_) | Value::Array(_)) => Err(self.fault(name, "must be text")),
            Some(scalar) => Ok(Some(scalar.to_string())),
        }
    }

    /// Takes the first of these fields that has a text.
    ///
    /// # Errors
    /// As `text`.
    pub fn first(&mut self, names: &[&str]) -> Result<Option<String>, Fault> {
        let mut found = None;
        for name in names {
            found = found.or(self.text(name)?);
        }
        Ok(found)
    }

    /// Takes a field that must be there.
    ///
    /// # Errors
    /// As `text`, or when it is absent.
    pub fn needed(&mut self, name: &str) -> Result<String, Fault> {
        self.text(name)?.ok_or_else(|| self.fault(name, "is missing"))
    }

    /// Takes a field as a time. What cannot be read as one is left, and costs the event its time only: trackers do not send
    /// again what is refused.
    pub fn time(&mut self, name: &'static str) -> Option<Timestamp> {
        let value = self.take(name).filter(|value| *value != "")?;
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let time = Timestamp::parse(&text).ok();
        if time.is_none() {
            count_unreadable_time(name);
            self.fields.insert(name.to_owned(), value);
        }
        time
    }

    /// Takes a field that is an object; an empty one when it is absent.
    ///
    /// # Errors
    /// Anything else.
    pub fn inside(&mut self, name: &str) -> Result<Self, Fault> {
        match self.take(name) {
            None => Ok(Self { fields: Map::new(), path: self.path_to(name) }),
            Some(Value::Object(fields)) => Ok(Self { fields, path: self.path_to(name) }),
            Some(_) => Err(self.fault(name, "must be an object")),
        }
    }

    /// Takes a field that is an object, or the JSON text of one.
    ///
    /// # Errors
    /// Anything else, or too much JSON.
    pub fn object(&mut self, name: &str) -> Result<Option<Map<String, Value>>, Fault> {
        let value = match self.take(name) {
            Some(Value::String(text)) if text.is_empty() => None,
            Some(Value::String(text)) => Some(nested(text.as_bytes()).map_err(|reason| self.fault(name, reason))?),
            other => other,
        };
        match value {
            None => Ok(None),
            Some(Value::Object(object)) => Ok(Some(object)),
            Some(_) => Err(self.fault(name, "must be an object")),
        }
    }

    /// Whether a switch is on.
    pub fn asks(&self, name: &str) -> bool {
        self.fields.get(name).is_some_and(|value| *value == true || *value == 1 || value == "1" || value == "true")
    }

    /// Whether a field is there to say that there is nothing to tell.
    pub fn withholds(&self, name: &str) -> bool {
        self.fields.get(name).is_some_and(|value| *value == false || !self.tells(name))
    }

    /// Removes fields that say nothing of the event.
    pub fn forget(&mut self, names: &[&str]) {
        for name in names {
            self.fields.remove(*name);
        }
    }

    /// Takes the fields of `defaults` that it has not itself.
    pub fn fill_from(&mut self, defaults: &Map<String, Value>) {
        for (name, value) in defaults {
            if !self.fields.contains_key(name) {
                self.fields.insert(name.clone(), value.clone());
            }
        }
    }

    /// Puts back what is left of an object that was taken, unless that is nothing.
    pub fn put_back(&mut self, name: &str, rest: Self) {
        if !rest.fields.is_empty() {
            self.fields.insert(name.to_owned(), rest.fields.into());
        }
    }

    /// What is left.
    pub fn rest(self) -> Map<String, Value> {
        self.fields
    }

    /// What is wrong with a field.
    pub fn fault(&self, name: &str, reason: impl ToString) -> Fault {
        fault(Some([self.path.as_str(), name].concat()), reason.to_string())
    }

    fn path_to(&self, name: &str) -> String {
        [self.path.as_str(), name, "."].concat()
    }
}

/// Reads a JSON text that stands inside of another.
///
/// # Errors
/// What it must be, when it is not JSON or too much of it.
pub fn nested(json: &[u8]) -> Result<Value, String> {
    if json_tree_bytes(json) > MAX_NESTED_BYTES {
        return Err("holds too much JSON".to_owned());
    }
    read_json(json).map_err(|error| format!("must be JSON: {error}"))
}

/// The text of a JSON value that was not looked into yet, if it is one and short, as keys and times are.
pub fn raw_text(raw: Option<&RawValue>) -> Option<String> {
    let raw = raw.filter(|raw| raw.get().len() <= MAX_RAW_TEXT_BYTES)?;
    read_json(raw.get().as_bytes()).ok()
}

/// An event gets the time of its receipt, as its sender's cannot be read.
pub fn count_unreadable_time(field: &'static str) {
    counter!(UNREADABLE_TIMES_TOTAL, "field" => field).increment(1);
}

fn fault(field: Option<String>, reason: String) -> Fault {
    FieldError { field, reason }.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(json: &str) -> Source {
        Source::json(json.as_bytes()).unwrap()
    }

    #[test]
    fn faults_name_the_path_to_their_field() {
        let mut outer = source(r#"{"context":{"page":{"url":[]},"ip":7,"app":"x"}}"#);
        let mut context = outer.inside("context").unwrap();
        let mut page = context.inside("page").unwrap();
        for (fault, field, reason) in [
            (page.text("url").unwrap_err(), "context.page.url", "must be text"),
            (page.needed("title").unwrap_err(), "context.page.title", "is missing"),
            (context.inside("app").unwrap_err(), "context.app", "must be an object"),
        ] {
            assert_eq!((fault.field.as_deref(), fault.reason.as_str()), (Some(field), reason));
        }
        assert_eq!(context.text("ip").unwrap().as_deref(), Some("7"));
    }

    #[test]
    fn what_is_empty_or_null_is_as_good_as_absent() {
        let mut empty = source(r#"{"a":"","b":null,"c":false}"#);
        assert_eq!(empty.first(&["a", "b", "d", "c"]).unwrap().as_deref(), Some("false"));
        assert!(empty.rest().is_empty());
    }

    #[test]
    fn a_query_is_read_whatever_its_bytes_and_bounded() {
        let mut query = Source::query(b"?a=1&a=%32&b=%ff+%&=x&c").unwrap();
        assert_eq!(query.text("a").unwrap().as_deref(), Some("2"));
        assert_eq!(query.text("b").unwrap().as_deref(), Some("\u{fffd} %"));
        assert_eq!(query.text("c").unwrap(), None);
        assert!(Source::query("a&".repeat(1_000).as_bytes()).is_ok());
        assert!(Source::query("a&".repeat(1_001).as_bytes()).unwrap_err().reason.contains("1000 parameters"));
    }

    #[test]
    fn json_inside_of_json_is_bounded_in_depth_and_size() {
        assert!(nested("[".repeat(200).as_bytes()).unwrap_err().contains("recursion limit"));
        assert!(nested("{}".repeat(10_000).as_bytes()).unwrap_err().contains("too much"));
        for (json, members) in [(r#"{"p":"{\"a\":1}"}"#, Some(1)), (r#"{"p":{}}"#, Some(0)), (r#"{"p":""}"#, None)] {
            assert_eq!(source(json).object("p").unwrap().map(|object| object.len()), members, "{json}");
        }
        for json in [r#"{"p":"{"}"#, r#"{"p":"7"}"#, r#"{"p":[]}"#] {
            assert_eq!(source(json).object("p").unwrap_err().field.as_deref(), Some("p"), "{json}");
        }
    }
}

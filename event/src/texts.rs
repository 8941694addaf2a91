//! The texts of an event, all in one allocation: events are made by the million, and by one thread for others to drop.

use std::fmt;

use serde_json::Value;

use crate::number::write_value;

/// A text of an event.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Text {
    /// Page address: absolute, or a path when only the host is known.
    Url,
    /// Address of the page before.
    Referrer,
    /// User-Agent header, or JSON text about it.
    UserAgent,
    /// Host of the page.
    Host,
    /// The visitor's address as text. Not always an address when another producer wrote it.
    Ip,
    /// Request headers as JSON text.
    Headers,
}

impl Text {
    pub(crate) const ALL: [Self; 6] = [Self::Url, Self::Referrer, Self::UserAgent, Self::Host, Self::Ip, Self::Headers];

    /// The key in a record.
    pub(crate) fn key(self) -> &'static str {
        match self {
            Self::Url => "url",
            Self::Referrer => "referrer",
            Self::UserAgent => "user_agent",
            Self::Host => "host",
            Self::Ip => "ip",
            Self::Headers => "headers",
        }
    }
}

/// Where a text stands among others; nowhere by default, which is what an end before the start means.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Span {
    start: u32,
    end: u32,
}

impl Span {
    pub fn is_none(self) -> bool {
        self.end < self.start
    }
}

impl Default for Span {
    fn default() -> Self {
        Self { start: 1, end: 0 }
    }
}

/// Texts, and which of them are those of the event.
#[derive(Clone, Default)]
pub(crate) struct Texts {
    all: String,
    spans: [Span; Text::ALL.len()],
}

impl Texts {
    /// With room for so many bytes.
    pub fn with_capacity(bytes: usize) -> Self {
        Self { all: String::with_capacity(bytes), ..Self::default() }
    }

    pub fn get(&self, text: Text) -> Option<&str> {
        self.read(self.spans[text as usize])
    }

    /// Where the event's texts stand, in the order of [`Text::ALL`].
    pub fn spans(&self) -> [Span; Text::ALL.len()] {
        self.spans
    }

    pub fn slot(&mut self, text: Text) -> &mut Span {
        &mut self.spans[text as usize]
    }

    pub fn read(&self, span: Span) -> Option<&str> {
        (!span.is_none()).then(|| &self.all[span.start as usize..span.end as usize])
    }

    /// Replaces a text. What stood there before is kept in the allocation, where nothing reads it.
    pub fn set(&mut self, text: Text, value: Option<&str>) {
        let span = value.map(|value| {
            self.all.reserve_exact(value.len());
            self.push(value)
        });
        self.spans[text as usize] = span.unwrap_or_default();
    }

    /// Puts a text after the others.
    pub fn push(&mut self, text: &str) -> Span {
        let start = self.all.len();
        self.all.push_str(text);
        self.since(start)
    }

    /// Puts a value's JSON after the others.
    pub fn push_json(&mut self, value: &Value) -> Span {
        let mut json = Vec::new();
        write_value(value, &mut json);
        self.push(&String::from_utf8(json).expect("JSON of texts is text"))
    }

    /// Where texts are written to.
    pub fn buffer(&mut self) -> &mut String {
        &mut self.all
    }

    /// What was written to the buffer when it had this length, or later.
    pub fn since(&self, start: usize) -> Span {
        let place = |at: usize| u32::try_from(at).expect("the texts of an event are shorter than 4 GiB");
        Span { start: place(start), end: place(self.all.len()) }
    }

    fn iter(&self) -> impl Iterator<Item = (&'static str, Option<&str>)> {
        Text::ALL.into_iter().map(|text| (text.key(), self.get(text)))
    }
}

impl PartialEq for Texts {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl fmt::Debug for Texts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

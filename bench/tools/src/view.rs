//! A page view as the limits read it.

use std::borrow::Cow;

use serde::Deserialize;

/// The seven texts, borrowed where JSON allows it.
#[derive(Deserialize)]
pub struct View<'a> {
    /// The address of the page.
    #[serde(borrow)]
    pub url: Option<Cow<'a, str>>,
    /// The page before.
    #[serde(borrow)]
    pub referrer: Option<Cow<'a, str>>,
    /// What the browser says that it is.
    #[serde(borrow)]
    pub user_agent: Option<Cow<'a, str>>,
    /// The site.
    #[serde(borrow)]
    pub host: Option<Cow<'a, str>>,
    /// The visitor's address.
    #[serde(borrow)]
    pub ip: Option<Cow<'a, str>>,
    /// Headers, as JSON text.
    #[serde(borrow)]
    pub headers: Option<Cow<'a, str>>,
    /// When it happened, RFC 3339.
    #[serde(borrow)]
    pub event_time: Option<Cow<'a, str>>,
}

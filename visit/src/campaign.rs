//! The campaign parameters of a page's address: `utm_…` and the click marks of advertisers.
//!
//! Keys are read whatever their case, values percent-decoded, with a blank for `+`. Of a parameter that comes twice the
//! first value counts that is not blank; the query counts before the fragment, in which single-page apps have one too.

use std::borrow::Cow;

use event::Campaign;

use crate::address::query_and_fragment;

/// How much of the query, and of the fragment, is read, in bytes.
const MAX_QUERY_BYTES: usize = 8 * 1024;

/// How long a value may be, in bytes; the rest is cut off.
const MAX_VALUE_BYTES: usize = 512;

/// A parameter by which an advertiser marks clicks.
#[derive(Debug, PartialEq)]
pub(crate) struct Click {
    parameter: &'static str,
    /// Whose it is, as a `utm_source`; `None` when it may be on any site.
    pub source: Option<&'static str>,
    /// What it proves, as a `utm_medium`; `None` when links have it that nobody paid for.
    pub medium: Option<&'static str>,
}

const fn click(parameter: &'static str, source: Option<&'static str>, medium: Option<&'static str>) -> Click {
    Click { parameter, source, medium }
}

const PAID: Option<&str> = Some("cpc");

/// As the advertisers' own manuals name them.
static CLICKS: [Click; 15] = [
    click("gclid", Some("google"), PAID),
    click("gbraid", Some("google"), PAID),
    click("wbraid", Some("google"), PAID),
    click("dclid", None, Some("display")),
    click("msclkid", Some("bing"), PAID),
    click("yclid", Some("yandex"), PAID),
    click("ttclid", Some("tiktok"), PAID),
    click("twclid", Some("twitter"), PAID),
    click("li_fat_id", Some("linkedin"), PAID),
    click("rdt_cid", Some("reddit"), PAID),
    click("sccid", Some("snapchat"), PAID),
    click("epik", Some("pinterest"), None),
    click("fbclid", Some("facebook"), None),
    click("igshid", Some("instagram"), None),
    click("igsh", Some("instagram"), None),
];

/// What an address says of its campaign.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Found {
    pub campaign: Option<Box<Campaign>>,
    pub click: Option<&'static Click>,
}

/// Reads an address; what it does not say is `None`.
pub(crate) fn read(address: &str) -> Found {
    let (query, fragment) = query_and_fragment(address);
    let mut found = Found::default();
    found.add(query);
    found.add(fragment.split_once('?').map_or(fragment, |(_route, query)| query));
    found
}

impl Found {
    fn add(&mut self, query: &str) {
        let query = &query.as_bytes()[..query.len().min(MAX_QUERY_BYTES)];
        for (key, value) in form_urlencoded::parse(query) {
            // Written by those who escape an address twice.
            self.put(key.strip_prefix("amp;").unwrap_or(&key), &value);
        }
    }

    fn put(&mut self, key: &str, value: &str) {
        let Some(parameter) = parameter(key) else { return };
        let Some(value) = usable(value) else { return };
        let campaign = self.campaign.get_or_insert_default();
        let slot = match parameter {
            Parameter::Source => &mut campaign.source,
            Parameter::Medium => &mut campaign.medium,
            Parameter::Name => &mut campaign.name,
            Parameter::Term => &mut campaign.term,
            Parameter::Content => &mut campaign.content,
            Parameter::Click(click) => {
                if campaign.click_id.is_none() {
                    campaign.click_id = Some(format!("{}:{value}", click.parameter));
                    self.click = Some(click);
                }
                return;
            }
        };
        slot.get_or_insert_with(|| value.into_owned());
    }
}

#[derive(Clone, Copy)]
enum Parameter {
    Source,
    Medium,
    Name,
    Term,
    Content,
    Click(&'static Click),
}

fn parameter(key: &str) -> Option<Parameter> {
    let Some((prefix, rest)) = key.split_at_checked("utm_".len()) else { return click_of(key) };
    if !prefix.eq_ignore_ascii_case("utm_") {
        return click_of(key);
    }
    let known = [
        ("source", Parameter::Source),
        ("medium", Parameter::Medium),
        ("campaign", Parameter::Name),
        ("term", Parameter::Term),
        ("content", Parameter::Content),
    ];
    known.into_iter().find(|(name, _)| rest.eq_ignore_ascii_case(name)).map(|(_, parameter)| parameter)
}

fn click_of(key: &str) -> Option<Parameter> {
    CLICKS.iter().find(|click| key.eq_ignore_ascii_case(click.parameter)).map(Parameter::Click)
}

/// The value as it is stored: without blanks around it, no longer than all may be, and without U+0000, which Postgres
/// cannot store. `None` when nothing is left.
fn usable(value: &str) -> Option<Cow<'_, str>> {
    let value = value.trim();
    let value = value[..value.floor_char_boundary(MAX_VALUE_BYTES)].trim_end();
    if value.is_empty() {
        return None;
    }
    Some(if value.contains('\0') { Cow::Owned(value.replace('\0', "\u{fffd}")) } else { Cow::Borrowed(value) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn campaign(address: &str) -> Campaign {
        read(address).campaign.map(|campaign| *campaign).unwrap_or_default()
    }

    #[test]
    fn every_parameter_has_its_place() {
        let address = "https://example.com/?utm_source=a&utm_medium=b&utm_campaign=c&utm_term=d&utm_content=e&gclid=F";
        let text = |value: &str| Some(value.to_owned());
        let expected = Campaign {
            source: text("a"),
            medium: text("b"),
            name: text("c"),
            term: text("d"),
            content: text("e"),
            click_id: text("gclid:F"),
        };
        assert_eq!(campaign(address), expected);
    }

    #[test]
    fn a_source_is_read_however_it_is_written() {
        let long = format!("/?utm_source={}ü", "a".repeat(MAX_VALUE_BYTES - 1));
        let far = format!("/?x={}&utm_source=far", "a".repeat(MAX_QUERY_BYTES));
        for (address, source) in [
            ("/?utm_source=news", Some("news")),
            ("/?UTM_Source=News", Some("News")),
            ("/?utm%5Fsource=news", Some("news")),
            ("/?utm_source=spring+sale%21", Some("spring sale!")),
            ("/?utm_source=caf%C3%A9", Some("café")),
            ("/?utm_source=caf%E9", Some("caf\u{fffd}")),
            ("/?utm_source=a%00b", Some("a\u{fffd}b")),
            ("/?utm_source=100%", Some("100%")),
            ("/?utm_source=%3Dx%26y", Some("=x&y")),
            ("/?utm_source=&utm_source=+&utm_source=second&utm_source=third", Some("second")),
            ("/?a=1&amp;utm_source=news", Some("news")),
            ("/#utm_source=news", Some("news")),
            ("/#/route?utm_source=news", Some("news")),
            ("/?utm_source=query#utm_source=fragment", Some("query")),
            ("/?utm_source=#utm_source=fragment", Some("fragment")),
            ("/?utm_sources=x&autm_source=y&utm=z", None),
            ("/utm_source=x", None),
            ("/?utm_source", None),
            (&long, Some(&"a".repeat(MAX_VALUE_BYTES - 1))),
            (&far, None),
            ("", None),
        ] {
            assert_eq!(campaign(address).source.as_deref(), source, "{address}");
        }
    }

    #[test]
    fn the_first_click_mark_counts() {
        let found = read("/?GCLID=Cj0-K_c&fbclid=x#gclid=y");
        assert_eq!(found.campaign.unwrap().click_id.as_deref(), Some("gclid:Cj0-K_c"));
        assert_eq!(found.click.unwrap().parameter, "gclid");
    }

    #[test]
    fn an_address_without_a_campaign_has_none() {
        for address in ["/", "/?page=2&q=utm_source", "/?utm_source=", "/?utm_id=7", "https://example.com/#top"] {
            assert_eq!(read(address), Found::default(), "{address}");
        }
    }
}

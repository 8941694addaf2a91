//! Reads events, and remembers the user agents that it has read: a log has few different ones.

use std::collections::HashMap;
use std::sync::Arc;

use event::{Event, UserAgent, Visit};
use foldhash::fast::RandomState;

use crate::address::{host, is_same_site, lowercase, without_port};
use crate::channel::Origin;
use crate::{agent, campaign};

/// User agents remembered before all are forgotten.
const CACHED_AGENTS: usize = 8_192;

/// Reads events, for one task.
#[derive(Default)]
pub struct Reader {
    agents: HashMap<Box<str>, Arc<UserAgent>, RandomState>,
    /// What no user agent tells.
    unknown: Arc<UserAgent>,
}

impl Reader {
    /// A reader that remembers nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// What the event tells of its visit.
    pub fn read(&mut self, event: &Event) -> Visit {
        let address = event.url().unwrap_or_default();
        let before = event.referrer().and_then(host);
        let is_internal = before.is_some_and(|before| {
            let is_own = |own: Option<&str>| own.is_some_and(|own| is_same_site(own, before));
            is_own(event.host().map(without_port)) || is_own(host(address))
        });
        let referrer_host = before.filter(|_| !is_internal).map(|host| lowercase(host).into_owned());
        let found = campaign::read(address);
        let origin = Origin {
            campaign: found.campaign.as_deref(),
            click: found.click,
            referrer_host: referrer_host.as_deref(),
            is_internal,
        };
        let channel = origin.channel();
        Visit { agent: self.agent(event.user_agent()), referrer_host, channel, campaign: found.campaign }
    }

    fn agent(&mut self, text: Option<&str>) -> Arc<UserAgent> {
        let Some(text) = text.map(agent::readable).filter(|text| !text.is_empty()) else {
            return self.unknown.clone();
        };
        if let Some(known) = self.agents.get(text) {
            return known.clone();
        }
        if self.agents.len() >= CACHED_AGENTS {
            self.agents.clear();
        }
        let agent = Arc::new(agent::read(text));
        self.agents.insert(text.into(), agent.clone());
        agent
    }
}

#[cfg(test)]
mod tests {
    use event::{Channel, Draft, LogPosition, Timestamp};
    use serde_json::json;

    use super::*;

    fn event(host: Option<&str>, url: &str, referrer: &str, user_agent: &str) -> Event {
        let record = json!({"host": host, "url": url, "referrer": referrer, "user_agent": user_agent}).to_string();
        let position = LogPosition { topic: "raw".into(), partition: 0, offset: 0 };
        Draft::parse(record.as_bytes()).unwrap().recorded(Timestamp::default(), &position).unwrap()
    }

    #[test]
    fn a_page_before_on_the_same_host_is_no_referrer() {
        for (host, url, referrer, referrer_host, channel) in [
            (None, "https://example.com/b", "https://example.com/a", None, Channel::Internal),
            (None, "https://www.example.com/b", "https://Example.com/a", None, Channel::Internal),
            (Some("example.com:8080"), "/b", "http://example.com:8080/a", None, Channel::Internal),
            (Some("example.com"), "https://proxy.example/b", "https://example.com/a", None, Channel::Internal),
            (None, "https://example.com/?utm_medium=email", "https://example.com/a", None, Channel::Email),
            (None, "https://example.com/", "https://SHOP.example.com/a", Some("shop.example.com"), Channel::Referral),
            (Some("example.com"), "/", "https://BÜCHER.example/", Some("bücher.example"), Channel::Referral),
            (Some("example.com"), "/", "", None, Channel::Direct),
            (Some("example.com"), "/", "-", None, Channel::Direct),
            (Some("example.com"), "/", "example.org/a", None, Channel::Direct),
        ] {
            let visit = Reader::new().read(&event(host, url, referrer, ""));
            assert_eq!((visit.referrer_host.as_deref(), visit.channel), (referrer_host, channel), "{url} {referrer}");
        }
    }

    #[test]
    fn what_was_read_before_changes_nothing_and_memory_is_bounded() {
        let mut reader = Reader::new();
        let agents = (0..CACHED_AGENTS + 10).map(|number| format!("curl/{number}"));
        for agent in agents.chain(["curl/1".to_owned(), "curl/2".to_owned()]) {
            let event = event(None, "/", "", &agent);
            assert_eq!(reader.read(&event), Reader::new().read(&event), "{agent}");
            assert!(reader.agents.len() <= CACHED_AGENTS);
        }
    }

    #[test]
    fn nothing_that_a_sender_writes_fails_to_be_read() {
        // What addresses and user agents are made of, put together in any order.
        const PIECES: [&str; 22] = [
            "https://",
            "//",
            "[",
            "]",
            "::1",
            "@",
            ":",
            "#",
            "?",
            "&",
            "=",
            "%",
            "%00",
            "+",
            "utm_source",
            "gclid",
            "ü",
            "\u{202e}",
            "www.",
            ".google.",
            "{\"family\":",
            "Android",
        ];
        let mut reader = Reader::new();
        let mut seed = 1_u64;
        let mut text = || {
            (0..12)
                .map(|_| {
                    seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                    PIECES[(seed >> 33) as usize % PIECES.len()]
                })
                .collect::<String>()
        };
        for _ in 0..5_000 {
            let visit = reader.read(&event(Some(&text()), &text(), &text(), &text()));
            assert!(!format!("{visit:?}").contains("\\0"), "{visit:?}");
        }
    }
}

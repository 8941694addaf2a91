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
    /// A reader that remembers nothing yet. The first one of a process compiles the rules: a tenth of a second.
    pub fn new() -> Self {
        agent::prepare();
        Self::default()
    }

    /// What the event tells of its visit.
    pub fn read(&mut self, event: &Event) -> Visit {
        let address = event.url.as_deref().unwrap_or_default();
        let before = event.referrer.as_deref().and_then(host);
        let own = [event.host.as_deref().map(without_port), host(address)];
        let is_internal = before.is_some_and(|before| own.into_iter().flatten().any(|own| is_same_site(own, before)));
        let referrer_host = before.filter(|_| !is_internal).map(|host| lowercase(host).into_owned());
        let found = campaign::read(address);
        let origin = Origin {
            campaign: found.campaign.as_deref(),
            click: found.click,
            referrer_host: referrer_host.as_deref(),
            is_internal,
        };
        let channel = origin.channel();
        Visit { agent: self.agent(event.user_agent.as_deref()), referrer_host, channel, campaign: found.campaign }
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

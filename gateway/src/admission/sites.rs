//! The sites whose events are taken, and which of them an event belongs to.

use std::collections::{HashMap, HashSet};
use std::fmt;

use event::{Event, Secret};
use serde::de::{Deserializer, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use subtle::ConstantTimeEq;
use url::Url;

use super::origin::OriginPattern;
use super::rate::{Limiter, Rate};

/// The key of an event that names its site.
pub const SITE: &str = "site";

/// A site whose events are taken.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Site {
    /// What the column `site` of its events says.
    pub name: String,
    /// Its other names, as trackers send them: a domain, a website id, an app id.
    pub aliases: Vec<String>,
    /// Where its pages come from: `https://example.com`, `*.example.com`, `http://localhost:*`. Pages of other origins
    /// may not send its events, nor read the answers.
    pub allowed_origins: Vec<OriginPattern>,
    /// Public keys that tell that an event is of this site.
    pub write_keys: Vec<String>,
    /// Secret keys of servers that send this site's events: such a sender may set `ip`, `user_agent` and any
    /// `event_time`.
    #[serde(deserialize_with = "without_repeating_values")]
    pub server_keys: Vec<Secret>,
    /// How many of its events may come.
    pub rate: Rate,
}

/// A list of secrets; a fault of it does not repeat what was given.
fn without_repeating_values<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Secret>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "server_keys must be a list of texts")]
    enum Given {
        Keys(Vec<Secret>),
    }
    Given::deserialize(deserializer).map(|Given::Keys(keys)| keys)
}

/// The list of sites; a fault of it does not repeat what was given, which may hold keys.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Site>, D::Error> {
    struct SitesVisitor;
    impl<'de> Visitor<'de> for SitesVisitor {
        type Value = Vec<Site>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a list of sites")
        }

        fn visit_str<E: serde::de::Error>(self, _: &str) -> Result<Vec<Site>, E> {
            Err(E::custom("must be a list of sites"))
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Vec<Site>, A::Error> {
            let mut sites = Vec::new();
            while let Some(site) = seq.next_element()? {
                sites.push(site);
            }
            Ok(sites)
        }
    }
    deserializer.deserialize_any(SitesVisitor)
}

/// What the sites contradict each other in.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum SitesError {
    /// A site without a name.
    #[error("sites: every site needs a name")]
    Unnamed,
    /// Two sites of one name or alias.
    #[error("sites: {0:?} is the name or alias of two sites")]
    RepeatedName(String),
    /// A key that is empty, or given twice.
    #[error(
        "sites: a key of {0:?} is empty or given twice: each key belongs to one site, and is either public or secret"
    )]
    RepeatedKey(String),
}

/// Which site, by its place in the configuration.
pub type SiteIndex = usize;

/// The configured sites, to be found by whatever tells them.
pub struct Sites {
    sites: Vec<Site>,
    by_name: HashMap<String, SiteIndex>,
    by_write_key: HashMap<String, SiteIndex>,
    limiters: Vec<Option<Limiter>>,
}

impl Sites {
    /// The sites as configured.
    pub fn new(sites: Vec<Site>) -> Self {
        let names = |(index, site): (SiteIndex, &Site)| {
            site.aliases.iter().chain([&site.name]).map(|name| (name.clone(), index)).collect::<Vec<_>>()
        };
        let keys = |(index, site): (SiteIndex, &Site)| {
            site.write_keys.iter().map(|key| (key.clone(), index)).collect::<Vec<_>>()
        };
        Self {
            by_name: sites.iter().enumerate().flat_map(names).collect(),
            by_write_key: sites.iter().enumerate().flat_map(keys).collect(),
            limiters: sites.iter().map(|site| Limiter::new(site.rate)).collect(),
            sites,
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.sites.is_empty()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.sites.len()
    }

    /// What its events' column says.
    pub fn name(&self, site: SiteIndex) -> &str {
        &self.sites[site].name
    }

    /// Its bucket, when its events are limited.
    pub fn limiter(&self, site: SiteIndex) -> Option<&Limiter> {
        self.limiters[site].as_ref()
    }

    /// The site of a public key.
    pub fn of_write_key(&self, key: &str) -> Option<SiteIndex> {
        self.by_write_key.get(key).copied()
    }

    /// The site of a secret key. All are compared, each in the same time whatever they hold.
    pub fn of_server_key(&self, key: &str) -> Option<SiteIndex> {
        let mut found = None;
        for (index, site) in self.sites.iter().enumerate() {
            for secret in &site.server_keys {
                if bool::from(secret.expose().as_bytes().ct_eq(key.as_bytes())) {
                    found = Some(index);
                }
            }
        }
        found
    }

    /// The site that an event names.
    pub fn named(&self, name: &Value) -> Option<SiteIndex> {
        match name {
            Value::String(name) => self.by_name.get(event::digits(name).unwrap_or(name)).copied(),
            Value::Number(number) => self.by_name.get(&number.to_string()).copied(),
            _ => None,
        }
    }

    /// The first site whose pages come from this origin.
    pub fn of_origin(&self, origin: &str) -> Option<SiteIndex> {
        (0..self.sites.len()).find(|site| self.allows(*site, origin))
    }

    /// The first site that has the event's page.
    pub fn of_page(&self, event: &Event) -> Option<SiteIndex> {
        let host = host_of(event)?;
        let covers = |site: &Site| site.allowed_origins.iter().any(|pattern| pattern.covers_host(&host));
        self.sites.iter().position(covers)
    }

    /// Whether pages of this origin may send the site's events.
    pub fn allows(&self, site: SiteIndex, origin: &str) -> bool {
        self.sites[site].allowed_origins.iter().any(|pattern| pattern.allows(origin))
    }
}

/// The host of the event's page, in lower case: that of `url` when it is absolute, else `host` without its port.
pub fn host_of(event: &Event) -> Option<String> {
    let url = event.url().and_then(|url| Url::parse(url).ok());
    let host = url.as_ref().and_then(Url::host_str).or_else(|| event.host().map(without_port));
    host.map(str::to_ascii_lowercase)
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        // An IPv6 address has colons of its own, and stands in brackets before a port.
        Some((name, port)) if !port.ends_with(']') && (!name.contains(':') || name.ends_with(']')) => name,
        _ => host,
    }
}

/// Whether the sites can be told apart.
///
/// # Errors
/// The first contradiction.
pub fn check(sites: &[Site]) -> Result<(), SitesError> {
    let (mut names, mut keys) = (HashSet::new(), HashSet::new());
    for site in sites {
        if site.name.is_empty() {
            return Err(SitesError::Unnamed);
        }
        let mut own = HashSet::new();
        for name in site.aliases.iter().chain([&site.name]) {
            if own.insert(name) && !names.insert(name) {
                return Err(SitesError::RepeatedName(name.clone()));
            }
        }
        let given = site.write_keys.iter().map(String::as_str).chain(site.server_keys.iter().map(Secret::expose));
        for key in given {
            if key.trim() != key || key.is_empty() || !keys.insert(key) {
                return Err(SitesError::RepeatedKey(site.name.clone()));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use event::{Draft, Timestamp};
    use serde_json::json;

    use super::*;

    fn site(value: Value) -> Site {
        serde_json::from_value(value).unwrap()
    }

    fn shop_and_blog() -> Sites {
        Sites::new(vec![
            site(json!({"name": "shop", "aliases": ["11-22", "7"], "allowed_origins": ["https://shop.example"],
                        "write_keys": ["wk-shop"], "server_keys": ["secret-shop", "other-secret"]})),
            site(json!({"name": "blog", "allowed_origins": ["*.example"], "server_keys": ["secret-blog"]})),
        ])
    }

    #[test]
    fn a_site_is_found_by_its_keys_its_names_and_its_pages() {
        let sites = shop_and_blog();
        let event = |json: Value| {
            let draft = Draft::parse(json.to_string().as_bytes()).unwrap();
            draft.accept(Timestamp::now(), [192, 0, 2, 1].into()).unwrap()
        };
        let found = |site: Option<SiteIndex>| site.map(|site| sites.name(site));
        for (site, name) in [
            (sites.of_write_key("wk-shop"), Some("shop")),
            (sites.of_write_key("secret-shop"), None),
            (sites.of_server_key("other-secret"), Some("shop")),
            (sites.of_server_key("secret-blog"), Some("blog")),
            (sites.of_server_key("secret"), None),
            (sites.of_server_key(""), None),
            (sites.named(&json!("shop")), Some("shop")),
            (sites.named(&json!("11-22")), Some("shop")),
            (sites.named(&json!(7)), Some("shop")),
            (sites.named(&json!("Shop")), None),
            (sites.named(&json!(null)), None),
            (sites.of_origin("https://shop.example"), Some("shop")),
            (sites.of_origin("http://shop.example"), Some("blog")),
            (sites.of_origin("null"), None),
            (sites.of_page(&event(json!({"url": "https://SHOP.example/a?b"}))), Some("shop")),
            (sites.of_page(&event(json!({"url": "/a", "host": "Shop.example:8443"}))), Some("shop")),
            (sites.of_page(&event(json!({"host": "a.example"}))), Some("blog")),
            (sites.of_page(&event(json!({"url": "https://elsewhere.test/", "host": "shop.example"}))), None),
            (sites.of_page(&event(json!({"url": "/a"}))), None),
        ] {
            assert_eq!(found(site), name);
        }
    }

    #[test]
    fn sites_that_cannot_be_told_apart_are_refused_and_no_secret_is_repeated() {
        let checked = |values: Value| check(&serde_json::from_value::<Vec<Site>>(values).unwrap());
        assert_eq!(checked(json!([{"name": "a", "aliases": ["a", "x"]}, {"name": "b"}])), Ok(()));
        assert_eq!(checked(json!([{}])), Err(SitesError::Unnamed));
        assert_eq!(
            checked(json!([{"name": "a"}, {"name": "b", "aliases": ["a"]}])),
            Err(SitesError::RepeatedName("a".into()))
        );
        for keys in [
            json!({"write_keys": ["k", "k"]}),
            json!({"write_keys": ["k"], "server_keys": ["k"]}),
            json!({"server_keys": [""]}),
        ] {
            let mut site = keys;
            site["name"] = "a".into();
            let error = checked(json!([site])).unwrap_err();
            assert_eq!(error, SitesError::RepeatedKey("a".into()));
        }
        for wrong in [
            json!("hunter2"),
            json!([{"name": "a", "server_keys": "hunter2"}]),
            json!([{"server_keys": ["hunter2", 7]}]),
        ] {
            let error = deserialize(wrong).unwrap_err().to_string();
            assert!(error.contains("must be a list") && !error.contains("hunter2"), "{error}");
        }
    }
}

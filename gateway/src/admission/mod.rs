//! Who a sender is, which site its events belong to, and what it may do.
//!
//! 1. [`Admission::enter`] lets a request in, when there are not too many already.
//! 2. [`Admission::caller`] finds, from a request's head alone, the sender's address, its site by key, and whether what it
//!    says of others is believed.
//! 3. [`Admission::recognise`] adds the key of the body, [`Admission::charge`] takes the events out of the sender's bucket.
//! 4. [`Admission::admit`] makes each draft an event: what its sender may not say is left out, its site is found.
//! 5. [`Admission::charge_sites`] takes the events out of their sites' buckets.
//!
//! **Invariant:** an address in a header or a body counts only from a sender that is configured to be trusted.
//! **Invariant:** once a site is configured, an event is taken only if it belongs to one.

mod claims;
mod client;
mod crowd;
mod fields;
mod forwarded;
mod keys;
mod load;
mod local;
mod network;
mod origin;
mod rate;
mod refusal;
mod sites;

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::http::HeaderMap;
use axum::http::header::{HeaderName, ORIGIN, REFERER};
use event::{Draft, Event, Text, Timestamp};
use tracing::warn;

pub use claims::TimeWindow;
pub use crowd::{Crowd, Place};
pub use fields::FieldLimits;
pub use load::Turn;
pub use network::{Network, subscriber};
pub use origin::OriginPattern;
pub use rate::Rate;
pub use sites::{Site, SiteIndex, SitesError, check as check_sites, deserialize as deserialize_sites};

use self::client::{Client, Proxies};
use self::load::Load;
use self::rate::AddressLimiter;
use self::refusal::Refusal;
use self::sites::{SITE, Sites};
use crate::config::Config;
use crate::problem::Problem;
use crate::protocols::{Asked, host_of};
use crate::verdict::Fault;

/// Why an event of a local page is not recorded, as its sender is told.
const LOCAL: &str = "the page is local";

/// Decides who senders are and what they may do.
pub struct Admission {
    load: Load,
    proxies: Proxies,
    trusted_senders: Vec<Network>,
    sites: Sites,
    addresses: Option<AddressLimiter>,
    fields: FieldLimits,
    window: TimeWindow,
    ignore_local: bool,
    /// Whether it was logged that an unknown proxy is on the way.
    warned_of_proxy: AtomicBool,
}

/// Who sent a request.
#[derive(Debug, Clone, Copy)]
pub struct Caller {
    /// Its address.
    pub address: IpAddr,
    /// Whether what it says of its visitors' addresses, user agents and times is believed.
    is_trusted: bool,
    /// The site that its key tells.
    site: Option<SiteIndex>,
    /// Whether that key was secret.
    has_server_key: bool,
}

/// A draft that was looked at.
#[derive(Debug)]
pub enum Admitted {
    /// An event to record, of this site.
    Event(Event, Option<SiteIndex>),
    /// An event that is not wanted, and why.
    Ignored(&'static str),
}

impl Admission {
    /// As configured; the configuration was checked.
    pub fn new(config: &Config) -> Self {
        let header = HeaderName::try_from(&config.client_ip_header).expect("the header's name was checked");
        Self {
            load: Load::new(config),
            proxies: Proxies::new(config.trusted_proxies.clone(), header, config.client_ip_has_port),
            trusted_senders: config.trusted_senders.clone(),
            sites: Sites::new(config.sites.clone()),
            addresses: AddressLimiter::new(config.address_rate),
            fields: config.field_limits.clone(),
            window: TimeWindow::new(config.max_event_age_ms, config.max_event_ahead_ms),
            ignore_local: config.ignore_local,
            warned_of_proxy: AtomicBool::new(false),
        }
    }

    /// Whether events of any page are taken.
    pub fn accepts_all(&self) -> bool {
        self.sites.is_empty()
    }

    /// Whether pages of this origin may read answers: they belong to a site.
    pub fn knows_origin(&self, origin: &str) -> bool {
        self.sites.of_origin(origin).is_some()
    }

    /// A turn for one more request, from its head.
    ///
    /// # Errors
    /// When too many are being served, of all or of its address.
    pub fn enter(&self, peer: IpAddr, headers: &HeaderMap) -> Result<Turn, Problem> {
        Ok(self.load.enter(self.proxies.client(peer, headers).address)?)
    }

    /// Who sent a request, from its head.
    ///
    /// # Errors
    /// A key that no site has, a sender that asks to be believed and is not, or one whose bucket is empty already.
    pub fn caller(&self, peer: IpAddr, asked: &Asked<'_>) -> Result<Caller, Problem> {
        let Client { address, is_sender } = self.proxies.client(peer, asked.headers);
        if !is_sender && address == peer.to_canonical() {
            self.warn_of_proxy(address);
        }
        let is_trusted = is_sender && self.trusted_senders.iter().any(|network| network.contains(address));
        let caller = Caller { address, is_trusted, site: None, has_server_key: false };
        let caller = if self.accepts_all() { caller } else { self.identify(caller, keys::of_head(asked).as_deref())? };
        if !caller.is_trusted && claims::wants_trust(asked.headers) {
            return Err(Refusal::NotTrusted.into());
        }
        self.charge(&caller, 0)?;
        Ok(caller)
    }

    /// The same sender with the key of its body, unless its head had one.
    ///
    /// # Errors
    /// A key that no site has.
    pub fn recognise(&self, caller: Caller, key: Option<&str>) -> Result<Caller, Problem> {
        if self.accepts_all() || caller.site.is_some() { Ok(caller) } else { self.identify(caller, key) }
    }

    fn identify(&self, caller: Caller, key: Option<&str>) -> Result<Caller, Problem> {
        let Some(key) = key else { return Ok(caller) };
        if let Some(site) = self.sites.of_server_key(key) {
            return Ok(Caller { site: Some(site), is_trusted: true, has_server_key: true, ..caller });
        }
        if let Some(site) = self.sites.of_write_key(key) {
            return Ok(Caller { site: Some(site), ..caller });
        }
        // A guess costs as much as an event.
        self.charge(&caller, 1)?;
        Err(Refusal::UnknownKey.into())
    }

    /// Takes so many events out of the sender's bucket; for none, asks whether any may come. Trusted senders have none:
    /// they send for many visitors.
    ///
    /// # Errors
    /// Too many for now, or for ever.
    pub fn charge(&self, caller: &Caller, events: usize) -> Result<(), Problem> {
        let Some(limiter) = self.addresses.as_ref().filter(|_| !caller.is_trusted) else { return Ok(()) };
        let taken = limiter.take(caller.address, events);
        taken.map_err(|over| Refusal::AddressRate(limiter.rate(), over).into())
    }

    /// Takes events out of their sites' buckets, as many as `counts` tells for each site: all, or none of any.
    ///
    /// # Errors
    /// Too many of one site for now, or for ever.
    pub fn charge_sites(&self, counts: &[usize]) -> Result<(), Problem> {
        let limited = |site: SiteIndex| self.sites.limiter(site).filter(|_| counts[site] > 0);
        for site in 0..counts.len() {
            let Some(limiter) = limited(site) else { continue };
            if let Err(over) = limiter.take(counts[site]) {
                let before = (0..site).filter_map(|site| Some((limited(site)?, counts[site])));
                before.for_each(|(limiter, events)| limiter.put_back(events));
                return Err(Refusal::SiteRate(limiter.rate(), over).into());
            }
        }
        Ok(())
    }

    /// Room for the count of each site's events.
    pub fn site_counts(&self) -> Vec<usize> {
        vec![0; self.sites.len()]
    }

    /// The event of a draft, with what its sender may say.
    ///
    /// # Errors
    /// What is wrong with it, or that it belongs to no site.
    pub fn admit(
        &self,
        caller: &Caller,
        headers: &HeaderMap,
        received_at: Timestamp,
        mut draft: Draft,
    ) -> Result<Admitted, Fault> {
        if !caller.is_trusted {
            claims::disregard(&mut draft, caller.address, headers);
        }
        let mut event = draft.accept(received_at, caller.address)?;
        if !caller.is_trusted {
            self.window.hold(&mut event);
        }
        if event.user_agent().is_none() && (!caller.is_trusted || claims::is_browser(headers)) {
            event.set(Text::UserAgent, claims::user_agent(headers).as_deref());
        }
        if event.host().is_none()
            && let Some(host) = event.url().and_then(host_of)
        {
            event.set(Text::Host, Some(&host));
        }
        self.fields.check(&event)?;
        if self.ignore_local && local::is_local(&event) {
            return Ok(Admitted::Ignored(LOCAL));
        }
        let site = self.site(caller, headers, &event)?;
        if let Some(site) = site {
            event.extra.insert(SITE.to_owned(), self.sites.name(site).into());
        }
        Ok(Admitted::Event(event, site))
    }

    /// The event's site: the key's, else the one that the event names, else the one whose pages it comes from. `None`
    /// only when any event is taken.
    fn site(&self, caller: &Caller, headers: &HeaderMap, event: &Event) -> Result<Option<SiteIndex>, Fault> {
        if self.accepts_all() {
            return Ok(None);
        }
        let origin = headers.get(ORIGIN).map(|origin| String::from_utf8_lossy(origin.as_bytes()));
        let origin = origin.as_deref();
        let site = caller
            .site
            .or_else(|| event.extra.get(SITE).and_then(|name| self.sites.named(name)))
            .or_else(|| match origin {
                Some(origin) => self.sites.of_origin(origin),
                None => self.sites.of_origin(&origin_of_referer(headers)?),
            })
            .or_else(|| if origin.is_some() { None } else { self.sites.of_page(event) });
        match (site, origin) {
            (None, None) => Err(Fault::of_unknown_site()),
            (None, Some(origin)) => Err(Fault::of_unknown_origin(origin)),
            (Some(site), Some(origin)) if !caller.has_server_key && !self.sites.allows(site, origin) => {
                Err(Fault::of_foreign_origin())
            }
            (site, _) => Ok(site),
        }
    }

    /// Says once that a proxy near us is not configured: nothing else would tell why all visitors have one address.
    fn warn_of_proxy(&self, address: IpAddr) {
        if is_near(address) && !self.warned_of_proxy.swap(true, Ordering::Relaxed) {
            warn!(
                "requests come through a proxy without an address that can be trusted, so the proxy's own is recorded: \
                 see trusted_proxies and client_ip_header"
            );
        }
    }
}

/// The origin of the page that asks, where a browser tells it no other way: in requests for images.
fn origin_of_referer(headers: &HeaderMap) -> Option<String> {
    let referer = String::from_utf8_lossy(headers.get(REFERER)?.as_bytes());
    let place = referer.find("://")? + "://".len();
    let end = referer[place..].find(['/', '?', '#']).map_or(referer.len(), |length| place + length);
    Some(referer[..end].to_owned())
}

/// Whether an address is this machine's or of a private network.
fn is_near(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_loopback() || address.is_private(),
        IpAddr::V6(address) => address.is_loopback() || address.is_unique_local(),
    }
}

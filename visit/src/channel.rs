//! The channel that led to a page, by the rules of Google Analytics' default channel group.
//!
//! Rules: <https://support.google.com/analytics/answer/9756891>, "Channels for manual traffic" and "AI Assistant", in
//! the order in which they stand there. Their medium is `utm_medium`, or what a click mark proves. Their source is
//! `utm_source`; where there is none, the referrer's host or, when the address tells a medium or there is no referrer,
//! the advertiser whose click mark the address has.
//!
//! Three rules are ours: what came from a page of the same host is [`Channel::Internal`]; a site on which people read their
//! mail makes [`Channel::Email`]; and a click mark of display advertising makes [`Channel::Display`].

use event::{Campaign, Channel};

use crate::address::lowercase;
use crate::campaign::Click;
use crate::site::{self, Kind};

/// What the rules are applied to.
pub(crate) struct Origin<'a> {
    pub campaign: Option<&'a Campaign>,
    pub click: Option<&'static Click>,
    /// Host of another site.
    pub referrer_host: Option<&'a str>,
    /// Whether the page before was one of the same host.
    pub is_internal: bool,
}

impl Origin<'_> {
    pub fn channel(&self) -> Channel {
        if self.campaign.is_none() && self.referrer_host.is_none() {
            return if self.is_internal { Channel::Internal } else { Channel::Direct };
        }
        let parameter =
            |of: fn(&Campaign) -> &Option<String>| self.campaign.and_then(|campaign| of(campaign).as_deref());
        let (name, said) = (parameter(|campaign| &campaign.name), parameter(|campaign| &campaign.source));
        let medium = parameter(|campaign| &campaign.medium).or(self.click.and_then(|click| click.medium));
        let is_told = said.is_some() || medium.is_some();
        let source = said.or_else(|| self.found_source(is_told));
        let source = lowercase(source.unwrap_or_default());
        let words = Words {
            kind: site::kind(&source),
            source: &source,
            medium: &lowercase(medium.unwrap_or_default()),
            campaign: &lowercase(name.unwrap_or_default()),
        };
        words.channel().unwrap_or(match self.referrer_host {
            _ if is_told => Channel::Unassigned,
            Some(_) => Channel::Referral,
            None if name.is_some() => Channel::Unassigned,
            None if self.is_internal => Channel::Internal,
            None => Channel::Direct,
        })
    }

    /// The source where the address does not say it. A referrer that the address contradicts does not count, and one
    /// that is there counts more than a mark that any link may have kept.
    fn found_source(&self, is_told: bool) -> Option<&str> {
        let advertiser = self.click.and_then(|click| click.source);
        match self.referrer_host {
            Some(host) if !is_told => Some(host),
            _ => advertiser,
        }
    }
}

/// What the rules read, in lower case; empty where nothing is said.
struct Words<'a> {
    kind: Option<Kind>,
    source: &'a str,
    medium: &'a str,
    campaign: &'a str,
}

impl Words<'_> {
    /// The first rule that holds.
    fn channel(&self) -> Option<Channel> {
        let is_shopping = self.kind == Some(Kind::Shopping) || names_a_shop(self.campaign);
        if matches!(self.source, "(direct)" | "direct") && matches!(self.medium, "" | "(none)" | "(not set)") {
            return Some(Channel::Direct);
        }
        if self.campaign.contains("cross-network") {
            return Some(Channel::CrossNetwork);
        }
        self.paid(is_shopping).or_else(|| self.organic(is_shopping)).or_else(|| self.other())
    }

    fn paid(&self, is_shopping: bool) -> Option<Channel> {
        let is_display = matches!(self.medium, "display" | "banner" | "expandable" | "interstitial" | "cpm");
        let is_paid = self.medium.contains("cp")
            || matches!(self.medium, "ppc" | "retargeting")
            || self.medium.starts_with("paid");
        match self.kind {
            _ if is_paid && is_shopping => Some(Channel::PaidShopping),
            Some(Kind::Search) if is_paid => Some(Channel::PaidSearch),
            Some(Kind::Social) if is_paid => Some(Channel::PaidSocial),
            Some(Kind::Video) if is_paid => Some(Channel::PaidVideo),
            _ if is_display => Some(Channel::Display),
            _ => is_paid.then_some(Channel::PaidOther),
        }
    }

    fn organic(&self, is_shopping: bool) -> Option<Channel> {
        const SOCIAL: [&str; 6] = ["social", "social-network", "social-media", "sm", "social network", "social media"];
        let of = |kind| self.kind == Some(kind);
        [
            (is_shopping, Channel::OrganicShopping),
            (of(Kind::Social) || SOCIAL.contains(&self.medium), Channel::OrganicSocial),
            (of(Kind::Video) || self.medium.contains("video"), Channel::OrganicVideo),
            (of(Kind::Search) || self.medium == "organic", Channel::OrganicSearch),
            (of(Kind::Ai) || self.medium == "ai-assistant", Channel::AiAssistant),
        ]
        .into_iter()
        .find_map(|(holds, channel)| holds.then_some(channel))
    }

    fn other(&self) -> Option<Channel> {
        const EMAIL: [&str; 4] = ["email", "e-mail", "e_mail", "e mail"];
        let is_push = self.medium.ends_with("push")
            || ["mobile", "notification"].iter().any(|word| self.medium.contains(word))
            || self.source == "firebase";
        [
            (matches!(self.medium, "referral" | "app" | "link"), Channel::Referral),
            (
                EMAIL.contains(&self.source) || EMAIL.contains(&self.medium) || self.kind == Some(Kind::Email),
                Channel::Email,
            ),
            (matches!(self.medium, "affiliate" | "affiliates"), Channel::Affiliates),
            (self.medium == "audio", Channel::Audio),
            (self.source == "sms" || self.medium == "sms", Channel::Sms),
            (is_push, Channel::MobilePush),
        ]
        .into_iter()
        .find_map(|(holds, channel)| holds.then_some(channel))
    }
}

/// `^(.*(([^a-df-z]|^)shop|shopping).*)$`: a shop, but not the end of another word than `eshop`.
fn names_a_shop(campaign: &str) -> bool {
    let begins_a_word = |at: usize| !campaign[..at].ends_with(|c: char| c.is_ascii_lowercase() && c != 'e');
    campaign.contains("shopping") || campaign.match_indices("shop").any(|(at, _)| begins_a_word(at))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::campaign;

    fn channel(query: &str, referrer_host: Option<&str>) -> &'static str {
        let found = campaign::read(&format!("https://example.com/?{query}"));
        let (campaign, click) = (found.campaign.as_deref(), found.click);
        Origin { campaign, click, referrer_host, is_internal: false }.channel().as_str()
    }

    #[test]
    fn a_referrer_tells_the_channel_where_no_campaign_does() {
        for (host, expected) in [
            (None, "Direct"),
            (Some("blog.example"), "Referral"),
            (Some("www.google.co.uk"), "Organic Search"),
            (Some("duckduckgo.com"), "Organic Search"),
            (Some("l.instagram.com"), "Organic Social"),
            (Some("news.ycombinator.com"), "Organic Social"),
            (Some("www.youtube.com"), "Organic Video"),
            (Some("www.amazon.de"), "Organic Shopping"),
            (Some("chatgpt.com"), "AI Assistant"),
            (Some("www.perplexity.ai"), "AI Assistant"),
            (Some("mail.google.com"), "Email"),
            (Some("com.google.android.gm"), "Email"),
        ] {
            assert_eq!(channel("", host), expected, "{host:?}");
        }
    }

    #[test]
    fn a_campaign_tells_the_channel_before_the_referrer_does() {
        for (query, referrer, expected) in [
            ("utm_source=newsletter&utm_medium=email", Some("mail.google.com"), "Email"),
            ("utm_source=news&utm_medium=E-Mail", None, "Email"),
            ("utm_source=email", None, "Email"),
            ("utm_source=google&utm_medium=cpc", Some("www.google.com"), "Paid Search"),
            ("utm_source=Google&utm_medium=organic", None, "Organic Search"),
            ("utm_source=bing&utm_medium=ppc&utm_campaign=Spring-Shop", None, "Paid Shopping"),
            ("utm_source=facebook&utm_medium=paid_social", None, "Paid Social"),
            ("utm_source=fb&utm_medium=cpm", None, "Paid Social"),
            ("utm_source=youtube&utm_medium=cpv-video", None, "Paid Video"),
            ("utm_source=example.org&utm_medium=banner", None, "Display"),
            ("utm_source=example.org&utm_medium=cpm", None, "Display"),
            ("utm_source=example.org&utm_medium=retargeting", None, "Paid Other"),
            ("utm_source=facebook", None, "Organic Social"),
            ("utm_source=partner&utm_medium=social", None, "Organic Social"),
            ("utm_source=partner&utm_medium=video", None, "Organic Video"),
            ("utm_campaign=workshop", None, "Unassigned"),
            ("utm_campaign=eshop", None, "Organic Shopping"),
            ("utm_campaign=my_shop_2", None, "Organic Shopping"),
            ("utm_campaign=x-cross-network-y&utm_medium=cpc", None, "Cross-network"),
            ("utm_source=chatgpt.com", None, "AI Assistant"),
            ("utm_source=chatgpt.com&utm_medium=referral", None, "AI Assistant"),
            ("utm_source=some&utm_medium=ai-assistant", None, "AI Assistant"),
            ("utm_source=partner&utm_medium=referral", None, "Referral"),
            ("utm_source=partner&utm_medium=affiliate", None, "Affiliates"),
            ("utm_source=podcast&utm_medium=audio", None, "Audio"),
            ("utm_source=sms", None, "SMS"),
            ("utm_source=app&utm_medium=web_push", None, "Mobile Push Notifications"),
            ("utm_source=firebase&utm_medium=x", None, "Mobile Push Notifications"),
            ("utm_source=(direct)&utm_medium=(none)", None, "Direct"),
            ("utm_source=newsletter", Some("blog.example"), "Unassigned"),
            ("utm_medium=email", Some("www.google.com"), "Email"),
            ("utm_campaign=spring", Some("t.co"), "Organic Social"),
            ("utm_term=shoes", Some("blog.example"), "Referral"),
        ] {
            assert_eq!(channel(query, referrer), expected, "{query} {referrer:?}");
        }
    }

    #[test]
    fn a_click_mark_tells_the_channel_unless_the_campaign_does() {
        for (query, referrer, expected) in [
            ("gclid=x", Some("www.google.com"), "Paid Search"),
            ("gbraid=x", None, "Paid Search"),
            ("msclkid=x", None, "Paid Search"),
            ("ttclid=x", None, "Paid Social"),
            ("li_fat_id=x", Some("blog.example"), "Paid Social"),
            ("dclid=x", Some("blog.example"), "Display"),
            ("fbclid=x", None, "Organic Social"),
            ("fbclid=x", Some("blog.example"), "Referral"),
            ("fbclid=x&utm_source=facebook&utm_medium=paid", None, "Paid Social"),
            ("gclid=x&utm_source=news&utm_medium=email", None, "Email"),
            ("unknown_id=x", None, "Direct"),
        ] {
            assert_eq!(channel(query, referrer), expected, "{query} {referrer:?}");
        }
    }
}

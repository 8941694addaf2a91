//! What a page view's own text tells: the visitor's software, and the way that led to the page.

use std::sync::Arc;

/// What an event's user agent, referrer and address tell; what they do not is `None`.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Visit {
    /// The visitor's software, shared by the events of one user agent.
    pub agent: Arc<UserAgent>,
    /// Host of the page before, in lower case and without a port; `None` when it is the page's own.
    pub referrer_host: Option<String>,
    /// The kind of way that led here.
    pub channel: Channel,
    /// What the page's address says of the campaign; `None` when it says nothing.
    pub campaign: Option<Box<Campaign>>,
}

impl Visit {
    /// One parameter of the campaign.
    pub fn campaign(&self, parameter: fn(&Campaign) -> &Option<String>) -> Option<&str> {
        self.campaign.as_deref().and_then(|campaign| parameter(campaign).as_deref())
    }
}

/// A browser or another program, and what it runs on. Families and versions are named as uap-core names them.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct UserAgent {
    /// Family: `Chrome Mobile`, `Googlebot`.
    pub browser: Option<String>,
    /// Numbers joined by dots.
    pub browser_version: Option<String>,
    /// Family: `Windows`, `Android`.
    pub os: Option<String>,
    /// Numbers joined by dots, or a name such as `XP`.
    pub os_version: Option<String>,
    /// Class of the device; `None` when there is no user agent.
    pub device: Option<Device>,
    /// Whether it says that it is a crawler, a monitor, a library or any other program that no person looks at.
    pub is_bot: bool,
}

/// Classes of devices.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Device {
    /// A computer with a keyboard.
    Desktop,
    /// A telephone.
    Mobile,
    /// A tablet or an electronic book.
    Tablet,
    /// A television, or a box beside one.
    Tv,
    /// A game console.
    Console,
    /// No device of a person.
    Bot,
    /// None that is known.
    Other,
}

impl Device {
    /// The column's value.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Desktop => "desktop",
            Self::Mobile => "mobile",
            Self::Tablet => "tablet",
            Self::Tv => "tv",
            Self::Console => "console",
            Self::Bot => "bot",
            Self::Other => "other",
        }
    }
}

/// The channels of Google Analytics' default channel group, and `Internal`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Channel {
    /// No page before, and no campaign.
    #[default]
    Direct,
    /// From a page of the same host. Not in Google's group, which tells channels of sessions, not of page views.
    Internal,
    /// Advertising over several networks.
    CrossNetwork,
    /// Advertising on a shopping site.
    PaidShopping,
    /// Advertising on a search engine.
    PaidSearch,
    /// Advertising on a social network.
    PaidSocial,
    /// Advertising on a video site.
    PaidVideo,
    /// Banners.
    Display,
    /// Any other advertising.
    PaidOther,
    /// A shopping site.
    OrganicShopping,
    /// A social network.
    OrganicSocial,
    /// A video site.
    OrganicVideo,
    /// A search engine.
    OrganicSearch,
    /// An assistant such as ChatGPT.
    AiAssistant,
    /// A link on any other site.
    Referral,
    /// Mail.
    Email,
    /// Affiliates.
    Affiliates,
    /// Advertising in sound.
    Audio,
    /// Text messages.
    Sms,
    /// Notifications on a telephone.
    MobilePush,
    /// A campaign that no rule knows.
    Unassigned,
}

impl Channel {
    /// The column's value: the name that Google's reports show.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Direct => "Direct",
            Self::Internal => "Internal",
            Self::CrossNetwork => "Cross-network",
            Self::PaidShopping => "Paid Shopping",
            Self::PaidSearch => "Paid Search",
            Self::PaidSocial => "Paid Social",
            Self::PaidVideo => "Paid Video",
            Self::Display => "Display",
            Self::PaidOther => "Paid Other",
            Self::OrganicShopping => "Organic Shopping",
            Self::OrganicSocial => "Organic Social",
            Self::OrganicVideo => "Organic Video",
            Self::OrganicSearch => "Organic Search",
            Self::AiAssistant => "AI Assistant",
            Self::Referral => "Referral",
            Self::Email => "Email",
            Self::Affiliates => "Affiliates",
            Self::Audio => "Audio",
            Self::Sms => "SMS",
            Self::MobilePush => "Mobile Push Notifications",
            Self::Unassigned => "Unassigned",
        }
    }
}

/// The campaign parameters of a page's address, decoded.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Campaign {
    /// `utm_source`.
    pub source: Option<String>,
    /// `utm_medium`.
    pub medium: Option<String>,
    /// `utm_campaign`.
    pub name: Option<String>,
    /// `utm_term`.
    pub term: Option<String>,
    /// `utm_content`.
    pub content: Option<String>,
    /// An advertiser's mark of one click: the parameter's name, a colon and its value, as in `gclid:Cj0KC`.
    pub click_id: Option<String>,
}

//! The rules and lists of `data/`, compiled.
//!
//! Origin, licences and how to renew them: `data/README.md`. Meaning of the rules:
//! <https://github.com/ua-parser/uap-core/blob/master/docs/specification.md>.

use std::sync::LazyLock;

use event::Device;
use regex_filtered::{Builder, Regexes};
use ua_parser::{os, user_agent};

use super::version;

/// Everything that is needed to read user agents: 17 MB, made once in a process.
pub(super) struct Rules {
    browsers: user_agent::Extractor<'static>,
    systems: os::Extractor<'static>,
    crawlers: Regexes,
    spiders: Regexes,
}

pub(super) static RULES: LazyLock<Rules> =
    LazyLock::new(|| Rules::compile().expect("the rules in the program are sound"));

impl Rules {
    fn compile() -> Result<Self, Box<dyn std::error::Error>> {
        let browsers: Vec<user_agent::Parser> = serde_json::from_str(include_str!("../../data/browsers.json"))?;
        let systems: Vec<os::Parser> = serde_json::from_str(include_str!("../../data/systems.json"))?;
        Ok(Self {
            browsers: user_agent::Builder::new().push_all(browsers)?.build()?,
            systems: os::Builder::new().push_all(systems)?.build()?,
            crawlers: patterns(include_str!("../../data/crawlers.json"))?,
            spiders: patterns(include_str!("../../data/spiders.json"))?,
        })
    }

    /// Family and version of the browser, or of another program.
    pub(super) fn browser(&self, text: &str) -> Option<(String, Option<String>)> {
        let found = self.browsers.extract(text)?;
        let numbers = [found.major, found.minor, found.patch, found.patch_minor];
        Some((found.family.into_owned(), version(numbers)))
    }

    /// Family and version of the operating system.
    pub(super) fn system(&self, text: &str) -> Option<(String, Option<String>)> {
        let found = self.systems.extract(text)?;
        let numbers = [found.major, found.minor, found.patch, found.patch_minor];
        Some((found.os.into_owned(), version(numbers.each_ref().map(Option::as_deref))))
    }

    /// Whether a list knows it as a bot. The words that make a spider are looked for only where no device is known:
    /// there are telephones of the make Cubot.
    pub(super) fn is_bot(&self, text: &str, class: Device) -> bool {
        let is_device = !matches!(class, Device::Desktop | Device::Other | Device::Bot);
        self.crawlers.is_match(text) || (!is_device && self.spiders.is_match(text))
    }
}

fn patterns(json: &str) -> Result<Regexes, Box<dyn std::error::Error>> {
    let patterns: Vec<String> = serde_json::from_str(json)?;
    Ok(Builder::new().push_all(patterns)?.build()?)
}

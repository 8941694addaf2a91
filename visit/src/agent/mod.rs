//! A user agent's text → browser, operating system, class of device, and whether it is a bot.

mod described;
mod device;
mod rules;

use event::{Device, UserAgent};

use rules::RULES;

/// How much of a user agent is read, in bytes: many times what browsers send.
const MAX_BYTES: usize = 1_024;

/// The part of a user agent that is read: without blanks around it, and empty for the `-` that web servers log for none.
pub(crate) fn readable(text: &str) -> &str {
    match text[..text.floor_char_boundary(MAX_BYTES)].trim() {
        "-" => "",
        text => text,
    }
}

/// Reads a user agent: the header's text, or JSON about it. Takes some ten microseconds; the first time in a process, when
/// the rules are compiled, a tenth of a second.
pub fn read(text: &str) -> UserAgent {
    let text = readable(text);
    if text.is_empty() {
        return UserAgent::default();
    }
    described::read(text).unwrap_or_else(|| read_header(text))
}

fn read_header(text: &str) -> UserAgent {
    let (browser, browser_version) = RULES.browser(text).unzip();
    let (os, os_version) = RULES.system(text).unzip();
    let class = device::class(text, os.as_deref());
    let is_bot = RULES.is_bot(text, class);
    UserAgent {
        browser,
        browser_version: browser_version.flatten(),
        os,
        os_version: os_version.flatten(),
        device: Some(if is_bot { Device::Bot } else { class }),
        is_bot,
    }
}

/// Version numbers up to the first that is missing, joined by dots; `None` when there is none.
fn version<'a>(numbers: impl IntoIterator<Item = Option<&'a str>>) -> Option<String> {
    let known = numbers.into_iter().map_while(|number| number.filter(|number| !number.is_empty()));
    let joined = known.collect::<Vec<_>>().join(".");
    (!joined.is_empty()).then_some(joined)
}

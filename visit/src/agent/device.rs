//! The class of a device, by the words that makers of browsers and devices put into user agents for that purpose.
//!
//! Mobile and tablet: <https://developer.mozilla.org/en-US/docs/Web/HTTP/Guides/Browser_detection_using_the_user_agent>,
//! "Mobile, Tablet or Desktop"; Android without `Mobile` is a tablet by Google's rule for Chrome.

use event::Device;

const CONSOLES: [&str; 5] = ["PlayStation", "PLAYSTATION", "Nintendo", "Xbox", "Ouya"];

const TELEVISIONS: [&str; 17] = [
    "TV;",
    "TV)",
    "TV/",
    "TV Safari",
    "SmartTV",
    "SMART-TV",
    "Smart-TV",
    "HbbTV",
    "GoogleTV",
    "AppleTV",
    "Apple TV",
    "NetCast",
    "Web0S",
    "CrKey",
    "Roku",
    "BRAVIA",
    "; AFT",
];

const TABLETS: [&str; 9] = ["iPad", "PlayBook", "Kindle", "Silk/", "Xoom", "TouchPad", "Nexus 7", "Nexus 10", "KFTHWI"];

const MOBILES: [&str; 20] = [
    "Mobi",
    "iPhone",
    "iPod",
    "Windows Phone",
    "Windows CE",
    "BlackBerry",
    "BB10",
    "Opera Mini",
    "Symbian",
    "SymbOS",
    "Series60",
    "Nokia",
    "MIDP",
    "J2ME",
    "KAIOS",
    "KaiOS",
    "Palm",
    "UP.Browser",
    "DoCoMo",
    "Dalvik",
];

/// Operating systems of telephones, as uap-core names them.
const MOBILE_SYSTEMS: [&str; 7] = ["iOS", "Windows Phone", "BlackBerry OS", "Symbian OS", "BREW", "Brew MP", "Bada"];

/// Operating systems of computers with a keyboard, as uap-core names them.
const DESKTOP_SYSTEMS: [&str; 24] = [
    "Windows",
    "Mac OS X",
    "Mac OS",
    "macOS",
    "Linux",
    "Ubuntu",
    "Kubuntu",
    "Xubuntu",
    "Debian",
    "Fedora",
    "Red Hat",
    "CentOS",
    "SUSE",
    "openSUSE",
    "Gentoo",
    "Arch Linux",
    "Linux Mint",
    "Mandriva",
    "Slackware",
    "Chrome OS",
    "FreeBSD",
    "OpenBSD",
    "NetBSD",
    "Solaris",
];

/// The class that the words of a user agent tell, given the family of its operating system.
pub(super) fn class(text: &str, os: Option<&str>) -> Device {
    let has = |words: &[&str]| words.iter().any(|word| text.contains(word));
    // Internet Explorer tells of the "Tablet PC" components on any computer.
    let says_tablet = text.match_indices("Tablet").any(|(at, _)| !text[at..].starts_with("Tablet PC"));
    if has(&CONSOLES) {
        Device::Console
    } else if has(&TELEVISIONS) || os.is_some_and(|os| os.contains("TV")) {
        Device::Tv
    } else if says_tablet || has(&TABLETS) {
        Device::Tablet
    } else if has(&MOBILES) || os.is_some_and(|os| MOBILE_SYSTEMS.contains(&os)) {
        Device::Mobile
    } else if text.contains("Android") {
        Device::Tablet
    } else if os.is_some_and(|os| DESKTOP_SYSTEMS.contains(&os)) {
        Device::Desktop
    } else {
        Device::Other
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read_user_agent;

    /// Classes and user agents that are of them.
    const SEEN: &str = "
        desktop Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/150.0.0.0 Safari/537.36
        desktop Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0
        desktop Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Safari/605.1.15
        desktop Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/138.0.0.0 Safari/537.36
        desktop Mozilla/4.0 (compatible; MSIE 8.0; Windows NT 6.1; Trident/4.0; Tablet PC 2.0)
        mobile Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1
        mobile Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/138.0.0.0 Mobile Safari/537.36
        mobile Mozilla/5.0 (Android 15; Mobile; rv:140.0) Gecko/140.0 Firefox/140.0
        mobile Mozilla/5.0 (Linux; Android 9; CUBOT_X19) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/90.0.4430.210 Mobile Safari/537.36
        mobile Opera/9.80 (J2ME/MIDP; Opera Mini/7.1.32052/29.3709; U; en) Presto/2.8.119 Version/11.10
        tablet Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/138.0.0.0 Safari/537.36
        tablet Mozilla/5.0 (Android 15; Tablet; rv:140.0) Gecko/140.0 Firefox/140.0
        tablet Mozilla/5.0 (iPad; CPU OS 12_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/12.1 Mobile/15E148 Safari/604.1
        tablet Mozilla/5.0 (Macintosh; U; Intel Mac OS X 10_6_3; en-us; Silk/1.0.146.3-Gen4_12000410) AppleWebKit/533.16 (KHTML, like Gecko) Version/5.0 Safari/533.16 Silk-Accelerated=true
        tv Mozilla/5.0 (SMART-TV; Linux; Tizen 6.0) AppleWebKit/537.36 (KHTML, like Gecko) Version/6.0 TV Safari/537.36
        tv Mozilla/5.0 (Web0S; Linux/SmartTV) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/94.0.4606.128 Safari/537.36
        tv Mozilla/5.0 (Linux; Android 9; AFTKA Build/PS7285) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/90.0.4430.210 Mobile Safari/537.36
        console Mozilla/5.0 (PlayStation; PlayStation 5/6.50) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/16.0 Safari/605.1.15
        console Mozilla/5.0 (Windows NT 10.0; Win64; x64; Xbox; Xbox One) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36 Edge/44.18363.8131
        bot Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)
        bot Mozilla/5.0 (Linux; Android 6.0.1; Nexus 5X Build/MMB29P) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/138.0.0.0 Mobile Safari/537.36 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)
        bot Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/150.0.0.0 Safari/537.36
        bot curl/8.5.0
        bot python-requests/2.32.3
        bot GPTBot/1.2
        other something else";

    #[test]
    fn a_class_is_told_by_the_words_for_it() {
        for line in SEEN.trim().lines() {
            let (expected, text) = line.trim().split_once(' ').unwrap();
            let read = read_user_agent(text);
            assert_eq!(read.device.map(Device::as_str), Some(expected), "{text}");
            assert_eq!(read.is_bot, expected == "bot", "{text}");
        }
    }
}

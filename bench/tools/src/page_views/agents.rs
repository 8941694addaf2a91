//! User agents: browsers of many versions on many systems, telephones, and robots.

const CHROME: &str = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{v}.0.{b}.{p} Safari/537.36";
const DESKTOPS: [&str; 8] = [
    "Windows NT 10.0; Win64; x64",
    "Windows NT 6.1; WOW64",
    "Windows NT 6.3; WOW64",
    "Macintosh; Intel Mac OS X 10_9_1",
    "Macintosh; Intel Mac OS X 10_15_7",
    "X11; Linux x86_64",
    "X11; Ubuntu; Linux x86_64",
    "X11; CrOS x86_64 14541.0.0",
];
const PHONES: [&str; 8] = [
    "Linux; Android 14; Pixel 8",
    "Linux; Android 13; SM-G991B",
    "Linux; Android 13; SM-A536B",
    "Linux; Android 12; M2101K6G",
    "Linux; Android 11; moto g(10)",
    "Linux; Android 10; K",
    "Linux; Android 14; SM-S918B",
    "Linux; Android 12; CPH2211",
];
const ROBOTS: [&str; 10] = [
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)",
    "UniversalFeedParser/4.2-pre-314-svn +http://feedparser.org/",
    "Tiny Tiny RSS/1.11 (http://tt-rss.org/)",
    "Mozilla/5.0 (compatible; AhrefsBot/7.0; +http://ahrefs.com/robot/)",
    "Mozilla/5.0 (compatible; Baiduspider/2.0; +http://www.baidu.com/search/spider.html)",
    "facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)",
    "curl/8.5.0",
    "python-requests/2.31.0",
    "Feedly/1.0 (+http://www.feedly.com/fetcher.html; like FeedFetcher-Google)",
];

/// All of them, the common ones first.
pub fn all() -> Vec<String> {
    let mut agents = Vec::new();
    for age in 0..12_u32 {
        agents.extend(DESKTOPS.iter().map(|system| chrome(system, age, "")));
        agents.extend(PHONES.iter().map(|system| chrome(system, age, " Mobile")));
        agents.extend(DESKTOPS.iter().map(|system| firefox(system, age)));
        agents.extend((0..4).map(|minor| iphone(age, minor)));
        if age == 1 {
            agents.extend(ROBOTS.iter().map(|robot| (*robot).to_owned()));
        }
    }
    agents
}

fn chrome(system: &str, age: u32, kind: &str) -> String {
    let build = CHROME.replace("{v}", &(131 - age).to_string()).replace("{b}", &(6778 - 55 * age).to_string());
    let build = build.replace("{p}", &(85 + age).to_string()).replace(" Safari", &format!("{kind} Safari"));
    format!("Mozilla/5.0 ({system}) {build}")
}

fn firefox(system: &str, age: u32) -> String {
    let version = 133 - age;
    format!("Mozilla/5.0 ({system}; rv:{version}.0) Gecko/20100101 Firefox/{version}.0")
}

fn iphone(age: u32, minor: u32) -> String {
    let version = 18 - age.min(12);
    format!(
        "Mozilla/5.0 (iPhone; CPU iPhone OS {version}_{minor} like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) \
         Version/{version}.{minor} Mobile/15E148 Safari/604.1"
    )
}

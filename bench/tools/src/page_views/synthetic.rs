//! Made-up page views of three sites, as uneven as real ones.
//!
//! | what | how many | how uneven |
//! |---|---|---|
//! | visitors, each of one address, user agent, language | 250,000; 3 % IPv6 | a twentieth makes 47 % of the views |
//! | pages | 4,000 on each of three hosts | a twentieth gets 47 % of the views; 14 % have a query, 6 % a campaign's |
//! | referrers | none 40 %, the site's own pages 40 %, search engines 12 %, others 8 % | |
//! | user agents | 346 | new ones are common; 1 robot in 35 agents |

use super::View;
use super::agents;
use super::random::Random;

const VISITORS: u64 = 250_000;
const PAGES: u64 = 4_000;
/// A rank's share of all: a twentieth of the ranks gets 0.05^(1/4) = 47 %.
const SKEW: f64 = 4.0;
const HOSTS: [&str; 3] = ["www.example.com", "blog.example.com", "shop.example.org"];
const SECTIONS: [&str; 10] = [
    "articles",
    "blog/tags",
    "images",
    "products",
    "projects",
    "docs/reference",
    "news/2026",
    "presentations",
    "files",
    "help",
];
const WORDS: [&str; 16] = [
    "dynamic-dns",
    "logging",
    "kitchen",
    "winter-coats",
    "guide",
    "keyboard-navigation",
    "search",
    "network-debugging",
    "sale",
    "release-notes",
    "garden-furniture",
    "puppet",
    "espresso",
    "performance",
    "grok",
    "travel",
];
const SEARCHES: [&str; 4] = [
    "https://www.google.com/",
    "https://www.bing.com/search?q=how+to+set+up",
    "https://duckduckgo.com/",
    "https://www.google.de/url?sa=t&rct=j&q=&esrc=s&source=web",
];
const OTHERS: [&str; 4] = [
    "https://news.ycombinator.com/item?id=38912345",
    "https://t.co/Ab3dEf6hIj",
    "https://www.reddit.com/r/programming/comments/1abcde/some_title/",
    "https://stackoverflow.com/questions/6261938/how-to",
];
const LANGUAGES: [&str; 6] =
    ["en-US,en;q=0.5", "en-GB,en;q=0.7", "de-DE,de;q=0.9", "fr-FR,fr;q=0.8", "ja-JP,ja;q=0.9", "pt-BR,pt;q=0.8"];

/// Page views made up from a seed.
pub struct Synthetic {
    paths: Vec<String>,
    agents: Vec<String>,
}

impl Default for Synthetic {
    fn default() -> Self {
        Self { paths: (0..PAGES).map(path).collect(), agents: agents::all() }
    }
}

impl Synthetic {
    /// Page view number `number`, the same each time.
    pub fn view(&self, number: u64) -> View {
        let mut random = Random::new(number.wrapping_mul(0xD134_2543_DE82_EF95));
        let mut visitor = Random::new(random.rank(VISITORS, SKEW) ^ 0x5EED_0000_0000);
        let host = HOSTS[visitor.rank(3, 1.5) as usize];
        let url = format!("http://{host}{}{}", self.path(&mut random), query(&mut random));
        View {
            url,
            referrer: self.referrer(host, &mut random),
            user_agent: self.agents[visitor.rank(self.agents.len() as u64, 2.0) as usize].clone(),
            host: host.to_owned(),
            ip: address(&mut visitor),
            language: LANGUAGES[visitor.rank(LANGUAGES.len() as u64, 2.0) as usize],
        }
    }

    fn path(&self, random: &mut Random) -> &str {
        &self.paths[random.rank(PAGES, SKEW) as usize]
    }

    fn referrer(&self, host: &str, random: &mut Random) -> String {
        match random.below(100) {
            0..40 => String::new(),
            40..80 => format!("http://{host}{}", self.path(random)),
            80..92 => SEARCHES[random.rank(4, 2.0) as usize].to_owned(),
            _ => OTHERS[random.below(4) as usize].to_owned(),
        }
    }
}

fn path(number: u64) -> String {
    let mut random = Random::new(number ^ 0x9A6E_0000);
    let section = SECTIONS[random.below(SECTIONS.len() as u64) as usize];
    let mut word = || WORDS[random.below(WORDS.len() as u64) as usize];
    match number % 10 {
        0 => format!("/{section}/"),
        1..5 => format!("/{section}/{}-{number}.html", word()),
        5..8 => format!("/{section}/{}/{}-{number}", word(), word()),
        _ => format!("/{section}/{}/{}-{}/{number}.png", word(), word(), word()),
    }
}

fn query(random: &mut Random) -> String {
    match random.below(100) {
        0..6 => format!("?utm_source=newsletter&utm_medium=email&utm_campaign=week-{}", random.below(52)),
        6..14 => format!("?page={}&sort=date", random.below(40)),
        _ => String::new(),
    }
}

fn address(random: &mut Random) -> String {
    if random.chance(3) {
        let bits = random.next();
        return format!("2a0{}:{:x}:{:x}::{:x}", random.below(8), bits & 0xffff, (bits >> 16) & 0xffff, bits >> 48);
    }
    let bits = random.next();
    let first = loop {
        let first = 1 + random.below(223);
        if ![10, 100, 127, 169, 172, 192, 198, 203].contains(&first) {
            break first;
        }
    };
    format!("{first}.{}.{}.{}", bits & 0xff, (bits >> 8) & 0xff, (bits >> 16) & 0xff)
}

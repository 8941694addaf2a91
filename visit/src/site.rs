//! Sites whose kind is known, by the list `data/sites.txt`.

use std::collections::HashMap;
use std::sync::LazyLock;

use foldhash::fast::FixedState;

/// What a site is to those who come from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Search,
    Social,
    Video,
    Shopping,
    Ai,
    Email,
}

impl Kind {
    fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "search" => Self::Search,
            "social" => Self::Social,
            "video" => Self::Video,
            "shopping" => Self::Shopping,
            "ai" => Self::Ai,
            "email" => Self::Email,
            _ => return None,
        })
    }
}

static LIST: &str = include_str!("../data/sites.txt");

type Names = HashMap<&'static str, Kind, FixedState>;

/// The names of the list, by what they stand for.
#[derive(Default)]
struct Sites {
    exact: Names,
    /// Written `example.*`.
    any_top_level: Names,
    /// Written `*.example.com`.
    below: Names,
}

static SITES: LazyLock<Sites> = LazyLock::new(|| {
    let mut sites = Sites::default();
    for (name, kind) in entries() {
        if let Some(parent) = name.strip_prefix("*.") {
            sites.below.insert(parent, kind);
        } else if let Some(host) = name.strip_suffix(".*") {
            sites.any_top_level.insert(host, kind);
        } else {
            sites.exact.insert(name, kind);
        }
    }
    sites
});

fn entries() -> impl Iterator<Item = (&'static str, Kind)> {
    let lines = LIST.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    lines.flat_map(|line| {
        let (kind, names) = line.split_once(' ').expect("a line of the list has names");
        let kind = Kind::parse(kind).expect("a line of the list begins with a kind");
        names.split_whitespace().map(move |name| (name, kind))
    })
}

/// The second-level names under which some countries have what others have under their own.
const SECOND_LEVEL: [&str; 6] = ["co", "com", "net", "ne", "or", "org"];

/// The kind of a host or of a `utm_source`, in lower case.
pub(crate) fn kind(name: &str) -> Option<Kind> {
    let bare = ["www.", "m."].iter().find_map(|prefix| name.strip_prefix(prefix)).unwrap_or(name);
    let exact = SITES.exact.get(bare).or_else(|| SITES.any_top_level.get(without_top_level(bare)?));
    exact.or_else(|| parents(name).find_map(|parent| SITES.below.get(parent))).copied()
}

fn parents(host: &str) -> impl Iterator<Item = &str> {
    host.match_indices('.').map(|(dot, _)| &host[dot + 1..])
}

/// `www.google` of `www.google.de` and of `www.google.co.uk`.
fn without_top_level(host: &str) -> Option<&str> {
    let (rest, top) = host.rsplit_once('.')?;
    let country = (top.len() == 2).then(|| rest.rsplit_once('.')).flatten();
    Some(match country {
        Some((name, second)) if SECOND_LEVEL.contains(&second) => name,
        _ => rest,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_site_is_found_by_host_and_by_name() {
        for (name, expected) in [
            ("google", Some(Kind::Search)),
            ("www.google.com", Some(Kind::Search)),
            ("www.google.de", Some(Kind::Search)),
            ("www.google.co.uk", Some(Kind::Search)),
            ("m.google.com.au", Some(Kind::Search)),
            ("google.com", Some(Kind::Search)),
            ("docs.google.com", None),
            ("google.evil.example", None),
            ("google.com.evil.example", None),
            ("notgoogle.com", None),
            ("mail.google.com", Some(Kind::Email)),
            ("gemini.google.com", Some(Kind::Ai)),
            ("shopping.google.fr", Some(Kind::Shopping)),
            ("com.google.android.gm", Some(Kind::Email)),
            ("uk.search.yahoo.com", Some(Kind::Search)),
            ("finance.yahoo.com", None),
            ("l.facebook.com", Some(Kind::Social)),
            ("lm.facebook.com", Some(Kind::Social)),
            ("facebook.com", Some(Kind::Social)),
            ("t.co", Some(Kind::Social)),
            ("a.t.co", None),
            ("shop.tiktok.com", Some(Kind::Shopping)),
            ("www.tiktok.com", Some(Kind::Social)),
            ("youtu.be", Some(Kind::Video)),
            ("www.amazon.co.jp", Some(Kind::Shopping)),
            ("chatgpt.com", Some(Kind::Ai)),
            ("edgeservices.bing.com", Some(Kind::Ai)),
            ("newsletter", None),
            ("example.com", None),
            ("[::1]", None),
            ("", None),
            (".", None),
        ] {
            assert_eq!(kind(name), expected, "{name}");
        }
    }

    #[test]
    fn no_name_stands_in_the_list_twice() {
        let Sites { exact, any_top_level, below } = &*SITES;
        assert_eq!(entries().count(), exact.len() + any_top_level.len() + below.len());
        assert!(entries().all(|(name, _)| name == name.to_lowercase()));
    }
}

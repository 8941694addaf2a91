//! Long lists come in pages, when the client asks for it.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::refusal::Refusal;

/// Entries of a page when the client names no size, and the most that it gets.
const PAGE_SIZE: usize = 1_000;

/// A list's entries, and the token of its next page if there is one.
pub(super) type Page<T> = (Vec<T>, Option<String>);

/// What a client says about paging.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Paging {
    /// Absent: everything at once. Empty: the first page. Otherwise the page that an earlier answer named.
    page_token: Option<String>,
    page_size: Option<usize>,
}

impl Paging {
    /// The page of `sorted` that is asked for. A token holds the last entry before its page, so what is made or dropped
    /// meanwhile shifts nothing.
    pub(super) fn cut<T: Ord + Serialize + DeserializeOwned>(&self, mut sorted: Vec<T>) -> Result<Page<T>, Refusal> {
        let Some(token) = &self.page_token else { return Ok((sorted, None)) };
        let size = self.page_size.unwrap_or(PAGE_SIZE).min(PAGE_SIZE);
        if size == 0 {
            return Err(Refusal::bad_request("pageSize must be at least 1"));
        }
        if !token.is_empty() {
            let last_seen: T = decode(token)?;
            sorted.retain(|entry| *entry > last_seen);
        }
        let has_more = sorted.len() > size;
        sorted.truncate(size);
        let next = sorted.last().filter(|_| has_more).map(encode).transpose()?;
        Ok((sorted, next))
    }
}

fn encode<T: Serialize>(entry: &T) -> Result<String, Refusal> {
    serde_json::to_vec(entry).map(|json| URL_SAFE_NO_PAD.encode(json)).map_err(Refusal::bad_request)
}

fn decode<T: DeserializeOwned>(token: &str) -> Result<T, Refusal> {
    let entry = URL_SAFE_NO_PAD.decode(token).ok().and_then(|json| serde_json::from_slice(&json).ok());
    entry.ok_or_else(|| Refusal::bad_request("pageToken is not one of this catalog's"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    fn paging(token: &str, size: usize) -> Paging {
        Paging { page_token: Some(token.to_owned()), page_size: Some(size) }
    }

    #[test]
    fn whoever_asks_for_no_page_gets_everything() {
        let paging = Paging { page_token: None, page_size: Some(1) };
        assert_eq!(paging.cut(names(&["a", "b"])).unwrap(), (names(&["a", "b"]), None));
    }

    #[test]
    fn pages_follow_each_other_whatever_is_made_or_dropped_between() {
        let (first, next) = paging("", 2).cut(names(&["a", "b", "c", "d"])).unwrap();
        assert_eq!(first, ["a", "b"]);
        let (second, next) = paging(&next.unwrap(), 2).cut(names(&["a", "aa", "c", "d", "e"])).unwrap();
        assert_eq!(second, ["c", "d"]);
        assert_eq!(paging(&next.unwrap(), 2).cut(names(&["a", "c", "e"])).unwrap(), (names(&["e"]), None));
    }

    #[test]
    fn the_last_page_has_no_next_one() {
        assert_eq!(paging("", 2).cut(names(&["a", "b"])).unwrap().1, None);
        assert_eq!(paging("", 2).cut(names(&[])).unwrap(), (vec![], None));
        assert_eq!(paging("", usize::MAX).cut(names(&["a"])).unwrap().1, None);
    }

    #[test]
    fn a_page_that_cannot_be_is_refused() {
        assert!(paging("", 0).cut(names(&["a"])).is_err());
        for foreign in ["%", "eA", "bm90IGpzb24"] {
            assert!(paging(foreign, 1).cut(names(&["a"])).is_err(), "{foreign}");
        }
    }
}

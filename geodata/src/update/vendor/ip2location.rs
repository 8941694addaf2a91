//! IP2Location: a zip for a token; what cannot be had is told in words, with status 200.

use event::Secret;
use reqwest::Url;

use super::{Download, below, file_name, http_url};
use crate::update::config::{ConfigError, Ip2LocationConfig};
use crate::update::error::UpdateError;
use crate::update::http::Validators;

/// What every zip archive with content begins with.
const ZIP_MAGIC: &[u8] = b"PK\x03\x04";
/// Length of an unknown answer that is repeated.
const SHOWN_CHARS: usize = 100;

/// One database by its code, such as DB11LITEBINIPV6.
#[derive(Clone)]
pub struct Package {
    pub code: String,
    base: Url,
    token: Secret,
}

impl Package {
    /// All that are configured.
    pub fn all(config: &Ip2LocationConfig) -> Result<Vec<Self>, ConfigError> {
        let Some(_) = config.codes.first() else { return Ok(Vec::new()) };
        let token = config.token.clone().ok_or_else(|| ConfigError::Missing("ip2location.token".to_owned()))?;
        let base = http_url("ip2location.base_url", &config.base_url)?;
        let package = |code: &String| {
            let code = file_name("ip2location.codes", code)?;
            Ok(Self { code, base: base.clone(), token: token.clone() })
        };
        config.codes.iter().map(package).collect()
    }

    /// The database as it is now.
    pub fn download(&self) -> Download {
        let mut url = below(&self.base, ["download", ""]);
        url.query_pairs_mut().append_pair("token", self.token.expose()).append_pair("file", &self.code);
        Download { url, credentials: None, validators: Validators::default(), edition: None, md5: None }
    }

    /// What the answer says when it is no archive.
    pub fn refusal(&self, first_bytes: &[u8]) -> Option<UpdateError> {
        if first_bytes.starts_with(ZIP_MAGIC) {
            return None;
        }
        // The whole of an answer in words comes to a few dozen characters.
        let text = String::from_utf8_lossy(first_bytes);
        let upper = text.to_uppercase();
        let says = |words: &str| upper.contains(words);
        Some(if says("CAN ONLY BE DOWNLOADED") || says("LIMIT") {
            UpdateError::VendorQuota { retry_after: None }
        } else if says("NO PERMISSION") || says("PERMISSION") || says("EXPIRED") {
            UpdateError::Forbidden
        } else if says("TOKEN") || says("INVALID") || says("LOGIN") {
            UpdateError::Credentials
        } else if says("NOT FOUND") || says("NOT EXIST") {
            UpdateError::NotFound
        } else {
            UpdateError::Answer(self.shown(&text))
        })
    }

    fn shown(&self, text: &str) -> String {
        let text = text.replace(self.token.expose(), "***");
        let printable = text.chars().filter(|c| !c.is_control() && *c != char::REPLACEMENT_CHARACTER);
        format!("{:?}", printable.take(SHOWN_CHARS).collect::<String>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package() -> Package {
        let config = Ip2LocationConfig {
            token: Some("hunter2".into()),
            codes: vec!["DB11LITEBIN".to_owned()],
            ..Ip2LocationConfig::default()
        };
        Package::all(&config).unwrap().remove(0)
    }

    #[test]
    fn answers_in_words_are_told_apart() {
        let told = |text: &str| package().refusal(text.as_bytes()).map(|error| error.reason());
        for (text, reason) in [
            ("NO PERMISSION", Some("forbidden")),
            ("THIS FILE CAN ONLY BE DOWNLOADED 5 TIMES PER HOUR", Some("quota")),
            ("INVALID TOKEN", Some("credentials")),
            ("<html>we are sorry", Some("answer")),
            ("", Some("answer")),
            ("PK\u{3}\u{4}rest", None),
        ] {
            assert_eq!(told(text), reason, "{text}");
        }
    }

    #[test]
    fn the_token_is_asked_with_but_never_repeated() {
        assert_eq!(
            package().download().url.as_str(),
            "https://www.ip2location.com/download/?token=hunter2&file=DB11LITEBIN"
        );
        let unknown = package().refusal(b"cannot serve hunter2\x1b[31m").unwrap();
        assert!(unknown.to_string().contains("cannot serve ***[31m"), "{unknown}");
    }
}

//! Configuration values that must never be printed.

use std::fmt;

use serde::{Deserialize, Serialize, Serializer};

const REDACTED: &str = "***";
/// Parts of the names of query parameters that hold secrets. Postgres' `sslkey` names a file.
const SECRET_NAMES: [&str; 7] = ["password", "token", "secret", "signature", "apikey", "api_key", "license_key"];

/// A password or key: read like any text, printed and serialised as `***`.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// The value itself.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Secret {
    fn from(value: &str) -> Self {
        Self(value.to_owned())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(REDACTED)
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(REDACTED)
    }
}

/// A URL that may carry a password or a token: read like any text, printed and serialised without it.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct SecretUrl(String);

impl SecretUrl {
    /// The URL with its secrets.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The URL with `***` for every password, and for everything that cannot be told apart from one.
    fn redacted(&self) -> String {
        let Some((scheme, rest)) = self.0.split_once("://") else { return REDACTED.to_owned() };
        let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
        if query.contains('@') {
            return format!("{scheme}://{REDACTED}");
        }
        let place = match place.rsplit_once('@') {
            Some((userinfo, place)) => format!("{}@{place}", redacted_userinfo(userinfo)),
            None => place.to_owned(),
        };
        let mark = if query.is_empty() { "" } else { "?" };
        format!("{scheme}://{place}{mark}{}", redacted_query(query))
    }
}

fn redacted_userinfo(userinfo: &str) -> String {
    match userinfo.split_once(':') {
        Some((user, _)) => format!("{user}:{REDACTED}"),
        None => userinfo.to_owned(),
    }
}

fn redacted_query(query: &str) -> String {
    let redact = |pair: &str| match pair.split_once('=') {
        Some((key, _)) if is_secret_name(&key.to_ascii_lowercase()) => format!("{key}={REDACTED}"),
        _ => pair.to_owned(),
    };
    query.split('&').map(redact).collect::<Vec<_>>().join("&")
}

fn is_secret_name(name: &str) -> bool {
    name == "key" || SECRET_NAMES.iter().any(|part| name.contains(part))
}

impl From<&str> for SecretUrl {
    fn from(url: &str) -> Self {
        Self(url.to_owned())
    }
}

impl fmt::Debug for SecretUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.redacted())
    }
}

impl Serialize for SecretUrl {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.redacted())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_read_but_never_printed() {
        let secret: Secret = serde_json::from_str("\"hunter2\"").unwrap();
        assert_eq!(secret.expose(), "hunter2");
        assert_eq!(format!("{secret:?} {}", serde_json::to_string(&secret).unwrap()), "*** \"***\"");
    }

    #[test]
    fn a_url_is_printed_without_its_password() {
        for (url, printed) in [
            ("postgres://db.example/web", "postgres://db.example/web"),
            ("postgres://ann@db.example/web", "postgres://ann@db.example/web"),
            (
                "postgres://ann:hunter2@db.example/web?sslmode=require",
                "postgres://ann:***@db.example/web?sslmode=require",
            ),
            ("postgres://ann:hun@ter/2@db.example/web", "postgres://ann:***@db.example/web"),
            ("postgres://ann:hunter?2@db.example/web", "postgres://***"),
            ("'jdbc:postgresql://db/web?user=ann&password=hunter2'", "'jdbc:postgresql://db/web?user=ann&password=***"),
            (
                "https://a.example/b?access_token=hunter2&file=c&key=hunter2",
                "https://a.example/b?access_token=***&file=c&key=***",
            ),
            ("postgres://db/web?sslkey=/etc/key", "postgres://db/web?sslkey=/etc/key"),
            ("jdbc:postgresql://db/web?password=hun@ter2", "jdbc:postgresql://***"),
            ("host=db password=hunter2", "***"),
        ] {
            let shown = format!("{:?}", SecretUrl::from(url));
            assert_eq!(shown, printed, "{url}");
            assert_eq!(serde_json::to_string(&SecretUrl::from(url)).unwrap(), format!("\"{printed}\""));
        }
    }
}

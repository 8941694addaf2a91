//! Connection URLs: Postgres' own and JDBC's.

use std::str::FromStr;

use tokio_postgres::Config;

/// A value without the pair of quotes that it may carry; `None` when nothing is left.
pub(super) fn unquoted(value: &str) -> Option<&str> {
    let value = value.trim();
    let inner = ['"', '\'']
        .into_iter()
        .find_map(|quote| value.strip_prefix(quote)?.strip_suffix(quote))
        .unwrap_or(value)
        .trim();
    (!inner.is_empty()).then_some(inner)
}

/// Reads `postgres://…`, `postgresql://…` and `jdbc:postgresql://…`. Parameters that only the JDBC driver knows are
/// left out.
pub(super) fn parse(url: &str) -> Result<Config, tokio_postgres::Error> {
    let (url, is_jdbc) = match url.strip_prefix("jdbc:") {
        Some(rest) => (rest, true),
        None => (url, false),
    };
    let Some((place, query)) = url.split_once('?') else { return Config::from_str(url) };
    let kept: Vec<String> = query.split('&').filter_map(|pair| parameter(pair, is_jdbc)).collect();
    if kept.is_empty() { Config::from_str(place) } else { Config::from_str(&format!("{place}?{}", kept.join("&"))) }
}

/// A parameter as tokio-postgres spells it; `None` for one to be left out.
fn parameter(pair: &str, is_jdbc: bool) -> Option<String> {
    let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
    match (key, value) {
        ("sslmode", "verify-ca" | "verify-full") => Some("sslmode=require".to_owned()),
        ("sslmode", "allow") => Some("sslmode=prefer".to_owned()),
        ("ssl", "true") if is_jdbc => Some("sslmode=require".to_owned()),
        ("ApplicationName", _) if is_jdbc => Some(format!("application_name={value}")),
        ("user" | "password" | "sslmode" | "options", _) => Some(pair.to_owned()),
        _ if is_jdbc => None,
        _ => Some(pair.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use tokio_postgres::config::{Host, SslMode};

    use super::*;

    #[test]
    fn quotes_around_a_value_are_ignored() {
        for (value, inner) in [
            ("plain", Some("plain")),
            ("\"a b\"", Some("a b")),
            ("'a'", Some("a")),
            (" 'a' ", Some("a")),
            ("\"half", Some("\"half")),
            ("\"", Some("\"")),
            ("''", None),
            ("  ", None),
        ] {
            assert_eq!(unquoted(value), inner, "{value}");
        }
    }

    #[test]
    fn both_spellings_of_a_url_are_understood() {
        for (url, mode) in [
            ("postgres://ann:pass@db:5433/web", SslMode::Prefer),
            ("postgresql://ann:pass@db:5433/web?sslmode=verify-full", SslMode::Require),
            ("jdbc:postgresql://db:5433/web?user=ann&password=pass", SslMode::Prefer),
            (
                "jdbc:postgresql://db:5433/web?user=ann&password=pass&reWriteBatchedInserts=true&ssl=true",
                SslMode::Require,
            ),
            ("jdbc:postgresql://ann:pass@db:5433/web?stringtype=unspecified", SslMode::Prefer),
            ("postgres://ann:pass@db:5433/web?sslmode=disable", SslMode::Disable),
        ] {
            let config = parse(url).unwrap();
            assert_eq!(config.get_hosts(), [Host::Tcp("db".to_owned())], "{url}");
            assert_eq!((config.get_ports(), config.get_dbname()), (&[5433][..], Some("web")), "{url}");
            assert_eq!((config.get_user(), config.get_password()), (Some("ann"), Some(&b"pass"[..])), "{url}");
            assert_eq!(config.get_ssl_mode(), mode, "{url}");
        }
    }

    #[test]
    fn a_misspelt_parameter_of_a_postgres_url_is_an_error() {
        assert!(parse("postgres://db/web?sslmod=require").is_err());
    }
}

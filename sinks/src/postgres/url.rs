//! Connection URLs: Postgres' own and JDBC's.

use std::str::FromStr;

use tokio_postgres::Config;

use super::ConfigError;

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

/// Reads `postgres://…`, `postgresql://…` and `jdbc:postgresql://…`.
pub(super) fn parse(url: &str) -> Result<Config, ConfigError> {
    let (url, is_jdbc) = match url.strip_prefix("jdbc:") {
        Some(rest) => (rest, true),
        None => (url, false),
    };
    let (place, query) = url.split_once('?').unwrap_or((url, ""));
    let (mut kept, mut options) = (Vec::new(), Vec::new());
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        match if is_jdbc { of_jdbc(key, value)? } else { of_libpq(key, value)? } {
            Parameter::Known(key, value) => kept.push(format!("{key}={value}")),
            Parameter::Option(option) => options.push(option),
            Parameter::Ignored => {}
        }
    }
    if !options.is_empty() {
        kept.push(format!("options={}", options.join("%20")));
    }
    let url = if kept.is_empty() { place.to_owned() } else { format!("{place}?{}", kept.join("&")) };
    Config::from_str(&url).map_err(ConfigError::Url)
}

/// What a parameter of a URL amounts to.
enum Parameter {
    /// One of tokio-postgres and its value, encoded as in a URL.
    Known(&'static str, String),
    /// A part of the server's `options`, encoded as in a URL.
    Option(String),
    /// A setting of the JDBC driver's own workings.
    Ignored,
}

use Parameter::{Ignored, Known};

/// The parameters that tokio-postgres has.
const LIBPQ: [&str; 18] = [
    "application_name",
    "channel_binding",
    "connect_timeout",
    "dbname",
    "host",
    "hostaddr",
    "keepalives",
    "keepalives_idle",
    "keepalives_interval",
    "keepalives_retries",
    "load_balance_hosts",
    "options",
    "password",
    "port",
    "sslmode",
    "sslnegotiation",
    "target_session_attrs",
    "user",
];

/// Parameters of the JDBC driver that mean something here.
const JDBC: [&str; 8] =
    ["ApplicationName", "currentSchema", "options", "password", "ssl", "sslmode", "targetServerType", "user"];

/// Parameters of the JDBC driver that tell how it works itself: <https://jdbc.postgresql.org/documentation/use/>.
const JDBC_IGNORED: [&str; 47] = [
    "adaptiveFetch",
    "adaptiveFetchMaximum",
    "adaptiveFetchMinimum",
    "allowEncodingChanges",
    "assumeMinServerVersion",
    "autosave",
    "binaryTransfer",
    "binaryTransferDisable",
    "binaryTransferEnable",
    "cancelSignalTimeout",
    "cleanupSavepoints",
    "connectTimeout",
    "databaseMetadataCacheFields",
    "databaseMetadataCacheFieldsMiB",
    "defaultRowFetchSize",
    "disableColumnSanitiser",
    "escapeSyntaxCallMode",
    "gssEncMode",
    "gssResponseTimeout",
    "groupStartupParameters",
    "hideUnprivilegedObjects",
    "hostRecheckSeconds",
    "loadBalanceHosts",
    "logServerErrorDetail",
    "logUnclosedConnections",
    "loggerFile",
    "loggerLevel",
    "loginTimeout",
    "maxResultBuffer",
    "maxSendBufferSize",
    "preferQueryMode",
    "prepareThreshold",
    "preparedStatementCacheQueries",
    "preparedStatementCacheSizeMiB",
    "reWriteBatchedInserts",
    "quoteReturningIdentifiers",
    "readOnly",
    "receiveBufferSize",
    "sendBufferSize",
    "socketTimeout",
    "sslResponseTimeout",
    "sslfactory",
    "sslhostnameverifier",
    "stringtype",
    "tcpKeepAlive",
    "tcpNoDelay",
    "unknownLength",
];

fn of_libpq(key: &str, value: &str) -> Result<Parameter, ConfigError> {
    let known = LIBPQ.iter().find(|known| **known == key).ok_or_else(|| unknown(key, &LIBPQ))?;
    Ok(match (*known, value) {
        ("options", _) => Parameter::Option(value.to_owned()),
        ("sslmode", _) => Known("sslmode", sslmode(value)),
        // Nothing can be written to any other server.
        ("target_session_attrs", "primary") => Known("target_session_attrs", "read-write".to_owned()),
        (known, _) => Known(known, value.to_owned()),
    })
}

fn of_jdbc(key: &str, value: &str) -> Result<Parameter, ConfigError> {
    if JDBC_IGNORED.contains(&key) {
        return Ok(Ignored);
    }
    let known = JDBC.iter().find(|known| **known == key).ok_or_else(|| unknown(key, &JDBC))?;
    Ok(match (*known, value) {
        ("ssl", "true" | "") => Known("sslmode", "require".to_owned()),
        ("ssl", _) => Ignored,
        ("sslmode", _) => Known("sslmode", sslmode(value)),
        ("ApplicationName", _) => Known("application_name", value.to_owned()),
        ("options", _) => Parameter::Option(value.to_owned()),
        ("currentSchema", _) => Parameter::Option(format!("-csearch_path%3D{}", escaped(value))),
        ("targetServerType", "any") => Known("target_session_attrs", "any".to_owned()),
        ("targetServerType", "primary" | "master" | "preferPrimary") => {
            Known("target_session_attrs", "read-write".to_owned())
        }
        ("targetServerType", _) => return Err(ConfigError::ReadOnlyServer(value.to_owned())),
        ("user", _) => Known("user", value.to_owned()),
        _ => Known("password", value.to_owned()),
    })
}

fn sslmode(value: &str) -> String {
    match value {
        "verify-ca" | "verify-full" => "require",
        "allow" => "prefer",
        other => other,
    }
    .to_owned()
}

/// A value within the server's options, where an unescaped space ends it.
fn escaped(value: &str) -> String {
    value.replace("%5C", "%5C%5C").replace("%5c", "%5C%5C").replace("%20", "%5C%20").replace(['+', ' '], "%5C%20")
}

fn unknown(key: &str, known: &[&'static str]) -> ConfigError {
    let nearest = match key {
        "sslrootcert" => Some("postgres.tls_ca_file"),
        key => known.iter().copied().min_by_key(|known| distance(&known.to_lowercase(), &key.to_lowercase())),
    };
    ConfigError::Parameter { name: key.to_owned(), nearest: nearest.unwrap_or_default() }
}

/// How many characters have to be put in, taken out or changed (Levenshtein).
fn distance(from: &str, to: &str) -> usize {
    let mut row: Vec<usize> = (0..=to.chars().count()).collect();
    for (index, from) in from.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], index + 1);
        for (column, to) in to.chars().enumerate() {
            let changed = diagonal + usize::from(from != to);
            diagonal = row[column + 1];
            row[column + 1] = changed.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use tokio_postgres::config::{Host, SslMode, TargetSessionAttrs};

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
    fn an_unknown_parameter_is_refused_with_the_nearest_known_one() {
        for (url, name, nearest) in [
            ("postgres://db/web?sslmod=require", "sslmod", "sslmode"),
            ("postgres://db/web?sslmode=require&targetsessionattrs=any", "targetsessionattrs", "target_session_attrs"),
            ("jdbc:postgresql://db/web?currentschema=web", "currentschema", "currentSchema"),
            ("jdbc:postgresql://db/web?targetServer=primary", "targetServer", "targetServerType"),
            ("postgres://db/web?sslrootcert=/etc/ca.pem", "sslrootcert", "postgres.tls_ca_file"),
        ] {
            let error = parse(url).unwrap_err();
            let ConfigError::Parameter { name: found, nearest: found_nearest } = &error else { panic!("{error}") };
            assert_eq!((found.as_str(), *found_nearest), (name, nearest), "{url}");
        }
    }

    #[test]
    fn jdbc_s_schema_and_kind_of_server_mean_what_they_do_to_libpq() {
        let config =
            parse("jdbc:postgresql://db/web?currentSchema=web,%22my%20own%22&targetServerType=primary").unwrap();
        assert_eq!(config.get_options(), Some(r#"-csearch_path=web,"my\ own""#));
        assert_eq!(config.get_target_session_attrs(), TargetSessionAttrs::ReadWrite);
        let both = parse("jdbc:postgresql://db/web?options=-cwork_mem%3D1MB&currentSchema=web").unwrap();
        assert_eq!(both.get_options(), Some("-cwork_mem=1MB -csearch_path=web"));
        let libpq = parse("postgres://a,b/web?target_session_attrs=primary").unwrap();
        assert_eq!(libpq.get_target_session_attrs(), TargetSessionAttrs::ReadWrite);
        let standby = parse("jdbc:postgresql://db/web?targetServerType=secondary");
        assert!(matches!(standby, Err(ConfigError::ReadOnlyServer(_))));
    }
}

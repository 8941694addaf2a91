//! One line of a web server's log: Apache's and Nginx's common, combined and vhost_combined formats.
//!
//! <https://httpd.apache.org/docs/2.4/mod/mod_log_config.html>, <https://nginx.org/en/docs/http/ngx_http_log_module.html>

use std::net::IpAddr;

use chrono::DateTime;
use event::Timestamp;

use super::quoted::{self, Quoted};

/// A request as the web server logged it; what it logged as `-` is `None`.
#[derive(Debug, PartialEq, Eq)]
pub struct LogLine {
    pub client: Client,
    /// The virtual host without its port, where the format begins with it.
    pub vhost: Option<String>,
    pub time: Timestamp,
    pub method: String,
    /// As in the request line: a path, or an absolute address when the server is a proxy.
    pub target: String,
    pub status: u16,
    /// Size of the answer.
    pub bytes: Option<u64>,
    pub referrer: Option<String>,
    pub user_agent: Option<String>,
    /// Whether the line ends within a quoted field.
    pub cut: bool,
}

/// Who asked.
#[derive(Debug, PartialEq, Eq)]
pub enum Client {
    Address(IpAddr),
    /// A resolved host name (`HostnameLookups On`), or whatever else stands there.
    Name(String),
}

/// Why a line is no request that could be imported.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum LineError {
    #[error("no time in brackets: not a line of the common, combined or vhost_combined format")]
    NoTime,
    #[error("{0:?} is no time such as 17/May/2015:10:05:03 +0000")]
    BadTime(String),
    #[error("the client's address is missing before the time")]
    NoClient,
    #[error("the request is not in quotes")]
    NoRequest,
    #[error("the request's closing quote is missing")]
    CutRequest,
    #[error("{0:?} is no request line such as GET / HTTP/1.1")]
    BadRequest(String),
    #[error("{0:?} is no status code")]
    BadStatus(String),
    #[error("{0:?} is no size in bytes")]
    BadSize(String),
}

/// Reads a line without its line end. A line that was cut short within the referrer or the user agent is read as far as
/// it goes.
pub fn parse(line: &[u8]) -> Result<LogLine, LineError> {
    let line = split_at_time(line)?;
    let (vhost, client) = client(line.head)?;
    let time = parse_time(&lossy(line.time))?;
    let request = quoted::take(line.rest).ok_or(LineError::NoRequest)?;
    if !request.closed {
        return Err(LineError::CutRequest);
    }
    let (method, target) = request_line(&request.text)?;
    let (status, rest) = word(request.rest);
    let (bytes, rest) = word(rest);
    let referrer = quoted::take(rest);
    let user_agent = referrer.as_ref().and_then(|field| quoted::take(field.rest));
    Ok(LogLine {
        client,
        vhost,
        time,
        method,
        target,
        status: parse_status(&lossy(status))?,
        bytes: parse_size(&lossy(bytes))?,
        cut: user_agent.as_ref().or(referrer.as_ref()).is_some_and(|last| !last.closed),
        referrer: referrer.and_then(known),
        user_agent: user_agent.and_then(known),
    })
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn known(field: Quoted<'_>) -> Option<String> {
    (!field.text.is_empty() && field.text != "-").then_some(field.text)
}

/// A line's parts: what stands before the time, the time without its brackets, and what follows.
struct Split<'a> {
    head: &'a [u8],
    time: &'a [u8],
    rest: &'a [u8],
}

fn split_at_time(line: &[u8]) -> Result<Split<'_>, LineError> {
    let open = line.windows(2).position(|pair| pair == b" [").ok_or(LineError::NoTime)?;
    let (head, rest) = (&line[..open], &line[open + 2..]);
    let close = rest.iter().position(|byte| *byte == b']').ok_or(LineError::NoTime)?;
    Ok(Split { head, time: &rest[..close], rest: &rest[close + 1..] })
}

/// `%h %l %u`, or `%v:%p %h %l %u` when only the second word is an address.
fn client(head: &[u8]) -> Result<(Option<String>, Client), LineError> {
    let head = lossy(head);
    let mut words = head.split_ascii_whitespace();
    let first = words.next().ok_or(LineError::NoClient)?;
    if let Ok(address) = first.parse() {
        return Ok((None, Client::Address(address)));
    }
    match words.next().and_then(|second| second.parse().ok()) {
        Some(address) => Ok((Some(without_port(first).to_owned()), Client::Address(address))),
        None => Ok((None, Client::Name(first.to_owned()))),
    }
}

/// `example.com:443` and `[::1]:443` without the port.
pub fn without_port(authority: &str) -> &str {
    match authority.rsplit_once(':') {
        Some((host, port)) if !host.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => authority,
    }
}

fn parse_time(text: &str) -> Result<Timestamp, LineError> {
    DateTime::parse_from_str(text, "%d/%b/%Y:%H:%M:%S %z")
        .ok()
        .and_then(|time| Timestamp::from_micros(time.timestamp_micros()).ok())
        .ok_or_else(|| LineError::BadTime(text.to_owned()))
}

/// Method and target. The target may hold blanks, and HTTP/0.9 names no protocol.
fn request_line(text: &str) -> Result<(String, String), LineError> {
    let bad = || LineError::BadRequest(text.to_owned());
    let (method, rest) = text.split_once(' ').ok_or_else(bad)?;
    let target = match rest.rsplit_once(' ') {
        Some((target, protocol)) if protocol.starts_with("HTTP/") => target,
        _ => rest,
    };
    let is_method = !method.is_empty() && method.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'-');
    if !is_method || target.is_empty() || target.starts_with("HTTP/") {
        return Err(bad());
    }
    Ok((method.to_owned(), target.to_owned()))
}

/// The next word and what follows it.
fn word(text: &[u8]) -> (&[u8], &[u8]) {
    let text = text.trim_ascii_start();
    text.split_at(text.iter().position(u8::is_ascii_whitespace).unwrap_or(text.len()))
}

fn parse_status(text: &str) -> Result<u16, LineError> {
    let status = (text.len() == 3).then(|| text.parse().ok()).flatten();
    status.ok_or_else(|| LineError::BadStatus(text.to_owned()))
}

fn parse_size(text: &str) -> Result<Option<u64>, LineError> {
    match text {
        "-" => Ok(None),
        _ => text.parse().map(Some).map_err(|_| LineError::BadSize(text.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use testkit::fixtures;

    use super::*;

    fn line(text: &str) -> LogLine {
        parse(text.as_bytes()).unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn every_line_of_a_log_is_read() {
        let lines = lines(&fixtures::web_log());
        assert_eq!(lines.len(), 10_000);
        assert!(lines.iter().all(|line| matches!(line.client, Client::Address(_)) && line.vhost.is_none()));
        assert_eq!(lines.iter().filter(|line| line.cut).count(), 1);
        assert_eq!(lines[0].time.to_string(), "2015-05-17T10:05:03.000Z");
        assert_eq!(lines[0].bytes, Some(203_023));
        let extra = fixtures::extra().map(|folder| fixtures::files_below(&folder)).unwrap_or_default();
        for log in extra.iter().filter(|file| file.extension().is_some_and(|extension| extension == "log")) {
            assert!(!self::lines(log).is_empty(), "{}", log.display());
        }
    }

    /// All lines of a log, each of which must be a request.
    fn lines(log: &Path) -> Vec<LogLine> {
        let log = std::fs::read(log).unwrap();
        let lines = log.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        lines.map(|line| parse(line).unwrap_or_else(|error| panic!("{}: {error}", lossy(line)))).collect()
    }

    #[test]
    fn each_format_gives_its_fields() {
        let common = line(r#"8.8.8.8 - frank p [10/Oct/2000:13:55:36 -0700] "GET /a?b=c HTTP/1.0" 304 -"#);
        assert_eq!(common.time.to_string(), "2000-10-10T20:55:36.000Z");
        assert_eq!((common.method.as_str(), common.target.as_str()), ("GET", "/a?b=c"));
        assert_eq!((common.status, common.bytes, common.referrer, common.user_agent), (304, None, None, None));

        let vhost =
            line(r#"example.com:443 2001:db8::1 - - [10/Oct/2000:13:55:36 +0000] "GET / HTTP/2.0" 200 5 "-" "x" "y""#);
        assert_eq!(vhost.vhost.as_deref(), Some("example.com"));
        assert_eq!(vhost.client, Client::Address("2001:db8::1".parse().unwrap()));
        assert_eq!((vhost.referrer, vhost.user_agent.as_deref()), (None, Some("x")));
    }

    #[test]
    fn a_client_that_is_no_address_keeps_its_name() {
        for text in ["crawl.example.com", "-"] {
            let line = line(&format!(r#"{text} - - [10/Oct/2000:13:55:36 +0000] "GET / HTTP/1.1" 200 5"#));
            assert_eq!((line.vhost, line.client), (None, Client::Name(text.to_owned())));
        }
    }

    #[test]
    fn escapes_and_cuts_are_undone_as_far_as_they_can_be() {
        let prefix = r#"8.8.8.8 - - [10/Oct/2000:13:55:36 +0000] "GET /"#;
        for (rest, target, user_agent, cut) in [
            (r#"\" HTTP/1.1" 200 5 "-" "a \"b\" \\ \x63""#, "/\"", Some("a \"b\" \\ c"), false),
            (r#"caf\xc3\xa9 HTTP/1.1" 200 5 "-" "\xff""#, "/caf\u{e9}", Some("\u{fffd}"), false),
            (r#"a b HTTP/1.1" 200 5 "-" "-""#, "/a b", None, false),
            (r#"" 200 5 "-" "old""#, "/", Some("old"), false),
            (r#" HTTP/1.1" 200 5 "-" "cut her"#, "/", Some("cut her"), true),
            (r#" HTTP/1.1" 200 5 "http://cut"#, "/", None, true),
            (r#" HTTP/1.1" 200 5 "-" "x\"#, "/", Some("x\\"), true),
            (r#" HTTP/1.1" 200 5 "-" """#, "/", None, false),
        ] {
            let line = line(&format!("{prefix}{rest}"));
            assert_eq!(
                (line.target.as_str(), line.user_agent.as_deref(), line.cut),
                (target, user_agent, cut),
                "{rest}"
            );
        }
        let cut = line(&format!(r#"{prefix} HTTP/1.1" 200 5 "http://cut"#));
        assert_eq!(cut.referrer.as_deref(), Some("http://cut"));
    }

    #[test]
    fn what_is_no_request_is_refused_with_its_reason() {
        let time = "[10/Oct/2000:13:55:36 +0000]";
        for (text, reason) in [
            ("hello".to_owned(), "no time in brackets"),
            ("8.8.8.8 - - [10/Oct/2000:13:55:36 +0000".to_owned(), "no time in brackets"),
            (r#"8.8.8.8 - - [2000-10-10] "GET / HTTP/1.1" 200 5"#.to_owned(), "is no time such as"),
            (r#"8.8.8.8 - - [10/Oct/1969:13:55:36 +0000] "GET / HTTP/1.1" 200 5"#.to_owned(), "is no time such as"),
            (format!(r#" {time} "GET / HTTP/1.1" 200 5"#), "client's address is missing"),
            (format!("8.8.8.8 - - {time} GET / 200 5"), "not in quotes"),
            (format!(r#"8.8.8.8 - - {time} "GET /half"#), "closing quote is missing"),
            (format!(r#"8.8.8.8 - - {time} "-" 408 0"#), "no request line"),
            (format!(r#"8.8.8.8 - - {time} "\x16\x03\x01 \x02" 400 0"#), "no request line"),
            (format!(r#"8.8.8.8 - - {time} "GET HTTP/1.1" 400 0"#), "no request line"),
            (format!(r#"8.8.8.8 - - {time} "GET / HTTP/1.1""#), r#""" is no status"#),
            (format!(r#"8.8.8.8 - - {time} "GET / HTTP/1.1" ok 5"#), "is no status"),
            (format!(r#"8.8.8.8 - - {time} "GET / HTTP/1.1" 200 many"#), "is no size"),
        ] {
            let error = parse(text.as_bytes()).unwrap_err().to_string();
            assert!(error.contains(reason), "{text}: {error}");
        }
    }
}

//! Lines gathered into what one request carries: events as gzip'd NDJSON, and the lines that gave none.

use std::io::{self, Write};
use std::net::IpAddr;

use event::EventId;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde::Serialize;

use super::input::{Cursor, Line, Lines, MAX_LINE_BYTES};
use super::line::{self, Client, LogLine};

/// Uncompressed size at which a batch is sent, well under what a gateway takes.
const MAX_BATCH_BYTES: usize = 4 * 1024 * 1024;

/// How lines become events.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Part of every event's id, so that the same line of the same import always has the same one.
    pub import_id: String,
    /// The site, for every line.
    pub host: Option<String>,
    /// The address recorded where the log has a host name.
    pub fallback_ip: Option<IpAddr>,
    /// Lines in a batch.
    pub max_lines: usize,
}

/// A stretch of a file.
#[derive(Debug)]
pub struct Batch {
    /// NDJSON, gzip'd.
    pub body: Vec<u8>,
    /// The lines of the events, in the body's order.
    pub sent: Vec<SentLine>,
    pub rejected: Vec<Reject>,
    /// Where the next batch begins.
    pub end: Cursor,
}

/// A line that became an event, for the case that the gateway refuses it.
#[derive(Debug)]
pub struct SentLine {
    pub number: u64,
    pub text: Vec<u8>,
}

/// A line that was not imported.
#[derive(Debug, PartialEq, Eq)]
pub struct Reject {
    /// Line number, from 1.
    pub number: u64,
    pub reason: String,
    pub text: Vec<u8>,
}

#[derive(Serialize)]
struct LineEvent<'a> {
    url: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    referrer: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_agent: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    host: Option<&'a str>,
    ip: String,
    event_time: String,
    event_id: String,
    method: &'a str,
    status: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client: Option<&'a str>,
}

/// Reads the next batch; `None` at the end of the file. A last line that looks unfinished is rejected, and the batch ends
/// before it, so that it is read again once its server has finished it.
pub fn read(lines: &mut Lines, settings: &Settings) -> io::Result<Option<Batch>> {
    let start = lines.at();
    let mut batch = Batch { body: Vec::new(), sent: Vec::new(), rejected: Vec::new(), end: start };
    let mut ndjson = Vec::new();
    while batch.lines() < settings.max_lines && ndjson.len() < MAX_BATCH_BYTES {
        let Some(line) = lines.next_line()? else { break };
        if batch.take(line, settings, &mut ndjson)? {
            batch.end = lines.at();
        }
    }
    batch.body = gzip(&ndjson)?;
    Ok((lines.at() != start).then_some(batch))
}

impl Batch {
    fn lines(&self) -> usize {
        self.sent.len() + self.rejected.len()
    }

    /// Adds a line; tells whether the line is done with.
    fn take(&mut self, line: Line, settings: &Settings, ndjson: &mut Vec<u8>) -> io::Result<bool> {
        let number = line.start.line + 1;
        if line.bytes.trim_ascii().is_empty() {
            return Ok(true);
        }
        match usable(&line, settings) {
            Ok((request, ip)) => {
                write_event(ndjson, &request, ip, line.start, settings)?;
                self.sent.push(SentLine { number, text: line.bytes });
                Ok(true)
            }
            Err(reason) => {
                self.rejected.push(Reject { number, reason, text: line.bytes });
                Ok(line.ended)
            }
        }
    }
}

/// The request and the address to record for it, or why the line gives no event.
fn usable(line: &Line, settings: &Settings) -> Result<(LogLine, IpAddr), String> {
    if line.too_long {
        return Err(format!("longer than {MAX_LINE_BYTES} bytes"));
    }
    let request = match (line::parse(&line.bytes), line.ended) {
        (Ok(request), ended) if ended || !request.cut => request,
        (Err(error), true) => return Err(error.to_string()),
        (_, _) => return Err("the last line is unfinished; once it is complete a resumed import adds it".to_owned()),
    };
    let ip = match (&request.client, settings.fallback_ip) {
        (Client::Address(ip), _) => *ip,
        (Client::Name(_), Some(ip)) => ip,
        (Client::Name(name), None) => return Err(format!("the client {name:?} is no address; see --fallback-ip")),
    };
    Ok((request, ip))
}

fn write_event(
    ndjson: &mut Vec<u8>,
    request: &LogLine,
    ip: IpAddr,
    start: Cursor,
    settings: &Settings,
) -> io::Result<()> {
    let seed = format!("{}/{}", settings.import_id, start.offset);
    let host = settings.host.as_deref().or(request.vhost.as_deref()).or_else(|| authority(&request.target));
    let event = LineEvent {
        url: &request.target,
        referrer: request.referrer.as_deref(),
        user_agent: request.user_agent.as_deref(),
        host,
        ip: ip.to_string(),
        event_time: request.time.to_string(),
        event_id: EventId::derived(request.time, seed.as_bytes()).to_string(),
        method: &request.method,
        status: request.status,
        bytes: request.bytes,
        client: match &request.client {
            Client::Name(name) => Some(name),
            Client::Address(_) => None,
        },
    };
    serde_json::to_writer(&mut *ndjson, &event)?;
    ndjson.push(b'\n');
    Ok(())
}

/// The host of an absolute target, as proxies log it.
fn authority(target: &str) -> Option<&str> {
    let (_, rest) = target.split_once("://").filter(|(scheme, _)| matches!(*scheme, "http" | "https"))?;
    let authority = rest.split(['/', '?', '#']).next().unwrap_or(rest);
    let host = line::without_port(authority.rsplit('@').next().unwrap_or(authority));
    (!host.is_empty()).then_some(host)
}

fn gzip(ndjson: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(ndjson)?;
    encoder.finish()
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use serde_json::{Value, json};

    use super::*;

    const GOOD: &str = r#"8.8.8.8 - - [10/Oct/2000:13:55:36 -0700] "GET /a HTTP/1.0" 304 -"#;

    fn settings() -> Settings {
        Settings { import_id: "i".to_owned(), host: None, fallback_ip: None, max_lines: 2 }
    }

    fn read_all(text: &str, settings: &Settings) -> Vec<Batch> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        let mut lines = Lines::open(file.path(), Cursor::default(), Default::default()).unwrap();
        std::iter::from_fn(|| read(&mut lines, settings).unwrap()).collect()
    }

    fn events(batch: &Batch) -> Vec<Value> {
        let mut text = String::new();
        flate2::read::GzDecoder::new(&batch.body[..]).read_to_string(&mut text).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    #[test]
    fn a_line_becomes_an_event_of_its_own_time() {
        let event = &events(&read_all(&format!("{GOOD}\n"), &settings())[0])[0];
        let id = event["event_id"].clone();
        let expected = json!({"url": "/a", "ip": "8.8.8.8", "event_time": "2000-10-10T20:55:36.000Z", "event_id": id,
            "method": "GET", "status": 304});
        assert_eq!(event, &expected);
    }

    #[test]
    fn batches_end_after_their_lines_and_the_same_line_has_the_same_id_however_it_is_batched() {
        let text = format!("{GOOD}\n\nnonsense\n{GOOD}\n{GOOD}");
        let ids = |batches: &[Batch]| {
            batches.iter().flat_map(events).map(|event| event["event_id"].clone()).collect::<Vec<_>>()
        };
        let batches = read_all(&text, &settings());
        assert_eq!(batches.iter().map(|batch| batch.end.line).collect::<Vec<_>>(), [3, 5]);
        assert_eq!((batches[0].rejected[0].number, &batches[0].rejected[0].text[..]), (3, &b"nonsense"[..]));
        assert_eq!(ids(&batches), ids(&read_all(&text, &Settings { max_lines: 100, ..settings() })));
        assert_ne!(ids(&batches), ids(&read_all(&text, &Settings { import_id: "j".to_owned(), ..settings() })));
    }

    #[test]
    fn an_unfinished_last_line_is_left_for_the_next_import() {
        for half in
            ["8.8.8.8 - - [10/Oct", r#"8.8.8.8 - - [10/Oct/2000:13:55:36 -0700] "GET /a HTTP/1.0" 304 - "-" "Moz"#]
        {
            let batches = read_all(&format!("{GOOD}\n{half}"), &settings());
            assert_eq!((batches.len(), batches[0].sent.len(), batches[0].end.line), (1, 1, 1));
            assert!(batches[0].rejected[0].reason.contains("unfinished"));
        }
    }

    #[test]
    fn the_host_is_the_given_one_or_the_one_in_the_line() {
        for (target, given, host) in [
            ("http://u@example.com:8080/x", None, json!("example.com")),
            ("http://[::1]:8080/x", None, json!("[::1]")),
            ("/x?to=http://example.com", None, Value::Null),
            ("http://example.com", Some("site"), json!("site")),
        ] {
            let line = GOOD.replace("/a", target);
            let settings = Settings { host: given.map(str::to_owned), ..settings() };
            assert_eq!(events(&read_all(&line, &settings)[0])[0]["host"], host, "{target}");
        }
    }

    #[test]
    fn a_host_name_never_becomes_an_address() {
        let line = GOOD.replace("8.8.8.8", "crawl.example.com");
        let refused = read_all(&format!("{line}\n"), &settings());
        assert!(refused[0].sent.is_empty() && refused[0].rejected[0].reason.contains("--fallback-ip"));
        let fallback = Settings { fallback_ip: Some(IpAddr::from([0, 0, 0, 0])), ..settings() };
        let event = &events(&read_all(&line, &fallback)[0])[0];
        assert_eq!((&event["ip"], &event["client"]), (&json!("0.0.0.0"), &json!("crawl.example.com")));
    }
}

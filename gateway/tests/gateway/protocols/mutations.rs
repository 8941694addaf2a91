//! Requests that are damaged, or made to hurt, get an answer, and what is recorded of them can be read back.

use std::time::Duration;

use event::{Draft, LogPosition, Timestamp};
use flate2::Compression;
use flate2::write::GzEncoder;
use gateway::Config;
use std::io::Write;

use super::sent::{self, Sent};
use crate::support::Server;

/// Damaged requests of each captured one, unless PAGEBERG_TEST_MUTATIONS says otherwise.
const MUTATIONS: u64 = 20;

/// Pieces that mean something to one of the parsers.
const PIECES: [&[u8]; 24] = [
    b"\"",
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b"\\",
    b"\\u0000",
    b"\\ud800",
    b"\0",
    b"\xff",
    b"%",
    b"%00",
    b"&",
    b"=",
    b"null",
    b"-1",
    b"1e999",
    b"\n",
    b"\x1f\x8b",
    b"data=",
    b"[[[[[[[[",
    b"{\"a\":",
];

/// A generator of numbers that gives the same ones in every run (SplitMix64).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) as usize % limit.max(1)
    }

    fn mutate(&mut self, bytes: &mut Vec<u8>) {
        for _ in 0..=self.below(3) {
            let at = self.below(bytes.len());
            let end = at + self.below(bytes.len() - at + 1);
            match self.below(5) {
                0 => bytes.truncate(at),
                1 => drop(bytes.drain(at..end)),
                2 => drop(bytes.splice(at..at, PIECES[self.below(PIECES.len())].iter().copied())),
                3 => {
                    let copy = bytes[at..end].to_vec();
                    bytes.splice(at..at, copy);
                }
                _ => bytes.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= 1 << self.below(8)),
            }
        }
    }
}

/// The request with its body damaged; that of a request without a body is the query.
fn damaged(sent: &Sent, numbers: &mut Numbers) -> Vec<u8> {
    let mut body = sent.body.clone();
    if body.is_empty() {
        let (path, query) = sent.target.split_once('?').unwrap();
        let mut query = query.as_bytes().to_vec();
        numbers.mutate(&mut query);
        query.retain(u8::is_ascii_graphic);
        let target = format!("{path}?{}", String::from_utf8(query).unwrap());
        return format!("GET {target} HTTP/1.1\r\nHost: t\r\n\r\n").into_bytes();
    }
    numbers.mutate(&mut body);
    sent.with_body(&body)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn damaged_requests_are_answered_and_what_is_recorded_can_be_read_back() {
    let rounds = std::env::var("PAGEBERG_TEST_MUTATIONS").map_or(MUTATIONS, |text| text.parse().unwrap());
    let server = Server::start(Config { address_rate: gateway::Rate::default(), ..Config::default() }).await;
    let mut numbers = Numbers(1);
    for sent in sent::all().iter().filter(|sent| !sent.is_preflight()) {
        for _ in 0..rounds {
            let request = damaged(sent, &mut numbers);
            let answer = server.send(&request).await;
            let is_expected = [200, 202, 204, 400, 413].contains(&answer.status);
            assert!(is_expected, "{}: {} {:?}", sent.label, answer.text(), String::from_utf8_lossy(&request));
        }
    }
    assert_readable(&server);
}

fn assert_readable(server: &Server) {
    let place = LogPosition { topic: "raw".into(), partition: 0, offset: 0 };
    for record in server.log.records() {
        let event = Draft::parse(&record.payload).and_then(|draft| draft.recorded(Timestamp::now(), &place)).unwrap();
        let anew = Draft::parse(&event.to_record()).and_then(|draft| draft.recorded(Timestamp::now(), &place));
        assert_eq!(anew, Ok(event));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_made_to_hurt_are_answered_while_others_are_served() {
    let server = Server::start(Config::default()).await;
    let deep = "[".repeat(500_000);
    let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
    let mut bomb = GzEncoder::new(Vec::new(), Compression::best());
    bomb.write_all(&vec![b' '; 64 << 20]).unwrap();
    let post = |target: &str, body: &[u8]| {
        let head = format!("POST {target} HTTP/1.1\r\nHost: t\r\nContent-Length: {}\r\n\r\n", body.len());
        [head.as_bytes(), body].concat()
    };
    let text = |target: &str, body: String| post(target, body.as_bytes());
    let self_described = |inside: String| {
        let event = format!(r#"{{\"schema\":\"iglu:a/b/c/1\",\"data\":{inside}}}"#);
        let json = format!(r#"{{\"schema\":\"iglu:a/unstruct_event/c/1\",\"data\":{event}}}"#);
        format!(r#"{{"data":[{{"e":"ue","ue_pr":"{json}"}}]}}"#)
    };
    let zeros = "0,".repeat(400_000);
    let snowplow = "/com.snowplowanalytics.snowplow/tp2";
    for (request, status) in [
        (text("/v1/b", format!(r#"{{"batch":{deep}"#)), 400),
        (text("/v1/b", format!(r#"{{"batch":[{{"type":"track","event":"a","properties":{{"a":{deep}"#)), 400),
        (text("/v1/t", format!(r#"{{"event":"a","properties":{{"a":{}}}}}"#, nested(126))), 400),
        (text("/v1/t", format!(r#"{{"event":"a","properties":{{"a":{}}}}}"#, nested(120))), 200),
        (text("/v1/b", format!(r#"{{"batch":[{}1]}}"#, "1,".repeat(1_000_000))), 413),
        (text(snowplow, self_described(nested(120))), 200),
        (text(snowplow, self_described(nested(126))), 400),
        (text(snowplow, self_described(deep.clone())), 400),
        (text(snowplow, self_described(format!("[{}0]", "{},".repeat(20_000)))), 400),
        (text("/matomo.php", "a&".repeat(400_000)), 400),
        (text("/matomo.php", format!(r#"{{"requests":{deep}"#)), 400),
        (text("/g/collect?en=a", "x\n".repeat(200_000)), 413),
        (post("/e/", &bomb.finish().unwrap()), 413),
        (text("/e/", format!("data={}", "%5B".repeat(500_000))), 400),
        (text("/e/", "QUFB".repeat(500_000)), 400),
        (text("/mp/collect", format!(r#"{{"user_properties":{deep},"events":[]}}"#)), 400),
        (text("/v1/b", format!(r#"{{"context":{{"a":[{}0]}},"batch":[{}0]}}"#, zeros, "{},".repeat(50_000))), 413),
        (
            text("/mp/collect", format!(r#"{{"device":{{"a":[{}0]}},"events":[{}0]}}"#, zeros, "{},".repeat(50_000))),
            413,
        ),
        (text(&format!("/g/collect?en={}", "a".repeat(5_000)), "x\n".repeat(50_000)), 413),
        (text("/api/event", format!(r#"{{"n":"a","u":"/","p":{deep}}}"#)), 400),
    ] {
        let answer = server.while_others_are_served(server.send(&request)).await;
        let start = String::from_utf8_lossy(&request[..request.len().min(120)]).into_owned();
        assert_eq!(answer.status, status, "{start}: {}", answer.text());
        assert!(answer.body.len() < 2_000, "an answer does not repeat the body");
    }
    assert_readable(&server);
    assert!(tokio::time::timeout(Duration::from_secs(20), server.post(r#"{"url":"/"}"#)).await.is_ok());
}

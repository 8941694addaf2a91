//! Each tracker's own way of not having its visitor's address kept counts, whoever sends it.

use gateway::Config;
use serde_json::Value;

use crate::support::Server;

const SNOWPLOW: &str = "/com.snowplowanalytics.snowplow/tp2";

async fn ip_of(server: &Server, target: &str, headers: &str, body: &str) -> Value {
    let (method, length) = if body.is_empty() { ("GET", 0) } else { ("POST", body.len()) };
    let head = format!("{method} {target} HTTP/1.1\r\nHost: t\r\n{headers}Content-Length: {length}\r\n\r\n{body}");
    let answer = server.send(head).await;
    assert!((200..300).contains(&answer.status), "{target} {body}: {}", answer.text());
    server.log.events().pop().unwrap()["ip"].clone()
}

fn servers() -> [Config; 2] {
    [Config::default(), Config { trusted_senders: Vec::new(), ..Config::default() }]
}

#[tokio::test]
async fn an_address_is_withheld_as_each_tracker_says_so() {
    for config in servers() {
        let server = Server::start(config).await;
        for (target, headers, body) in [
            (SNOWPLOW, "SP-Anonymous: *\r\n", r#"{"data":[{"e":"pv","url":"/a"}]}"#),
            (SNOWPLOW, "SP-Anonymous: *\r\n", r#"{"data":[{"e":"pv","url":"/a","ip":"8.8.8.8"}]}"#),
            ("/i?e=pv&url=/a", "sp-anonymous: *\r\n", ""),
            ("/e/", "", r#"{"event":"a","properties":{"$ip":null}}"#),
            ("/e/", "", r#"{"event":"a","properties":{"$ip":"8.8.8.8","$geoip_disable":true}}"#),
            ("/batch/", "", r#"{"batch":[{"event":"a","properties":{"$ip":""}}]}"#),
            ("/v1/t", "", r#"{"event":"a","context":{"ip":"0.0.0.0"}}"#),
            ("/v1/t", "", r#"{"event":"a","context":{"ip":null}}"#),
            ("/v1/b", "", r#"{"batch":[{"type":"track","event":"a"}],"context":{"ip":"0.0.0.0"}}"#),
            ("/g/collect?tid=G-1&en=a&aip=1", "", ""),
            ("/g/collect?tid=G-1&en=a&ep.anonymize_ip=true", "", ""),
            ("/mp/collect", "", r#"{"events":[{"name":"a","params":{"anonymize_ip":true}}]}"#),
            ("/mp/collect", "", r#"{"ip_override":"0.0.0.0","events":[{"name":"a"}]}"#),
            ("/matomo.php?idsite=1&url=/a&cip=0.0.0.0", "", ""),
            ("/api/send", "", r#"{"type":"event","payload":{"website":"1","url":"/","ip":"::"}}"#),
            ("/v1/events", "", r#"{"url":"/a","ip":"0.0.0.0"}"#),
            ("/pixel.gif?url=/a&ip=0.0.0.0", "", ""),
        ] {
            assert_eq!(ip_of(&server, target, headers, body).await, Value::Null, "{target} {headers} {body}");
        }
    }
}

#[tokio::test]
async fn what_withholds_nothing_changes_nothing() {
    for config in servers() {
        let server = Server::start(config).await;
        for (target, headers, body) in [
            (SNOWPLOW, "", r#"{"data":[{"e":"pv","url":"/a"}]}"#),
            ("/e/?ip=1", "", r#"{"event":"a","properties":{"$geoip_disable":false}}"#),
            ("/e/?ip=0", "", r#"{"event":"a"}"#),
            ("/v1/t", "", r#"{"event":"a","context":{}}"#),
            ("/g/collect?tid=G-1&en=a&aip=0&ep.anonymize_ip=false", "", ""),
            ("/mp/collect", "", r#"{"events":[{"name":"a","params":{"anonymize_ip":false}}]}"#),
            ("/v1/events", "SP-Anonymous: *\r\n", r#"{"url":"/a","ip":null}"#),
        ] {
            assert_eq!(ip_of(&server, target, headers, body).await, "127.0.0.1", "{target} {headers} {body}");
        }
    }
}

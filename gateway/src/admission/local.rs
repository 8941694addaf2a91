//! Pages that nobody but their author sees.

use std::net::IpAddr;

use event::Event;

use super::sites::host_of;

/// Whether the event's page is a file, or served by the visitor's own machine.
pub fn is_local(event: &Event) -> bool {
    let is_file =
        event.url().is_some_and(|url| url.get(..5).is_some_and(|scheme| scheme.eq_ignore_ascii_case("file:")));
    is_file || host_of(event).is_some_and(|host| is_local_host(&host))
}

fn is_local_host(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    host == "localhost"
        || host.ends_with(".localhost")
        || address.is_ok_and(|address| address.to_canonical().is_loopback() || address.is_unspecified())
}

#[cfg(test)]
mod tests {
    use event::{Draft, Timestamp};

    use super::*;

    #[test]
    fn files_and_pages_of_the_own_machine_are_local() {
        for (json, local) in [
            (r#"{"url":"file:///home/ann/page.html"}"#, true),
            (r#"{"url":"FILE:///c:/page.html","host":"example.com"}"#, true),
            (r#"{"url":"http://localhost:3000/"}"#, true),
            (r#"{"url":"http://LOCALHOST/"}"#, true),
            (r#"{"url":"https://shop.localhost/"}"#, true),
            (r#"{"url":"http://127.0.0.2:8000/"}"#, true),
            (r#"{"url":"http://[::1]:8000/"}"#, true),
            (r#"{"url":"/","host":"localhost:3000"}"#, true),
            (r#"{"url":"/","host":"::1"}"#, true),
            (r#"{"url":"https://example.com/localhost"}"#, false),
            (r#"{"url":"https://localhost.example/"}"#, false),
            (r#"{"url":"/a","host":"example.com:80"}"#, false),
            (r#"{"url":"/a"}"#, false),
            (r#"{"url":"files"}"#, false),
        ] {
            let event = Draft::parse(json.as_bytes()).unwrap().accept(Timestamp::now(), [192, 0, 2, 1].into()).unwrap();
            assert_eq!(is_local(&event), local, "{json}");
        }
    }
}

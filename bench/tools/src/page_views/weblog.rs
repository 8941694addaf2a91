//! Page views of a web server's log in the combined format, repeated with other addresses.

use std::path::Path;

use anyhow::ensure;

use super::View;

const HOSTS: [&str; 3] = ["www.example.com", "blog.example.com", "shop.example.org"];

/// Page views from a web server's log.
pub struct Weblog {
    lines: Vec<Line>,
}

struct Line {
    ip: String,
    path: String,
    referrer: String,
    user_agent: String,
}

impl Weblog {
    /// Lines of another form are passed over.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        let text = String::from_utf8_lossy(&std::fs::read(path)?).into_owned();
        let lines: Vec<Line> = text.lines().filter_map(line).collect();
        ensure!(!lines.is_empty(), "no line is in the combined format");
        Ok(Self { lines })
    }

    /// Page view number `number`, the same each time.
    pub fn view(&self, number: u64) -> View {
        let repetition = number / self.lines.len() as u64;
        let line = &self.lines[(number % self.lines.len() as u64) as usize];
        let host = HOSTS[line.ip.bytes().map(usize::from).sum::<usize>() % 3];
        View {
            url: format!("http://{host}{}", line.path),
            referrer: line.referrer.clone(),
            user_agent: line.user_agent.clone(),
            host: host.to_owned(),
            ip: moved(&line.ip, repetition),
            language: "en-US,en;q=0.5",
        }
    }
}

/// `IP - - [TIME] "METHOD PATH PROTOCOL" STATUS SIZE "REFERRER" "AGENT"`.
fn line(text: &str) -> Option<Line> {
    let mut quoted = text.split('"');
    let ip = quoted.next()?.split(' ').next()?;
    let path = quoted.next()?.split(' ').nth(1).unwrap_or("/");
    let referrer = quoted.nth(1)?;
    let user_agent = quoted.nth(1)?;
    let referrer = if referrer == "-" { "" } else { referrer };
    let owned = str::to_owned;
    Some(Line { ip: owned(ip), path: owned(path), referrer: owned(referrer), user_agent: owned(user_agent) })
}

/// Another address of the same network, so that each repetition has visitors of its own.
fn moved(ip: &str, repetition: u64) -> String {
    let parts: Option<Vec<u64>> = ip.split('.').map(|part| part.parse().ok()).collect();
    match parts.as_deref() {
        Some([a, b, c, d]) => format!("{a}.{b}.{}.{}", (c + repetition * 37) % 256, (d + repetition * 101) % 256),
        _ => ip.to_owned(),
    }
}

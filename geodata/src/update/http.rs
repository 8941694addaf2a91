//! Downloads over HTTP: within limits of size and time, and with credentials for nobody but the origin they are meant for.

use std::path::Path;
use std::time::Duration;

use chrono::{DateTime, Utc};
use event::Secret;
use reqwest::header::{self, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, RequestBuilder, Response, StatusCode, Url, redirect};
use serde::{Deserialize, Serialize};
use tokio::fs::File;
use tokio::io::{AsyncWriteExt, BufWriter};

use super::config::Config;
use super::error::UpdateError;
use super::vendor::Download;

const MAX_REDIRECTS: usize = 5;
/// Largest answer that is no download.
const MAX_ANSWER_BYTES: usize = 1 << 20;
const BUFFER_BYTES: usize = 256 << 10;

/// Told of every piece that has arrived: bytes so far, and of how many if the server says so.
pub type Progress<'a> = &'a (dyn Fn(u64, Option<u64>) + Send + Sync);

/// Who asks.
#[derive(Debug, Clone)]
pub enum Credentials {
    Basic { user: String, password: Secret },
    Header { name: HeaderName, value: HeaderValue },
}

/// What a server said of a version, to ask whether there is a newer one.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Validators {
    /// `ETag` header.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub etag: Option<String>,
    /// `Last-Modified` header.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_modified: Option<String>,
}

/// A download that has begun.
pub struct Body {
    response: Response,
    max_bytes: u64,
    timeout: Duration,
}

/// A client with the configured limits.
#[derive(Clone)]
pub struct Http {
    client: Client,
    max_bytes: u64,
    timeout: Duration,
}

impl Http {
    pub fn new(config: &Config) -> Result<Self, UpdateError> {
        // Redirects are followed here, because the client would forward headers that it does not know to be secret.
        let client = Client::builder()
            .redirect(redirect::Policy::none())
            .connect_timeout(Duration::from_millis(config.connect_timeout_ms))
            .read_timeout(Duration::from_millis(config.idle_timeout_ms))
            .user_agent(concat!("pageberg/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(UpdateError::Client)?;
        let timeout = Duration::from_millis(config.download_timeout_ms);
        Ok(Self { client, max_bytes: config.max_bytes, timeout })
    }

    /// A short answer.
    pub async fn read(&self, url: &Url, credentials: Option<&Credentials>) -> Result<Vec<u8>, UpdateError> {
        let read = async {
            let mut response = self.get(url, credentials, &Validators::default()).await?;
            let mut answer = Vec::new();
            while let Some(piece) = response.chunk().await.map_err(UpdateError::transport)? {
                answer.extend_from_slice(&piece);
                if answer.len() > MAX_ANSWER_BYTES {
                    return Err(UpdateError::Answer("too much text".to_owned()));
                }
            }
            Ok(answer)
        };
        in_time(self.timeout, read).await
    }

    /// Asks for a download; `None` when the server says that nothing has changed.
    pub async fn open(&self, download: &Download) -> Result<Option<Body>, UpdateError> {
        let opened = self.get(&download.url, download.credentials.as_ref(), &download.validators);
        let response = in_time(self.timeout, opened).await?;
        let is_changed = response.status() != StatusCode::NOT_MODIFIED;
        Ok(is_changed.then_some(Body { response, max_bytes: self.max_bytes, timeout: self.timeout }))
    }

    /// A 200, or a 304, after all redirects.
    async fn get(
        &self,
        url: &Url,
        credentials: Option<&Credentials>,
        validators: &Validators,
    ) -> Result<Response, UpdateError> {
        let origin = url.origin();
        let (mut url, mut credentials) = (url.clone(), credentials);
        for redirects in 0..=MAX_REDIRECTS {
            let mut request = validators.on(self.client.get(url.clone()));
            if let Some(credentials) = credentials {
                request = credentials.on(request);
            }
            let response = request.send().await.map_err(|error| match redirects == 0 && error.is_connect() {
                true => UpdateError::Unreachable(error.without_url()),
                false => UpdateError::transport(error),
            })?;
            if !is_redirect(response.status()) {
                return judged(response);
            }
            let next = target(&url, response.headers().get(header::LOCATION))?;
            if next.origin() != origin {
                credentials = None;
            }
            url = next;
        }
        Err(UpdateError::Redirect("without end"))
    }
}

impl Body {
    /// Writes it into a new file. Returns what the server says of this version.
    pub async fn save(mut self, file: &Path, progress: Progress<'_>) -> Result<Validators, UpdateError> {
        let validators = Validators::of(self.response.headers());
        in_time(self.timeout, self.write(file, progress)).await?;
        Ok(validators)
    }

    async fn write(&mut self, file: &Path, progress: Progress<'_>) -> Result<(), UpdateError> {
        let total = self.response.content_length();
        self.within_limit(total.unwrap_or(0))?;
        let file = File::create(file).await.map_err(UpdateError::Disk)?;
        let mut file = BufWriter::with_capacity(BUFFER_BYTES, file);
        let mut received = 0;
        while let Some(piece) = self.response.chunk().await.map_err(UpdateError::transport)? {
            received += piece.len() as u64;
            self.within_limit(received)?;
            file.write_all(&piece).await.map_err(UpdateError::Disk)?;
            progress(received, total);
        }
        file.flush().await.map_err(UpdateError::Disk)
    }

    fn within_limit(&self, bytes: u64) -> Result<(), UpdateError> {
        if bytes > self.max_bytes { Err(UpdateError::TooLarge { max_bytes: self.max_bytes }) } else { Ok(()) }
    }
}

async fn in_time<T>(timeout: Duration, work: impl Future<Output = Result<T, UpdateError>>) -> Result<T, UpdateError> {
    tokio::time::timeout(timeout, work).await.unwrap_or(Err(UpdateError::TimedOut))
}

impl Credentials {
    fn on(&self, request: RequestBuilder) -> RequestBuilder {
        match self {
            Self::Basic { user, password } => request.basic_auth(user, Some(password.expose())),
            Self::Header { name, value } => request.header(name, value),
        }
    }
}

impl Validators {
    fn of(headers: &HeaderMap) -> Self {
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        Self { etag: text(header::ETAG), last_modified: text(header::LAST_MODIFIED) }
    }

    fn on(&self, request: RequestBuilder) -> RequestBuilder {
        let known = [(header::IF_NONE_MATCH, &self.etag), (header::IF_MODIFIED_SINCE, &self.last_modified)];
        let known = known.into_iter().filter_map(|(name, value)| Some((name, value.as_ref()?)));
        known.fold(request, |request, (name, value)| request.header(name, value))
    }
}

fn is_redirect(status: StatusCode) -> bool {
    matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
}

/// Where a redirect leads.
fn target(from: &Url, location: Option<&HeaderValue>) -> Result<Url, UpdateError> {
    let next = location.and_then(|location| from.join(location.to_str().ok()?).ok());
    let next = next.filter(|next| matches!(next.scheme(), "http" | "https"));
    match next.ok_or(UpdateError::Redirect("to nowhere"))? {
        next if from.scheme() == "https" && next.scheme() != "https" => Err(UpdateError::Redirect("out of https")),
        next => Ok(next),
    }
}

fn judged(response: Response) -> Result<Response, UpdateError> {
    let retry_after = retry_after(response.headers(), Utc::now());
    Err(match response.status().as_u16() {
        200 | 304 => return Ok(response),
        401 => UpdateError::Credentials,
        402 | 403 | 451 => UpdateError::Forbidden,
        404 | 410 => UpdateError::NotFound,
        429 => UpdateError::VendorQuota { retry_after },
        status => UpdateError::Status { status, retry_after },
    })
}

/// Seconds, or a date (RFC 9110, section 10.2.3).
fn retry_after(headers: &HeaderMap, now: DateTime<Utc>) -> Option<Duration> {
    let text = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    match text.parse() {
        Ok(seconds) => Some(Duration::from_secs(seconds)),
        Err(_) => (DateTime::parse_from_rfc2822(text).ok()?.to_utc() - now).to_std().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_read_in_both_forms() {
        let now = DateTime::parse_from_rfc3339("2026-11-21T08:00:00Z").unwrap().to_utc();
        let read = |text: &str| {
            let headers = HeaderMap::from_iter([(header::RETRY_AFTER, HeaderValue::from_str(text).unwrap())]);
            retry_after(&headers, now).map(|pause| pause.as_secs())
        };
        assert_eq!(read("120"), Some(120));
        assert_eq!(read("Sat, 21 Nov 2026 08:02:00 GMT"), Some(120));
        assert_eq!(read("Sat, 21 Nov 2026 07:58:00 GMT"), None);
        assert_eq!(read("later"), None);
    }

    #[test]
    fn a_redirect_does_not_lead_out_of_https_or_http() {
        let lead = |from: &str, location: &'static str| {
            let led = target(&from.parse().unwrap(), Some(&HeaderValue::from_static(location)));
            led.map(String::from).map_err(|error| error.to_string())
        };
        assert_eq!(lead("https://a/b/c", "../d?e=f"), Ok("https://a/d?e=f".to_owned()));
        assert_eq!(lead("http://a/b", "https://c/"), Ok("https://c/".to_owned()));
        assert_eq!(lead("https://a/b", "http://a/b"), Err("the server redirects out of https".to_owned()));
        assert_eq!(lead("http://a/b", "file:///etc/passwd"), Err("the server redirects to nowhere".to_owned()));
        assert!(target(&"http://a/".parse().unwrap(), None).is_err());
    }

    #[test]
    fn credentials_are_not_printed() {
        let mut value = HeaderValue::from_static("hunter2");
        value.set_sensitive(true);
        let header = Credentials::Header { name: header::AUTHORIZATION, value };
        let basic = Credentials::Basic { user: "7".to_owned(), password: "hunter2".into() };
        assert!(!format!("{header:?} {basic:?}").contains("hunter2"));
    }
}

//! A session with a REST catalog: signed in, and told where the catalog's addresses are.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use event::Secret;
use iceberg::{CatalogBuilder, TableIdent};
use iceberg_catalog_rest::{RestCatalog, RestCatalogBuilder};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, Method, RequestBuilder, Response};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::CatalogConfig;
use storage::StorageConfig;

use crate::Error;

/// See the module. It lasts as long as its token.
pub(super) struct Session {
    /// Iceberg's client with the same token, for reading and creating.
    pub(super) iceberg: Arc<RestCatalog>,
    /// What the catalog says of storage for all its tables, by Iceberg's names; some of it gives way to what a table says.
    pub(super) defaults: HashMap<String, String>,
    pub(super) overrides: HashMap<String, String>,
    http: Client,
    headers: HeaderMap,
    token: Option<Secret>,
    renew_at: Option<Instant>,
    /// What comes before `/namespaces`.
    addresses: String,
}

/// The answer of `/v1/config`.
#[derive(Deserialize)]
struct Settings {
    #[serde(default)]
    defaults: HashMap<String, String>,
    #[serde(default)]
    overrides: HashMap<String, String>,
}

/// The answer to a request for a token, as RFC 6749 has it.
#[derive(Deserialize)]
struct Granted {
    access_token: Secret,
    expires_in: Option<u64>,
}

impl Session {
    /// Signs in, when there is something to sign in with, and asks where things are.
    pub(super) async fn open(http: &Client, config: &CatalogConfig, storage: &StorageConfig) -> Result<Self, Error> {
        let headers = headers(config)?;
        let (token, renew_at) = sign_in(http, config, &headers).await?;
        let asked = authorized(http.get(format!("{}/v1/config", root(config))), &headers, token.as_ref());
        let asked = asked.query(&config.rest.warehouse.as_ref().map(|warehouse| [("warehouse", warehouse)]));
        let Settings { defaults, overrides } = answered(asked, "tell its configuration").await?;
        let uri = overrides.get("uri").map_or(root(config), |uri| uri.trim_end_matches('/'));
        let prefix = overrides.get("prefix").or(config.rest.prefix.as_ref()).or(defaults.get("prefix"));
        let prefix = prefix.map(|prefix| format!("/{prefix}")).unwrap_or_default();
        Ok(Self {
            iceberg: Arc::new(client(http, config, storage, token.as_ref()).await?),
            addresses: format!("{uri}/v1{prefix}"),
            http: http.clone(),
            defaults,
            overrides,
            headers,
            token,
            renew_at,
        })
    }

    /// Whether its token is good for a while.
    pub(super) fn is_fresh(&self) -> bool {
        self.renew_at.is_none_or(|at| Instant::now() < at)
    }

    /// A request about a table.
    pub(super) fn request(&self, method: Method, table: &TableIdent) -> RequestBuilder {
        let namespace = table.namespace().to_url_string();
        let address = format!("{}/namespaces/{namespace}/tables/{}", self.addresses, table.name());
        authorized(self.http.request(method, address), &self.headers, self.token.as_ref())
    }
}

fn root(config: &CatalogConfig) -> &str {
    config.rest.uri.trim_end_matches('/')
}

fn headers(config: &CatalogConfig) -> Result<HeaderMap, Error> {
    let header = |(name, value): (&String, &Secret)| {
        let refuse = || Error::Config(format!("catalog.rest.headers: {name} cannot be sent"));
        let parsed = HeaderName::try_from(name).map_err(|_invalid| refuse())?;
        let mut value = HeaderValue::try_from(value.expose()).map_err(|_invalid| refuse())?;
        value.set_sensitive(true);
        Ok((parsed, value))
    };
    config.rest.headers.iter().map(header).collect()
}

fn authorized(request: RequestBuilder, headers: &HeaderMap, token: Option<&Secret>) -> RequestBuilder {
    let request = request.headers(headers.clone());
    match token {
        Some(token) => request.bearer_auth(token.expose()),
        None => request,
    }
}

/// The token, and when a new one is to be fetched: when a quarter of its time is left.
async fn sign_in(
    http: &Client,
    config: &CatalogConfig,
    headers: &HeaderMap,
) -> Result<(Option<Secret>, Option<Instant>), Error> {
    let Some(credential) = &config.rest.credential else { return Ok((config.rest.token.clone(), None)) };
    let default = format!("{}/v1/oauth/tokens", root(config));
    let address = config.rest.oauth2_server_uri.as_ref().unwrap_or(&default);
    let mut form = vec![("grant_type", "client_credentials"), ("scope", &config.rest.scope)];
    match credential.expose().split_once(':') {
        Some((id, secret)) => form.extend([("client_id", id), ("client_secret", secret)]),
        None => form.push(("client_secret", credential.expose())),
    }
    let asked = http.post(address).headers(headers.clone()).form(&form);
    let granted: Granted = answered(asked, "give out a token").await?;
    let renew_at = granted.expires_in.map(|seconds| Instant::now() + Duration::from_secs(seconds) * 3 / 4);
    Ok((Some(granted.access_token), renew_at))
}

/// Iceberg's client. It is never given credentials, so it never signs in by itself.
async fn client(
    http: &Client,
    config: &CatalogConfig,
    stored: &StorageConfig,
    token: Option<&Secret>,
) -> Result<RestCatalog, Error> {
    let rest = &config.rest;
    let mut properties = HashMap::from([("uri".to_owned(), root(config).to_owned())]);
    properties.extend(rest.warehouse.clone().map(|warehouse| ("warehouse".to_owned(), warehouse)));
    properties.extend(rest.prefix.clone().map(|prefix| ("prefix".to_owned(), prefix)));
    properties.extend(token.map(|token| ("token".to_owned(), token.expose().to_owned())));
    let headers = rest.headers.iter().map(|(name, value)| (format!("header.{name}"), value.expose().to_owned()));
    properties.extend(headers);
    let builder = RestCatalogBuilder::default().with_client(http.clone());
    let opened = builder.with_storage_factory(storage::factory(stored)).load(config.name.as_str(), properties).await;
    opened.map_err(Error::iceberg("open the catalog"))
}

/// The JSON of a good answer; no part of any answer is in the error but the reason that the catalog gives.
pub(super) async fn answered<T: DeserializeOwned>(asked: RequestBuilder, action: &'static str) -> Result<T, Error> {
    let answer = asked.send().await.map_err(unreachable(action))?;
    if !answer.status().is_success() {
        return Err(refused(answer, action).await);
    }
    answer.json().await.map_err(unreachable(action))
}

/// For `map_err`: there was no answer, or none that can be read.
pub(super) fn unreachable(action: &'static str) -> impl FnOnce(reqwest::Error) -> Error {
    move |source| Error::Unreachable { action, source: source.without_url() }
}

/// The error of an answer that is no good one.
pub(super) async fn refused(answer: Response, action: &'static str) -> Error {
    let status = answer.status();
    let advice = match status.as_u16() {
        400 => "look at its reason, and at iceberg.catalog.rest.warehouse and prefix",
        401 | 419 => "iceberg.catalog.rest.token or credential is wrong or has expired",
        403 => "grant pageberg's role the right to it there",
        404 => "look whether the table is there still, and at iceberg.catalog.rest.uri, warehouse and prefix",
        429 => "it is asked too often",
        500.. => "look at its log",
        _ => "look at its reason",
    };
    let body = answer.json::<Value>().await.unwrap_or_default();
    let kind = body["error"]["type"].as_str().unwrap_or_default().to_owned();
    Error::Refused { action, status: status.as_u16(), kind, reason: reason(&body), advice }
}

/// What the catalog gives as the reason: the message of Iceberg's errors, or that of OAuth2's.
fn reason(body: &Value) -> String {
    let told = [&body["error"]["message"], &body["error_description"], &body["error"]];
    told.into_iter().find_map(Value::as_str).unwrap_or("no reason").to_owned()
}

//! A REST catalog: changes are sent to it as requirements and updates, and a lost answer is settled by asking.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use iceberg::io::{FileIOBuilder, StorageFactory};
use iceberg::table::Table;
use iceberg::{ErrorKind, Runtime, TableIdent};
use iceberg_catalog_rest::{CommitTableResponse, LoadTableResult};
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode};
use serde_json::Value;
use tokio::sync::Mutex;

use super::Change;
use super::request::request;
use super::session::{Session, refused, unreachable};
use super::{CatalogConfig, changed};
use storage::StorageConfig;

use crate::{Config, Error};

/// How often it is asked whether a change has happened whose answer was lost, and the pause before each but the first.
const ASK_ATTEMPTS: u32 = 8;
const ASK_PAUSE: Duration = Duration::from_millis(500);

/// A service, and the session with it.
pub(super) struct Service {
    config: CatalogConfig,
    storage: StorageConfig,
    /// One for all loads, so that connections to stores are used again.
    files: Arc<dyn StorageFactory>,
    http: Client,
    session: Mutex<Option<Arc<Session>>>,
}

/// What an answer to a change says.
enum Verdict {
    Done(Box<CommitTableResponse>),
    Conflict,
    Refused(Error),
    /// Nobody knows whether it has happened.
    Unknown(Error),
}

impl Service {
    /// Asks nothing yet.
    pub(super) fn new(config: &Config<'_>) -> Result<Self, Error> {
        let rest = &config.catalog.rest;
        let http = Client::builder()
            .user_agent(concat!("pageberg/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(Duration::from_millis(rest.connect_timeout_ms))
            .timeout(Duration::from_millis(rest.request_timeout_ms))
            .build()
            .map_err(unreachable("prepare requests to the catalog"))?;
        let (catalog, storage) = (config.catalog.clone(), config.storage.clone());
        let files = storage::factory(&storage);
        Ok(Self { config: catalog, storage, files, http, session: Mutex::default() })
    }

    /// The session; a new one when there is none whose token is good for a while.
    pub(super) async fn session(&self) -> Result<Arc<Session>, Error> {
        let mut held = self.session.lock().await;
        if let Some(session) = held.as_ref().filter(|session| session.is_fresh()) {
            return Ok(session.clone());
        }
        let session = Arc::new(Session::open(&self.http, &self.config, &self.storage).await?);
        Ok(held.insert(session).clone())
    }

    /// Makes the next request sign in anew.
    pub(super) async fn distrust(&self) {
        *self.session.lock().await = None;
    }

    pub(super) async fn load(&self, name: &TableIdent) -> Result<Table, Error> {
        const ACTION: &str = "load the table";
        let answer = self.send(|session| session.request(Method::GET, name)).await?.map_err(unreachable(ACTION))?;
        if !answer.status().is_success() {
            return Err(refused(answer, ACTION).await);
        }
        let mut loaded: Value = answer.json().await.map_err(unreachable(ACTION))?;
        settle_times(&mut loaded["metadata"]);
        let loaded: LoadTableResult = serde_json::from_value(loaded).map_err(unreadable(ACTION))?;
        let session = self.session().await?;
        let files = FileIOBuilder::new(self.files.clone()).with_props(properties(&session, &loaded));
        let table = Table::builder().identifier(name.clone()).file_io(files.build()).metadata(loaded.metadata);
        let table = loaded.metadata_location.into_iter().fold(table, |table, at| table.metadata_location(at));
        table.runtime(Runtime::current()).build().map_err(Error::iceberg(ACTION))
    }

    /// See [`Catalog::swap`](super::Catalog::swap).
    pub(super) async fn swap(&self, base: &Table, change: &Change) -> Result<Option<Table>, Error> {
        let request = request(base, change).map_err(Error::iceberg("put a change into JSON"))?;
        let sent = self.send(|session| session.request(Method::POST, base.identifier()).json(&request)).await?;
        match verdict(sent).await {
            Verdict::Done(table) => changed(base, table.metadata_location, table.metadata).map(Some),
            Verdict::Refused(error) => Err(error),
            // What stands between may have sent it twice, and this is the answer to the second.
            Verdict::Conflict => Ok(Some(self.load(base.identifier()).await.map_err(uncertain)?)
                .filter(|newer| change.is_in(newer.metadata()))),
            Verdict::Unknown(lost) => self.settle(base.identifier(), change, lost).await,
        }
    }

    /// Finds out whether a change has happened. It can come late, as long as what it requires still holds.
    async fn settle(&self, name: &TableIdent, change: &Change, mut lost: Error) -> Result<Option<Table>, Error> {
        for attempt in 0..ASK_ATTEMPTS {
            if attempt > 0 {
                tokio::time::sleep(ASK_PAUSE).await;
            }
            match self.load(name).await {
                Ok(newer) if change.is_in(newer.metadata()) => return Ok(Some(newer)),
                Ok(newer) if change.is_overtaken(newer.metadata()) => return Ok(None),
                Ok(_undecided) => {}
                Err(error) => lost = error,
            }
        }
        Err(uncertain(lost))
    }

    /// The answer to a request. When it is that the token is no good, which changes nothing, the request is made again
    /// with a new one. The outer error is that of signing in: nothing was sent.
    async fn send(
        &self,
        request: impl Fn(&Session) -> RequestBuilder,
    ) -> Result<Result<Response, reqwest::Error>, Error> {
        let answer = request(&*self.session().await?).send().await;
        match &answer {
            Ok(refused) if matches!(refused.status().as_u16(), 401 | 419) && self.config.rest.credential.is_some() => {
                self.distrust().await;
                Ok(request(&*self.session().await?).send().await)
            }
            _ => Ok(answer),
        }
    }
}

/// What the answer to a change says. Source: the REST catalog specification, `updateTable`.
async fn verdict(sent: Result<Response, reqwest::Error>) -> Verdict {
    const ACTION: &str = "change the table";
    let answer = match sent {
        Ok(answer) => answer,
        Err(error) if error.is_connect() => return Verdict::Refused(unreachable(ACTION)(error)),
        Err(error) => return Verdict::Unknown(unreachable(ACTION)(error)),
    };
    match answer.status() {
        status if status.is_success() => match answer.json().await {
            Ok(answer) => match changed_table(answer) {
                Ok(table) => Verdict::Done(Box::new(table)),
                Err(error) => Verdict::Unknown(unreadable(ACTION)(error)),
            },
            Err(error) => Verdict::Unknown(unreachable(ACTION)(error)),
        },
        StatusCode::CONFLICT => Verdict::Conflict,
        status if status.is_client_error() && status != StatusCode::REQUEST_TIMEOUT => {
            Verdict::Refused(refused(answer, ACTION).await)
        }
        _ => match refused(answer, ACTION).await {
            error if is_unsupported(&error) => Verdict::Refused(error),
            error => Verdict::Unknown(error),
        },
    }
}

fn changed_table(mut answer: Value) -> serde_json::Result<CommitTableResponse> {
    settle_times(&mut answer["metadata"]);
    serde_json::from_value(answer)
}

/// Lets the table be changed last no sooner than its logs say. A catalog that goes by its own clock (Nessie 0.99) may say
/// so after another's clock was ahead, and Iceberg's crate refuses to read it.
fn settle_times(metadata: &mut Value) {
    let times = |log: &str, of: &Value| of[log].as_array().into_iter().flatten().filter_map(time).max();
    let logged = times("snapshot-log", metadata).max(times("metadata-log", metadata));
    if let (Some(logged), Some(updated)) = (logged, metadata["last-updated-ms"].as_i64())
        && logged > updated
    {
        metadata["last-updated-ms"] = logged.into();
    }
}

fn time(entry: &Value) -> Option<i64> {
    entry["timestamp-ms"].as_i64()
}

/// For `map_err`: there was an answer that is none.
fn unreadable(action: &'static str) -> impl FnOnce(serde_json::Error) -> Error {
    move |error| {
        let invalid = iceberg::Error::new(ErrorKind::DataInvalid, "the catalog's answer is not as specified");
        Error::iceberg(action)(invalid.with_source(error))
    }
}

/// Whether the catalog never does such a thing, which some tell as a failure of theirs.
fn is_unsupported(error: &Error) -> bool {
    matches!(error, Error::Refused { kind, .. } if kind == "UnsupportedOperationException")
}

fn uncertain(lost: Error) -> Error {
    Error::Uncertain { source: lost.into() }
}

/// How the table's files are reached. Of lent credentials those count that are meant for the closest place.
fn properties(session: &Session, loaded: &LoadTableResult) -> HashMap<String, String> {
    let mut properties = session.defaults.clone();
    properties.extend(loaded.config.clone());
    let lent = loaded.storage_credentials.iter().flatten();
    let lent = lent.filter(|lent| loaded.metadata.location().starts_with(&lent.prefix));
    properties.extend(lent.max_by_key(|lent| lent.prefix.len()).map(|lent| lent.config.clone()).unwrap_or_default());
    properties.extend(session.overrides.clone());
    properties
}

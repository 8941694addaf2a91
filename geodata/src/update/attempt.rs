//! One update of one source, from the question whether there is something newer to the file in its place.

use tokio::task::spawn_blocking;

use super::error::UpdateError;
use super::http::{Body, Progress, Validators};
use super::install::{self, Leftovers};
use super::outcome::{Outcome, Urgency};
use super::source::Source;
use super::state::LockedState;
use super::unpack;
use super::updater::Updater;
use super::vendor::{Download, Installed};
use crate::refresh;

/// Bytes of a download that tell an answer in words from a database.
const JUDGED_BYTES: usize = 512;

/// What an update works with.
pub struct Attempt<'a> {
    pub updater: &'a Updater,
    pub source: &'a Source,
    pub state: &'a mut LockedState,
    pub progress: Progress<'a>,
}

impl Attempt<'_> {
    /// Downloads what may be newer and puts it in place. The caller removes what is left over.
    pub async fn run(mut self, urgency: Urgency) -> Result<Outcome, UpdateError> {
        let (vendor, today) = (&self.source.vendor, self.updater.now().date_naive());
        let in_place = self.in_place().await?;
        let known = in_place.as_ref().filter(|_| urgency != Urgency::Afresh);
        let mut missing = None;
        for download in vendor.downloads(&self.updater.http, known, today).await? {
            match self.open(&download).await {
                Ok(Some(body)) => {
                    let file = Leftovers::of(&self.source.file).download;
                    let validators = body.save(&file, self.progress).await?;
                    return self.install(&download, validators, in_place.as_ref()).await;
                }
                Ok(None) => return Ok(Outcome::Unchanged),
                Err(UpdateError::NotFound) => missing = Some(UpdateError::NotFound),
                Err(error) => return Err(error),
            }
        }
        let is_early = known.is_some_and(|known| vendor.is_early(known, today));
        missing.filter(|_| !is_early).map_or(Ok(Outcome::Unchanged), Err)
    }

    /// The database in place, and what is remembered of it if it is still the one that was fetched.
    async fn in_place(&mut self) -> Result<Option<Installed>, UpdateError> {
        let file = self.source.file.clone();
        let Some(md5) = blocking(move || install::checksum(&file)).await? else { return Ok(None) };
        let record = self.state.record(self.source);
        let (edition, validators) = match record.md5.as_ref() == Some(&md5) {
            true => (record.edition.clone(), record.validators.clone()),
            false => Default::default(),
        };
        Ok(Some(Installed { md5, edition, validators }))
    }

    /// Asks for a download, which counts from before it is asked for until it is clear that there is none.
    async fn open(&mut self, download: &Download) -> Result<Option<Body>, UpdateError> {
        self.state.begin_download(self.source, self.updater.now())?;
        let opened = self.updater.http.open(download).await;
        let is_served = match &opened {
            Ok(body) => body.is_some(),
            Err(error) => error.may_count(),
        };
        if !is_served {
            self.state.forget_download(self.source);
        }
        opened
    }

    /// Puts the database in place that was downloaded, if it is sound and another one than that in place.
    async fn install(
        self,
        download: &Download,
        validators: Validators,
        in_place: Option<&Installed>,
    ) -> Result<Outcome, UpdateError> {
        let installation = Installation {
            source: self.source.clone(),
            expected_md5: download.md5.clone(),
            held_md5: in_place.map(|installed| installed.md5.clone()),
            max_bytes: self.updater.max_bytes,
            refresh: self.updater.refresh.clone(),
        };
        let (md5, outcome) = blocking(move || installation.run()).await?;
        let record = self.state.record(self.source);
        (record.md5, record.edition, record.validators) = (Some(md5), download.edition.clone(), validators);
        Ok(outcome)
    }
}

/// The part of an update that blocks: from the downloaded file to the one in place.
struct Installation {
    source: Source,
    expected_md5: Option<String>,
    held_md5: Option<String>,
    max_bytes: u64,
    refresh: refresh::Config,
}

impl Installation {
    /// The new database's checksum, and what became of it.
    fn run(self) -> Result<(String, Outcome), UpdateError> {
        let target = &self.source.file;
        let Leftovers { download, database } = Leftovers::of(target);
        let first = unpack::first_bytes(&download, JUDGED_BYTES).map_err(UpdateError::Disk)?;
        if let Some(refusal) = self.source.vendor.refusal(&first) {
            return Err(refusal);
        }
        unpack::unpack(&download, &database, self.max_bytes)?;
        let md5 = install::checksum(&database)?.unwrap_or_default();
        if let Some(expected) = self.expected_md5.filter(|expected| !expected.eq_ignore_ascii_case(&md5)) {
            return Err(UpdateError::Checksum { expected, found: md5 });
        }
        if self.held_md5.is_some_and(|held| held == md5) {
            return Ok((md5, Outcome::Unchanged));
        }
        let checked = install::check(&database, target, &self.refresh)?;
        install::put(&database, target).map_err(UpdateError::Disk)?;
        let (database, bytes) = (checked.name().to_string(), checked.size_bytes());
        Ok((md5, Outcome::Updated { database, bytes }))
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, UpdateError> + Send + 'static,
) -> Result<T, UpdateError> {
    // What panics here is a reader of archives.
    spawn_blocking(work).await.map_err(|error| UpdateError::Damaged(error.into()))?
}

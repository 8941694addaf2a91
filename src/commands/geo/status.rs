//! `geo status`: how the configured databases stand, by their files and the record of updates.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;
use chrono::{NaiveDate, Utc};
use geodata::update::{Record, Source, State};
use geodata::{Attribution, DatabaseFile, attributions, inspect};
use indicatif::HumanBytes;
use serde::Serialize;

use super::minute;
use crate::commands::flags;
use crate::config::{Config, Given};

/// Look-ups of each kind of address that tell which fields a database has.
const LOOKUPS: u32 = 20_000;

/// Options of `geo status`.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  pageberg geo status
  pageberg geo status --json | jq -r '.databases[] | select(.age_days > 45) | .path'

It reads the files and the record of updates, not the server: what a running server has in use, and what it refused, tells \
its /status.")]
pub struct Args {
    #[command(flatten)]
    geo: flags::Geo,
    /// Print one JSON object instead
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Report {
    databases: Vec<Database>,
    /// To be shown wherever results are shown.
    attributions: Vec<Attribution>,
}

#[derive(Serialize)]
struct Database {
    path: PathBuf,
    /// `name@build-date`; absent when the file cannot be used.
    name: Option<String>,
    format: Option<&'static str>,
    built: Option<String>,
    age_days: Option<i64>,
    size_bytes: Option<u64>,
    fields: Vec<&'static str>,
    error: Option<String>,
    /// Absent for a file that nobody fetches.
    update: Option<Update>,
}

#[derive(Serialize)]
struct Update {
    source: String,
    #[serde(flatten)]
    record: Record,
}

impl Args {
    pub fn given(&self) -> Vec<Given> {
        self.geo.given().into_iter().collect()
    }

    pub fn run(self, config: &Config) -> anyhow::Result<()> {
        let sources = config.geo.update.sources(&config.data)?;
        let state = State::load(&config.geo.update.folder(&config.data))?;
        let mut opened = Vec::new();
        let databases = config.geo.all_files(&config.data).into_iter().map(|path| {
            let file = DatabaseFile::open(&path).map_err(anyhow::Error::new);
            let update = update(&path, &sources, &state);
            let database = database(path, &file, update);
            opened.extend(file.ok());
            database
        });
        let databases: Vec<_> = databases.collect();
        let report = Report { databases, attributions: attributions(&opened) };
        if self.json {
            let json = serde_json::to_string_pretty(&report).context("failed to write the status")?;
            return Ok(writeln!(io::stdout(), "{json}")?);
        }
        print(&report)
    }
}

fn update(path: &Path, sources: &[Source], state: &State) -> Option<Update> {
    let source = sources.iter().find(|source| source.file() == path)?.name().to_owned();
    let record = state.sources.get(&source).cloned().unwrap_or_default();
    Some(Update { source, record })
}

fn database(path: PathBuf, file: &anyhow::Result<DatabaseFile>, update: Option<Update>) -> Database {
    let error = file.as_ref().err().map(|error| format!("{error:#}"));
    let file = file.as_ref().ok();
    let built = file.and_then(DatabaseFile::built);
    Database {
        path,
        name: file.map(|file| file.name().to_string()),
        format: file.map(DatabaseFile::format),
        built: built.map(|built| built.to_string()),
        age_days: built.map(age_days),
        size_bytes: file.map(DatabaseFile::size_bytes),
        fields: file.map(|file| inspect(file, LOOKUPS).fields).unwrap_or_default(),
        error,
        update,
    }
}

fn age_days(built: NaiveDate) -> i64 {
    (Utc::now().date_naive() - built).num_days()
}

fn print(report: &Report) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    if report.databases.is_empty() {
        writeln!(
            out,
            "no geo database is configured: --geo FILE, geo.files or [geo.update…], see `geo update --help`"
        )?;
    }
    for database in &report.databases {
        writeln!(out, "{}", database.path.display())?;
        for line in database.lines() {
            writeln!(out, "  {line}")?;
        }
    }
    for attribution in &report.attributions {
        writeln!(out, "{} ({})", attribution.text, attribution.url)?;
    }
    Ok(())
}

impl Database {
    fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        if let (Some(name), Some(format), Some(bytes)) = (&self.name, self.format, self.size_bytes) {
            let age = self.age_days.map(|days| format!(", {days} days old")).unwrap_or_default();
            lines.push(format!("{name}, {format}, {}{age}", HumanBytes(bytes)));
            lines.push(format!("knows {}", self.fields.join(", ")));
        }
        lines.extend(self.error.as_ref().map(|error| format!("cannot be used: {error}")));
        lines.extend(self.update.iter().flat_map(Update::lines));
        lines
    }
}

impl Update {
    fn lines(&self) -> Vec<String> {
        let Record { last_check, last_update, next_check, failures, last_error, .. } = &self.record;
        let told = |time: &Option<_>| time.map_or("never".to_owned(), minute);
        let next = next_check.map_or("at once".to_owned(), minute);
        let (checked, updated) = (told(last_check), told(last_update));
        let mut lines = vec![format!("{}: updated {updated}, checked {checked}, next {next}", self.source)];
        let failed = |error: &String| format!("failed {failures} times in a row, last: {error}");
        lines.extend(last_error.as_ref().map(failed));
        lines
    }
}

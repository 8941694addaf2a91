//! Deleting files that nothing names: what a crash left, and what dropped snapshots named.
//!
//! 1. The files under the table's `data` and `metadata` folders are listed.
//! 2. Then the table is loaded, and all that it names is collected: by any of its snapshots and by its metadata log.
//! 3. A listed file that is not named and is older than the grace period is deleted. A younger one may belong to a
//!    commit under way. Files of a kind that no Iceberg writer makes are left.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, SystemTime};

use futures::{StreamExt, TryStreamExt};
use iceberg::spec::ManifestFile;
use iceberg::table::Table;
use storage::{Listed, Listing, plain};

use super::{MaintenanceConfig, Run};
use crate::Error;
use crate::rewrite::live_entries;

/// Manifests and lists of them that are read at the same time.
const CONCURRENT_READS: usize = 8;

/// Endings of what Iceberg's writers make, and of the drafts of this one.
const ENDINGS: [&str; 8] = ["parquet", "orc", "avro", "puffin", "stats", "part", "metadata.json", "metadata.json.gz"];

impl Run<'_> {
    /// Deletes the files that nothing names and that are old enough.
    pub(super) async fn remove_unreferenced(&mut self, listing: &dyn Listing) -> Result<(), Error> {
        self.refresh().await?;
        let before = current_metadata(&self.table.table)?;
        let location = self.table.table.metadata().location().to_owned();
        let mut files = Vec::new();
        for folder in ["data", "metadata"] {
            files.extend(listing.list(&format!("{location}/{folder}")).await?);
        }
        if !files.iter().any(|file| plain(&file.location) == plain(&before)) {
            tracing::warn!(location, "the table's files were not found where it stands: none is deleted");
            return Ok(());
        }
        self.refresh().await?;
        let table = &self.table.table;
        let rules = Rules {
            referenced: referenced(table).await?,
            version: version(&current_metadata(table)?),
            settings: self.settings,
            now: SystemTime::UNIX_EPOCH + Duration::from_millis(u64::try_from(self.now_ms).unwrap_or_default()),
        };
        for file in files.iter().filter(|file| rules.is_garbage(file)) {
            if !self.dry_run {
                table.file_io().delete(&file.location).await.map_err(Error::iceberg("delete an unreferenced file"))?;
            }
            self.done.files_removed += 1;
            self.done.bytes_removed += file.bytes;
        }
        if !self.dry_run {
            let age = Duration::from_millis(self.settings.unreferenced_grace_ms);
            self.done.folders_removed = listing.remove_empty_folders(&format!("{location}/data"), age).await?;
        }
        Ok(())
    }
}

/// What decides on a file.
struct Rules<'r> {
    /// Plain paths of everything that the table names.
    referenced: HashSet<String>,
    /// Number of the table's current metadata file.
    version: Option<u64>,
    settings: &'r MaintenanceConfig,
    now: SystemTime,
}

impl Rules<'_> {
    fn is_garbage(&self, file: &Listed) -> bool {
        // The clock may have been set back; then the file is young.
        let age = self.now.duration_since(file.modified).unwrap_or_default();
        let name = file.location.rsplit('/').next().unwrap_or_default();
        ENDINGS.iter().any(|ending| name.strip_suffix(ending).is_some_and(|stem| stem.ends_with('.')))
            && age >= self.grace(name)
            && !self.referenced.contains(&plain(&file.location))
    }

    /// An older metadata file was superseded, so that no commit can need it.
    fn grace(&self, name: &str) -> Duration {
        let is_superseded = name.contains(".metadata.json") && version(name).is_some() && version(name) < self.version;
        let (superseded, other) = (self.settings.metadata_grace_ms, self.settings.unreferenced_grace_ms);
        Duration::from_millis(if is_superseded { superseded.min(other) } else { other })
    }
}

fn current_metadata(table: &Table) -> Result<String, Error> {
    let location = table.metadata_location_result().map_err(Error::iceberg("find the table's metadata"))?;
    Ok(location.to_owned())
}

/// The number that the name of a metadata file begins with.
fn version(location: &str) -> Option<u64> {
    location.rsplit('/').next()?.split('-').next()?.parse().ok()
}

/// Plain paths of all that the table's metadata names, directly or not.
async fn referenced(table: &Table) -> Result<HashSet<String>, Error> {
    let metadata = table.metadata();
    let mut named = HashSet::from([plain(&current_metadata(table)?)]);
    named.extend(metadata.metadata_log().iter().map(|past| plain(&past.metadata_file)));
    named.extend(metadata.snapshots().map(|snapshot| plain(snapshot.manifest_list())));
    named.extend(metadata.statistics_iter().map(|file| plain(&file.statistics_path)));
    named.extend(metadata.partition_statistics_iter().map(|file| plain(&file.statistics_path)));
    let manifests = manifests(table).await?;
    named.extend(manifests.keys().map(|path| plain(path)));
    let read = manifests.into_values().map(|manifest| async move {
        let entries = live_entries(&manifest, table.file_io()).await?;
        Ok::<_, Error>(entries.iter().map(|entry| plain(entry.file_path())).collect::<Vec<_>>())
    });
    let mut read = futures::stream::iter(read).buffer_unordered(CONCURRENT_READS);
    while let Some(files) = read.try_next().await? {
        named.extend(files);
    }
    Ok(named)
}

/// The manifests of all snapshots, by path.
async fn manifests(table: &Table) -> Result<HashMap<String, ManifestFile>, Error> {
    let lists = table.metadata().snapshots().map(|snapshot| async move {
        let list = table.manifest_list_reader(snapshot).load().await;
        list.map_err(Error::iceberg("read a manifest list")).map(|list| list.consume_entries())
    });
    let mut lists = futures::stream::iter(lists).buffer_unordered(CONCURRENT_READS);
    let mut manifests = HashMap::new();
    while let Some(list) = lists.try_next().await? {
        manifests.extend(list.into_iter().map(|manifest| (manifest.manifest_path.clone(), manifest)));
    }
    Ok(manifests)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn garbage(location: &str, age_ms: u64) -> bool {
        let settings =
            MaintenanceConfig { unreferenced_grace_ms: 100, metadata_grace_ms: 10, ..MaintenanceConfig::default() };
        let now = SystemTime::now();
        let referenced = HashSet::from([plain("/t/data/live.parquet")]);
        let rules = Rules { referenced, version: Some(7), settings: &settings, now };
        let modified = now - Duration::from_millis(age_ms);
        rules.is_garbage(&Listed { location: location.to_owned(), bytes: 1, modified })
    }

    #[test]
    fn only_old_files_that_nothing_names_and_iceberg_made_are_garbage() {
        assert!(garbage("file:///t/data/dead.parquet", 100));
        assert!(garbage("file:///t/data/.dead.parquet.part", 100));
        assert!(!garbage("file:///t/data/dead.parquet", 99));
        assert!(!garbage("file:///t/data/live.parquet", 1_000));
        assert!(!garbage("file:///t/metadata/version-hint.text", 1_000));
        assert!(!garbage("file:///t/data/_SUCCESS", 1_000));
    }

    #[test]
    fn metadata_goes_sooner_when_newer_has_taken_its_place() {
        assert!(garbage("file:///t/metadata/00006-a.gz.metadata.json", 10));
        assert!(
            !garbage("file:///t/metadata/00007-a.gz.metadata.json", 99),
            "it may be about to become the current one"
        );
        assert!(!garbage("file:///t/metadata/00006-a.gz.metadata.json", 9));
    }
}

//! Which manifest lists which data file.

use std::collections::{HashMap, HashSet};

use futures::{StreamExt, TryStreamExt};
use iceberg::io::FileIO;
use iceberg::spec::{ManifestEntryRef, ManifestFile};

use crate::Error;

/// Manifests that are read at the same time.
const CONCURRENT_READS: usize = 8;

/// The data files listed by the manifests of a table. A manifest never changes, so that each is read once.
#[derive(Default)]
pub(crate) struct ManifestIndex(HashMap<String, Box<[Box<str>]>>);

impl ManifestIndex {
    /// Those of the manifests of data files that list one of these files.
    pub(crate) async fn listing(
        &mut self,
        manifests: &[ManifestFile],
        files: &HashSet<String>,
        file_io: &FileIO,
    ) -> Result<Vec<ManifestFile>, Error> {
        let held: HashSet<&str> = manifests.iter().map(|manifest| manifest.manifest_path.as_str()).collect();
        self.0.retain(|manifest, _| held.contains(manifest.as_str()));
        let is_unknown = |manifest: &&ManifestFile| !self.0.contains_key(&manifest.manifest_path);
        let unknown: Vec<ManifestFile> = manifests.iter().filter(is_unknown).cloned().collect();
        let read = unknown.into_iter().map(|manifest| listed(manifest, file_io.clone()));
        let read: Vec<_> = futures::stream::iter(read).buffer_unordered(CONCURRENT_READS).try_collect().await?;
        self.0.extend(read);
        let lists_one =
            |manifest: &&ManifestFile| self.0[&manifest.manifest_path].iter().any(|file| files.contains(file.as_ref()));
        Ok(manifests.iter().filter(lists_one).cloned().collect())
    }
}

/// A manifest's path and the paths of its data files.
async fn listed(manifest: ManifestFile, file_io: FileIO) -> Result<(String, Box<[Box<str>]>), Error> {
    let entries = live_entries(&manifest, &file_io).await?;
    Ok((manifest.manifest_path, entries.iter().map(|entry| entry.file_path().into()).collect()))
}

/// The entries of the files that a manifest adds or keeps, not of those that it removes.
pub(crate) async fn live_entries(manifest: &ManifestFile, file_io: &FileIO) -> Result<Vec<ManifestEntryRef>, Error> {
    let manifest = manifest.load_manifest(file_io).await.map_err(Error::iceberg("read a manifest"))?;
    let (entries, _) = manifest.into_parts();
    Ok(entries.into_iter().filter(|entry| entry.is_alive()).collect())
}

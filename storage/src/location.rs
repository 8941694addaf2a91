//! Locations taken apart: the scheme says which store a file lies in, whatever engine has written it down.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use crate::Error;

/// Characters that a reader would take as a pattern, an escape or the end of a path in a location.
const UNSAFE: &[char] = &['%', '?', '#', '*', '[', ']', '{', '}', '\\'];

/// A kind of store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Scheme {
    File,
    S3,
    Gs,
    Az,
}

impl Scheme {
    fn named(name: &str) -> Option<Self> {
        match name {
            "file" => Some(Self::File),
            "s3" | "s3a" | "s3n" => Some(Self::S3),
            "gs" | "gcs" => Some(Self::Gs),
            "az" | "azure" | "abfs" | "abfss" | "wasb" | "wasbs" => Some(Self::Az),
            _ => None,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::S3 => "s3",
            Self::Gs => "gs",
            Self::Az => "az",
        }
    }
}

/// A location, taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Location<'l> {
    pub(crate) scheme: Scheme,
    /// Scheme, bucket and the slash after it, as they stand in the location.
    pub(crate) root: &'l str,
    /// Bucket, or container; empty for local files.
    pub(crate) bucket: &'l str,
    /// Host of the Azure account, when the location names one.
    pub(crate) host: Option<&'l str>,
    /// Key in the bucket, or absolute path.
    pub(crate) path: &'l str,
}

impl<'l> Location<'l> {
    /// `None` for what is no location, or of no known scheme.
    pub(crate) fn parse(location: &'l str) -> Option<Self> {
        let (name, rest) = location.split_once(':')?;
        let scheme = Scheme::named(name)?;
        if scheme == Scheme::File {
            let path = rest.strip_prefix("//").unwrap_or(rest);
            let root = &location[..location.len() - path.len()];
            return path.starts_with('/').then_some(Self { scheme, root, bucket: "", host: None, path });
        }
        let (authority, path) = rest.strip_prefix("//")?.split_once('/').unwrap_or((&rest[2..], ""));
        let (bucket, host) = match authority.split_once('@') {
            Some((bucket, host)) if scheme == Scheme::Az => (bucket, Some(host)),
            _ => (authority, None),
        };
        let root = &location[..location.len() - path.len()];
        (!bucket.is_empty()).then_some(Self { scheme, root, bucket, host, path })
    }
}

/// The same text for the same file, however engines spell its location: the scheme, and how many slashes stand together.
pub fn plain(location: &str) -> String {
    let parsed = Location::parse(location);
    let (scheme, bucket, path) = match parsed {
        Some(location) => (location.scheme.name(), location.bucket, location.path),
        None => (Scheme::File.name(), "", location),
    };
    path.split('/')
        .filter(|part| !part.is_empty())
        .fold(format!("{scheme}://{bucket}"), |plain, part| plain + "/" + part)
}

/// The data folder as tables name it.
///
/// # Errors
/// `Config` for one that readers could not open.
pub fn absolute(folder: &Path) -> Result<PathBuf, Error> {
    let refuse = |reason: &str| Error::Config(format!("the data folder {} {reason}", folder.display()));
    let absolute = std::path::absolute(folder).map_err(|error| refuse(&format!("cannot be used: {error}")))?;
    let text = absolute.to_str().ok_or_else(|| refuse("is not UTF-8, which Iceberg's locations must be"))?;
    match unreadable(text) {
        Some(reason) => Err(refuse(&reason)),
        None => Ok(absolute),
    }
}

/// Why readers could not open files under this name, when they could not.
pub(super) fn unreadable(text: &str) -> Option<Cow<'static, str>> {
    let odd = text.chars().find(|c| c.is_control() || UNSAFE.contains(c))?;
    Some(format!("holds the character {odd:?}, which Iceberg readers cannot open").into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scheme_tells_the_store_and_the_rest_the_file() {
        let parts = |text| Location::parse(text).map(|at| (at.scheme, at.root, at.bucket, at.host, at.path));
        let account = "account.dfs.core.windows.net";
        assert_eq!(parts("file:///a/b"), Some((Scheme::File, "file://", "", None, "/a/b")));
        assert_eq!(parts("file:/a/b"), Some((Scheme::File, "file:", "", None, "/a/b")));
        assert_eq!(parts("s3://b/a=1/c"), Some((Scheme::S3, "s3://b/", "b", None, "a=1/c")));
        assert_eq!(parts("s3a://b"), Some((Scheme::S3, "s3a://b", "b", None, "")));
        assert_eq!(parts("gs://b/c"), Some((Scheme::Gs, "gs://b/", "b", None, "c")));
        assert_eq!(
            parts("abfss://box@account.dfs.core.windows.net/c"),
            Some((Scheme::Az, "abfss://box@account.dfs.core.windows.net/", "box", Some(account), "c"))
        );
        for wrong in ["", "/a/b", "file://a/b", "s3:/b/c", "s3:///c", "http://b/c", "abfss://@account/c"] {
            assert_eq!(parts(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_file_is_the_same_however_an_engine_spells_its_place() {
        for spelt in ["file:///a/b.parquet", "file:/a/b.parquet", "/a//b.parquet"] {
            assert_eq!(plain(spelt), "file:///a/b.parquet");
        }
        for spelt in ["s3://a/b", "s3a://a/b", "s3n://a//b"] {
            assert_eq!(plain(spelt), "s3://a/b");
        }
        assert_eq!(plain("abfss://a@account.dfs.core.windows.net/b"), plain("az://a/b"));
        assert_ne!(plain("s3://a/b"), plain("/a/b"));
        assert_ne!(plain("s3://a/b"), plain("gs://a/b"));
    }

    #[test]
    fn a_folder_that_readers_could_not_open_is_refused() {
        for name in ["50%", "what?", "a#b", "*", "[x]", "a\nb"] {
            let refused = absolute(&Path::new("/nowhere").join(name)).unwrap_err().to_string();
            assert!(refused.contains("holds the character"), "{refused}");
        }
    }
}

//! A file on its way into a store: small ones in one piece, large ones in parts that are sent while more is written.

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use iceberg::io::FileWrite;
use iceberg::{Error, ErrorKind, Result};
use object_store::{MultipartUpload, ObjectStoreExt};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::{Object, failed};

/// Bytes of a part. Stores allow 10,000 parts, and want them of 5 MiB and of the same size.
const PART_BYTES: usize = 8 << 20;

/// Parts on their way at the same time, over all files, so that they take no more than 32 MiB of memory.
static ON_THEIR_WAY: Semaphore = Semaphore::const_new(4);

/// A file that is being written. It appears when it is closed; when it is given up, nothing of it stays.
pub(crate) struct Upload(Option<Draft>);

impl Upload {
    pub(crate) fn new(object: Object) -> Self {
        Self(Some(Draft { object, rest: BytesMut::new(), parts: None }))
    }

    /// Takes the draft, so that an error or a dropped call leaves the file closed and the draft given up.
    fn take(&mut self) -> Result<Draft> {
        self.0.take().ok_or_else(|| Error::new(ErrorKind::Unexpected, "the file is closed"))
    }
}

#[async_trait]
impl FileWrite for Upload {
    async fn write(&mut self, bytes: Bytes) -> Result<()> {
        let mut draft = self.take()?;
        draft.write(bytes).await?;
        self.0 = Some(draft);
        Ok(())
    }

    async fn close(&mut self) -> Result<()> {
        self.take()?.publish().await
    }
}

/// What was written: parts, and the rest that fills none. Dropped before it was published, it deletes what was sent.
struct Draft {
    object: Object,
    rest: BytesMut,
    parts: Option<Parts>,
}

/// The parts of a file that nobody sees before they are complete.
struct Parts {
    upload: Box<dyn MultipartUpload>,
    sent: JoinSet<object_store::Result<()>>,
}

impl Draft {
    async fn write(&mut self, mut bytes: Bytes) -> Result<()> {
        while self.rest.len() + bytes.len() >= PART_BYTES {
            self.rest.extend_from_slice(&bytes.split_to(PART_BYTES - self.rest.len()));
            self.send().await?;
        }
        self.rest.extend_from_slice(&bytes);
        Ok(())
    }

    /// Sends the rest as a part, once few enough are on their way.
    async fn send(&mut self) -> Result<()> {
        let location = self.object.location();
        let failed = || failed("write", &location);
        let parts = match &mut self.parts {
            Some(parts) => parts,
            none => {
                let upload = self.object.store.put_multipart(&self.object.path).await.map_err(failed())?;
                none.insert(Parts { upload, sent: JoinSet::new() })
            }
        };
        while let Some(sent) = parts.sent.try_join_next() {
            flattened(sent).map_err(failed())?;
        }
        let permit = ON_THEIR_WAY.acquire().await.map_err(self::failed("write", &location))?;
        let part = parts.upload.put_part(std::mem::take(&mut self.rest).freeze().into());
        parts.sent.spawn(async move {
            let _permit = permit;
            part.await
        });
        Ok(())
    }

    async fn publish(mut self) -> Result<()> {
        if self.parts.is_none() {
            return self.object.create(std::mem::take(&mut self.rest).freeze()).await;
        }
        if !self.rest.is_empty() {
            self.send().await?;
        }
        let Some(parts) = &mut self.parts else { return Ok(()) };
        while let Some(sent) = parts.sent.join_next().await {
            flattened(sent).map_err(failed("write", &self.object.location()))?;
        }
        // No store can refuse to overwrite when it completes parts. Names of files hold a UUID: nobody else writes it.
        self.object.check_absent().await?;
        parts.upload.complete().await.map_err(failed("write", &self.object.location()))?;
        self.parts = None;
        Ok(())
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        let (Some(parts), Ok(runtime)) = (self.parts.take(), tokio::runtime::Handle::try_current()) else { return };
        runtime.spawn(parts.abort(self.object.location()));
    }
}

impl Parts {
    /// Deletes what was sent. A part that arrived later would stay, so all are waited for.
    async fn abort(mut self, location: String) {
        while self.sent.join_next().await.is_some() {}
        if let Err(error) = self.upload.abort().await {
            let error: &dyn std::error::Error = &error;
            tracing::warn!(location, error, "parts of a file that was given up could not be deleted");
        }
    }
}

fn flattened(sent: std::result::Result<object_store::Result<()>, tokio::task::JoinError>) -> object_store::Result<()> {
    sent.unwrap_or_else(|source| Err(object_store::Error::JoinError { source }))
}

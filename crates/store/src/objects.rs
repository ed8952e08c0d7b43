//! Bytes by path: the only file that speaks to the object store.

use crate::{Store, StoreError};
use bytes::Bytes;
use futures::TryStreamExt;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload};

/// Whether [`Store::write`] found the path free.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Written {
    /// It was written now.
    Now,
    /// It was there already, and stays as it is.
    Before,
}

impl Store {
    /// Writes bytes at a path, in place of what was there. Atomic: a reader sees the old or the new.
    pub async fn put_bytes(&self, path: &str, bytes: Bytes) -> Result<(), StoreError> {
        self.write(path, bytes, PutMode::Overwrite).await.map(|_| ())
    }

    /// Reads the bytes at a path.
    pub async fn get_bytes(&self, path: &str) -> Result<Bytes, StoreError> {
        let location = location(path)?;
        let failed = |error| StoreError::from_objects("reading", path, self.root(), error);
        self.objects.get(&location).await.map_err(failed)?.bytes().await.map_err(failed)
    }

    /// All paths under a folder (whole path segments), sorted.
    pub async fn list(&self, prefix: &str) -> Result<Vec<String>, StoreError> {
        let location = location(prefix)?;
        let found: Vec<object_store::ObjectMeta> = self
            .objects
            .list(Some(&location))
            .try_collect()
            .await
            .map_err(|error| StoreError::from_objects("listing", prefix, self.root(), error))?;
        let mut paths: Vec<String> = found.into_iter().map(|meta| meta.location.to_string()).collect();
        paths.sort();
        Ok(paths)
    }

    /// Whether there is something at a path.
    pub async fn exists(&self, path: &str) -> Result<bool, StoreError> {
        match self.objects.head(&location(path)?).await {
            Ok(_) => Ok(true),
            Err(object_store::Error::NotFound { .. }) => Ok(false),
            Err(error) => Err(StoreError::from_objects("looking for", path, self.root(), error)),
        }
    }

    pub(crate) async fn write(&self, path: &str, bytes: Bytes, mode: PutMode) -> Result<Written, StoreError> {
        let options = PutOptions { mode, ..PutOptions::default() };
        match self.objects.put_opts(&location(path)?, PutPayload::from_bytes(bytes), options).await {
            Ok(_) => Ok(Written::Now),
            Err(object_store::Error::AlreadyExists { .. }) => Ok(Written::Before),
            Err(error) => Err(StoreError::from_objects("writing", path, self.root(), error)),
        }
    }
}

fn location(path: &str) -> Result<Path, StoreError> {
    Path::parse(path).map_err(|error| StoreError::Io { what: "naming", path: path.to_owned(), why: error.to_string() })
}

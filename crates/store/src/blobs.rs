//! Screenshots: content-addressed, written once.

use crate::{Store, StoreError};
use bytes::Bytes;
use object_store::PutMode;
use wayfarer_core::BlobHash;

impl Store {
    /// Where a blob lies under the root.
    pub fn blob_path(hash: &BlobHash) -> String {
        format!("blobs/{}/{}.png", &hash.as_str()[..2], hash)
    }

    /// Keeps a blob and returns its address. The same bytes twice cost one look and no write.
    pub async fn put_blob(&self, bytes: Bytes) -> Result<BlobHash, StoreError> {
        let hash = BlobHash::of(&bytes);
        let path = Self::blob_path(&hash);
        if !self.exists(&path).await? {
            self.write(&path, bytes, PutMode::Create).await?;
        }
        Ok(hash)
    }

    /// Reads a blob and checks that it still is what its address says.
    pub async fn get_blob(&self, hash: &BlobHash) -> Result<Bytes, StoreError> {
        let path = Self::blob_path(hash);
        let bytes = self.get_bytes(&path).await?;
        let found = BlobHash::of(&bytes);
        if found == *hash { Ok(bytes) } else { Err(StoreError::Corrupt { path, why: format!("its bytes have the hash {found}") }) }
    }
}

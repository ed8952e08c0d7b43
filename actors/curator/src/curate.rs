//! Writes what was curated into the run's folder.

use crate::CurateError;
use crate::harness::{Screenshot, answer_path, harness_files};
use std::io::ErrorKind;
use wayfarer_core::{AttemptId, BlobHash};
use wayfarer_store::Store;

/// Writes a judged attempt in the reference harness's layout, from its trajectory and its newest verdict. May be called again at any
/// time, also after another verdict.
pub async fn curate(store: &Store, attempt: &AttemptId) -> Result<(), CurateError> {
    let trajectory = store.get_trajectory(attempt).await?;
    let verdict = store.get_verdict(attempt).await?.ok_or_else(|| CurateError::NotJudged(attempt.clone()))?;
    let files = harness_files(&trajectory, &verdict)?;
    for screenshot in &files.screenshots {
        place_screenshot(store, &files.folder, screenshot).await?;
    }
    for file in files.texts {
        store.put_bytes(&format!("{}/{}", files.folder, file.path), file.text.into()).await?;
    }
    tracing::debug!(%attempt, folder = files.folder, "curated");
    Ok(())
}

/// Whether an attempt was written there completely.
pub async fn is_curated(store: &Store, attempt: &AttemptId) -> Result<bool, CurateError> {
    Ok(store.exists(&answer_path(attempt)).await?)
}

/// A second name for the blob where the file system can do that, a copy where not.
async fn place_screenshot(store: &Store, folder: &str, screenshot: &Screenshot) -> Result<(), CurateError> {
    let path = format!("{folder}/{}", screenshot.path);
    // Read in any case: a screenshot that is gone or damaged must not be handed on.
    let bytes = store.get_blob(&screenshot.blob).await?;
    let target = store.root().join(&path);
    if let Some(parent) = target.parent() {
        // Whatever stands in the way is met, and told, by the copy below.
        let _ = tokio::fs::create_dir_all(parent).await;
    }
    match tokio::fs::hard_link(store.root().join(Store::blob_path(&screenshot.blob)), &target).await {
        Ok(()) => return Ok(()),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            if store.get_bytes(&path).await.is_ok_and(|there| BlobHash::of(&there) == screenshot.blob) {
                return Ok(());
            }
        }
        Err(error) => tracing::debug!(%error, path, "screenshot is copied because it cannot be linked"),
    }
    Ok(store.put_bytes(&path, bytes).await?)
}

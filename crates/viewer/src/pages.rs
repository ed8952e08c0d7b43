//! Writes the pages. Each page follows from the documents alone, so it may be written while the run goes on, and again after it.

use crate::blobs::{Blobs, named_blobs};
use crate::run_page::{AttemptDigest, RunInput, TASKS_DOCUMENT, run_page};
use crate::{ViewerError, attempt_page, render};
use serde::de::DeserializeOwned;
use std::path::PathBuf;
use wayfarer_core::{AttemptId, BlobHash};
use wayfarer_store::{Store, StoreError};

/// What was written.
#[derive(Debug, Clone, PartialEq)]
pub struct ViewerReport {
    /// The page to open.
    pub index: PathBuf,
    /// Attempts that have a page now.
    pub attempts: usize,
    /// Attempts whose documents could not be read, with the reason; the pages of the others were written all the same.
    pub unreadable: Vec<String>,
    /// Screenshots that are named somewhere but not in the store; their places say so.
    pub missing_blobs: Vec<BlobHash>,
}

/// Writes `index.html` and the page of every attempt.
///
/// A document of one attempt that cannot be read costs only that attempt's page: it is named in the report and on the run's page.
pub async fn write_run_pages(store: &Store) -> Result<ViewerReport, ViewerError> {
    let mut input = RunInput {
        folder: store.root().file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default(),
        ..RunInput::default()
    };
    input.summary = optional(store, "summary.json", &mut input.unreadable).await?;
    input.spec = optional(store, "run.json", &mut input.unreadable).await?;
    input.notes = optional(store, TASKS_DOCUMENT, &mut input.unreadable).await?.unwrap_or_default();

    let mut missing_blobs = Vec::new();
    for attempt in store.attempts().await? {
        match attempt_with_page(store, &attempt).await {
            Ok((digest, missing)) => {
                input.attempts.push(digest);
                missing_blobs.extend(missing);
            }
            Err(ViewerError::Store(error @ (StoreError::Corrupt { .. } | StoreError::Missing { .. }))) => {
                input.unreadable.push(error.to_string())
            }
            Err(error) => return Err(error),
        }
    }
    missing_blobs.sort();
    missing_blobs.dedup();
    if !missing_blobs.is_empty() {
        tracing::warn!(missing = missing_blobs.len(), "screenshots are named that are not in the store");
    }
    store.put_bytes("index.html", render::run_page(&run_page(&input))?.into()).await?;
    Ok(ViewerReport { index: store.root().join("index.html"), attempts: input.attempts.len(), unreadable: input.unreadable, missing_blobs })
}

/// Writes the page of one attempt, from its trajectory and the newest verdict there is.
pub async fn write_attempt_page(store: &Store, attempt: &AttemptId) -> Result<(), ViewerError> {
    attempt_with_page(store, attempt).await.map(|_| ())
}

async fn attempt_with_page(store: &Store, attempt: &AttemptId) -> Result<(AttemptDigest, Vec<BlobHash>), ViewerError> {
    let trajectory = store.get_trajectory(attempt).await?;
    let verdict = store.get_verdict(attempt).await?;
    let blobs = Blobs::look(store, named_blobs(&trajectory, verdict.as_ref())).await;
    let page = attempt_page::attempt_page(&trajectory, verdict.as_ref(), &blobs);
    let path = format!("{}/index.html", Store::attempt_path(attempt));
    store.put_bytes(&path, render::attempt_page(&page)?.into()).await?;
    Ok((AttemptDigest::of(&trajectory, verdict.as_ref()), blobs.missing))
}

/// A document that need not be there; one that cannot be read is noted.
async fn optional<T: DeserializeOwned>(store: &Store, path: &str, unreadable: &mut Vec<String>) -> Result<Option<T>, ViewerError> {
    match store.get_document(path).await {
        Ok(document) => Ok(Some(document)),
        Err(StoreError::Missing { .. }) => Ok(None),
        Err(error @ StoreError::Corrupt { .. }) => {
            unreadable.push(error.to_string());
            Ok(None)
        }
        Err(error) => Err(error.into()),
    }
}

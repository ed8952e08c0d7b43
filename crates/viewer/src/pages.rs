//! Writes the pages. Each page follows from the documents alone, so it may be written while the run goes on, and again after it.

use crate::blobs::{Blobs, named_blobs};
use crate::run_page::{AttemptDigest, RunInput, TASKS_DOCUMENT, run_page};
use crate::{ViewerError, attempt_page, render};
use serde::de::DeserializeOwned;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use wayfarer_core::run::Summary;
use wayfarer_core::{AttemptId, BlobHash};
use wayfarer_store::{SUMMARY_DOCUMENT, Store, StoreError};

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
    let mut unreadable = Vec::new();
    let summary = optional(store, SUMMARY_DOCUMENT, &mut unreadable).await?;
    RunPages::default().write_with(store, summary, unreadable).await
}

/// The pages of a run while it goes on. They are written again and again, so an attempt whose verdict is in is read once only.
#[derive(Debug, Default)]
pub struct RunPages {
    attempts: BTreeMap<AttemptId, AttemptDigest>,
    missing_blobs: BTreeSet<BlobHash>,
}

impl RunPages {
    /// Writes `index.html` with this summary, and the page of every attempt that is new or was not judged when it was written last.
    pub async fn write(&mut self, store: &Store, summary: &Summary) -> Result<ViewerReport, ViewerError> {
        self.write_with(store, Some(summary.clone()), Vec::new()).await
    }

    /// Models that solved what was read so far.
    pub fn models(&self) -> BTreeSet<&str> {
        self.attempts.values().flat_map(AttemptDigest::models).collect()
    }

    async fn write_with(
        &mut self,
        store: &Store,
        summary: Option<Summary>,
        mut unreadable: Vec<String>,
    ) -> Result<ViewerReport, ViewerError> {
        let spec = optional(store, "run.json", &mut unreadable).await?;
        let notes = optional(store, TASKS_DOCUMENT, &mut unreadable).await?.unwrap_or_default();
        for attempt in store.attempts().await? {
            if self.attempts.get(&attempt).is_some_and(AttemptDigest::is_judged) {
                continue;
            }
            match attempt_with_page(store, &attempt).await {
                Ok((digest, missing)) => {
                    self.attempts.insert(attempt, digest);
                    self.missing_blobs.extend(missing);
                }
                Err(ViewerError::Store(error @ (StoreError::Corrupt { .. } | StoreError::Missing { .. }))) => {
                    unreadable.push(error.to_string())
                }
                Err(error) => return Err(error),
            }
        }
        if !self.missing_blobs.is_empty() {
            tracing::warn!(missing = self.missing_blobs.len(), "screenshots are named that are not in the store");
        }
        let folder = store.root().file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let input = RunInput { summary, spec, notes, attempts: &self.attempts, unreadable, folder };
        store.put_bytes("index.html", render::run_page(&run_page(&input))?.into()).await?;
        Ok(ViewerReport {
            index: store.root().join("index.html"),
            attempts: self.attempts.len(),
            unreadable: input.unreadable,
            missing_blobs: self.missing_blobs.iter().cloned().collect(),
        })
    }
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

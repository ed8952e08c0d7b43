//! Documents: JSON that a person can read, by path.

use crate::objects::Written;
use crate::{Store, StoreError};
use bytes::Bytes;
use object_store::PutMode;
use serde::{Serialize, de::DeserializeOwned};
use wayfarer_core::{AttemptId, Trajectory, Verdict};

const ATTEMPTS: &str = "attempts";
const TRAJECTORY: &str = "trajectory.json";
/// What a run came to: written last, so that its `complete` speaks for the whole folder.
pub const SUMMARY_DOCUMENT: &str = "summary.json";
/// The event log of the whole run.
pub const EVENTS_DOCUMENT: &str = "events.jsonl";

impl Store {
    /// Where the documents of an attempt lie under the root.
    pub fn attempt_path(attempt: &AttemptId) -> String {
        format!("{ATTEMPTS}/{attempt}")
    }

    /// Writes a document as pretty JSON, in place of what was there.
    pub async fn put_document<T: Serialize + Sync>(&self, path: &str, document: &T) -> Result<(), StoreError> {
        self.put_bytes(path, pretty(path, document)?).await
    }

    /// Reads a document.
    pub async fn get_document<T: DeserializeOwned>(&self, path: &str) -> Result<T, StoreError> {
        let json = self.get_bytes(path).await?;
        serde_json::from_slice(&json).map_err(|error| corrupt(path, &error))
    }

    /// Reads a document that may not be there. One that is there and cannot be read is an error, not an absence.
    pub async fn find_document<T: DeserializeOwned>(&self, path: &str) -> Result<Option<T>, StoreError> {
        match self.get_document(path).await {
            Ok(document) => Ok(Some(document)),
            Err(StoreError::Missing { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Writes an attempt's `trajectory.json`.
    pub async fn put_trajectory(&self, trajectory: &Trajectory) -> Result<(), StoreError> {
        self.put_document(&trajectory_path(&trajectory.attempt), trajectory).await
    }

    /// Reads an attempt's `trajectory.json`.
    pub async fn get_trajectory(&self, attempt: &AttemptId) -> Result<Trajectory, StoreError> {
        self.get_document(&trajectory_path(attempt)).await
    }

    /// Writes `verdict-<version>.json` in place of what was there; the newest version is the one in force. Who judges keeps its verdict
    /// with [`keep_verdict`](Self::keep_verdict).
    pub async fn put_verdict(&self, attempt: &AttemptId, verdict: &Verdict) -> Result<(), StoreError> {
        self.put_document(&verdict_path(attempt, verdict.version), verdict).await
    }

    /// Keeps a verdict unless its version is there already: of several who judge at once (or one after another, because the first died
    /// before anybody knew) the first counts. Returns the one that counts.
    pub async fn keep_verdict(&self, attempt: &AttemptId, verdict: Verdict) -> Result<Verdict, StoreError> {
        let path = verdict_path(attempt, verdict.version);
        match self.write(&path, pretty(&path, &verdict)?, PutMode::Create).await? {
            Written::Now => Ok(verdict),
            Written::Before => self.get_document(&path).await,
        }
    }

    /// The newest verdict, if there is one.
    pub async fn get_verdict(&self, attempt: &AttemptId) -> Result<Option<Verdict>, StoreError> {
        match self.verdict_paths(attempt).await?.last() {
            Some(path) => self.get_document(path).await.map(Some),
            None => Ok(None),
        }
    }

    /// All verdicts, oldest first.
    pub async fn get_verdicts(&self, attempt: &AttemptId) -> Result<Vec<Verdict>, StoreError> {
        let mut verdicts = Vec::new();
        for path in self.verdict_paths(attempt).await? {
            verdicts.push(self.get_document(&path).await?);
        }
        Ok(verdicts)
    }

    async fn verdict_paths(&self, attempt: &AttemptId) -> Result<Vec<String>, StoreError> {
        let paths = self.list(&Self::attempt_path(attempt)).await?;
        let mut versions: Vec<_> = paths.into_iter().filter_map(|path| Some((verdict_version(&path)?, path))).collect();
        versions.sort();
        Ok(versions.into_iter().map(|(_, path)| path).collect())
    }

    /// All attempts that have a trajectory, in order.
    pub async fn attempts(&self) -> Result<Vec<AttemptId>, StoreError> {
        let paths = self.list(ATTEMPTS).await?;
        let mut attempts: Vec<AttemptId> = paths.iter().filter_map(|path| attempt_of(path)).collect();
        attempts.sort();
        Ok(attempts)
    }
}

fn pretty<T: Serialize>(path: &str, document: &T) -> Result<Bytes, StoreError> {
    let mut json = serde_json::to_vec_pretty(document).map_err(|error| corrupt(path, &error))?;
    json.push(b'\n');
    Ok(json.into())
}

fn verdict_path(attempt: &AttemptId, version: u32) -> String {
    format!("{}/verdict-{version}.json", Store::attempt_path(attempt))
}

fn trajectory_path(attempt: &AttemptId) -> String {
    format!("{}/{TRAJECTORY}", Store::attempt_path(attempt))
}

/// `attempts/<attempt>/verdict-<version>.json` → version; numbers, so that 10 comes after 9.
fn verdict_version(path: &str) -> Option<u32> {
    path.rsplit('/').next()?.strip_prefix("verdict-")?.strip_suffix(".json")?.parse().ok()
}

/// `attempts/<attempt>/trajectory.json` → attempt.
fn attempt_of(path: &str) -> Option<AttemptId> {
    path.strip_prefix("attempts/")?.strip_suffix("/trajectory.json")?.parse().ok()
}

fn corrupt(path: &str, error: &serde_json::Error) -> StoreError {
    StoreError::Corrupt { path: path.to_owned(), why: error.to_string() }
}

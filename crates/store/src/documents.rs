//! Documents: JSON that a person can read, by path.

use crate::{Store, StoreError};
use bytes::Bytes;
use serde::{Serialize, de::DeserializeOwned};
use wayfarer_core::{AttemptId, Trajectory, Verdict};

const ATTEMPTS: &str = "attempts";
const TRAJECTORY: &str = "trajectory.json";

impl Store {
    /// Where the documents of an attempt lie under the root.
    pub fn attempt_path(attempt: &AttemptId) -> String {
        format!("{ATTEMPTS}/{attempt}")
    }

    /// Writes a document as pretty JSON, in place of what was there.
    pub async fn put_document<T: Serialize + Sync>(&self, path: &str, document: &T) -> Result<(), StoreError> {
        let mut json = serde_json::to_vec_pretty(document).map_err(|error| corrupt(path, &error))?;
        json.push(b'\n');
        self.put_bytes(path, Bytes::from(json)).await
    }

    /// Reads a document.
    pub async fn get_document<T: DeserializeOwned>(&self, path: &str) -> Result<T, StoreError> {
        let json = self.get_bytes(path).await?;
        serde_json::from_slice(&json).map_err(|error| corrupt(path, &error))
    }

    /// Writes an attempt's `trajectory.json`.
    pub async fn put_trajectory(&self, trajectory: &Trajectory) -> Result<(), StoreError> {
        self.put_document(&trajectory_path(&trajectory.attempt), trajectory).await
    }

    /// Reads an attempt's `trajectory.json`.
    pub async fn get_trajectory(&self, attempt: &AttemptId) -> Result<Trajectory, StoreError> {
        self.get_document(&trajectory_path(attempt)).await
    }

    /// Writes `verdict-<version>.json`; the newest version is the one in force.
    pub async fn put_verdict(&self, attempt: &AttemptId, verdict: &Verdict) -> Result<(), StoreError> {
        let path = format!("{}/verdict-{}.json", Self::attempt_path(attempt), verdict.version);
        self.put_document(&path, verdict).await
    }

    /// The newest verdict, if there is one.
    pub async fn get_verdict(&self, attempt: &AttemptId) -> Result<Option<Verdict>, StoreError> {
        let paths = self.list(&Self::attempt_path(attempt)).await?;
        let newest = paths.into_iter().filter_map(|path| Some((verdict_version(&path)?, path))).max();
        match newest {
            Some((_, path)) => self.get_document(&path).await.map(Some),
            None => Ok(None),
        }
    }

    /// All attempts that have a trajectory, in order.
    pub async fn attempts(&self) -> Result<Vec<AttemptId>, StoreError> {
        let paths = self.list(ATTEMPTS).await?;
        let mut attempts: Vec<AttemptId> = paths.iter().filter_map(|path| attempt_of(path)).collect();
        attempts.sort();
        Ok(attempts)
    }
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

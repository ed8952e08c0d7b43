//! What can go wrong in curation.

use wayfarer_core::AttemptId;
use wayfarer_store::StoreError;

/// Why an attempt could not be curated.
#[derive(Debug, thiserror::Error)]
pub enum CurateError {
    /// A document or screenshot could not be read, or a file could not be kept.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// There is no verdict: the environment ended the attempt, or it was not judged yet.
    #[error("attempt {0} has no verdict and cannot be curated; judge it first (an attempt that the environment ended never is)")]
    NotJudged(AttemptId),
    /// A file could not be put into JSON: a fault of the curator itself.
    #[error("writing {file} of attempt {attempt} as json failed: {source}")]
    Json {
        /// The attempt.
        attempt: AttemptId,
        /// The file.
        file: &'static str,
        /// What serde met.
        source: serde_json::Error,
    },
}

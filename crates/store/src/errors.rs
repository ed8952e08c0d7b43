//! What can go wrong with the store.

use std::error::Error as _;
use wayfarer_core::RunId;

/// Why something could not be kept or found.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Not there.
    #[error("{path} is not in the store")]
    Missing {
        /// Path under the root.
        path: String,
    },
    /// The disk is full.
    #[error("the disk that holds {root} is full; free some space (the run goes on where it stopped when it is started again)")]
    Full {
        /// The store's root.
        root: String,
    },
    /// Anything else that the store met.
    #[error("{what} {path} failed: {why}")]
    Io {
        /// What was tried.
        what: &'static str,
        /// Path under the root.
        path: String,
        /// What was met.
        why: String,
    },
    /// A process that keeps one run met work of another one.
    #[error("run {run} has no place here: this process keeps run {own} only; give each its own NATS")]
    OtherRun {
        /// The run that was met.
        run: RunId,
        /// The one that is kept.
        own: RunId,
    },
    /// A document that is there but cannot be read.
    #[error("{path} is not a valid document: {why}")]
    Corrupt {
        /// Path under the root.
        path: String,
        /// Why.
        why: String,
    },
}

/// Whether the store being away or full is among the causes of an error.
pub fn is_outage(error: &(dyn std::error::Error + 'static)) -> bool {
    std::iter::successors(Some(error), |&error| error.source())
        .any(|cause| cause.downcast_ref::<StoreError>().is_some_and(StoreError::is_outage))
}

impl StoreError {
    /// Whether the store itself is away or full, and not what is in it wrong.
    pub fn is_outage(&self) -> bool {
        matches!(self, Self::Full { .. } | Self::Io { .. })
    }

    /// Sorts what the object store met.
    pub(crate) fn from_objects(what: &'static str, path: &str, root: &std::path::Path, error: object_store::Error) -> Self {
        if matches!(error, object_store::Error::NotFound { .. }) {
            return Self::Missing { path: path.to_owned() };
        }
        if is_storage_full(&error) {
            return Self::Full { root: root.display().to_string() };
        }
        Self::Io { what, path: path.to_owned(), why: error.to_string() }
    }
}

/// The object store wraps the system's error several times; a full disk or quota is somewhere in the chain.
fn is_storage_full(error: &object_store::Error) -> bool {
    let mut cause = error.source();
    while let Some(current) = cause {
        if let Some(io) = current.downcast_ref::<std::io::Error>()
            && matches!(io.kind(), std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded)
        {
            return true;
        }
        cause = current.source();
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_told_from_other_faults() {
        let met = |kind: std::io::ErrorKind| object_store::Error::Generic { store: "local", source: Box::new(std::io::Error::from(kind)) };
        let root = std::path::Path::new("out");

        let full = StoreError::from_objects("writing", "a.json", root, met(std::io::ErrorKind::StorageFull));
        let other = StoreError::from_objects("writing", "a.json", root, met(std::io::ErrorKind::PermissionDenied));

        assert!(matches!(full, StoreError::Full { .. }), "{full}");
        assert!(matches!(other, StoreError::Io { .. }), "{other}");
    }
}

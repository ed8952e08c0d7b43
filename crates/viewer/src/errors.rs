//! What can go wrong while pages are written.

use wayfarer_store::StoreError;

/// Why the pages of a run could not be written.
#[derive(Debug, thiserror::Error)]
pub enum ViewerError {
    /// A document could not be read, or a page could not be kept.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A template of the viewer does not fit what it is given: a fault of the viewer itself.
    #[error("rendering {page} failed: {why}; this is a fault of the viewer, please report it with the run's folder")]
    Template {
        /// The page.
        page: String,
        /// What the template engine met.
        why: String,
    },
}

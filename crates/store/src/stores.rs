//! Which store a run has: `generate` keeps one run in one folder, a cluster keeps many runs side by side.

use crate::{Store, StoreError};
use std::path::PathBuf;
use wayfarer_core::RunId;

/// The stores of a process.
#[derive(Debug, Clone)]
pub enum Stores {
    /// Every run lives in this store (there is only one).
    Single(Store),
    /// Every run has a folder of its own under this one.
    PerRun(PathBuf),
}

impl Stores {
    /// The store of a run; its folder is made if it is not there.
    pub fn of(&self, run: &RunId) -> Result<Store, StoreError> {
        match self {
            Self::Single(store) => Ok(store.clone()),
            Self::PerRun(base) => Store::open(base.join(run.as_str())),
        }
    }
}

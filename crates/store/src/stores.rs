//! Which store a run has: `generate` keeps one run in one folder, a cluster keeps many runs side by side.

use crate::{Store, StoreError};
use std::path::PathBuf;
use wayfarer_core::RunId;

/// The stores of a process.
#[derive(Debug, Clone)]
pub enum Stores {
    /// One run, in this store; what belongs to another run has no place here.
    Single(RunId, Store),
    /// Every run has a folder of its own under this one.
    PerRun(PathBuf),
}

impl Stores {
    /// The store of a run; its folder is made if it is not there.
    pub fn of(&self, run: &RunId) -> Result<Store, StoreError> {
        match self {
            Self::Single(own, store) if own == run => Ok(store.clone()),
            Self::Single(own, _) => Err(StoreError::OtherRun { run: run.clone(), own: own.clone() }),
            Self::PerRun(base) => Store::open(base.join(run.as_str())),
        }
    }
}

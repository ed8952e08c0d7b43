//! The intents of runs in memory, for one process alone.

use crate::dedup::IntentIndex;
use crate::ports::SeenIntents;
use async_trait::async_trait;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use wayfarer_core::{RunId, SeedId};

/// Near-duplicate removal in memory.
#[derive(Default)]
pub struct MemorySeen {
    runs: Mutex<HashMap<RunId, IntentIndex>>,
}

impl MemorySeen {
    fn runs(&self) -> MutexGuard<'_, HashMap<RunId, IntentIndex>> {
        self.runs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl SeenIntents for MemorySeen {
    async fn claim(&self, run: &RunId, seed: &SeedId, intent: &str) -> Result<bool, String> {
        Ok(self.runs().entry(run.clone()).or_default().take(intent, seed.as_str()))
    }

    async fn known(&self, run: &RunId) -> Vec<String> {
        self.runs().get(run).map(IntentIndex::intents).unwrap_or_default()
    }
}

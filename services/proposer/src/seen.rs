//! The intents that a run has already, for near-duplicate removal: rebuilt from the run's events, so that every proposer process and
//! every restart sees the same, with the claims of walks that are still under way in memory.

use async_trait::async_trait;
use std::collections::HashMap;
use std::sync::Arc;
use tokio::sync::Mutex;
use wayfarer_actor_proposer::{MemorySeen, SeenIntents};
use wayfarer_bus::{Bus, RunFollower};
use wayfarer_core::RunId;

/// Near-duplicates of runs.
pub struct RunSeen {
    bus: Bus,
    follower: Arc<RunFollower>,
    runs: Mutex<HashMap<RunId, Arc<MemorySeen>>>,
}

impl RunSeen {
    /// Reads intents through this follower.
    pub fn new(bus: Bus, follower: Arc<RunFollower>) -> Self {
        Self { bus, follower, runs: Mutex::new(HashMap::new()) }
    }

    async fn of(&self, run: &RunId) -> Result<Arc<MemorySeen>, String> {
        let spec = self.bus.get_run(run).await.map_err(|error| error.to_string())?.ok_or_else(|| format!("run {run} is unknown"))?;
        let committed = self.follower.intents(&spec).await.map_err(|error| error.to_string())?;
        let mut runs = self.runs.lock().await;
        let seen = runs.entry(run.clone()).or_insert_with(|| Arc::new(MemorySeen::default())).clone();
        drop(runs);
        for intent in committed {
            // claiming an intent that is known already changes nothing
            seen.claim(run, &intent).await?;
        }
        Ok(seen)
    }
}

#[async_trait]
impl SeenIntents for RunSeen {
    async fn claim(&self, run: &RunId, intent: &str) -> Result<bool, String> {
        self.of(run).await?.claim(run, intent).await
    }

    async fn known(&self, run: &RunId) -> Vec<String> {
        match self.of(run).await {
            Ok(seen) => seen.known(run).await,
            Err(error) => {
                tracing::warn!(error, "the run's intents cannot be read; proposals may repeat until they can");
                Vec::new()
            }
        }
    }
}

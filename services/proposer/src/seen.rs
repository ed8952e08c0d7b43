//! The intents that a run has, for near-duplicate removal over all proposers: those that are committed come from the run's events, and
//! survive everything; claims of proposals that are under way stand in Redis, where every proposer sees them.

use async_trait::async_trait;
use std::collections::HashMap;
use std::sync::Arc;
use tokio::sync::{Mutex, OwnedMutexGuard};
use wayfarer_actor_proposer::{IntentIndex, SeenIntents};
use wayfarer_bus::{Bus, RunFollower};
use wayfarer_core::{RunId, SeedId};
use wayfarer_lease::{Claimed, Redis, Seen};

/// Owner of the intents that are tasks already.
const COMMITTED: &str = "";

/// Near-duplicates of runs.
pub struct RunSeen {
    bus: Bus,
    follower: Arc<RunFollower>,
    claims: Seen,
    runs: Mutex<HashMap<RunId, Arc<Mutex<Intents>>>>,
}

/// What this process knows of the intents of a run.
#[derive(Default)]
struct Intents {
    index: IntentIndex,
    /// How many of the run's claims are in it.
    claims: usize,
    /// How many of its committed intents.
    committed: usize,
}

impl Intents {
    /// A claim as it stands in Redis: the seed, a space, the intent.
    fn learn(&mut self, claim: &str) {
        if let Some((seed, intent)) = claim.split_once(' ') {
            // what the index has from elsewhere already is as good
            let _ = self.index.take(intent, seed);
        }
    }
}

impl RunSeen {
    /// Reads committed intents through this follower and keeps claims in this Redis.
    pub fn new(bus: Bus, follower: Arc<RunFollower>, redis: Redis) -> Self {
        Self { bus, follower, claims: Seen::new(redis), runs: Mutex::new(HashMap::new()) }
    }

    /// The run's intents, with all that are committed now; one reader and claimer at a time in this process.
    async fn of(&self, run: &RunId) -> Result<OwnedMutexGuard<Intents>, String> {
        let spec = self.bus.get_run(run).await.map_err(|error| error.to_string())?.ok_or_else(|| format!("run {run} is unknown"))?;
        let intents = self.runs.lock().await.entry(run.clone()).or_default().clone();
        let mut intents = intents.lock_owned().await;
        let committed = self.follower.intents(&spec).await.map_err(|error| error.to_string())?;
        for intent in committed.iter().skip(intents.committed) {
            let _ = intents.index.take(intent, COMMITTED);
        }
        intents.committed = committed.len();
        Ok(intents)
    }
}

#[async_trait]
impl SeenIntents for RunSeen {
    async fn claim(&self, run: &RunId, seed: &SeedId, intent: &str) -> Result<bool, String> {
        let mut intents = self.of(run).await?;
        // each turn but the last learns a claim of another proposer
        while intents.index.is_free(intent, seed.as_str()) {
            match self.claims.claim(run, intents.claims, &format!("{seed} {intent}")).await.map_err(|error| error.to_string())? {
                Claimed::Yes => {
                    intents.claims += 1;
                    return Ok(intents.index.take(intent, seed.as_str()));
                }
                Claimed::Behind(others) => {
                    intents.claims += others.len();
                    others.iter().for_each(|claim| intents.learn(claim));
                }
                Claimed::Forgotten => intents.claims = 0,
            }
        }
        Ok(false)
    }

    async fn known(&self, run: &RunId) -> Vec<String> {
        match self.of(run).await {
            Ok(intents) => intents.index.intents(),
            Err(error) => {
                tracing::warn!(error, "the run's intents cannot be read; proposals may repeat until they can");
                Vec::new()
            }
        }
    }
}

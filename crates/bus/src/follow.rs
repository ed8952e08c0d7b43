//! Where runs stand: each run's tally, kept up to date from its events when somebody asks.

use crate::{Bus, BusError};
use std::collections::HashMap;
use std::sync::Arc;
use tokio::sync::{Mutex, OwnedMutexGuard};
use wayfarer_core::RunId;
use wayfarer_core::event::RunEvent;
use wayfarer_core::run::{RunSpec, Tally};

struct Followed {
    tally: Tally,
    last_sequence: u64,
    intents: Vec<String>,
    exemplars: u64,
}

/// Folds events of runs; shared by a process, so that every run is read once.
pub struct RunFollower {
    bus: Bus,
    runs: Mutex<HashMap<RunId, Arc<Mutex<Followed>>>>,
}

impl RunFollower {
    /// Reads through this bus.
    pub fn new(bus: Bus) -> Self {
        Self { bus, runs: Mutex::new(HashMap::new()) }
    }

    /// The run's tally, including every event that is in the stream now.
    pub async fn tally(&self, spec: &RunSpec) -> Result<Tally, BusError> {
        Ok(self.caught_up(spec).await?.tally.clone())
    }

    /// The intents of all tasks of the run.
    pub async fn intents(&self, spec: &RunSpec) -> Result<Vec<String>, BusError> {
        Ok(self.caught_up(spec).await?.intents.clone())
    }

    /// How many accepted tasks were made exemplars.
    pub async fn exemplars_of_accepted(&self, spec: &RunSpec) -> Result<u64, BusError> {
        Ok(self.caught_up(spec).await?.exemplars)
    }

    /// One reader at a time per run, so that no event is folded twice.
    async fn caught_up(&self, spec: &RunSpec) -> Result<OwnedMutexGuard<Followed>, BusError> {
        let followed = {
            let mut runs = self.runs.lock().await;
            let fresh = || {
                let tally = Tally::new(spec.run.clone(), spec.seeds.iter().map(|seed| seed.id.clone()));
                Arc::new(Mutex::new(Followed { tally, last_sequence: 0, intents: Vec::new(), exemplars: 0 }))
            };
            runs.entry(spec.run.clone()).or_insert_with(fresh).clone()
        };
        let mut followed = followed.lock_owned().await;
        for logged in self.bus.events_after(&spec.run, followed.last_sequence).await? {
            followed.last_sequence = logged.sequence;
            followed.tally.apply(&logged.event);
            match &logged.event {
                RunEvent::SeedDone { tasks, .. } => followed.intents.extend(tasks.iter().map(|task| task.intent.clone())),
                RunEvent::Judged { exemplar: Some(_), .. } => followed.exemplars += 1,
                _ => {}
            }
        }
        Ok(followed)
    }
}

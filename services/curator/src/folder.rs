//! A run's folder while the run goes on: `index.html` can be opened at any time, and says how far the run is.

use crate::tasks::RunTasks;
use anyhow::Result;
use std::time::{Duration, Instant};
use wayfarer_bus::Bus;
use wayfarer_core::run::{RunSpec, Summary, Tally};
use wayfarer_store::{SUMMARY_DOCUMENT, Store};
use wayfarer_viewer::{RunPages, TASKS_DOCUMENT};

/// The pages are not written more often than this.
const EVERY: Duration = Duration::from_secs(5);
/// Nor may writing them take more than one part in so many of the time: the page of a long run is written seldom.
const REST_SHARE: u32 = 20;

/// What is known of a run's folder; keeps up with the run's events.
#[derive(Debug)]
pub struct RunFolder {
    store: Store,
    tally: Tally,
    tasks: RunTasks,
    pages: RunPages,
    last_sequence: u64,
    last_unix_ms: u64,
    written: Option<Written>,
}

#[derive(Debug)]
struct Written {
    sequence: u64,
    again_at: Instant,
}

impl RunFolder {
    /// Of a run that keeps everything in this store.
    pub fn new(store: Store, spec: &RunSpec) -> Self {
        Self {
            store,
            tally: tally_of(spec),
            tasks: RunTasks::default(),
            pages: RunPages::default(),
            last_sequence: 0,
            last_unix_ms: spec.created_unix_ms,
            written: None,
        }
    }

    /// Takes the events that came since it asked last; returns where the run stands now.
    pub async fn catch_up(&mut self, bus: &Bus, spec: &RunSpec) -> Result<&Tally> {
        for logged in bus.events_after(&spec.run, self.last_sequence).await? {
            (self.last_sequence, self.last_unix_ms) = (logged.sequence, logged.at_unix_ms);
            self.tally.apply(&logged.event);
            self.tasks.apply(&logged.event);
        }
        Ok(&self.tally)
    }

    /// Seconds from the making of the run to its last event.
    pub fn elapsed_s(&self, spec: &RunSpec) -> f64 {
        self.last_unix_ms.saturating_sub(spec.created_unix_ms) as f64 / 1000.0
    }

    /// Writes the pages, if something happened since and the last time is long enough ago.
    pub async fn write_if_due(&mut self, wall_s: f64) -> Result<()> {
        let began = Instant::now();
        let is_due = |written: &Written| written.sequence != self.last_sequence && began >= written.again_at;
        if !self.written.as_ref().is_none_or(is_due) {
            return Ok(());
        }
        write_documents(&self.store, &mut self.pages, &self.tally.summary(wall_s), &self.tasks).await?;
        let rest = EVERY.max(began.elapsed() * REST_SHARE);
        self.written = Some(Written { sequence: self.last_sequence, again_at: Instant::now() + rest });
        Ok(())
    }
}

/// A run before its first event.
pub(crate) fn tally_of(spec: &RunSpec) -> Tally {
    Tally::new(spec.run.clone(), spec.seeds.iter().map(|seed| seed.id.clone()))
}

/// Writes what stands beside the attempts. The summary comes last: a folder whose summary is complete has everything else.
pub(crate) async fn write_documents(store: &Store, pages: &mut RunPages, summary: &Summary, tasks: &RunTasks) -> Result<()> {
    store.put_document(TASKS_DOCUMENT, &tasks.notes()).await?;
    pages.write(store, summary).await?;
    let models: Vec<String> = pages.models().into_iter().map(str::to_owned).collect();
    let card = wayfarer_actor_curator::dataset_card(summary, &models);
    store.put_bytes("README.md", card.into_bytes().into()).await?;
    store.put_document(SUMMARY_DOCUMENT, summary).await?;
    Ok(())
}

//! What a run leaves in its folder when it is complete, or was interrupted: its event log, the pages, the list of tasks, the dataset
//! card, the summary.

use crate::attempt::write_missing;
use crate::folder::{tally_of, write_documents};
use crate::tasks::RunTasks;
use anyhow::{Context, Result};
use std::collections::{BTreeMap, BTreeSet};
use wayfarer_bus::{Logged, from_lines, to_lines};
use wayfarer_core::AttemptId;
use wayfarer_core::event::RunEvent;
use wayfarer_core::run::{RunSpec, Summary};
use wayfarer_core::verdict::Decision;
use wayfarer_store::{EVENTS_DOCUMENT, Store, StoreError};
use wayfarer_viewer::RunPages;

/// Brings the folder in order from the events of its run and from what is stored. May be called again at any time and by several: the
/// same events and documents give the same bytes.
pub async fn finish_run(store: &Store, spec: &RunSpec, events: &[Logged], wall_s: f64) -> Result<Summary> {
    store.put_bytes(EVENTS_DOCUMENT, to_lines(events)?.into_bytes().into()).await?;
    write_missing(store, events).await?;
    let (mut tally, mut tasks) = (tally_of(spec), RunTasks::default());
    for event in in_force(store, events).await {
        tally.apply(&event);
        tasks.apply(&event);
    }
    let summary = tally.summary(wall_s);
    write_documents(store, &mut RunPages::default(), &summary, &tasks).await?;
    Ok(summary)
}

/// The run's events as its folder keeps them; none before it was finished or interrupted for the first time.
pub async fn stored_events(store: &Store) -> Result<Option<Vec<Logged>>> {
    let bytes = match store.get_bytes(EVENTS_DOCUMENT).await {
        Ok(bytes) => bytes,
        Err(StoreError::Missing { .. }) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let unreadable = || format!("{} cannot be read", store.root().join(EVENTS_DOCUMENT).display());
    let text = std::str::from_utf8(&bytes).with_context(unreadable)?;
    from_lines(text).with_context(unreadable).map(Some)
}

/// The events with the decisions that are in force: what was judged again later counts in place of what the event says, and one
/// accepted attempt makes its task accepted.
async fn in_force(store: &Store, events: &[Logged]) -> Vec<RunEvent> {
    let mut again: BTreeMap<AttemptId, Decision> = BTreeMap::new();
    let mut accepted = BTreeSet::new();
    for logged in events {
        let RunEvent::Judged { attempt, decision, .. } = &logged.event else { continue };
        let newest = match store.get_verdict(attempt).await {
            Ok(Some(verdict)) if verdict.version > 1 => again.entry(attempt.clone()).or_insert(verdict.decision),
            Ok(_) => decision,
            Err(error) => {
                tracing::warn!(%attempt, %error, "the verdict cannot be read; what was said when it was made counts");
                decision
            }
        };
        if matches!(newest, Decision::Accepted) {
            accepted.insert(attempt.task.clone());
        }
    }
    let mut events: Vec<RunEvent> = events.iter().map(|logged| logged.event.clone()).collect();
    for event in &mut events {
        let RunEvent::Judged { attempt, decision, is_final, .. } = event else { continue };
        if *is_final && accepted.contains(&attempt.task) {
            *decision = Decision::Accepted;
        } else if let Some(newest) = again.remove(attempt) {
            *decision = newest;
        }
    }
    events
}

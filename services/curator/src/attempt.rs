//! What one judged attempt leaves: its events, the reference harness's layout, its page.

use anyhow::Result;
use std::collections::{BTreeMap, BTreeSet};
use wayfarer_actor_curator::{curate, is_curated};
use wayfarer_bus::{Logged, to_lines};
use wayfarer_core::event::{About, RunEvent};
use wayfarer_core::{AttemptId, TaskId};
use wayfarer_store::{EVENTS_DOCUMENT, Store};

/// Writes it all; `events` are those of the attempt's task. The same documents give the same bytes, so doing it twice is doing it once.
pub(crate) async fn write_attempt(store: &Store, attempt: &AttemptId, events: &[&Logged]) -> Result<()> {
    write_events(store, attempt, events).await?;
    curate(store, attempt).await?;
    wayfarer_viewer::write_attempt_page(store, attempt).await?;
    Ok(())
}

/// Writes what the curator has not come to yet when a run ends or is interrupted. An attempt that cannot be written costs only itself:
/// its verdict stands.
pub(crate) async fn write_missing(store: &Store, events: &[Logged]) -> Result<()> {
    let mut of_task: BTreeMap<TaskId, Vec<&Logged>> = BTreeMap::new();
    let mut judged = BTreeSet::new();
    for logged in events {
        if let About::Task(task) = logged.event.about() {
            of_task.entry(task).or_default().push(logged);
        }
        if let RunEvent::Judged { attempt, .. } = &logged.event {
            judged.insert(attempt);
        }
    }
    for attempt in store.attempts().await? {
        let events = of_task.get(&attempt.task).map(Vec::as_slice).unwrap_or_default();
        let written = if judged.contains(&attempt) && !is_curated(store, &attempt).await? && store.get_verdict(&attempt).await?.is_some() {
            write_attempt(store, &attempt, events).await
        } else if !store.exists(&events_path(&attempt)).await? {
            write_events(store, &attempt, events).await
        } else {
            Ok(())
        };
        if let Err(error) = written {
            tracing::warn!(%attempt, error = format!("{error:#}"), "an attempt could not be written out");
        }
    }
    Ok(())
}

async fn write_events(store: &Store, attempt: &AttemptId, events: &[&Logged]) -> Result<()> {
    let lines = to_lines(events.iter().copied())?;
    Ok(store.put_bytes(&events_path(attempt), lines.into_bytes().into()).await?)
}

fn events_path(attempt: &AttemptId) -> String {
    format!("{}/{EVENTS_DOCUMENT}", Store::attempt_path(attempt))
}

//! What a complete run leaves in its folder: the summary, the list of tasks, the events of each attempt's task, the dataset card and
//! the pages.

use anyhow::Result;
use serde::Serialize;
use std::collections::BTreeMap;
use wayfarer_bus::Logged;
use wayfarer_core::event::{About, RunEvent};
use wayfarer_core::run::Summary;
use wayfarer_core::verdict::Decision;
use wayfarer_core::{AttemptId, Task, TaskId};
use wayfarer_store::Store;

/// A task and what became of it, for `tasks.json`.
#[derive(Debug, Clone, Serialize)]
pub struct RunTask {
    /// The task.
    pub task: Task,
    /// `accepted`, `rejected`, `invalid_task`, `dead_lettered` or `open`.
    pub state: String,
    /// Why.
    pub reason: String,
}

/// The tasks of a run by its events, in the order in which they were proposed.
pub fn run_tasks(events: &[Logged]) -> Vec<RunTask> {
    let mut tasks: Vec<RunTask> = Vec::new();
    let mut place: BTreeMap<TaskId, usize> = BTreeMap::new();
    let settle = |tasks: &mut Vec<RunTask>, place: &BTreeMap<TaskId, usize>, task: &TaskId, state: &str, reason: String| {
        if let Some(task) = place.get(task).and_then(|at| tasks.get_mut(*at)) {
            (task.state, task.reason) = (state.to_owned(), reason);
        }
    };
    for logged in events {
        match &logged.event {
            RunEvent::SeedDone { tasks: proposed, .. } => {
                for task in proposed {
                    place.insert(task.id.clone(), tasks.len());
                    tasks.push(RunTask { task: task.clone(), state: "open".into(), reason: String::new() });
                }
            }
            RunEvent::Judged { attempt, decision, is_final: true, .. } => {
                let reason = match decision {
                    Decision::Accepted => String::new(),
                    Decision::Rejected { why, .. } | Decision::InvalidTask { why } => why.clone(),
                };
                settle(&mut tasks, &place, &attempt.task, decision.name(), reason);
            }
            RunEvent::DeadLettered { task, reason } => settle(&mut tasks, &place, task, "dead_lettered", reason.clone()),
            _ => {}
        }
    }
    tasks
}

/// Events as lines of JSON, for people.
pub(crate) fn lines_of<'a>(events: impl IntoIterator<Item = &'a Logged>) -> Vec<u8> {
    let mut lines = String::new();
    for logged in events {
        let line = serde_json::json!({ "sequence": logged.sequence, "at_unix_ms": logged.at_unix_ms, "event": logged.event });
        lines.push_str(&line.to_string());
        lines.push('\n');
    }
    lines.into_bytes()
}

/// Writes it all from the events of the run; the summary last, because its presence says that the folder is complete.
pub async fn finish_run(store: &Store, summary: &Summary, events: &[Logged]) -> Result<()> {
    store.put_document("tasks.json", &run_tasks(events)).await?;
    let mut by_task: BTreeMap<TaskId, Vec<&Logged>> = BTreeMap::new();
    for logged in events {
        if let About::Task(task) = logged.event.about() {
            by_task.entry(task).or_default().push(logged);
        }
    }
    let mut models = std::collections::BTreeSet::new();
    for attempt in store.attempts().await? {
        models.extend(store.get_trajectory(&attempt).await?.models);
        // those that the environment failed are nobody else's to write: they are never judged
        let of_task = by_task.get(&attempt.task).into_iter().flatten().copied();
        store.put_bytes(&events_path(&attempt), lines_of(of_task).into()).await?;
    }
    let models: Vec<String> = models.into_iter().collect();
    let card = wayfarer_actor_curator::dataset_card(summary, &models);
    store.put_bytes("README.md", card.into_bytes().into()).await?;
    store.put_document("summary.json", summary).await?;
    wayfarer_viewer::write_run_pages(store).await?;
    Ok(())
}

/// Where the events of an attempt's task are kept.
pub(crate) fn events_path(attempt: &AttemptId) -> String {
    format!("attempts/{attempt}/events.jsonl")
}

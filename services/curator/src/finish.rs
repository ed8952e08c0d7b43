//! What a complete run leaves in its folder: the summary, the list of tasks, the dataset card and the pages.

use anyhow::Result;
use serde::Serialize;
use std::collections::BTreeMap;
use wayfarer_bus::Logged;
use wayfarer_core::event::RunEvent;
use wayfarer_core::run::Summary;
use wayfarer_core::verdict::Decision;
use wayfarer_core::{Task, TaskId};
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

/// Writes it all; the summary last, because its presence says that the folder is complete.
pub async fn finish_run(store: &Store, summary: &Summary, tasks: &[RunTask]) -> Result<()> {
    store.put_document("tasks.json", &tasks).await?;
    let mut models = std::collections::BTreeSet::new();
    for attempt in store.attempts().await? {
        models.extend(store.get_trajectory(&attempt).await?.models);
    }
    let models: Vec<String> = models.into_iter().collect();
    let card = wayfarer_actor_curator::dataset_card(summary, &models);
    store.put_bytes("README.md", card.into_bytes().into()).await?;
    store.put_document("summary.json", summary).await?;
    wayfarer_viewer::write_run_pages(store).await?;
    Ok(())
}

//! The tasks of a run and what became of them, folded from its events, for `tasks.json`.

use std::collections::BTreeMap;
use wayfarer_core::TaskId;
use wayfarer_core::event::RunEvent;
use wayfarer_core::verdict::Decision;
use wayfarer_viewer::TaskNote;

/// The tasks, in the order in which they were proposed.
#[derive(Debug, Default)]
pub(crate) struct RunTasks {
    notes: Vec<TaskNote>,
    places: BTreeMap<TaskId, usize>,
}

impl RunTasks {
    /// Takes the next event of the run.
    pub(crate) fn apply(&mut self, event: &RunEvent) {
        match event {
            RunEvent::SeedDone { tasks, .. } => {
                for task in tasks {
                    self.places.insert(task.id.clone(), self.notes.len());
                    self.notes.push(TaskNote { task: task.clone(), state: "open".into(), decision: None, reason: String::new() });
                }
            }
            RunEvent::Judged { attempt, decision, is_final: true, .. } => {
                let reason = match decision {
                    Decision::Accepted => "",
                    Decision::Rejected { why, .. } | Decision::InvalidTask { why } => why,
                };
                self.settle(&attempt.task, decision.name(), reason);
            }
            RunEvent::DeadLettered { task, reason } => self.settle(task, "dead_lettered", reason),
            _ => {}
        }
    }

    /// A line for every task.
    pub(crate) fn notes(&self) -> &[TaskNote] {
        &self.notes
    }

    fn settle(&mut self, task: &TaskId, state: &str, reason: &str) {
        if let Some(note) = self.places.get(task).and_then(|place| self.notes.get_mut(*place)) {
            (note.state, note.reason) = (state.to_owned(), reason.to_owned());
        }
    }
}

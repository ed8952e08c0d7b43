//! Fencing by epoch: of the owners that a task has one after another, only the newest may act.
//!
//! Each owner opens an attempt of its own, so what they share is the task. The event log is the fence that nobody gets past; whoever acts
//! outside of it (browser, model) keeps one of these, so that an owner which was paused and wakes up is stopped before it acts.

use crate::attempt::Epoch;
use crate::id::{RunId, TaskId, TenantId};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// Tasks whose newest owner is remembered; then the older half is forgotten.
const REMEMBERED: usize = 16_384;

/// A task among all runs and tenants.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct TaskRef {
    /// Who pays.
    pub tenant: TenantId,
    /// The campaign.
    pub run: RunId,
    /// The task.
    pub task: TaskId,
}

/// The newest owner of each task, as far as it was seen here.
#[derive(Debug, Default)]
pub struct Fence {
    newest: HashMap<TaskRef, Epoch>,
}

impl Fence {
    /// Takes note of an owner; `false` if a newer one was seen.
    pub fn admit(&mut self, task: &TaskRef, epoch: Epoch) -> bool {
        if self.is_stale(task, epoch) {
            return false;
        }
        if self.newest.len() >= REMEMBERED && !self.newest.contains_key(task) {
            self.forget_older_half();
        }
        self.newest.insert(task.clone(), epoch);
        true
    }

    /// Whether a newer owner was seen.
    pub fn is_stale(&self, task: &TaskRef, epoch: Epoch) -> bool {
        self.newest.get(task).is_some_and(|newest| *newest > epoch)
    }

    /// Epochs grow over the whole cluster, so the lower ones are those of long ago.
    fn forget_older_half(&mut self) {
        let mut epochs: Vec<Epoch> = self.newest.values().copied().collect();
        let middle = epochs.len() / 2;
        let (_, median, _) = epochs.select_nth_unstable(middle);
        let median = *median;
        self.newest.retain(|_, epoch| *epoch > median);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn task(run: &str, task: &str) -> TaskRef {
        TaskRef { tenant: TenantId::default(), run: RunId::new(run).unwrap(), task: TaskId::new(task).unwrap() }
    }

    #[test]
    fn only_the_newest_owner_of_a_task_is_let_through() {
        let mut fence = Fence::default();
        let (one, other_run) = (task("run-1", "task"), task("run-2", "task"));

        assert!(fence.admit(&one, Epoch(7)) && fence.admit(&one, Epoch(7)), "an owner may come again");
        assert!(fence.admit(&one, Epoch(9)));

        assert!(!fence.admit(&one, Epoch(7)) && fence.is_stale(&one, Epoch(7)));
        assert!(!fence.is_stale(&one, Epoch(9)));
        assert!(fence.admit(&other_run, Epoch(1)), "another run is another task");
    }

    #[test]
    fn what_is_remembered_is_bounded_and_the_newest_stay() {
        let mut fence = Fence::default();
        for epoch in 1..=3 * REMEMBERED as u64 {
            fence.admit(&task("run-1", &format!("task-{epoch}")), Epoch(epoch));
            assert!(fence.newest.len() <= REMEMBERED);
        }

        let last = 3 * REMEMBERED as u64;
        assert!(fence.is_stale(&task("run-1", &format!("task-{last}")), Epoch(last - 1)));
    }
}

//! Facts of a run, as they are kept in the event stream: the one source of progress, audit and billing.

use crate::attempt::{AttemptId, Epoch, StepIndex};
use crate::critical_point::CriticalPointRecord;
use crate::hash::BlobHash;
use crate::id::{RunId, SeedId, TaskId};
use crate::outcome::Outcome;
use crate::task::{Strategy, Task};
use crate::usage::Usage;
use crate::verdict::Decision;
use serde::{Deserialize, Serialize};

/// A proposal that did not become a task, and the gate that dropped it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Dropped {
    /// What was proposed (or the URL, where nothing was).
    pub intent: String,
    /// Which gate: `reachable`, `language`, `category`, `harmful`, `personal_data`, `interactive`, `specific`, `duplicate`, `quota`, `model`, ...
    pub gate: String,
    /// Why.
    pub reason: String,
}

/// A fact of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum RunEvent {
    /// A seed was worked off. Its tasks are part of the run from here on: this one event is the commit of the proposal.
    SeedDone {
        /// The seed.
        seed: SeedId,
        /// How it was worked off.
        strategy: Strategy,
        /// The tasks that came of it.
        tasks: Vec<Task>,
        /// What did not become a task.
        dropped: Vec<Dropped>,
        /// What proposing cost.
        usage: Usage,
    },
    /// An owner opened an attempt. The sequence of this event in the stream is the attempt's [`Epoch`].
    AttemptStarted {
        /// The attempt.
        attempt: AttemptId,
        /// The process that owns it.
        worker: String,
    },
    /// A step was done. The whole step is in the trajectory; this is what a live view needs.
    Stepped {
        /// The attempt.
        attempt: AttemptId,
        /// The owner.
        epoch: Epoch,
        /// The step.
        index: StepIndex,
        /// The rule that fired.
        rule: String,
        /// The action, in one line.
        action: String,
        /// The page after it.
        url: String,
        /// The screenshot after it.
        screenshot: BlobHash,
        /// Critical points that were met since the last step's event.
        critical_points: Vec<CriticalPointRecord>,
        /// What it cost.
        usage: Usage,
    },
    /// An attempt ended and its trajectory is stored.
    AttemptEnded {
        /// The attempt.
        attempt: AttemptId,
        /// The owner.
        epoch: Epoch,
        /// How.
        outcome: Outcome,
        /// Steps done.
        steps: u32,
        /// What the whole attempt cost.
        usage: Usage,
        /// Wall-clock milliseconds.
        wall_ms: u64,
    },
    /// An attempt was judged (or its task was found invalid).
    Judged {
        /// The attempt.
        attempt: AttemptId,
        /// What came of it.
        decision: Decision,
        /// No further attempt follows: the task is done.
        is_final: bool,
        /// The exemplar seed that this verdict adds to the run, if any; the run is not complete before it is done.
        exemplar: Option<SeedId>,
        /// What judging cost.
        usage: Usage,
    },
    /// The task was given up for a reason that is ours (a poison message, five environment failures).
    DeadLettered {
        /// The task.
        task: TaskId,
        /// Why.
        reason: String,
    },
    /// The run was cancelled: tasks that are not done are dead-lettered by whoever meets them.
    Cancelled {
        /// The run.
        run: RunId,
    },
}

impl RunEvent {
    /// What the event is about; events of one subject are ordered and fenced.
    pub fn about(&self) -> About {
        match self {
            Self::SeedDone { seed, .. } => About::Seed(seed.clone()),
            Self::AttemptStarted { attempt, .. }
            | Self::Stepped { attempt, .. }
            | Self::AttemptEnded { attempt, .. }
            | Self::Judged { attempt, .. } => About::Task(attempt.task.clone()),
            Self::DeadLettered { task, .. } => About::Task(task.clone()),
            Self::Cancelled { .. } => About::Run,
        }
    }

    /// Whether the task is done with this event.
    pub fn ends_task(&self) -> bool {
        matches!(self, Self::Judged { is_final: true, .. } | Self::DeadLettered { .. })
    }
}

/// The subject of an event within its run.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum About {
    /// A seed.
    Seed(SeedId),
    /// A task.
    Task(TaskId),
    /// The run itself.
    Run,
}

//! Attempts: one try at a task by a solver.

use crate::id::TaskId;
use serde::{Deserialize, Serialize};
use std::fmt;

/// One try at a task: the task and the number of the try, from 1.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct AttemptId {
    /// The task.
    pub task: TaskId,
    /// The try, from 1.
    pub number: u32,
}

impl fmt::Display for AttemptId {
    /// `<task>.<number>` would be two NATS tokens; a dash keeps it one.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-a{}", self.task, self.number)
    }
}

impl std::str::FromStr for AttemptId {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let (task, number) = text.rsplit_once("-a").ok_or_else(|| format!("{text:?} is not an attempt id (task-aN)"))?;
        Ok(Self {
            task: TaskId::new(task).map_err(|e| e.to_string())?,
            number: number.parse().map_err(|_| format!("{text:?} does not end with a number"))?,
        })
    }
}

/// The fencing token of an attempt's owner: the stream sequence at which it opened the attempt, so it grows over the owners of a task.
/// Only the owner with the newest may write, act or spend.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Default)]
#[serde(transparent)]
pub struct Epoch(pub u64);

/// The place of a step in its attempt, from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Default)]
#[serde(transparent)]
pub struct StepIndex(pub u32);

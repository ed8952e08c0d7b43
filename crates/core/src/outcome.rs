//! How an attempt ends.

use serde::{Deserialize, Serialize};
use std::fmt;

/// How an attempt ended. `env_failed` is never a verdict on the agent: it is retried with a fresh session.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    /// The agent stopped with an answer.
    Answered,
    /// The agent stopped in front of a step that needs the user's permission.
    StoppedAtCriticalPoint,
    /// The agent declined the task.
    Refused {
        /// In the agent's words.
        why: String,
    },
    /// The agent found that the task cannot be done.
    Infeasible {
        /// In the agent's words.
        why: String,
    },
    /// Steps, re-plans, time, tokens or money ran out.
    BudgetExceeded {
        /// Which one.
        budget: Budget,
    },
    /// A captcha or a bot wall stood in the way.
    Blocked {
        /// What was met.
        by: String,
    },
    /// The environment failed, not the agent.
    EnvFailed {
        /// What failed.
        kind: EnvFailure,
        /// Where and how, for a person.
        detail: String,
    },
}

/// What can run out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Budget {
    /// Steps of an attempt (100).
    Steps,
    /// Re-plans of an attempt.
    Replans,
    /// Wall-clock time of an attempt.
    Time,
    /// Tokens of an attempt.
    Tokens,
    /// Money of an attempt.
    Cost,
}

/// What can fail around an agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EnvFailure {
    /// No browser session could be had in time.
    NoBrowser,
    /// The browser or its driver died, or refused to go on (records of earlier versions: or the page's renderer).
    BrowserCrashed,
    /// The page's renderer died: a crash, or memory that ran out.
    RendererCrashed,
    /// The kernel killed a process of the browser because its limit of memory was reached.
    OutOfMemory,
    /// The page did not answer within the bound.
    PageHung,
    /// The start page could not be reached.
    Unreachable,
    /// The egress policy does not allow the start page's host.
    EgressDenied,
    /// The model refused a question, or could not be understood after repair and retries.
    Model,
    /// No model answers.
    ModelDown,
    /// The session's lease was lost.
    LeaseLost,
    /// The websurfer of this attempt is gone.
    SurferLost,
    /// A blob or an event could not be stored.
    Store,
}

impl EnvFailure {
    /// Whether something is away that all attempts share. It passes by itself and says nothing about the task, so it is waited out and
    /// not counted among the task's attempts.
    pub fn is_outage(self) -> bool {
        match self {
            Self::NoBrowser | Self::ModelDown | Self::Store => true,
            Self::BrowserCrashed
            | Self::RendererCrashed
            | Self::OutOfMemory
            | Self::PageHung
            | Self::Unreachable
            | Self::EgressDenied
            | Self::Model
            | Self::LeaseLost
            | Self::SurferLost => false,
        }
    }
}

impl Outcome {
    /// The name on every wire and in every file.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::StoppedAtCriticalPoint => "stopped_at_critical_point",
            Self::Refused { .. } => "refused",
            Self::Infeasible { .. } => "infeasible",
            Self::BudgetExceeded { .. } => "budget_exceeded",
            Self::Blocked { .. } => "blocked",
            Self::EnvFailed { .. } => "env_failed",
        }
    }

    /// Whether the attempt is to be judged; an environment failure is not.
    pub fn is_judged(&self) -> bool {
        !matches!(self, Self::EnvFailed { .. })
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused { why } | Self::Infeasible { why } => write!(f, "{} ({why})", self.name()),
            Self::BudgetExceeded { budget } => write!(f, "budget_exceeded ({budget:?})"),
            Self::Blocked { by } => write!(f, "blocked ({by})"),
            Self::EnvFailed { kind, detail } => write!(f, "env_failed ({kind:?}: {detail})"),
            _ => f.write_str(self.name()),
        }
    }
}

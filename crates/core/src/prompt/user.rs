//! Prompts of the UserSimulator. What it decides is drawn by the run's seed; the model finds the words.

use super::{PageText, ask};
use crate::critical_point::{CriticalPointKind, UserDecision};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Answer at a critical point.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AnswerCriticalPoint {
    /// What the user asked for.
    pub task: String,
    /// What needs permission.
    pub kind: CriticalPointKind,
    /// What would happen.
    pub what: String,
    /// The page.
    pub page: PageText,
    /// What was decided by policy: put it into words.
    pub decision: UserDecision,
    /// The persona's data that may be supplied: meaning to value (synthetic).
    pub persona: BTreeMap<String, String>,
}

/// Reply to [`AnswerCriticalPoint`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CriticalPointAnswer {
    /// The user's words.
    pub message: String,
    /// Which entries of the persona to supply (names of its fields).
    pub supply: Vec<String>,
}
ask!(AnswerCriticalPoint, "user.critical_point", SimulateUser, CriticalPointAnswer);

/// Ask something more after success.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AskFollowUp {
    /// What the user asked for.
    pub task: String,
    /// The answer.
    pub answer: String,
    /// The page on which it ended.
    pub page: PageText,
}

/// Reply to [`AskFollowUp`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FollowUpReply {
    /// The further task; `None` if there is nothing sensible to ask.
    pub follow_up: Option<String>,
}
ask!(AskFollowUp, "user.follow_up", SimulateUser, FollowUpReply);

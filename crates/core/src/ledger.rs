//! The ledger: five fields that the Orchestrator fills at every step, each with its reason (spec/faragen.md B.2).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A yes or no, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, Default)]
pub struct Flag {
    /// Why, from the history and the screenshots before and after.
    pub reason: String,
    /// Yes or no.
    pub answer: bool,
}

/// A text, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, Default)]
pub struct Instruction {
    /// Why.
    pub reason: String,
    /// The instruction to the WebSurfer.
    pub answer: String,
}

/// The five fields.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, Default)]
pub struct Ledger {
    /// Did the change from the previous to the current screenshot match the intended effect of the last action?
    pub last_action_successful: Flag,
    /// Are actions repeated, or do they fail, without progress?
    pub is_in_loop: Flag,
    /// Is the whole task complete?
    pub is_satisfied: Flag,
    /// Is the agent about to do something that needs the user's permission?
    pub is_at_critical_point: Flag,
    /// What the WebSurfer should do next.
    pub next_steps: Instruction,
}

/// What stands in every field where no ledger is kept.
const NOT_KEPT: &str = "a native agent keeps no ledger";

impl Ledger {
    /// What stands where no ledger is kept: one model decides alone.
    pub fn not_kept() -> Self {
        let flag = || Flag { reason: NOT_KEPT.to_owned(), answer: false };
        Self {
            last_action_successful: flag(),
            is_in_loop: flag(),
            is_satisfied: flag(),
            is_at_critical_point: flag(),
            next_steps: Instruction { reason: NOT_KEPT.to_owned(), answer: String::new() },
        }
    }

    /// Whether somebody filled it.
    pub fn is_kept(&self) -> bool {
        self.next_steps.reason != NOT_KEPT
    }
}

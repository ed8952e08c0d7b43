//! Prompts of the Orchestrator: facts and plan, the ledger, re-planning, target URLs.

use super::{PageView, StepText, ask};
use crate::ledger::Ledger;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Facts and a plan before the first step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MakePlan {
    /// What is asked.
    pub task: String,
    /// The start page (its picture comes with the message).
    pub page: PageView,
    /// Today (ISO 8601).
    pub today: String,
}

/// Reply to [`MakePlan`] and [`Replan`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PlanReply {
    /// Given in the task.
    pub given: Vec<String>,
    /// To look up.
    pub look_up: Vec<String>,
    /// To derive.
    pub derive: Vec<String>,
    /// Educated guesses.
    pub guesses: Vec<String>,
    /// The plan, a step each.
    pub plan: Vec<String>,
}
ask!(MakePlan, "orchestrate.plan", Orchestrate, PlanReply);

/// Fill the ledger. Two pictures come with the message: before and after the last action.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FillLedger {
    /// What is asked now (the follow-up, once there is one).
    pub task: String,
    /// The facts.
    pub facts: String,
    /// The plan.
    pub plan: String,
    /// All steps so far.
    pub history: Vec<StepText>,
    /// The page before the last action; `None` before the first.
    pub previous: Option<PageView>,
    /// The page now.
    pub current: PageView,
    /// Facts that the surfer memorized.
    pub memorized: Vec<String>,
    /// What the user said so far.
    pub user_messages: Vec<String>,
    /// The surfer's answer, if it wants to stop.
    pub proposed_answer: Option<String>,
    /// A critical point that the gate holds right now, in words.
    pub held: Option<String>,
    /// Today (ISO 8601).
    pub today: String,
}
ask!(FillLedger, "orchestrate.ledger", Orchestrate, Ledger);

/// New facts and a new plan after a loop or failures.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Replan {
    /// What is asked.
    pub task: String,
    /// The old facts.
    pub facts: String,
    /// The old plan.
    pub plan: String,
    /// All steps so far.
    pub history: Vec<StepText>,
    /// The page now.
    pub current: PageView,
    /// What went wrong.
    pub why: String,
    /// Today (ISO 8601).
    pub today: String,
}
ask!(Replan, "orchestrate.replan", Orchestrate, PlanReply);

/// On which pages was the target found?
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FindTargets {
    /// What was asked.
    pub task: String,
    /// All steps.
    pub history: Vec<StepText>,
    /// The answer.
    pub answer: String,
}

/// One such page.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FoundTarget {
    /// The address, as in the history.
    pub url: String,
    /// Why.
    pub why: String,
}

/// Reply to [`FindTargets`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FoundTargets {
    /// At most three.
    pub targets: Vec<FoundTarget>,
}
ask!(FindTargets, "orchestrate.targets", Orchestrate, FoundTargets);

//! Trajectories: what an attempt yields, as `trajectory.json`.

use crate::attempt::{AttemptId, Epoch, StepIndex};
use crate::critical_point::CriticalPointRecord;
use crate::id::{RunId, TenantId};
use crate::ledger::Ledger;
use crate::observation::Observation;
use crate::outcome::Outcome;
use crate::surf::SurfedStep;
use crate::task::Task;
use crate::usage::Usage;
use serde::{Deserialize, Serialize};

/// Version of the schema of `trajectory.json`.
pub const SCHEMA_VERSION: u32 = 1;

/// What the decision table said in a step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DecisionRecord {
    /// Name of the rule that fired.
    pub rule: String,
    /// What was done: `continue`, `replan`, `ask_user`, `force_stop`, `accept_stop`, `roll_back_stop`.
    pub decision: String,
}

/// One step: ledger and decision first, then what the surfer did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// From 1.
    pub index: StepIndex,
    /// Milliseconds since the epoch (UTC) at its start.
    pub at_unix_ms: u64,
    /// The ledger on which this step's order rests.
    pub ledger: Ledger,
    /// The rule that fired on that ledger.
    pub decision: DecisionRecord,
    /// The surfer's part.
    pub surfed: SurfedStep,
    /// A premature stop that the Orchestrator rolled back.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub rolled_back_stop: bool,
    /// What the step cost: ledger and surfer together.
    pub usage: Usage,
}

/// Facts and plan, in the version that was in force from a step on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// The first step it was in force for.
    pub from_step: StepIndex,
    /// Facts: given, to look up, to derive, guesses.
    pub facts: String,
    /// The plan.
    pub plan: String,
    /// Why it was made: `start`, `loop`, `failures`, `follow_up`.
    pub why: String,
}

/// A page on which the target of the task was found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TargetUrl {
    /// The page.
    pub url: String,
    /// Why it is the target.
    pub why: String,
}

/// A further turn of the user after success.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FollowUp {
    /// What the user asked.
    pub intent: String,
    /// The first step that works on it.
    pub from_step: StepIndex,
    /// The answer, once there is one.
    pub answer: Option<String>,
}

/// An attempt from beginning to end.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Trajectory {
    /// [`SCHEMA_VERSION`].
    pub schema_version: u32,
    /// Who paid.
    pub tenant: TenantId,
    /// The campaign.
    pub run: RunId,
    /// The task.
    pub task: Task,
    /// The attempt.
    pub attempt: AttemptId,
    /// The owner that wrote it.
    pub epoch: Epoch,
    /// `ledger`, `native` or `single`.
    pub solver: String,
    /// The names of the models that answered, in order of first use.
    pub models: Vec<String>,
    /// The start page.
    pub first_observation: Option<Observation>,
    /// Facts and plans.
    pub plans: Vec<Plan>,
    /// The steps.
    pub steps: Vec<Step>,
    /// Critical points that were met.
    pub critical_points: Vec<CriticalPointRecord>,
    /// Further turns.
    #[serde(default)]
    pub follow_ups: Vec<FollowUp>,
    /// The answer to the task; `None` is the reference harness's `<no_answer>`.
    pub answer: Option<String>,
    /// Pages on which the target was found.
    pub target_urls: Vec<TargetUrl>,
    /// How it ended.
    pub outcome: Outcome,
    /// Milliseconds since the epoch (UTC).
    pub started_unix_ms: u64,
    /// Milliseconds since the epoch (UTC).
    pub ended_unix_ms: u64,
    /// What it cost.
    pub usage: Usage,
    /// W3C trace id of the attempt.
    #[serde(default)]
    pub trace_id: String,
}

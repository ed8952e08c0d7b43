//! Orders between Orchestrator and WebSurfer within one attempt.

use crate::action::{Action, Effect};
use crate::attempt::{AttemptId, Epoch, StepIndex};
use crate::critical_point::{GateDecision, Grant};
use crate::fence::TaskRef;
use crate::hash::BlobHash;
use crate::id::{RunId, TenantId};
use crate::observation::Observation;
use crate::outcome::EnvFailure;
use crate::task::Task;
use crate::usage::Usage;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// How often an attempt's orchestrator and surfer show each other that they are there.
pub const ALIVE_EVERY: Duration = Duration::from_secs(5);

/// Opens a browser session for an attempt and looks at the start page.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SurfOpen {
    /// Who pays.
    pub tenant: TenantId,
    /// The campaign.
    pub run: RunId,
    /// The attempt.
    pub attempt: AttemptId,
    /// The fencing token.
    pub epoch: Epoch,
    /// What is asked.
    pub task: Task,
    /// Today (ISO 8601), as the orchestrator has it.
    pub today: String,
    /// Who solves: [`Solver`](crate::run::Solver) as text.
    #[serde(default = "ledger")]
    pub solver: String,
}

fn ledger() -> String {
    "ledger".into()
}

impl SurfOpen {
    /// The task whose owner opens this session.
    pub fn task_ref(&self) -> TaskRef {
        TaskRef { tenant: self.tenant.clone(), run: self.run.clone(), task: self.task.id.clone() }
    }
}

/// One step: decide on one action, pass it through the gate, do it, look again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SurfOrder {
    /// The fencing token; an older one is refused.
    pub epoch: Epoch,
    /// The step.
    pub step: StepIndex,
    /// The ledger's instruction.
    pub next_steps: String,
    /// The current plan, for context.
    pub plan: String,
    /// Only the stop tool is offered: the surfer must say itself why it stops.
    pub stop_only: bool,
    /// Why only the stop tool is offered, for the prompt.
    #[serde(default)]
    pub stop_reason: String,
    /// Permissions given so far.
    pub grants: Vec<Grant>,
    /// What the user said since the last step (approval, denial, follow-up).
    #[serde(default)]
    pub user_messages: Vec<String>,
    /// A follow-up task that replaces the intent in the prompt from now on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub current_intent: Option<String>,
}

/// What came of an order to open.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "reply", rename_all = "snake_case")]
pub enum SurfOpened {
    /// The start page is open.
    Ready {
        /// What it shows.
        observation: Box<Observation>,
    },
    /// The environment failed.
    Failed {
        /// What.
        kind: EnvFailure,
        /// Where and how.
        detail: String,
    },
    /// All places are taken: ask again, it may be another websurfer that answers. No fault, only a wait.
    Busy {
        /// When asking again makes sense.
        retry_after_ms: u64,
    },
    /// The order came from an old owner.
    Fenced,
}

/// What came of an order to step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "reply", rename_all = "snake_case")]
pub enum SurfReport {
    /// A decision was made (and done, unless the gate held it).
    Stepped {
        /// The step.
        step: Box<SurfedStep>,
    },
    /// The environment failed.
    Failed {
        /// What.
        kind: EnvFailure,
        /// Where and how.
        detail: String,
        /// What the failed step had cost already.
        usage: Usage,
    },
    /// The order came from an old owner.
    Fenced,
}

/// What the WebSurfer did in one step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SurfedStep {
    /// What the page shows, in the surfer's words.
    pub state_description: String,
    /// Why this action.
    pub reasoning: String,
    /// The action.
    pub action: Action,
    /// What the gate said.
    pub gate: GateDecision,
    /// What the action did (an error if it was held or could not be done).
    pub effect: Effect,
    /// The set-of-marks picture that the model saw.
    pub som_screenshot: Option<BlobHash>,
    /// Tools that were offered.
    pub tools_offered: Vec<String>,
    /// Facts kept so far.
    pub facts: Vec<String>,
    /// What the page shows after.
    pub observation: Observation,
    /// What the model calls of this step cost.
    pub usage: Usage,
    /// Milliseconds spent waiting for the model.
    pub model_ms: f64,
    /// Milliseconds of the whole step.
    pub total_ms: f64,
    /// The model's reply as it came, for the dataset.
    pub raw_reply: String,
    /// Name of the model that decided.
    #[serde(default)]
    pub model: String,
}

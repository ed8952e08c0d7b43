//! One attempt from its first page to its last event.

use async_trait::async_trait;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use wayfarer_bus::EventLog;
use wayfarer_chat::Model;
use wayfarer_core::critical_point::{CriticalPoint, UserDecision};
use wayfarer_core::run::RunSpec;
use wayfarer_core::surf::{SurfOpen, SurfOpened, SurfOrder, SurfReport};
use wayfarer_core::{AttemptId, Epoch, Observation, Outcome, Task};
use wayfarer_store::Store;

/// The surfer of the attempt, wherever it runs.
#[async_trait]
pub trait SurferPort: Send + Sync {
    /// Opens the browser session on the start page; waits, within a bound, while all places are taken.
    async fn open(&self, order: SurfOpen) -> SurfOpened;
    /// One step.
    async fn step(&self, order: SurfOrder) -> SurfReport;
    /// Gives the session back.
    async fn close(&self);
}

/// A person for whom an agent works.
#[async_trait]
pub trait Person: Send + Sync {
    /// Whether the agent may do this; what is said with it is told to the agent.
    async fn may_i(&self, point: &CriticalPoint, page: &Observation) -> (UserDecision, String);
    /// The answer to a question of the agent.
    async fn answer(&self, question: &str) -> String;
    /// A further task after this answer, if there is one.
    async fn anything_else(&self, answer: &str) -> Option<String>;
}

/// What an attempt works with.
#[derive(Clone)]
pub struct OrchestratorDeps {
    /// Answers.
    pub model: Arc<dyn Model>,
    /// Keeps the facts.
    pub log: Arc<dyn EventLog>,
    /// Keeps pictures and trajectories.
    pub store: Store,
    /// Surfs.
    pub surfer: Arc<dyn SurferPort>,
    /// The user; simulated if absent.
    pub person: Option<Arc<dyn Person>>,
}

/// One attempt to run.
#[derive(Debug, Clone)]
pub struct AttemptJob {
    /// The campaign.
    pub spec: RunSpec,
    /// The task.
    pub task: Task,
    /// The attempt.
    pub attempt: AttemptId,
    /// The fencing token.
    pub epoch: Epoch,
    /// Sequence of this attempt's `AttemptStarted`.
    pub last_sequence: u64,
    /// Stops the attempt; it then ends as [`AttemptEnd::Cancelled`].
    pub cancel: CancellationToken,
    /// Today (ISO 8601 date).
    pub today: String,
    /// How long the store is waited for when the trajectory is to be kept.
    pub outage_patience: Duration,
    /// W3C trace id of the attempt, kept in its trajectory; empty if nothing traces it.
    pub trace_id: String,
}

/// How running an attempt ended.
#[derive(Debug, Clone, PartialEq)]
pub enum AttemptEnd {
    /// The trajectory is stored and `AttemptEnded` is in the log.
    Ended {
        /// How.
        outcome: Outcome,
        /// Sequence of `AttemptEnded`.
        last_sequence: u64,
    },
    /// Another owner took over; nothing more was written.
    Fenced,
    /// The job's token was cancelled; nothing more was written.
    Cancelled,
    /// The log or the store could not be written.
    LogUnavailable(String),
    /// The attempt's actor panicked or could not be started; nothing more was written.
    Broken(String),
}

/// Runs an attempt to its end, in an actor of its own: a panic in it ends this attempt and nothing else.
pub async fn run_attempt(deps: OrchestratorDeps, job: AttemptJob) -> AttemptEnd {
    crate::actor::run(deps, job).await
}

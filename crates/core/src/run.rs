//! Runs: campaigns of tasks, and what they come to.

use crate::critical_point::UserDecision;
use crate::event::RunEvent;
use crate::id::{RunId, SeedId, TaskId, TenantId};
use crate::outcome::Outcome;
use crate::seed::Seed;
use crate::task::Strategy;
use crate::usage::Usage;
use crate::verdict::Decision;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Bounds of one attempt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Budgets {
    /// Steps (100: spec/faragen.md G).
    pub steps: u32,
    /// Re-plans (3: spec/faragen.md B.3).
    pub replans: u32,
    /// Wall-clock seconds.
    pub seconds: u64,
    /// Prompt and completion tokens together.
    pub tokens: u64,
    /// US dollars.
    pub cost_usd: f64,
    /// Attempts that an environment failure may cost a task (5: spec/faragen.md G).
    pub env_attempts: u32,
}

impl Default for Budgets {
    fn default() -> Self {
        Self { steps: 100, replans: 3, seconds: 900, tokens: 2_000_000, cost_usd: 5.0, env_attempts: 5 }
    }
}

/// How the UserSimulator answers at critical points: weights, drawn by the run's seed and the task's id.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ConsentPolicy {
    /// Weight of `approve` (and `supply`, where data is missing).
    pub approve: f64,
    /// Weight of `deny`.
    pub deny: f64,
    /// Share of successes that get a follow-up task (0 to 1).
    pub follow_up: f64,
}

impl Default for ConsentPolicy {
    fn default() -> Self {
        Self { approve: 0.5, deny: 0.5, follow_up: 0.15 }
    }
}

/// What a run is to do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunSpec {
    /// The run.
    pub run: RunId,
    /// Who pays.
    pub tenant: TenantId,
    /// The seeds.
    pub seeds: Vec<Seed>,
    /// Tasks wanted at most, over all strategies.
    pub max_tasks: u32,
    /// Tasks that accepted tasks may be refilled into (exemplar strategy); 0 switches it off.
    pub exemplar_tasks: u32,
    /// Judged attempts a task may have; the first accepted one ends it.
    pub attempts: u32,
    /// Every draw follows from it.
    pub seed: u64,
    /// Bounds of an attempt.
    pub budgets: Budgets,
    /// How the simulated user answers.
    pub consent: ConsentPolicy,
    /// Who solves: [`Solver`] as text.
    pub solver: String,
    /// Milliseconds since the epoch (UTC).
    pub created_unix_ms: u64,
}

impl RunSpec {
    /// Whether both ask for the same; when they were made is no part of that.
    pub fn asks_the_same(&self, other: &Self) -> bool {
        Self { created_unix_ms: other.created_unix_ms, ..self.clone() } == *other
    }
}

/// Critical points of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct CriticalPointTally {
    /// Times that a critical point was met.
    pub reached: u64,
    /// Times that the attempt ended there.
    pub stopped: u64,
    /// Times that the user let it through (with or without data).
    pub approved: u64,
    /// Times that the user did not.
    pub denied: u64,
}

/// Tasks of one strategy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct StrategyTally {
    /// Tasks.
    pub tasks_in: u64,
    /// Of those, accepted.
    pub accepted: u64,
    /// Of those, rejected.
    pub rejected: u64,
    /// Of those, invalid.
    pub invalid_task: u64,
    /// Of those, dead-lettered.
    pub dead_lettered: u64,
}

impl StrategyTally {
    /// Tasks that are done, however they ended: a yield is a share of these, so that a run that goes on is not taken for a bad one.
    pub fn finished(&self) -> u64 {
        self.accepted + self.rejected + self.invalid_task + self.dead_lettered
    }
}

/// What a run came to: the object of `--json` and `summary.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// The run.
    pub run_id: RunId,
    /// Tasks that proposal committed. Always `accepted + rejected + invalid_task + dead_lettered + open`.
    pub tasks_in: u64,
    /// Tasks with an accepted attempt.
    pub accepted: u64,
    /// Tasks whose attempts were all rejected.
    pub rejected: u64,
    /// Tasks that cannot be judged.
    pub invalid_task: u64,
    /// Tasks given up for a reason of ours.
    pub dead_lettered: u64,
    /// Tasks that are not done yet; 0 once the run is complete.
    #[serde(default)]
    pub open: u64,
    /// Attempts started.
    pub attempts: u64,
    /// Attempts that the environment ended.
    pub env_failed: u64,
    /// Steps done.
    pub steps: u64,
    /// Requests that a model answered.
    pub model_calls: u64,
    /// Tokens sent.
    pub prompt_tokens: u64,
    /// Tokens received.
    pub completion_tokens: u64,
    /// US dollars.
    pub cost_usd: f64,
    /// Wall-clock seconds, over all processes that worked on the run one after another.
    pub wall_s: f64,
    /// By strategy.
    pub by_strategy: BTreeMap<String, StrategyTally>,
    /// Ended attempts by outcome.
    pub by_outcome: BTreeMap<String, u64>,
    /// Critical points.
    pub critical_points: CriticalPointTally,
    /// Proposals that did not become tasks, by gate.
    pub dropped: BTreeMap<String, u64>,
    /// Seeds worked off.
    pub seeds_done: u64,
    /// Every seed and every task is done.
    pub complete: bool,
}

impl Summary {
    /// What its model calls cost.
    pub fn usage(&self) -> Usage {
        Usage {
            model_calls: self.model_calls,
            prompt_tokens: self.prompt_tokens,
            completion_tokens: self.completion_tokens,
            cost_usd: self.cost_usd,
            cached_tokens: 0,
        }
    }

    /// Tasks that are done, however they ended.
    pub fn finished(&self) -> u64 {
        self.accepted + self.rejected + self.invalid_task + self.dead_lettered
    }
}

#[derive(Debug, Clone, PartialEq)]
enum TaskState {
    Waiting,
    Solving,
    ToJudge,
    Done(&'static str),
}

/// Where the tasks of a run stand, for a progress display.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Stages {
    /// Seeds that nobody works on yet.
    pub seeds_waiting: u64,
    /// Seeds that are being worked off.
    #[serde(default)]
    pub seeds_running: u64,
    /// Seeds worked off.
    pub seeds_done: u64,
    /// Tasks that no attempt has begun.
    pub solve_waiting: u64,
    /// Tasks in a running attempt.
    pub solve_running: u64,
    /// Tasks whose attempts ended.
    pub solve_done: u64,
    /// Attempts that no judge has begun.
    pub verify_waiting: u64,
    /// Attempts that are being judged.
    #[serde(default)]
    pub verify_running: u64,
    /// Tasks that are done.
    pub verify_done: u64,
}

impl Stages {
    /// No event tells that a seed or an attempt was taken up, the queues do: so many of what waits is in somebody's hands. A queue
    /// counts for all runs of its cluster, so with several of them this is the most that can be true.
    pub fn with_in_flight(mut self, seeds: u64, verdicts: u64) -> Self {
        for (waiting, running, in_flight) in
            [(&mut self.seeds_waiting, &mut self.seeds_running, seeds), (&mut self.verify_waiting, &mut self.verify_running, verdicts)]
        {
            let taken = in_flight.min(*waiting);
            (*waiting, *running) = (*waiting - taken, *running + taken);
        }
        self
    }
}

/// The fold of a run's events: pure, so that progress, summary and audit can never disagree. Feeding the same event again (same
/// subject) is harmless only where the stream has it once; feed each stream message once, in order.
#[derive(Debug, Clone)]
pub struct Tally {
    run: RunId,
    seeds_expected: BTreeSet<SeedId>,
    seeds_done: BTreeSet<SeedId>,
    tasks: BTreeMap<TaskId, (Strategy, TaskState)>,
    attempts: u64,
    env_failed: u64,
    steps: u64,
    usage: Usage,
    by_outcome: BTreeMap<String, u64>,
    critical_points: CriticalPointTally,
    dropped: BTreeMap<String, u64>,
    cancelled: bool,
    faults: Vec<String>,
}

impl Tally {
    /// A run before its first event.
    pub fn new(run: RunId, seeds: impl IntoIterator<Item = SeedId>) -> Self {
        Self {
            run,
            seeds_expected: seeds.into_iter().collect(),
            seeds_done: BTreeSet::new(),
            tasks: BTreeMap::new(),
            attempts: 0,
            env_failed: 0,
            steps: 0,
            usage: Usage::default(),
            by_outcome: BTreeMap::new(),
            critical_points: CriticalPointTally::default(),
            dropped: BTreeMap::new(),
            cancelled: false,
            faults: Vec::new(),
        }
    }

    /// Takes the next event of the run.
    pub fn apply(&mut self, event: &RunEvent) {
        match event {
            RunEvent::SeedDone { seed, strategy, tasks, dropped, usage } => {
                if !self.seeds_done.insert(seed.clone()) {
                    self.faults.push(format!("seed {seed} was worked off twice"));
                }
                for task in tasks {
                    if self.tasks.insert(task.id.clone(), (*strategy, TaskState::Waiting)).is_some() {
                        self.faults.push(format!("task {} was proposed twice", task.id));
                    }
                }
                for drop in dropped {
                    *self.dropped.entry(drop.gate.clone()).or_default() += 1;
                }
                self.usage += *usage;
            }
            RunEvent::AttemptStarted { attempt, .. } => {
                self.attempts += 1;
                self.set_state(&attempt.task, TaskState::Solving);
            }
            RunEvent::Stepped { usage, critical_points, .. } => {
                self.steps += 1;
                self.usage += *usage;
                for met in critical_points {
                    self.critical_points.reached += 1;
                    match met.decision {
                        Some(UserDecision::Approve | UserDecision::Supply) => self.critical_points.approved += 1,
                        Some(UserDecision::Deny) => self.critical_points.denied += 1,
                        None => {}
                    }
                }
            }
            RunEvent::AttemptEnded { attempt, outcome, .. } => {
                *self.by_outcome.entry(outcome.name().to_owned()).or_default() += 1;
                match outcome {
                    Outcome::EnvFailed { .. } => {
                        self.env_failed += 1;
                        self.set_state(&attempt.task, TaskState::Waiting);
                    }
                    Outcome::StoppedAtCriticalPoint => {
                        self.critical_points.stopped += 1;
                        self.set_state(&attempt.task, TaskState::ToJudge);
                    }
                    _ => self.set_state(&attempt.task, TaskState::ToJudge),
                }
            }
            RunEvent::Judged { attempt, decision, is_final, exemplar, usage } => {
                self.usage += *usage;
                if let Some(seed) = exemplar {
                    self.seeds_expected.insert(seed.clone());
                }
                let state = match (is_final, decision) {
                    (false, _) => TaskState::Waiting,
                    (true, Decision::Accepted) => TaskState::Done("accepted"),
                    (true, Decision::Rejected { .. }) => TaskState::Done("rejected"),
                    (true, Decision::InvalidTask { .. }) => TaskState::Done("invalid_task"),
                };
                self.set_state(&attempt.task, state);
            }
            RunEvent::DeadLettered { task, .. } => self.set_state(task, TaskState::Done("dead_lettered")),
            RunEvent::Cancelled { .. } => self.cancelled = true,
        }
    }

    fn set_state(&mut self, task: &TaskId, state: TaskState) {
        match self.tasks.get_mut(task) {
            None => self.faults.push(format!("task {task} has events but was never proposed")),
            Some((_, TaskState::Done(how))) => self.faults.push(format!("task {task} was {how} already when another event came")),
            Some((_, current)) => *current = state,
        }
    }

    /// What breaks the rules of conservation so far; empty is good.
    pub fn faults(&self) -> &[String] {
        &self.faults
    }

    /// Whether somebody cancelled the run.
    pub fn is_cancelled(&self) -> bool {
        self.cancelled
    }

    /// Every seed and every task is done.
    pub fn is_complete(&self) -> bool {
        self.seeds_expected.is_subset(&self.seeds_done) && self.tasks.values().all(|(_, state)| matches!(state, TaskState::Done(_)))
    }

    /// Tasks that are not done yet.
    pub fn open_tasks(&self) -> impl Iterator<Item = &TaskId> {
        self.tasks.iter().filter(|(_, (_, state))| !matches!(state, TaskState::Done(_))).map(|(task, _)| task)
    }

    /// Where the tasks stand.
    pub fn stages(&self) -> Stages {
        let mut stages = Stages {
            seeds_done: self.seeds_done.len() as u64,
            seeds_waiting: self.seeds_expected.difference(&self.seeds_done).count() as u64,
            ..Stages::default()
        };
        for (_, state) in self.tasks.values() {
            match state {
                TaskState::Waiting => stages.solve_waiting += 1,
                TaskState::Solving => stages.solve_running += 1,
                TaskState::ToJudge => {
                    stages.solve_done += 1;
                    stages.verify_waiting += 1;
                }
                TaskState::Done(_) => {
                    stages.solve_done += 1;
                    stages.verify_done += 1;
                }
            }
        }
        stages
    }

    /// What the run comes to so far.
    pub fn summary(&self, wall_s: f64) -> Summary {
        let mut by_strategy: BTreeMap<String, StrategyTally> = BTreeMap::new();
        let mut total = StrategyTally::default();
        for (strategy, state) in self.tasks.values() {
            for tally in [by_strategy.entry(strategy.as_str().to_owned()).or_default(), &mut total] {
                tally.tasks_in += 1;
                match state {
                    TaskState::Done("accepted") => tally.accepted += 1,
                    TaskState::Done("rejected") => tally.rejected += 1,
                    TaskState::Done("invalid_task") => tally.invalid_task += 1,
                    TaskState::Done(_) => tally.dead_lettered += 1,
                    _ => {}
                }
            }
        }
        Summary {
            run_id: self.run.clone(),
            tasks_in: total.tasks_in,
            accepted: total.accepted,
            rejected: total.rejected,
            invalid_task: total.invalid_task,
            dead_lettered: total.dead_lettered,
            open: self.open_tasks().count() as u64,
            attempts: self.attempts,
            env_failed: self.env_failed,
            steps: self.steps,
            model_calls: self.usage.model_calls,
            prompt_tokens: self.usage.prompt_tokens,
            completion_tokens: self.usage.completion_tokens,
            cost_usd: self.usage.cost_usd,
            wall_s,
            by_strategy,
            by_outcome: self.by_outcome.clone(),
            critical_points: self.critical_points,
            dropped: self.dropped.clone(),
            seeds_done: self.seeds_done.len() as u64,
            complete: self.is_complete(),
        }
    }
}

/// Who solves the tasks of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Solver {
    /// An Orchestrator with a WebSurfer: `ledger`.
    Ledger,
    /// One model that looks at screenshots and says actions: `native:PROFILE`.
    Native {
        /// How the model family wants to be spoken to.
        profile: String,
    },
}

impl std::str::FromStr for Solver {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            None if text == "ledger" => Ok(Self::Ledger),
            Some(("native", profile)) if !profile.is_empty() => Ok(Self::Native { profile: profile.to_owned() }),
            _ => Err(format!("{text:?} is no solver; say ledger, or native:PROFILE (native:fara-7b)")),
        }
    }
}

impl std::fmt::Display for Solver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Ledger => f.write_str("ledger"),
            Self::Native { profile } => write!(f, "native:{profile}"),
        }
    }
}

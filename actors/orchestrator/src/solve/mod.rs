//! Solving: open, plan, then ledger, decision, order, step, until the decision table lets the attempt end.

mod consent;
mod native;
mod questions;

use crate::attempt::{AttemptEnd, AttemptJob, OrchestratorDeps};
use crate::budget;
use crate::history::History;
use crate::loops::{Trace, find_loop};
use crate::simulator::{Moment, User};
use crate::table::{Critical, Decision, Signals, decide};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tracing::Instrument;
use wayfarer_bus::LogError;
use wayfarer_chat::{Scope, read_reply};
use wayfarer_core::action::Action;
use wayfarer_core::critical_point::{CriticalPointKind, CriticalPointRecord, GateDecision, Grant, UserDecision};
use wayfarer_core::event::RunEvent;
use wayfarer_core::ledger::Ledger;
use wayfarer_core::outcome::{Budget, EnvFailure, Outcome};
use wayfarer_core::prompt::surf::ToolCall;
use wayfarer_core::run::Solver;
use wayfarer_core::surf::{SurfOpen, SurfOpened, SurfOrder, SurfReport};
use wayfarer_core::trajectory::{DecisionRecord, FollowUp, SCHEMA_VERSION, Step, Trajectory};
use wayfarer_core::{Observation, StepIndex, Usage, gate};
use wayfarer_store::StoreError;

/// A surfer that finds the task infeasible is told to look once more, and then believed: the judges see whether it was right.
const INFEASIBLE_ROLL_BACKS: u32 = 1;
/// Premature stops that are rolled back before one is accepted.
const ROLL_BACKS: u32 = 3;
/// Stop-only orders before the attempt ends with what there is.
const FORCED_ORDERS: u32 = 2;

/// First pause before a trajectory is kept that could not be; doubled each time.
const FIRST_STORE_PAUSE: Duration = Duration::from_millis(500);
/// Its longest one.
const LONGEST_STORE_PAUSE: Duration = Duration::from_secs(10);

/// Why solving cannot go on.
enum Halt {
    /// The attempt ends with this outcome.
    Ends(Outcome),
    /// Nothing more may be written.
    Gone(AttemptEnd),
}

/// Why only the stop tool is offered.
#[derive(Debug, Clone, PartialEq)]
enum Forced {
    Denied,
    Exceeded(Budget),
    Satisfied,
    Blocked(String),
}

/// What the user said about a critical point.
struct Answered {
    kind: CriticalPointKind,
    host: String,
    decision: UserDecision,
}

pub(crate) struct Solving {
    deps: OrchestratorDeps,
    job: AttemptJob,
    user: User,
    began: Instant,
    started_unix_ms: u64,
    history: History,
    last_sequence: u64,
    grants: Vec<Grant>,
    user_messages: Vec<String>,
    unsent_messages: Vec<String>,
    critical_points: Vec<CriticalPointRecord>,
    /// How many of them stand in the event log.
    reported_points: usize,
    answered: Vec<Answered>,
    follow_ups: Vec<FollowUp>,
    intent_changed: bool,
    answer: Option<String>,
    forced: Option<Forced>,
    forced_orders: u32,
    replans: u32,
    roll_backs: u32,
    /// The last step has no event yet: what follows from it (a user's answer, a rollback) belongs into its event.
    is_unlogged: bool,
    /// Spent outside the surfer since the last logged step: goes into the next event, so that the log adds up to the attempt.
    uncharged: Usage,
}

impl Solving {
    pub(crate) async fn run(deps: OrchestratorDeps, job: AttemptJob, user: User) -> AttemptEnd {
        let mut solving = Self {
            last_sequence: job.last_sequence,
            deps,
            job,
            user,
            began: Instant::now(),
            started_unix_ms: now_ms(),
            history: History::default(),
            grants: Vec::new(),
            user_messages: Vec::new(),
            unsent_messages: Vec::new(),
            critical_points: Vec::new(),
            reported_points: 0,
            answered: Vec::new(),
            follow_ups: Vec::new(),
            intent_changed: false,
            answer: None,
            forced: None,
            forced_orders: 0,
            replans: 0,
            roll_backs: 0,
            is_unlogged: false,
            uncharged: Usage::default(),
        };
        let solved = if solving.is_native() { solving.solve_native().await } else { solving.solve().await };
        let outcome = match solved {
            Ok(outcome) | Err(Halt::Ends(outcome)) => outcome,
            Err(Halt::Gone(end)) => return end,
        };
        match solving.finish(outcome).await {
            Ok(end) | Err(Halt::Gone(end)) => end,
            Err(Halt::Ends(outcome)) => AttemptEnd::LogUnavailable(format!("the attempt could not be closed: {outcome}")),
        }
    }

    /// Whether one model decides alone.
    fn is_native(&self) -> bool {
        matches!(self.job.spec.solver.parse(), Ok(Solver::Native { .. }))
    }

    async fn solve(&mut self) -> Result<Outcome, Halt> {
        self.open().await?;
        self.make_plan("start").await?;
        let mut ledger = self.fill_ledger().await?;
        loop {
            let signals = self.signals(&ledger);
            let row = decide(&signals);
            tracing::debug!(rule = row.name, attempt = %self.job.attempt, "decided");
            match row.then {
                Decision::AcceptStop => {
                    let outcome = self.outcome();
                    if self.goes_on(&outcome, signals.satisfied && signals.exceeded.is_none()).await? {
                        self.make_plan("follow_up").await?;
                        ledger = self.fill_ledger().await?;
                        continue;
                    }
                    return Ok(self.final_outcome(outcome));
                }
                Decision::ForceStop => self.force(&signals),
                Decision::AskUser => {
                    if !self.ask_user().await {
                        self.forced = Some(Forced::Denied);
                        self.forced_orders = 1;
                    }
                }
                Decision::Replan => {
                    self.replans += 1;
                    let why = find_loop(&self.history.trace).unwrap_or_else(|| ledger.is_in_loop.reason.clone());
                    self.replan(if signals.looping { "loop" } else { "failures" }, &why).await?;
                    ledger = self.fill_ledger().await?;
                }
                Decision::RollBackStop => {
                    self.roll_backs += 1;
                    if let Some(step) = self.history.steps.last_mut() {
                        step.rolled_back_stop = true;
                    }
                }
                Decision::Continue => {}
            }
            self.log_last_step().await?;
            let decision = DecisionRecord { rule: row.name.to_owned(), decision: row.then.as_str().to_owned() };
            let span = tracing::info_span!("step", step = self.history.steps.len() + 1, rule = row.name);
            let looked_back = self.step_and_look_back(&ledger, decision).instrument(span).await?;
            ledger = looked_back.unwrap_or(ledger);
        }
    }

    /// One step, and the ledger that it leads to; none from a surfer that is made to stop: it is not asked about any more.
    async fn step_and_look_back(&mut self, ledger: &Ledger, decision: DecisionRecord) -> Result<Option<Ledger>, Halt> {
        self.step(ledger, decision).await?;
        if self.forced.is_some() {
            return Ok(None);
        }
        self.fill_ledger().await.map(Some)
    }

    async fn open(&mut self) -> Result<(), Halt> {
        let order = SurfOpen {
            tenant: self.job.spec.tenant.clone(),
            run: self.job.spec.run.clone(),
            attempt: self.job.attempt.clone(),
            epoch: self.job.epoch,
            task: self.job.task.clone(),
            today: self.job.today.clone(),
            solver: self.job.spec.solver.clone(),
        };
        match self.deps.surfer.open(order).await {
            SurfOpened::Ready { observation } => {
                self.history.first = Some(*observation);
                // waiting for a place is no time of the attempt
                self.began = Instant::now();
                Ok(())
            }
            SurfOpened::Fenced => Err(Halt::Gone(AttemptEnd::Fenced)),
            SurfOpened::Busy { .. } => {
                let detail = "the websurfer has no place for the attempt".into();
                Err(Halt::Ends(Outcome::EnvFailed { kind: EnvFailure::NoBrowser, detail }))
            }
            SurfOpened::Failed { kind, detail } => Err(Halt::Ends(Outcome::EnvFailed { kind, detail })),
        }
    }

    /// One order to the surfer, and what came of it.
    async fn step(&mut self, ledger: &Ledger, decision: DecisionRecord) -> Result<(), Halt> {
        let index = StepIndex(self.history.steps.len() as u32 + 1);
        let at_unix_ms = now_ms();
        let before = self.current()?.state_hash.clone();
        let order = SurfOrder {
            epoch: self.job.epoch,
            step: index,
            next_steps: ledger.next_steps.answer.clone(),
            plan: self.history.plan().1,
            stop_only: self.forced.is_some(),
            stop_reason: self.forced.as_ref().map(|forced| stop_reason(forced, ledger)).unwrap_or_default(),
            grants: self.grants.clone(),
            user_messages: std::mem::take(&mut self.unsent_messages),
            current_intent: std::mem::take(&mut self.intent_changed).then(|| self.intent().to_owned()),
        };
        let surfed = match self.deps.surfer.step(order).await {
            SurfReport::Stepped { step } => *step,
            SurfReport::Fenced => return Err(Halt::Gone(AttemptEnd::Fenced)),
            SurfReport::Failed { kind, detail, usage } => {
                self.history.usage += usage;
                return Err(Halt::Ends(env_or_budget(kind, detail)));
            }
        };
        let mut usage = std::mem::take(&mut self.uncharged);
        usage += surfed.usage;
        self.history.usage += surfed.usage;
        self.history.answered_by(&surfed.model);
        if let GateDecision::Permitted { critical_point } = &surfed.gate {
            gate::consume(&mut self.grants, critical_point);
        }
        let stops = matches!(surfed.action, Action::Terminate { .. });
        let is_held = matches!(surfed.gate, GateDecision::Held { .. });
        if !stops {
            self.history.trace.push(Trace { state: before, action: surfed.action.describe() });
        }
        self.history.steps.push(Step { index, at_unix_ms, ledger: ledger.clone(), decision, surfed, rolled_back_stop: false, usage });
        self.is_unlogged = true;
        if stops || is_held { Ok(()) } else { self.log_last_step().await }
    }

    /// Puts the last step into the event log, once.
    async fn log_last_step(&mut self) -> Result<(), Halt> {
        if !std::mem::take(&mut self.is_unlogged) {
            return Ok(());
        }
        let uncharged = std::mem::take(&mut self.uncharged);
        let Some(step) = self.history.steps.last_mut() else { return Ok(()) };
        step.usage += uncharged;
        let unasked = match &step.surfed.gate {
            GateDecision::Held { critical_point } => {
                let is_known = self.critical_points.iter().any(|record| record.critical_point == *critical_point);
                let record = CriticalPointRecord { critical_point: critical_point.clone(), decision: None, message: String::new() };
                (!is_known).then_some(record)
            }
            _ => None,
        };
        self.critical_points.extend(unasked);
        let met = self.critical_points[self.reported_points..].to_vec();
        self.reported_points = self.critical_points.len();
        let event = RunEvent::Stepped {
            attempt: self.job.attempt.clone(),
            epoch: self.job.epoch,
            index: step.index,
            rule: step.decision.rule.clone(),
            action: step.surfed.action.describe(),
            url: step.surfed.observation.url.clone(),
            screenshot: step.surfed.observation.screenshot.clone(),
            critical_points: met,
            usage: step.usage,
        };
        self.append(event).await
    }

    async fn append(&mut self, event: RunEvent) -> Result<(), Halt> {
        match self.deps.log.append(&self.job.spec.run, &event, self.last_sequence).await {
            Ok(sequence) => {
                self.last_sequence = sequence;
                Ok(())
            }
            Err(LogError::Fenced { .. }) => Err(Halt::Gone(AttemptEnd::Fenced)),
            Err(error) => Err(Halt::Gone(AttemptEnd::LogUnavailable(error.to_string()))),
        }
    }

    fn signals(&self, ledger: &Ledger) -> Signals {
        let says = self.stop_says();
        let page = self.history.current();
        let exceeded = budget::exceeded(&self.job.spec.budgets, self.history.steps.len() as u32, self.began.elapsed(), &self.history.usage);
        Signals {
            critical: self.critical(ledger),
            exceeded,
            satisfied: ledger.is_satisfied.answer,
            stopped: says.is_some(),
            stopped_for_good: matches!(says.as_deref(), Some("refused" | "blocked")),
            blocked: page.and_then(gate::looks_blocked).is_some(),
            looping: ledger.is_in_loop.answer || find_loop(&self.history.trace).is_some(),
            failing: self.history.is_failing(),
            may_replan: self.replans < self.job.spec.budgets.replans,
            may_roll_back: self.roll_backs < if says.as_deref() == Some("infeasible") { INFEASIBLE_ROLL_BACKS } else { ROLL_BACKS },
            forced: self.forced.is_some(),
            may_force: self.forced_orders < FORCED_ORDERS,
        }
    }

    /// The status that the surfer stops with, if its last action was to stop and nobody rolled that back.
    fn stop_says(&self) -> Option<String> {
        let step = self.history.steps.last().filter(|step| !step.rolled_back_stop)?;
        let Action::Terminate { status, .. } = &step.surfed.action else { return None };
        let named =
            read_reply::<ToolCall>(&step.surfed.raw_reply).ok().and_then(|call| call.status).map(|status| status.trim().to_lowercase());
        Some(named.filter(|status| !status.is_empty()).unwrap_or_else(|| format!("{status:?}").to_lowercase()))
    }

    fn force(&mut self, signals: &Signals) {
        self.forced_orders += 1;
        if self.forced.is_some() {
            return;
        }
        let by = self.history.current().and_then(gate::looks_blocked);
        self.forced = Some(match (signals.critical, signals.exceeded, signals.satisfied, by) {
            (Critical::Denied, ..) => Forced::Denied,
            (_, Some(budget), ..) => Forced::Exceeded(budget),
            (_, _, true, _) => Forced::Satisfied,
            (_, _, _, Some(by)) => Forced::Blocked(by),
            _ => Forced::Exceeded(Budget::Replans),
        });
    }

    /// How the attempt ends if the last stop counts.
    fn outcome(&self) -> Outcome {
        let words = self.proposed_answer().unwrap_or_default();
        match (&self.forced, self.stop_says().as_deref()) {
            (Some(Forced::Denied), _) => Outcome::StoppedAtCriticalPoint,
            (Some(Forced::Exceeded(budget)), _) => Outcome::BudgetExceeded { budget: *budget },
            (Some(Forced::Blocked(by)), _) => Outcome::Blocked { by: by.clone() },
            (_, Some("refused")) => Outcome::Refused { why: words },
            (_, Some("infeasible")) => Outcome::Infeasible { why: words },
            (_, Some("blocked")) => Outcome::Blocked { by: words },
            (_, Some("critical_point")) => Outcome::StoppedAtCriticalPoint,
            _ if self.answered.last().is_some_and(|answered| answered.decision == UserDecision::Deny) => Outcome::StoppedAtCriticalPoint,
            _ => Outcome::Answered,
        }
    }

    /// A follow-up does not change how the task itself ended.
    fn final_outcome(&self, outcome: Outcome) -> Outcome {
        if self.follow_ups.is_empty() { outcome } else { Outcome::Answered }
    }

    fn proposed_answer(&self) -> Option<String> {
        let step = self.history.steps.last().filter(|step| !step.rolled_back_stop)?;
        match &step.surfed.action {
            Action::Terminate { answer, .. } => Some(answer.clone()),
            _ => None,
        }
    }

    /// Takes the answer; whether the user has a follow-up, after a success that may have one, and the attempt goes on.
    async fn goes_on(&mut self, outcome: &Outcome, is_success: bool) -> Result<bool, Halt> {
        let answer = self.proposed_answer().filter(|answer| !answer.trim().is_empty());
        match self.follow_ups.last_mut() {
            Some(follow_up) => follow_up.answer = answer,
            None => self.answer = answer,
        }
        if *outcome != Outcome::Answered || !is_success || !self.follow_ups.is_empty() {
            return Ok(false);
        }
        let (Some(answer), Some(page)) = (self.answer.clone(), self.history.current().cloned()) else { return Ok(false) };
        let moment = Moment { scope: self.scope(), intent: self.intent().to_owned(), page };
        let (follow_up, usage) = self.user.anything_else(moment, answer).await;
        self.charge(usage);
        let Some(intent) = follow_up else { return Ok(false) };
        self.log_last_step().await?;
        self.user_messages.push(intent.clone());
        self.unsent_messages.push(intent.clone());
        self.follow_ups.push(FollowUp { intent, from_step: StepIndex(self.history.steps.len() as u32 + 1), answer: None });
        self.intent_changed = true;
        (self.forced, self.forced_orders, self.replans, self.roll_backs) = (None, 0, 0, 0);
        Ok(true)
    }

    /// Names the target pages, keeps the trajectory, and closes the attempt in the log.
    async fn finish(&mut self, outcome: Outcome) -> Result<AttemptEnd, Halt> {
        // a model that was trained to act answers no questions about what it did
        let target_urls = if outcome.is_judged() && !self.is_native() { self.find_targets().await } else { Vec::new() };
        self.log_last_step().await?;
        let ended_unix_ms = now_ms();
        let trajectory = Trajectory {
            schema_version: SCHEMA_VERSION,
            tenant: self.job.spec.tenant.clone(),
            run: self.job.spec.run.clone(),
            task: self.job.task.clone(),
            attempt: self.job.attempt.clone(),
            epoch: self.job.epoch,
            solver: self.job.spec.solver.clone(),
            models: self.history.models.clone(),
            first_observation: self.history.first.clone(),
            plans: self.history.plans.clone(),
            steps: self.history.steps.clone(),
            critical_points: self.critical_points.clone(),
            follow_ups: self.follow_ups.clone(),
            answer: self.answer.clone(),
            target_urls,
            outcome: outcome.clone(),
            started_unix_ms: self.started_unix_ms,
            ended_unix_ms,
            usage: self.history.usage,
            trace_id: self.job.trace_id.clone(),
        };
        if let Err(error) = self.keep(&trajectory).await {
            return Ok(AttemptEnd::LogUnavailable(error.to_string()));
        }
        let event = RunEvent::AttemptEnded {
            attempt: self.job.attempt.clone(),
            epoch: self.job.epoch,
            outcome: outcome.clone(),
            steps: trajectory.steps.len() as u32,
            usage: self.history.usage,
            wall_ms: self.began.elapsed().as_millis() as u64,
        };
        self.append(event).await?;
        Ok(AttemptEnd::Ended { outcome, last_sequence: self.last_sequence })
    }

    /// Keeps the trajectory; what was lived through is not thrown away because the store is away for a while.
    async fn keep(&self, trajectory: &Trajectory) -> Result<(), StoreError> {
        let until = Instant::now() + self.job.outage_patience;
        let mut pause = FIRST_STORE_PAUSE;
        loop {
            match self.deps.store.put_trajectory(trajectory).await {
                Err(error) if error.is_outage() && Instant::now() + pause < until => {
                    tracing::warn!(%error, ?pause, "the trajectory could not be kept; it is tried again");
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(LONGEST_STORE_PAUSE);
                }
                kept => return kept,
            }
        }
    }

    fn current(&self) -> Result<&Observation, Halt> {
        let nothing = || Halt::Ends(Outcome::EnvFailed { kind: EnvFailure::SurferLost, detail: "no page was ever seen".into() });
        self.history.current().ok_or_else(nothing)
    }

    fn intent(&self) -> &str {
        self.follow_ups.last().map_or(&self.job.task.intent, |follow_up| &follow_up.intent)
    }

    fn scope(&self) -> Scope {
        Scope {
            tenant: self.job.spec.tenant.clone(),
            run: self.job.spec.run.clone(),
            task: Some(self.job.task.id.clone()),
            attempt: Some(self.job.attempt.clone()),
            step: self.history.steps.len() as u32 + 1,
        }
    }
}

/// A budget that the inference service refuses is no fault of the environment.
fn env_or_budget(kind: EnvFailure, detail: String) -> Outcome {
    if kind == EnvFailure::Model && detail.starts_with("budget spent") {
        return Outcome::BudgetExceeded { budget: Budget::Cost };
    }
    Outcome::EnvFailed { kind, detail }
}

fn stop_reason(forced: &Forced, ledger: &Ledger) -> String {
    match forced {
        Forced::Denied => "the user did not allow the next step; say what is prepared and what is left to do".into(),
        Forced::Exceeded(budget) => format!("the attempt's budget is used up ({budget:?}); answer with what was found"),
        Forced::Satisfied => format!("the task is complete ({}); give the answer", ledger.is_satisfied.reason),
        Forced::Blocked(by) => format!("{by} stands in the way; say so"),
    }
}

fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map(|since| since.as_millis() as u64).unwrap_or_default()
}

//! The orchestrator role: pulls tasks, opens attempts under a fencing epoch, runs one actor tree for each, and hands ended attempts to
//! the judges.
//!
//! A delivery is acknowledged only after what follows from it is in the event log *and* in the next queue, so a process can be killed
//! anywhere: the redelivered task meets its own log and goes on from there.

mod surfer;

use anyhow::{Context, Result};
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio_util::sync::CancellationToken;
use tracing::Instrument;
use wayfarer_actor_orchestrator::lifecycle::{self, Next};
use wayfarer_actor_orchestrator::{AttemptEnd, AttemptJob, OrchestratorDeps, run_attempt};
use wayfarer_bus::{Bus, Delivery, EventLog, LogError, Logged, Queue, document, read_document, work_loop};
use wayfarer_chat::Model;
use wayfarer_core::event::{About, RunEvent};
use wayfarer_core::run::RunSpec;
use wayfarer_core::verdict::Decision;
use wayfarer_core::{AttemptId, Calendar, Epoch, Outcome, RunId, Task, Usage};
use wayfarer_proto::v1::{WorkItem, work_item::Work};
use wayfarer_store::Stores;
use wayfarer_telemetry::metrics;

/// Pause after the first environment failure of a task; doubled each time, so that a restart of what failed is outlived.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// The pause is doubled this often at most.
const DOUBLINGS: u32 = 4;
/// Why the tasks of a cancelled run are given up.
const CANCELLED: &str = "the run was cancelled";
/// This stage in metrics.
const STAGE: &str = "solve";

/// What the role needs.
#[derive(Clone)]
pub struct OrchestratorService {
    /// NATS.
    pub bus: Bus,
    /// The event log.
    pub log: Arc<dyn EventLog>,
    /// Every model call.
    pub model: Arc<dyn Model>,
    /// Where trajectories are kept.
    pub stores: Stores,
    /// Attempts at once.
    pub slots: usize,
    /// Bound of one order to a surfer: above the longest that it may take. A surfer that is gone is noticed much earlier.
    pub step_timeout: Duration,
    /// Name of this process in events.
    pub worker: String,
    /// Which day it is for a run.
    pub calendar: Calendar,
}

impl OrchestratorService {
    /// Works until the token is cancelled; running attempts are then released to another owner.
    pub async fn run(self, token: CancellationToken) -> Result<()> {
        let slots = self.slots;
        let worker = self.bus.worker(Queue::Solve).await?;
        let service = Arc::new(self);
        let stop = token.clone();
        work_loop::run(worker, slots, token, move |delivery| {
            let (service, stop) = (service.clone(), stop.clone());
            async move { service.handle(&delivery, stop).await }
        })
        .await;
        Ok(())
    }

    async fn handle(&self, delivery: &Delivery, stop: CancellationToken) -> Result<()> {
        match self.work(delivery, stop.clone()).await {
            Err(error) if is_outage(&error) => {
                tracing::warn!(error = format!("{error:#}"), "what all tasks need is away; the task waits");
                if delivery.wait_out(stop.cancelled()).await? { Ok(()) } else { Err(error) }
            }
            ended => ended,
        }
    }

    async fn work(&self, delivery: &Delivery, stop: CancellationToken) -> Result<()> {
        let item = delivery.item.clone();
        let (Ok(run), Some(Work::Task(task))) = (RunId::new(item.run.clone()), &item.work) else {
            delivery.dead_letter("not a task").await?;
            return Ok(());
        };
        let task: Task = match read_document(task) {
            Ok(task) => task,
            Err(error) => {
                delivery.dead_letter(&format!("unreadable task: {error}")).await?;
                return Ok(());
            }
        };
        let Some(spec) = self.bus.get_run(&run).await? else {
            delivery.dead_letter("its run is unknown").await?;
            return Ok(());
        };
        let _alive = delivery.keep_alive();
        let logged = self.log.read(&run, &About::Task(task.id.clone())).await?;
        let cancelled = self.log.is_cancelled(&run).await?;
        let next = if cancelled && !is_done(&logged) {
            Next::DeadLetter { reason: CANCELLED.into(), expected_last: last_sequence(&logged) }
        } else {
            lifecycle::next(&logged, &spec)
        };
        match next {
            Next::Start { number, expected_last } => self.attempt(&spec, task, number, expected_last, delivery, stop).await?,
            Next::Judge { attempt } => {
                self.queue_for_judges(&spec, &attempt).await?;
                delivery.ack().await?;
            }
            Next::Done => delivery.ack().await?,
            Next::DeadLetter { reason, expected_last } => {
                let event = RunEvent::DeadLettered { task: task.id.clone(), reason };
                self.append_then_ack(&run, &event, expected_last, delivery).await?;
            }
            Next::Invalid { why, attempt, expected_last } => {
                let event = RunEvent::Judged {
                    attempt,
                    decision: Decision::InvalidTask { why },
                    is_final: true,
                    exemplar: None,
                    usage: Usage::default(),
                };
                self.append_then_ack(&run, &event, expected_last, delivery).await?;
            }
        }
        Ok(())
    }

    async fn attempt(
        &self,
        spec: &RunSpec,
        task: Task,
        number: u32,
        expected_last: u64,
        delivery: &Delivery,
        stop: CancellationToken,
    ) -> Result<()> {
        let attempt = AttemptId { task: task.id.clone(), number };
        let started = RunEvent::AttemptStarted { attempt: attempt.clone(), worker: self.worker.clone() };
        let sequence = match self.log.append(&spec.run, &started, expected_last).await {
            Ok(sequence) => sequence,
            // another owner has it: the task is no longer ours to acknowledge or to give back
            Err(LogError::Fenced { .. }) => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        // one trace is one attempt: what queued the task (a proposal, an earlier attempt) is linked, not continued
        let span = tracing::info_span!(parent: None, "attempt", run = %spec.run, task = %task.id, attempt = %attempt, epoch = sequence);
        if let Some(queued_by) = &delivery.traceparent {
            wayfarer_telemetry::link(&span, queued_by);
        }
        let deps = OrchestratorDeps {
            model: self.model.clone(),
            log: self.log.clone(),
            store: self.stores.of(&spec.run)?,
            surfer: Arc::new(surfer::NatsSurfer::new(self.bus.clone(), attempt.clone(), self.step_timeout)),
            person: None,
        };
        let cancel = stop.child_token();
        let job = AttemptJob {
            spec: spec.clone(),
            task: task.clone(),
            attempt: attempt.clone(),
            epoch: Epoch(sequence),
            last_sequence: sequence,
            cancel: cancel.clone(),
            today: self.calendar.today(spec, SystemTime::now()),
            outage_patience: self.bus.outage_patience(),
            trace_id: wayfarer_telemetry::trace_id_of(&span).unwrap_or_default(),
        };
        async {
            let running = run_attempt(deps, job);
            tokio::pin!(running);
            let end = tokio::select! {
                end = &mut running => end,
                () = self.log.cancelled(&spec.run) => {
                    cancel.cancel();
                    running.await
                }
            };
            match end {
                AttemptEnd::Ended { outcome: Outcome::EnvFailed { kind, detail }, .. } if kind.is_outage() => {
                    metrics().stage_completed(STAGE, "env_failed");
                    self.wait_out(spec, &attempt, sequence, &format!("{kind:?}: {detail}"), delivery, &stop).await?;
                }
                AttemptEnd::Ended { outcome: Outcome::EnvFailed { kind, detail }, .. } => {
                    metrics().stage_completed(STAGE, "env_failed");
                    let pause = FIRST_PAUSE * 2_u32.pow(number.saturating_sub(1).min(DOUBLINGS));
                    tracing::warn!(?kind, detail, ?pause, "the environment failed; a fresh attempt follows");
                    // the slot stays taken: an environment that fails gets less work, not the next task at once
                    tokio::select! {
                        () = self.interrupted(spec, &stop) => {}
                        () = tokio::time::sleep(pause) => {}
                    }
                    self.queue_again(spec, &task, number).await?;
                    delivery.ack().await?;
                }
                AttemptEnd::Ended { outcome, .. } => {
                    metrics().stage_completed(STAGE, outcome.name());
                    tracing::info!(%outcome, "attempt ended");
                    self.queue_for_judges(spec, &attempt).await?;
                    delivery.ack().await?;
                }
                AttemptEnd::Fenced => tracing::warn!("fenced: another owner has the task"),
                AttemptEnd::Cancelled if stop.is_cancelled() => delivery.give_back().await?,
                AttemptEnd::Cancelled => self.give_up(spec, &attempt, sequence, CANCELLED.into(), delivery).await?,
                AttemptEnd::LogUnavailable(why) => self.wait_out(spec, &attempt, sequence, &why, delivery, &stop).await?,
                AttemptEnd::Broken(why) => {
                    tracing::error!(why, "the attempt broke; the task comes back");
                    delivery.retry_after(Duration::from_secs(2)).await?;
                }
            }
            anyhow::Ok(())
        }
        .instrument(span)
        .await
    }

    /// Something is away that all tasks need: the task waits for it, and is given up when that takes too long.
    async fn wait_out(
        &self,
        spec: &RunSpec,
        attempt: &AttemptId,
        epoch: u64,
        why: &str,
        delivery: &Delivery,
        stop: &CancellationToken,
    ) -> Result<()> {
        tracing::warn!(why, "what all tasks need is away; the task waits");
        if delivery.wait_out(self.interrupted(spec, stop)).await? {
            return Ok(());
        }
        let patience = self.bus.outage_patience().as_secs();
        let reason =
            format!("what all tasks need was away for longer than {patience} s (cluster.outage_patience_seconds); the last: {why}");
        self.give_up(spec, attempt, epoch, reason, delivery).await
    }

    /// Nobody waits any longer: this process stops, or the run is cancelled.
    async fn interrupted(&self, spec: &RunSpec, stop: &CancellationToken) {
        tokio::select! {
            () = stop.cancelled() => {}
            () = self.log.cancelled(&spec.run) => {}
        }
    }

    /// Dead-letters the task of an attempt, unless it has another owner meanwhile.
    async fn give_up(&self, spec: &RunSpec, attempt: &AttemptId, epoch: u64, reason: String, delivery: &Delivery) -> Result<()> {
        let logged = self.log.read(&spec.run, &About::Task(attempt.task.clone())).await?;
        if newest_owner(&logged) != Some(epoch) || is_done(&logged) {
            return Ok(());
        }
        let event = RunEvent::DeadLettered { task: attempt.task.clone(), reason };
        self.append_then_ack(&spec.run, &event, last_sequence(&logged), delivery).await
    }

    /// A further attempt is a further item: deliveries count crashes, attempts count environment failures.
    async fn queue_again(&self, spec: &RunSpec, task: &Task, number: u32) -> Result<()> {
        let item = WorkItem { tenant: spec.tenant.to_string(), run: spec.run.to_string(), work: Some(Work::Task(document(task)?)) };
        self.bus.publish_work(Queue::Solve, &format!("{}-after-{number}", task.id), &item).await.context("queueing the task again")
    }

    async fn queue_for_judges(&self, spec: &RunSpec, attempt: &AttemptId) -> Result<()> {
        let item =
            WorkItem { tenant: spec.tenant.to_string(), run: spec.run.to_string(), work: Some(Work::JudgeAttempt(attempt.to_string())) };
        self.bus.publish_work(Queue::Judge, &attempt.to_string(), &item).await.context("queueing the attempt for the judges")
    }

    async fn append_then_ack(&self, run: &RunId, event: &RunEvent, expected_last: u64, delivery: &Delivery) -> Result<()> {
        match self.log.append(run, event, expected_last).await {
            Ok(_) => {
                let is_invalid = matches!(event, RunEvent::Judged { .. });
                metrics().stage_completed(STAGE, if is_invalid { "invalid_task" } else { "dead_lettered" });
                Ok(delivery.ack().await?)
            }
            Err(LogError::Fenced { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

/// NATS or the store is away; what is wrong with a document of the task is its own fault.
fn is_outage(error: &anyhow::Error) -> bool {
    wayfarer_bus::is_outage(error.as_ref()) || wayfarer_store::is_outage(error.as_ref())
}

fn newest_owner(logged: &[Logged]) -> Option<u64> {
    logged.iter().rev().find(|logged| matches!(logged.event, RunEvent::AttemptStarted { .. })).map(|logged| logged.sequence)
}

fn last_sequence(logged: &[Logged]) -> u64 {
    logged.last().map_or(0, |logged| logged.sequence)
}

fn is_done(logged: &[Logged]) -> bool {
    logged.iter().any(|logged| logged.event.ends_task())
}

//! The verifier role: pulls ended attempts, judges them from what is stored, and commits the verdict to the task's log.

use anyhow::{Context, Result};
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;
use wayfarer_actor_verifier::truth::GroundTruth;
use wayfarer_actor_verifier::{VerifierDeps, VerifyError, verify};
use wayfarer_bus::{Bus, Delivery, EventLog, LogError, Logged, Queue, RunFollower, document, work_loop};
use wayfarer_chat::Model;
use wayfarer_core::event::{About, RunEvent};
use wayfarer_core::run::RunSpec;
use wayfarer_core::seed::{Seed, SeedKind};
use wayfarer_core::verdict::{Decision, Verdict, VerdictPolicy};
use wayfarer_core::{AttemptId, RunId, SeedId, Strategy, Task};
use wayfarer_proto::v1::{WorkItem, work_item::Work};
use wayfarer_store::Stores;
use wayfarer_telemetry::metrics;

/// This stage in metrics.
const STAGE: &str = "judge";

/// Deliveries after which an attempt that cannot be judged is given up.
const LAST_DELIVERY: u64 = 4;

/// Why the attempts of a cancelled run are given up.
const CANCELLED: &str = "the run was cancelled";

/// What the role needs.
#[derive(Clone)]
pub struct VerifierService {
    /// NATS.
    pub bus: Bus,
    /// The event log.
    pub log: Arc<dyn EventLog>,
    /// Counts exemplars of runs.
    pub follower: Arc<RunFollower>,
    /// Every model call.
    pub model: Arc<dyn Model>,
    /// Where trajectories are kept.
    pub stores: Stores,
    /// Which judges are heard.
    pub policy: VerdictPolicy,
    /// Votes on the outcome under the universal policy.
    pub votes: u32,
    /// Knows the truth of tasks on synthetic worlds.
    pub truth: Option<Arc<dyn GroundTruth>>,
    /// Attempts judged at once.
    pub slots: usize,
}

/// A judged attempt, read back from the log.
struct Judged {
    decision: Decision,
    is_final: bool,
    exemplar: Option<SeedId>,
}

impl VerifierService {
    /// Works until the token is cancelled.
    pub async fn run(self, token: CancellationToken) -> Result<()> {
        let worker = self.bus.worker(Queue::Judge).await?;
        let slots = self.slots;
        let service = Arc::new(self);
        let stop = token.clone();
        work_loop::run(worker, slots, token, move |delivery| {
            let (service, stop) = (service.clone(), stop.clone());
            async move { service.handle(&delivery, stop).await }
        })
        .await;
        Ok(())
    }

    /// What is away passes by itself: the attempt waits for it without losing a delivery, and is treated as any that fails when it has
    /// waited long enough.
    async fn handle(&self, delivery: &Delivery, stop: CancellationToken) -> Result<()> {
        match self.work(delivery, &stop).await {
            Err(error) if is_outage(&error) => {
                tracing::warn!(error = format!("{error:#}"), "what judging needs is away; the attempt waits");
                if delivery.wait_out(stop.cancelled()).await? { Ok(()) } else { Err(error) }
            }
            ended => ended,
        }
    }

    async fn work(&self, delivery: &Delivery, stop: &CancellationToken) -> Result<()> {
        let item = delivery.item.clone();
        let (Ok(run), Some(Work::JudgeAttempt(attempt))) = (RunId::new(item.run.clone()), &item.work) else {
            delivery.dead_letter("not an attempt to judge").await?;
            return Ok(());
        };
        let Ok(attempt) = attempt.parse::<AttemptId>() else {
            delivery.dead_letter("not an attempt id").await?;
            return Ok(());
        };
        let Some(spec) = self.bus.get_run(&run).await? else {
            delivery.dead_letter("its run is unknown").await?;
            return Ok(());
        };
        let _alive = delivery.keep_alive();
        let span = tracing::info_span!("judge", run = %run, task = %attempt.task, attempt = %attempt);
        if let Some(parent) = &delivery.traceparent {
            wayfarer_telemetry::propagate::set_parent(&span, parent);
        }
        self.judge(&spec, &attempt, delivery, stop).instrument(span).await
    }

    async fn judge(&self, spec: &RunSpec, attempt: &AttemptId, delivery: &Delivery, stop: &CancellationToken) -> Result<()> {
        let logged = self.log.read(&spec.run, &About::Task(attempt.task.clone())).await?;
        let judged = match verdict_in(&logged, attempt) {
            // judged before, but perhaps killed before the queues knew: what follows is done again under the same ids
            Some(judged) => judged,
            None => match self.make_verdict(spec, attempt, &logged, delivery, stop).await? {
                Some(judged) => judged,
                None => return Ok(()),
            },
        };
        let store = self.stores.of(&spec.run)?;
        let task = store.get_trajectory(attempt).await?.task;
        self.queue_what_follows(spec, attempt, &task, &judged).await?;
        delivery.ack().await?;
        Ok(())
    }

    /// `None`: the delivery was dealt with already (given back, given up or fenced).
    async fn make_verdict(
        &self,
        spec: &RunSpec,
        attempt: &AttemptId,
        logged: &[Logged],
        delivery: &Delivery,
        stop: &CancellationToken,
    ) -> Result<Option<Judged>> {
        let store = self.stores.of(&spec.run)?;
        let expected_last = logged.last().map_or(0, |logged| logged.sequence);
        let deps = VerifierDeps {
            model: self.model.clone(),
            store: store.clone(),
            policy: self.policy,
            votes: self.votes,
            truth: self.truth.clone(),
        };
        if self.log.is_cancelled(&spec.run).await? {
            self.give_up(spec, attempt, CANCELLED, expected_last, delivery).await?;
            return Ok(None);
        }
        let making = async {
            let trajectory = store.get_trajectory(attempt).await.context("reading the trajectory")?;
            let verdict = verify(&deps, &trajectory, 1).await?;
            anyhow::Ok((trajectory, verdict))
        };
        let made = tokio::select! {
            made = making => made,
            () = self.log.cancelled(&spec.run) => {
                self.give_up(spec, attempt, CANCELLED, expected_last, delivery).await?;
                return Ok(None);
            }
        };
        let waits = match &made {
            Err(error) if is_outage(error) => {
                tracing::warn!(error = format!("{error:#}"), "what judging needs is away; the attempt waits");
                delivery.wait_out(self.interrupted(spec, stop)).await?
            }
            _ => false,
        };
        if waits {
            return Ok(None);
        }
        let (trajectory, verdict) = match made {
            Ok(made) => made,
            Err(error) if !is_outage(&error) && delivery.delivered < LAST_DELIVERY => {
                tracing::warn!(error = format!("{error:#}"), "judging failed; it is tried again");
                delivery.retry_after(Duration::from_secs(2 * delivery.delivered)).await?;
                return Ok(None);
            }
            Err(error) => {
                self.give_up(spec, attempt, &format!("could not be judged: {error:#}"), expected_last, delivery).await?;
                return Ok(None);
            }
        };
        let verdict = store.keep_verdict(attempt, verdict).await?;
        let judged_before = logged.iter().filter(|logged| matches!(logged.event, RunEvent::Judged { .. })).count();
        let is_final = !matches!(verdict.decision, Decision::Rejected { .. }) || judged_before as u32 + 1 >= spec.attempts;
        let exemplar = if is_final { self.exemplar_for(spec, &trajectory.task, &verdict).await? } else { None };
        let event = RunEvent::Judged {
            attempt: attempt.clone(),
            decision: verdict.decision.clone(),
            is_final,
            exemplar: exemplar.clone(),
            usage: verdict.usage,
        };
        match self.log.append(&spec.run, &event, expected_last).await {
            Ok(_) => {}
            Err(LogError::Fenced { .. }) => {
                tracing::warn!("another verifier judged it meanwhile");
                return Ok(None);
            }
            Err(error) => return Err(error.into()),
        }
        metrics().stage_completed(STAGE, verdict.decision.name());
        tracing::info!(decision = verdict.decision.name(), "judged");
        Ok(Some(Judged { decision: verdict.decision, is_final, exemplar }))
    }

    async fn give_up(&self, spec: &RunSpec, attempt: &AttemptId, reason: &str, expected_last: u64, delivery: &Delivery) -> Result<()> {
        let event = RunEvent::DeadLettered { task: attempt.task.clone(), reason: reason.to_owned() };
        match self.log.append(&spec.run, &event, expected_last).await {
            Ok(_) => {
                metrics().stage_completed(STAGE, "dead_lettered");
                Ok(delivery.dead_letter(reason).await?)
            }
            Err(LogError::Fenced { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Nobody waits any longer: this process stops, or the run is cancelled.
    async fn interrupted(&self, spec: &RunSpec, stop: &CancellationToken) {
        tokio::select! {
            () = stop.cancelled() => {}
            () = self.log.cancelled(&spec.run) => {}
        }
    }

    /// An accepted task may become an exemplar, while the run still wants some.
    async fn exemplar_for(&self, spec: &RunSpec, task: &Task, verdict: &Verdict) -> Result<Option<SeedId>> {
        let wanted = matches!(verdict.decision, Decision::Accepted) && task.strategy != Strategy::Exemplar;
        if !wanted {
            return Ok(None);
        }
        let taken = self.follower.exemplars_of_accepted(spec).await?;
        Ok((taken < u64::from(spec.exemplar_tasks)).then(|| exemplar_seed_id(&spec.run, task)))
    }

    async fn queue_what_follows(&self, spec: &RunSpec, attempt: &AttemptId, task: &Task, judged: &Judged) -> Result<()> {
        let item = |work| WorkItem { tenant: spec.tenant.to_string(), run: spec.run.to_string(), work: Some(work) };
        if let Some(id) = &judged.exemplar {
            let seed = Seed { id: id.clone(), kind: SeedKind::Exemplar { task: Box::new(task.clone()), count: 1 } };
            self.bus.publish_work(Queue::Propose, id.as_str(), &item(Work::Seed(document(&seed)?))).await?;
        }
        if !judged.is_final && matches!(judged.decision, Decision::Rejected { .. }) {
            let id = format!("{}-after-{}", task.id, attempt.number);
            self.bus.publish_work(Queue::Solve, &id, &item(Work::Task(document(task)?))).await?;
        }
        self.bus.publish_work(Queue::Curate, &attempt.to_string(), &item(Work::CurateAttempt(attempt.to_string()))).await?;
        Ok(())
    }
}

fn is_outage(error: &anyhow::Error) -> bool {
    error.downcast_ref::<VerifyError>().is_some_and(VerifyError::is_outage)
        || wayfarer_bus::is_outage(error.as_ref())
        || wayfarer_store::is_outage(error.as_ref())
}

fn exemplar_seed_id(run: &RunId, task: &Task) -> SeedId {
    SeedId::derived("exemplar", &[run.as_str(), task.id.as_str()])
}

fn verdict_in(logged: &[Logged], attempt: &AttemptId) -> Option<Judged> {
    logged.iter().find_map(|logged| match &logged.event {
        RunEvent::Judged { attempt: judged, decision, is_final, exemplar, .. } if judged == attempt => {
            Some(Judged { decision: decision.clone(), is_final: *is_final, exemplar: exemplar.clone() })
        }
        RunEvent::DeadLettered { .. } => {
            Some(Judged { decision: Decision::InvalidTask { why: "dead-lettered".into() }, is_final: true, exemplar: None })
        }
        _ => None,
    })
}

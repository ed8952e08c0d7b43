//! The proposer role: pulls seeds, turns each into tasks, and commits them in one event before any of them is queued.

mod fetch;
mod seen;

pub use fetch::EgressFetcher;
pub use seen::RunSeen;

use anyhow::Result;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio_util::sync::CancellationToken;
use tracing::Instrument;
use wayfarer_actor_proposer::{ProposerDeps, propose};
use wayfarer_browser::{BrowserSupply, EgressPolicy};
use wayfarer_bus::{Bus, Delivery, EventLog, LogError, Queue, RunFollower, document, read_document, work_loop};
use wayfarer_chat::Model;
use wayfarer_core::event::{About, Dropped, RunEvent};
use wayfarer_core::run::RunSpec;
use wayfarer_core::seed::{Seed, SeedKind};
use wayfarer_core::{Calendar, RunId, Strategy, Task, Usage};
use wayfarer_lease::Redis;
use wayfarer_proto::v1::{WorkItem, work_item::Work};
use wayfarer_store::Stores;
use wayfarer_telemetry::metrics;

/// Deliveries after which a seed that cannot be worked off yields no task.
const LAST_DELIVERY: u64 = 4;

/// What the role needs.
#[derive(Clone)]
pub struct ProposerService {
    /// NATS.
    pub bus: Bus,
    /// The event log.
    pub log: Arc<dyn EventLog>,
    /// Knows the intents that runs have already.
    pub follower: Arc<RunFollower>,
    /// Redis: what the proposers of a run have claimed.
    pub redis: Redis,
    /// Every model call.
    pub model: Arc<dyn Model>,
    /// Browser sessions, for exploration.
    pub browsers: Arc<dyn BrowserSupply>,
    /// Where screenshots of walks are kept.
    pub stores: Stores,
    /// What fetches and sessions may reach.
    pub egress: EgressPolicy,
    /// Seeds at once.
    pub slots: usize,
    /// Which day it is for a run.
    pub calendar: Calendar,
}

impl ProposerService {
    /// Works until the token is cancelled.
    pub async fn run(self, token: CancellationToken) -> Result<()> {
        let worker = self.bus.worker(Queue::Propose).await?;
        let slots = self.slots;
        let fetcher = Arc::new(EgressFetcher::start(self.egress.clone()).await?);
        let seen = Arc::new(RunSeen::new(self.bus.clone(), self.follower.clone(), self.redis.clone()));
        let service = Arc::new(self);
        let stop = token.clone();
        work_loop::run(worker, slots, token, move |delivery| {
            let (service, fetcher, seen, stop) = (service.clone(), fetcher.clone(), seen.clone(), stop.clone());
            async move { service.handle(&delivery, fetcher, seen, &stop).await }
        })
        .await;
        Ok(())
    }

    /// What is away passes by itself: the seed waits for it without losing a delivery, and is treated as any that fails when it has
    /// waited long enough.
    async fn handle(&self, delivery: &Delivery, fetcher: Arc<EgressFetcher>, seen: Arc<RunSeen>, stop: &CancellationToken) -> Result<()> {
        match self.work(delivery, fetcher, seen, stop).await {
            Err(error) if is_outage(&error) => {
                tracing::warn!(error = format!("{error:#}"), "what proposing needs is away; the seed waits");
                if delivery.wait_out(stop.cancelled()).await? { Ok(()) } else { Err(error) }
            }
            ended => ended,
        }
    }

    async fn work(&self, delivery: &Delivery, fetcher: Arc<EgressFetcher>, seen: Arc<RunSeen>, stop: &CancellationToken) -> Result<()> {
        let item = delivery.item.clone();
        let (Ok(run), Some(Work::Seed(seed))) = (RunId::new(item.run.clone()), &item.work) else {
            delivery.dead_letter("not a seed").await?;
            return Ok(());
        };
        let seed: Seed = match read_document(seed) {
            Ok(seed) => seed,
            Err(error) => {
                delivery.dead_letter(&format!("unreadable seed: {error}")).await?;
                return Ok(());
            }
        };
        let Some(spec) = self.bus.get_run(&run).await? else {
            delivery.dead_letter("its run is unknown").await?;
            return Ok(());
        };
        let _alive = delivery.keep_alive();
        // an exemplar's seed comes from a judge: the attempt that was judged is linked, its trace ends there
        let span = tracing::info_span!(parent: None, "propose", run = %run, seed = %seed.id);
        if let Some(queued_by) = &delivery.traceparent {
            wayfarer_telemetry::link(&span, queued_by);
        }
        self.work_off(&spec, &seed, delivery, fetcher, seen, stop).instrument(span).await
    }

    async fn work_off(
        &self,
        spec: &RunSpec,
        seed: &Seed,
        delivery: &Delivery,
        fetcher: Arc<EgressFetcher>,
        seen: Arc<RunSeen>,
        stop: &CancellationToken,
    ) -> Result<()> {
        let logged = self.log.read(&spec.run, &About::Seed(seed.id.clone())).await?;
        let committed = logged.iter().find_map(|logged| match &logged.event {
            RunEvent::SeedDone { tasks, .. } => Some(tasks.clone()),
            _ => None,
        });
        let tasks = match committed {
            Some(tasks) => self.not_begun(spec, tasks).await?,
            None => {
                let Some(event) = self.propose(spec, seed, delivery, fetcher, seen, stop).await? else { return Ok(()) };
                match self.log.append(&spec.run, &event, 0).await {
                    Ok(_) => metrics().stage_completed("propose", result_of(&event)),
                    // another proposer committed first: its tasks are the run's, and its own delivery queues them
                    Err(LogError::Fenced { .. }) => return Ok(delivery.ack().await?),
                    Err(error) => return Err(error.into()),
                }
                match event {
                    RunEvent::SeedDone { tasks, .. } => tasks,
                    _ => Vec::new(),
                }
            }
        };
        for task in &tasks {
            self.queue(spec, task).await?;
        }
        tracing::info!(tasks = tasks.len(), "seed worked off");
        delivery.ack().await?;
        Ok(())
    }

    /// What comes of a seed; `None` if it was given back.
    async fn propose(
        &self,
        spec: &RunSpec,
        seed: &Seed,
        delivery: &Delivery,
        fetcher: Arc<EgressFetcher>,
        seen: Arc<RunSeen>,
        stop: &CancellationToken,
    ) -> Result<Option<RunEvent>> {
        let cancelled = || nothing_came_of(seed, "cancelled", "the run was cancelled".into());
        if self.log.is_cancelled(&spec.run).await? {
            return Ok(Some(cancelled()));
        }
        let deps = ProposerDeps {
            model: self.model.clone(),
            fetcher,
            browsers: self.browsers.clone(),
            store: self.stores.of(&spec.run)?,
            seen,
            egress: self.egress.clone(),
        };
        let today = self.calendar.today(spec, SystemTime::now());
        let proposed = tokio::select! {
            proposed = propose(&deps, spec, seed, &today) => proposed,
            () = self.log.cancelled(&spec.run) => return Ok(Some(cancelled())),
        };
        match proposed {
            Ok(proposal) => Ok(Some(RunEvent::SeedDone {
                seed: seed.id.clone(),
                strategy: proposal.strategy,
                tasks: proposal.tasks,
                dropped: proposal.dropped,
                usage: proposal.usage,
            })),
            Err(error) if error.is_outage() => {
                tracing::warn!(%error, "what proposing needs is away; the seed waits");
                let waits = delivery.wait_out(self.interrupted(spec, stop)).await?;
                Ok((!waits).then(|| nothing_came_of(seed, "model", error.to_string())))
            }
            Err(error) if delivery.delivered < LAST_DELIVERY => {
                tracing::warn!(%error, "proposing failed; it is tried again");
                delivery.retry_after(Duration::from_secs(2 * delivery.delivered)).await?;
                Ok(None)
            }
            Err(error) => Ok(Some(nothing_came_of(seed, "model", error.to_string()))),
        }
    }

    /// Nobody waits any longer: this process stops, or the run is cancelled.
    async fn interrupted(&self, spec: &RunSpec, stop: &CancellationToken) {
        tokio::select! {
            () = stop.cancelled() => {}
            () = self.log.cancelled(&spec.run) => {}
        }
    }

    /// Those of a seed that was worked off before which nobody has met: its first worker died before it had queued them all, or the seed
    /// was queued twice, and then they are queued long since.
    async fn not_begun(&self, spec: &RunSpec, tasks: Vec<Task>) -> Result<Vec<Task>> {
        let queued = self.bus.queued(&spec.run).await?;
        let mut left = Vec::new();
        for task in tasks {
            if !queued.tasks.contains(&task.id) && self.log.read(&spec.run, &About::Task(task.id.clone())).await?.is_empty() {
                left.push(task);
            }
        }
        Ok(left)
    }

    async fn queue(&self, spec: &RunSpec, task: &Task) -> Result<()> {
        let item = WorkItem { tenant: spec.tenant.to_string(), run: spec.run.to_string(), work: Some(Work::Task(document(task)?)) };
        Ok(self.bus.publish_work(Queue::Solve, task.id.as_str(), &item).await?)
    }
}

fn is_outage(error: &anyhow::Error) -> bool {
    wayfarer_bus::is_outage(error.as_ref()) || wayfarer_store::is_outage(error.as_ref())
}

/// How a seed was worked off, in metrics.
fn result_of(event: &RunEvent) -> &'static str {
    match event {
        RunEvent::SeedDone { tasks, .. } if !tasks.is_empty() => "proposed",
        _ => "nothing",
    }
}

/// A seed that could not be worked off is still done: its reason is counted, and the run can complete.
fn nothing_came_of(seed: &Seed, gate: &str, reason: String) -> RunEvent {
    let (strategy, subject) = match &seed.kind {
        SeedKind::Targeted { url, .. } => (Strategy::Targeted, url.to_string()),
        SeedKind::Exploration { url, .. } => (Strategy::Exploration, url.to_string()),
        SeedKind::Exemplar { task, .. } => (Strategy::Exemplar, task.intent.clone()),
        SeedKind::Given { task } => (task.strategy, task.intent.clone()),
    };
    let dropped = vec![Dropped { intent: subject, gate: gate.into(), reason }];
    RunEvent::SeedDone { seed: seed.id.clone(), strategy, tasks: Vec::new(), dropped, usage: Usage::default() }
}

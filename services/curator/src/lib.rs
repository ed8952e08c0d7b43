//! The curator role: writes what a judged attempt yields (viewer page, the reference harness's layout), from what is stored.

mod finish;

pub use finish::{RunTask, finish_run, run_tasks};

use anyhow::Result;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;
use wayfarer_actor_curator::curate;
use wayfarer_bus::{Bus, Delivery, EventLog, Queue, work_loop};
use wayfarer_core::event::About;
use wayfarer_core::{AttemptId, RunId};
use wayfarer_proto::v1::work_item::Work;
use wayfarer_store::{Store, Stores};
use wayfarer_telemetry::metrics;

/// This stage in metrics.
const STAGE: &str = "curate";

/// Deliveries after which an attempt that cannot be written is left to the dead letters (its verdict stands).
const LAST_DELIVERY: u64 = 4;

/// What the role needs.
#[derive(Clone)]
pub struct CuratorService {
    /// NATS.
    pub bus: Bus,
    /// The event log, kept with each attempt.
    pub log: Arc<dyn EventLog>,
    /// Where attempts are kept.
    pub stores: Stores,
    /// Attempts written at once.
    pub slots: usize,
}

impl CuratorService {
    /// Works until the token is cancelled.
    pub async fn run(self, token: CancellationToken) -> Result<()> {
        let worker = self.bus.worker(Queue::Curate).await?;
        let slots = self.slots;
        let service = Arc::new(self);
        work_loop::run(worker, slots, token, move |delivery| {
            let service = service.clone();
            async move { service.handle(delivery).await }
        })
        .await;
        Ok(())
    }

    async fn handle(&self, delivery: Delivery) -> Result<()> {
        let item = delivery.item.clone();
        let (Ok(run), Some(Work::CurateAttempt(attempt))) = (RunId::new(item.run.clone()), &item.work) else {
            delivery.dead_letter("not an attempt to curate").await?;
            return Ok(());
        };
        let Ok(attempt) = attempt.parse::<AttemptId>() else {
            delivery.dead_letter("not an attempt id").await?;
            return Ok(());
        };
        let _alive = delivery.keep_alive();
        let span = tracing::info_span!("curate", run = %run, task = %attempt.task, attempt = %attempt);
        if let Some(parent) = &delivery.traceparent {
            wayfarer_telemetry::set_parent(&span, parent);
        }
        self.write_then_ack(&run, &attempt, &delivery).instrument(span).await
    }

    async fn write_then_ack(&self, run: &RunId, attempt: &AttemptId, delivery: &Delivery) -> Result<()> {
        let store = self.stores.of(run)?;
        match self.write(run, &store, attempt).await {
            Ok(()) => {
                metrics().stage_completed(STAGE, "written");
                delivery.ack().await?;
            }
            Err(error) if delivery.delivered < LAST_DELIVERY => {
                tracing::warn!(error = format!("{error:#}"), "curating failed; it is tried again");
                delivery.retry_after(Duration::from_secs(2 * delivery.delivered)).await?;
            }
            Err(error) => {
                metrics().stage_completed(STAGE, "dead_lettered");
                delivery.dead_letter(&format!("could not be curated: {error:#}")).await?;
            }
        }
        Ok(())
    }

    async fn write(&self, run: &RunId, store: &Store, attempt: &AttemptId) -> Result<()> {
        let events = self.log.read(run, &About::Task(attempt.task.clone())).await?;
        store.put_bytes(&finish::events_path(attempt), finish::lines_of(&events).into()).await?;
        curate(store, attempt).await?;
        wayfarer_viewer::write_attempt_page(store, attempt).await?;
        Ok(())
    }
}

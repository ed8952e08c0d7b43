//! The curator role: writes what a judged attempt yields (viewer page, the reference harness's layout), and keeps the folder of a run,
//! from what is stored and from the run's events.

mod attempt;
mod finish;
mod folder;
mod keep;
mod tasks;

pub use finish::{finish_run, stored_events};
pub use folder::RunFolder;

use anyhow::Result;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;
use wayfarer_actor_curator::CurateError;
use wayfarer_bus::{Bus, Delivery, EventLog, Queue, work_loop};
use wayfarer_core::event::About;
use wayfarer_core::{AttemptId, RunId};
use wayfarer_proto::v1::work_item::Work;
use wayfarer_store::Stores;
use wayfarer_telemetry::metrics;
use wayfarer_viewer::ViewerError;

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
        let keeping = keep::keep_folders(self.bus.clone(), self.stores.clone(), token.clone());
        let slots = self.slots;
        let (service, stop) = (Arc::new(self), token.clone());
        let working = work_loop::run(worker, slots, token, move |delivery| {
            let (service, stop) = (service.clone(), stop.clone());
            async move { service.handle(delivery, stop).await }
        });
        tokio::join!(working, keeping);
        Ok(())
    }

    async fn handle(&self, delivery: Delivery, stop: CancellationToken) -> Result<()> {
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
        self.write_then_ack(&run, &attempt, &delivery, stop).instrument(span).await
    }

    async fn write_then_ack(&self, run: &RunId, attempt: &AttemptId, delivery: &Delivery, stop: CancellationToken) -> Result<()> {
        let written = self.write(run, attempt).await;
        if let Err(error) = &written
            && is_outage(error)
        {
            tracing::warn!(error = format!("{error:#}"), "what curating needs is away; the attempt waits");
            if delivery.wait_out(stop.cancelled()).await? {
                return Ok(());
            }
        }
        match written {
            Ok(()) => {
                metrics().stage_completed(STAGE, "written");
                delivery.ack().await?;
            }
            Err(error) if !is_outage(&error) && delivery.delivered < LAST_DELIVERY => {
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

    async fn write(&self, run: &RunId, attempt: &AttemptId) -> Result<()> {
        let store = self.stores.of(run)?;
        let events = self.log.read(run, &About::Task(attempt.task.clone())).await?;
        attempt::write_attempt(&store, attempt, &events.iter().collect::<Vec<_>>()).await
    }
}

fn is_outage(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref(), Some(CurateError::Store(error)) if error.is_outage())
        || matches!(error.downcast_ref(), Some(ViewerError::Store(error)) if error.is_outage())
        || wayfarer_bus::is_outage(error.as_ref())
        || wayfarer_store::is_outage(error.as_ref())
}

//! What can be done with runs, whoever asks (the gRPC face or the command line in one process).

use anyhow::{Context, Result};
use wayfarer_bus::{Bus, BusError, EventLog, LogError, Queue, document};
use wayfarer_core::RunId;
use wayfarer_core::event::{About, RunEvent};
use wayfarer_core::run::{RunSpec, Stages, Tally};
use wayfarer_proto::v1::{WorkItem, work_item::Work};

/// Makes the run known and queues its seeds; `true` if it existed already (its unfinished seeds are queued again: a seed that is done
/// answers from its log).
pub async fn create(bus: &Bus, log: &dyn EventLog, spec: &RunSpec) -> Result<bool> {
    let existed = bus.put_run(spec).await.context("keeping the run")?;
    let spec = if existed { bus.get_run(&spec.run).await?.unwrap_or_else(|| spec.clone()) } else { spec.clone() };
    for seed in &spec.seeds {
        let done = !log.read(&spec.run, &About::Seed(seed.id.clone())).await?.is_empty();
        if done {
            continue;
        }
        let item = WorkItem { tenant: spec.tenant.to_string(), run: spec.run.to_string(), work: Some(Work::Seed(document(seed)?)) };
        bus.publish_work(Queue::Propose, &format!("{}-{}", spec.run, seed.id), &item).await?;
    }
    Ok(existed)
}

/// Where the tasks of a run stand, with what the queues know of work in hand.
pub async fn stages(bus: &Bus, tally: &Tally) -> Result<Stages, BusError> {
    let (seeds, verdicts) = (bus.queue_depth(Queue::Propose).await?, bus.queue_depth(Queue::Judge).await?);
    Ok(tally.stages().with_in_flight(seeds.in_flight, verdicts.in_flight))
}

/// Cancels: whoever meets an open task of the run from now on dead-letters it.
pub async fn cancel(log: &dyn EventLog, run: &RunId) -> Result<()> {
    let logged = log.read(run, &About::Run).await?;
    if logged.iter().any(|logged| matches!(logged.event, RunEvent::Cancelled { .. })) {
        return Ok(());
    }
    match log.append(run, &RunEvent::Cancelled { run: run.clone() }, logged.last().map_or(0, |logged| logged.sequence)).await {
        Ok(_) | Err(LogError::Fenced { .. }) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

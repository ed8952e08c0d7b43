//! What can be done with runs, whoever asks (the gRPC face or the command line in one process).

use anyhow::{Context, Result};
use std::collections::{BTreeMap, BTreeSet};
use wayfarer_bus::{Bus, BusError, EventLog, LogError, Logged, Queue, document};
use wayfarer_core::event::{About, RunEvent};
use wayfarer_core::run::{RunSpec, Stages, Tally};
use wayfarer_core::{RunId, Seed};
use wayfarer_proto::v1::{WorkItem, work_item::Work};

/// A run of that name exists, and it is another one.
#[derive(Debug, thiserror::Error)]
#[error("run {0} exists and was made from other seeds, flags or budgets; give the same ones to go on with it, or another name (--run)")]
pub struct OtherRequest(RunId);

/// What became of a request for a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Created {
    /// The run as it is kept.
    pub spec: RunSpec,
    /// It existed already: what is neither done nor queued was queued.
    pub resumed: bool,
}

/// Makes the run known and queues its seeds, or goes on with the one that is there; [`OtherRequest`] if that one was asked for otherwise.
pub async fn create(bus: &Bus, spec: &RunSpec) -> Result<Created> {
    if !bus.put_run(spec).await.context("keeping the run")? {
        queue_seeds(bus, spec, &spec.seeds).await?;
        return Ok(Created { spec: spec.clone(), resumed: false });
    }
    let kept = bus.get_run(&spec.run).await?.with_context(|| format!("run {} was removed at the same time", spec.run))?;
    if !kept.asks_the_same(spec) {
        return Err(OtherRequest(kept.run).into());
    }
    resume(bus, &kept).await?;
    Ok(Created { spec: kept, resumed: true })
}

async fn resume(bus: &Bus, spec: &RunSpec) -> Result<()> {
    let queued = bus.queued(&spec.run).await?;
    let (mut done_seeds, mut open_tasks) = (BTreeSet::new(), BTreeMap::new());
    for Logged { sequence, event, .. } in bus.events_of(&spec.run).await? {
        match event {
            RunEvent::SeedDone { seed, tasks, .. } => {
                // a seed that is queued still queues its tasks itself
                if !queued.seeds.contains(&seed) {
                    open_tasks.extend(tasks.into_iter().map(|task| (task.id.clone(), (task, sequence))));
                }
                done_seeds.insert(seed);
            }
            event => {
                if let About::Task(task) = event.about() {
                    if event.ends_task() {
                        open_tasks.remove(&task);
                    } else if let Some((_, last)) = open_tasks.get_mut(&task) {
                        *last = sequence;
                    }
                }
            }
        }
    }
    let is_lost = |seed: &&Seed| !done_seeds.contains(&seed.id) && !queued.seeds.contains(&seed.id);
    queue_seeds(bus, spec, spec.seeds.iter().filter(is_lost)).await?;
    for (task, last) in open_tasks.into_values().filter(|(task, _)| !queued.tasks.contains(&task.id)) {
        tracing::warn!(task = %task.id, "the task is neither done nor queued; it is queued again");
        // whoever resumes at the same time gives the same id
        bus.publish_work(Queue::Solve, &format!("{}-resumed-{last}", task.id), &item(spec, Work::Task(document(&task)?))).await?;
    }
    Ok(())
}

async fn queue_seeds<'a>(bus: &Bus, spec: &RunSpec, seeds: impl IntoIterator<Item = &'a Seed>) -> Result<()> {
    for seed in seeds {
        bus.publish_work(Queue::Propose, &format!("{}-{}", spec.run, seed.id), &item(spec, Work::Seed(document(seed)?))).await?;
    }
    Ok(())
}

fn item(spec: &RunSpec, work: Work) -> WorkItem {
    WorkItem { tenant: spec.tenant.to_string(), run: spec.run.to_string(), work: Some(work) }
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

//! Work whose deliveries are used up (each time its worker died) is moved to the dead letters and counted, so that a poison task cannot
//! hold a run open for ever.

use anyhow::Result;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use wayfarer_bus::{Bus, EventLog, LogError, Queue, read_document};
use wayfarer_core::event::{About, Dropped, RunEvent};
use wayfarer_core::{AttemptId, RunId, Seed, Strategy, Task, TaskId, Usage};
use wayfarer_proto::v1::{WorkItem, work_item::Work};

const EVERY: Duration = Duration::from_secs(5);

/// Sweeps until the token is cancelled.
pub async fn sweep(bus: Bus, log: std::sync::Arc<dyn EventLog>, token: CancellationToken) {
    let mut ticks = tokio::time::interval(EVERY);
    loop {
        tokio::select! {
            () = token.cancelled() => return,
            _ = ticks.tick() => {}
        }
        if let Err(error) = sweep_once(&bus, log.as_ref()).await {
            tracing::warn!(error = format!("{error:#}"), "the sweep for poison failed; it is tried again");
        }
    }
}

/// Counts before it settles: a sweep that is killed in between is done again, and counting twice is once.
async fn sweep_once(bus: &Bus, log: &dyn EventLog) -> Result<()> {
    for poison in bus.poison().await? {
        tracing::error!(queue = ?poison.queue, reason = poison.reason, "poison is moved to the dead letters");
        count(log, poison.queue, &poison.item, &poison.reason).await?;
        poison.settle().await?;
    }
    Ok(())
}

async fn count(log: &dyn EventLog, queue: Queue, item: &WorkItem, reason: &str) -> Result<()> {
    let run = RunId::new(item.run.clone())?;
    let reason = format!("every worker that took it from {queue:?} died: {reason}");
    match &item.work {
        Some(Work::Seed(seed)) => {
            let seed: Seed = read_document(seed)?;
            let dropped = vec![Dropped { intent: seed.id.to_string(), gate: "poison".into(), reason }];
            let event =
                RunEvent::SeedDone { seed: seed.id, strategy: Strategy::Targeted, tasks: Vec::new(), dropped, usage: Usage::default() };
            settle(log.append(&run, &event, 0).await)
        }
        Some(Work::Task(task)) => end_task(log, &run, read_document::<Task>(task)?.id, reason).await,
        Some(Work::JudgeAttempt(attempt)) => {
            let attempt: AttemptId = attempt.parse().map_err(anyhow::Error::msg)?;
            end_task(log, &run, attempt.task, reason).await
        }
        // the verdict stands; only its pages are missing
        Some(Work::CurateAttempt(_)) | None => Ok(()),
    }
}

async fn end_task(log: &dyn EventLog, run: &RunId, task: TaskId, reason: String) -> Result<()> {
    let logged = log.read(run, &About::Task(task.clone())).await?;
    if logged.iter().any(|logged| logged.event.ends_task()) {
        return Ok(());
    }
    let last = logged.last().map_or(0, |logged| logged.sequence);
    settle(log.append(run, &RunEvent::DeadLettered { task, reason }, last).await)
}

fn settle(appended: Result<u64, LogError>) -> Result<()> {
    match appended {
        Ok(_) | Err(LogError::Fenced { .. }) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

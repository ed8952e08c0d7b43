//! What of a run is in the queues, waiting or in hand.

use crate::{Bus, BusError, names, read_document};
use async_nats::jetstream::stream::DirectGetErrorKind;
use prost::Message;
use std::collections::BTreeSet;
use wayfarer_core::{AttemptId, RunId, Seed, SeedId, Task, TaskId};
use wayfarer_proto::v1::{WorkItem, work_item::Work};

/// Seeds and tasks of a run that are in the queues.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Queued {
    /// To be worked off.
    pub seeds: BTreeSet<SeedId>,
    /// To be solved, or with an attempt to be judged.
    pub tasks: BTreeSet<TaskId>,
}

impl Bus {
    /// What of a run is in the queues. Read the run's events after this, not before: what left the queues meanwhile is in them.
    ///
    /// In the order of the stream: what follows from an item is queued before the item is acknowledged, so nothing is missed while it
    /// moves on. One by one: a stream of work bears no consumer beside its queues'. That takes its time and is for who resumes or repairs.
    pub async fn queued(&self, run: &RunId) -> Result<Queued, BusError> {
        let work = self.stream(names::WORK_STREAM).await?;
        let mut queued = Queued::default();
        let mut after = 0;
        loop {
            match work.direct_get_next_for_subject(names::WORK_SUBJECTS, Some(after + 1)).await {
                Ok(message) => {
                    after = message.sequence;
                    if let Ok(item) = WorkItem::decode(message.payload) {
                        queued.take(run, &item);
                    }
                }
                Err(error) if error.kind() == DirectGetErrorKind::NotFound => return Ok(queued),
                Err(error) => return Err(BusError::nats(format!("looking for queued work of run {run}"))(error)),
            }
        }
    }
}

impl Queued {
    /// What cannot be read counts as not there; its worker makes it a dead letter.
    fn take(&mut self, run: &RunId, item: &WorkItem) {
        if item.run != run.as_str() {
            return;
        }
        match &item.work {
            Some(Work::Seed(seed)) => self.seeds.extend(read_document::<Seed>(seed).map(|seed| seed.id)),
            Some(Work::Task(task)) => self.tasks.extend(read_document::<Task>(task).map(|task| task.id)),
            Some(Work::JudgeAttempt(attempt)) => self.tasks.extend(attempt.parse::<AttemptId>().map(|attempt| attempt.task)),
            Some(Work::CurateAttempt(_)) | None => {}
        }
    }
}

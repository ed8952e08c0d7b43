//! Every subject, stream, bucket, consumer and header, once.

use wayfarer_core::event::About;
use wayfarer_core::{AttemptId, RunId};

/// The stream of work that must not be lost.
pub const WORK_STREAM: &str = "WORK";
/// The stream of facts.
pub const EVENT_STREAM: &str = "EVENTS";
/// The stream of work that was given up.
pub const DEAD_STREAM: &str = "DEAD";
/// The stream of the server's own notes about work whose deliveries are used up.
pub const POISON_STREAM: &str = "POISON";
/// The durable consumer of those notes.
pub const POISON_CONSUMER: &str = "sweeper";
/// The bucket of runs.
pub const RUNS_BUCKET: &str = "runs";

/// All of [`WORK_STREAM`].
pub const WORK_SUBJECTS: &str = "wf.work.>";
/// All of [`EVENT_STREAM`].
pub const EVENT_SUBJECTS: &str = "wf.event.>";
/// All of [`DEAD_STREAM`].
pub const DEAD_SUBJECTS: &str = "wf.dead.>";
/// Where the server notes that a delivery of [`WORK_STREAM`] was the last one.
pub const POISON_SUBJECTS: &str = "$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.WORK.>";

/// Orders to open a session, answered by whichever websurfer is free.
pub const SURF_OPEN: &str = "wf.surf.open";
/// The queue group of the websurfers.
pub const SURF_GROUP: &str = "websurfer";

/// How farms stand, told to whoever places sessions.
pub const FARM_STANDING: &str = "wf.farm.standing";

/// W3C trace context.
pub const TRACEPARENT: &str = "traceparent";
/// How often an item was queued anew because something that all work shares was away.
pub const OUTAGE_TIMES: &str = "wayfarer-outage-times";
/// Milliseconds that it has lost to that.
pub const OUTAGE_MS: &str = "wayfarer-outage-ms";

/// A work queue: the name of a stage, and of the durable consumer that feeds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Queue {
    /// Seeds to make tasks of.
    Propose,
    /// Tasks to solve.
    Solve,
    /// Attempts to judge.
    Judge,
    /// Judged attempts to write out.
    Curate,
}

impl Queue {
    /// All of them, in the order of the flow.
    pub const ALL: [Self; 4] = [Self::Propose, Self::Solve, Self::Judge, Self::Curate];

    /// The name in subjects and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Propose => "propose",
            Self::Solve => "solve",
            Self::Judge => "judge",
            Self::Curate => "curate",
        }
    }

    /// The queue of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|queue| queue.as_str() == name)
    }
}

impl std::fmt::Display for Queue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Where a tenant's work for a queue goes. The tenant is in the subject, so that it can be fed and capped by itself; the id is not,
/// because hundred thousands of subjects slow a stream down (it is the message id).
pub fn work(queue: Queue, tenant: &str) -> String {
    format!("wf.work.{queue}.{tenant}")
}

/// All work of a queue.
pub fn work_of_queue(queue: Queue) -> String {
    format!("wf.work.{queue}.>")
}

/// Where a queue's given-up work goes.
pub fn dead(queue: Queue) -> String {
    format!("wf.dead.{queue}")
}

/// Where events about one thing go: ordered, and fenced by their last sequence.
pub fn event(run: &RunId, about: &About) -> String {
    match about {
        About::Seed(seed) => format!("wf.event.{run}.seed.{seed}"),
        About::Task(task) => format!("wf.event.{run}.task.{task}"),
        About::Run => format!("wf.event.{run}.run"),
    }
}

/// All events of a run.
pub fn events_of_run(run: &RunId) -> String {
    format!("wf.event.{run}.>")
}

/// Orders to the websurfer that has opened this attempt.
pub fn surf_attempt(attempt: &AttemptId) -> String {
    format!("wf.surf.attempt.{attempt}")
}

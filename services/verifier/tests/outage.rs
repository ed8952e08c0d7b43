//! Attempts whose judges cannot be asked: they wait, within a bound, and not at all for a run that is cancelled.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use async_trait::async_trait;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use wayfarer_bus::{Bus, BusOptions, EventLog, NatsEventLog, Queue, RunFollower};
use wayfarer_chat::{ChatReply, ChatRequest, Model, ModelError};
use wayfarer_core::event::{About, RunEvent};
use wayfarer_core::verdict::VerdictPolicy;
use wayfarer_proto::v1::{WorkItem, work_item::Work};
use wayfarer_store::Stores;
use wayfarer_testkit::{Servers, a_run, a_store, a_task, a_trajectory, an_attempt};
use wayfarer_verifier::VerifierService;

const PATIENCE: Duration = Duration::from_secs(90);

/// Never answers, and counts who asks.
#[derive(Clone, Default)]
struct Away(Arc<AtomicUsize>);

#[async_trait]
impl Model for Away {
    async fn generate(&self, _: ChatRequest) -> Result<ChatReply, ModelError> {
        self.0.fetch_add(1, Ordering::SeqCst);
        Err(ModelError::Down { endpoint: "http://model.test/v1".into(), why: "no connection".into() })
    }
}

/// Judges an attempt until its task is given up; why that was.
async fn given_up(bus: &Bus, model: Away) -> String {
    let (_folder, store) = a_store();
    let (spec, task) = (a_run(), a_task("What does the Trail Mug cost?"));
    let trajectory = a_trajectory(task.clone());
    for step in &trajectory.steps {
        store.put_blob(step.surfed.observation.url.clone().into_bytes().into()).await.unwrap();
    }
    store.put_trajectory(&trajectory).await.unwrap();
    bus.put_run(&spec).await.unwrap();
    let attempt = an_attempt(&task).to_string();
    let work = Some(Work::JudgeAttempt(attempt.clone()));
    let item = WorkItem { tenant: spec.tenant.to_string(), run: spec.run.to_string(), work };
    bus.publish_work(Queue::Judge, &attempt, &item).await.unwrap();
    let (log, stop) = (Arc::new(NatsEventLog::new(bus.clone())), CancellationToken::new());
    let service = VerifierService {
        bus: bus.clone(),
        log: log.clone(),
        follower: Arc::new(RunFollower::new(bus.clone())),
        model: Arc::new(model),
        stores: Stores::Single(spec.run.clone(), store),
        truth: None,
        policy: VerdictPolicy::Legacy,
        votes: 1,
        slots: 1,
    };
    let running = tokio::spawn(service.run(stop.clone()));
    let ended = async {
        loop {
            let logged = log.read(&spec.run, &About::Task(task.id.clone())).await.unwrap();
            if let Some(RunEvent::DeadLettered { reason, .. }) = logged.into_iter().map(|logged| logged.event).next() {
                return reason;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let reason = tokio::time::timeout(PATIENCE, ended).await.expect("the task is given up");
    stop.cancel();
    running.await.unwrap().unwrap();
    reason
}

#[tokio::test(flavor = "multi_thread")]
async fn judges_that_stay_away_end_the_task_when_patience_is_over() {
    let servers = Servers::start().await;
    let bus = servers.bus_with(BusOptions { outage_patience: Duration::from_secs(2), ..BusOptions::default() }).await;

    let model = Away::default();
    let reason = given_up(&bus, model.clone()).await;

    assert!(reason.contains("could not be judged") && reason.contains("http://model.test/v1"), "{reason}");
    assert!(model.0.load(Ordering::SeqCst) > 1);
    let letters = bus.dead_letters().await.unwrap();
    assert_eq!(letters.len(), 1);
    assert_eq!(bus.queue_depth(Queue::Judge).await.unwrap(), Default::default());
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_judges_for_a_cancelled_run() {
    let servers = Servers::start().await;
    let bus = servers.bus().await;
    let run = a_run().run;
    NatsEventLog::new(bus.clone()).append(&run, &RunEvent::Cancelled { run: run.clone() }, 0).await.unwrap();

    let model = Away::default();
    let reason = given_up(&bus, model.clone()).await;

    assert_eq!((reason.as_str(), model.0.load(Ordering::SeqCst)), ("the run was cancelled", 0));
}

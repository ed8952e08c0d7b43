//! A surfer that dies in the middle of a step is noticed long before the step would have to be done.

use async_trait::async_trait;
use futures::StreamExt;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use wayfarer_bus::{Bus, EventLog, NatsEventLog, Queue, document, names, read_document};
use wayfarer_chat::{ChatReply, ChatRequest, Model, ModelError};
use wayfarer_core::event::{About, RunEvent};
use wayfarer_core::outcome::{EnvFailure, Outcome};
use wayfarer_core::surf::{SurfOpen, SurfOpened};
use wayfarer_core::{Calendar, Task, Usage};
use wayfarer_orchestrator::OrchestratorService;
use wayfarer_proto::v1::{SurfReply, WorkItem, surf_reply::Reply, surf_request::Order, work_item::Work};
use wayfarer_store::Stores;
use wayfarer_testkit::{Servers, a_run, a_store, a_task, an_observation};

/// Plan and ledger in one: there is more to do.
const REPLY: &str = r#"{"given": [], "look_up": [], "derive": [], "guesses": [], "plan": ["look"], "targets": [],
    "last_action_successful": {"reason": "r", "answer": true}, "is_in_loop": {"reason": "r", "answer": false},
    "is_satisfied": {"reason": "r", "answer": false}, "is_at_critical_point": {"reason": "r", "answer": false},
    "next_steps": {"reason": "r", "answer": "Look."}}"#;

struct Planner;

#[async_trait]
impl Model for Planner {
    async fn generate(&self, _: ChatRequest) -> Result<ChatReply, ModelError> {
        Ok(ChatReply { text: REPLY.into(), calls: Vec::new(), usage: Usage::default(), model: "planner".into(), tries: 1, latency_ms: 0.0 })
    }
}

/// Opens one attempt, shows that it lives, takes one step, and is gone.
async fn die_in_a_step(bus: Bus) {
    let mut openings = bus.serve_queue(names::SURF_OPEN, names::SURF_GROUP).await.unwrap();
    let opening = openings.next().await.unwrap();
    let Some(Order::Open(open)) = &opening.request.order else { panic!("not an order to open") };
    let open: SurfOpen = read_document(open).unwrap();
    let mut orders = bus.serve(&names::surf_attempt(&open.attempt)).await.unwrap();
    let observation = Box::new(an_observation(open.task.start_url.as_str()));
    let opened = Reply::Opened(document(&SurfOpened::Ready { observation }).unwrap());
    opening.respond(SurfReply { reply: Some(opened) }).await.unwrap();
    while let Some(order) = orders.next().await {
        match &order.request.order {
            Some(Order::Alive(_)) => order.respond(SurfReply { reply: Some(Reply::Alive(true)) }).await.unwrap(),
            _ => return,
        }
    }
}

async fn first_end(log: &NatsEventLog, run: &wayfarer_core::RunId, task: &Task) -> Outcome {
    let wait = async {
        loop {
            let logged = log.read(run, &About::Task(task.id.clone())).await.unwrap();
            let ended = logged.into_iter().find_map(|logged| match logged.event {
                RunEvent::AttemptEnded { outcome, .. } => Some(outcome),
                _ => None,
            });
            match ended {
                Some(outcome) => return outcome,
                None => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(90), wait).await.expect("the attempt ends long before the step's bound")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_surfer_that_dies_in_a_step_ends_the_attempt_at_once() {
    let servers = Servers::start().await;
    let bus = servers.bus().await;
    let (_folder, store) = a_store();
    let (spec, task) = (a_run(), a_task("What does the Trail Mug cost?"));
    store.put_blob(bytes::Bytes::from(task.start_url.to_string())).await.unwrap();
    bus.put_run(&spec).await.unwrap();
    let log = Arc::new(NatsEventLog::new(bus.clone()));
    let surfer = tokio::spawn(die_in_a_step(servers.bus().await));
    let stop = CancellationToken::new();
    let service = OrchestratorService {
        bus: bus.clone(),
        log: log.clone(),
        model: Arc::new(Planner),
        stores: Stores::Single(spec.run.clone(), store.clone()),
        slots: 1,
        step_timeout: Duration::from_secs(3600),
        worker: "test".into(),
        calendar: Calendar::RunDay,
    };
    let running = tokio::spawn(service.run(stop.clone()));

    let item = WorkItem { tenant: spec.tenant.to_string(), run: spec.run.to_string(), work: Some(Work::Task(document(&task).unwrap())) };
    bus.publish_work(Queue::Solve, task.id.as_str(), &item).await.unwrap();
    let outcome = first_end(&log, &spec.run, &task).await;

    assert!(matches!(&outcome, Outcome::EnvFailed { kind: EnvFailure::SurferLost, .. }), "{outcome:?}");
    surfer.await.unwrap();
    stop.cancel();
    running.await.unwrap().unwrap();
}

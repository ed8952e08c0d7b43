//! One attempt is one trace: its orders to the surfer, its model calls and its judging belong to it, what queued the task does not.
//! Telemetry is set up once a process, so this is a file of its own.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use async_trait::async_trait;
use futures::StreamExt;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;
use wayfarer_bus::{Bus, BusOptions, Delivery, NatsEventLog, Queue, document, names, read_document};
use wayfarer_chat::{ChatReply, ChatRequest, Model, ModelError};
use wayfarer_core::action::Status;
use wayfarer_core::surf::{SurfOpen, SurfOpened, SurfReport};
use wayfarer_core::{Action, Calendar, Usage};
use wayfarer_orchestrator::OrchestratorService;
use wayfarer_proto::v1::{SurfReply, WorkItem, surf_reply::Reply, surf_request::Order, work_item::Work};
use wayfarer_store::Stores;
use wayfarer_telemetry::{TelemetryOptions, current_traceparent, init, trace_id_of};
use wayfarer_testkit::{Servers, a_run, a_step, a_store, a_task, an_attempt, an_observation};

/// Everything that an Orchestrator asks for, in one reply: the task is done, so the surfer is made to stop.
const REPLY: &str = r#"{"given": [], "look_up": [], "derive": [], "guesses": [], "plan": ["stop"], "targets": [],
    "last_action_successful": {"reason": "r", "answer": true}, "is_in_loop": {"reason": "r", "answer": false},
    "is_satisfied": {"reason": "r", "answer": true}, "is_at_critical_point": {"reason": "r", "answer": false},
    "next_steps": {"reason": "r", "answer": "Stop."}}"#;

/// Traces in which something was seen.
type Seen = Arc<Mutex<Vec<(&'static str, String)>>>;

struct WitnessModel(Seen);

#[async_trait]
impl Model for WitnessModel {
    async fn generate(&self, _: ChatRequest) -> Result<ChatReply, ModelError> {
        let trace = trace_id_of(&tracing::Span::current()).unwrap_or_default();
        self.0.lock().unwrap().push(("model", trace));
        Ok(ChatReply { text: REPLY.into(), calls: Vec::new(), usage: Usage::default(), model: "witness".into(), tries: 1, latency_ms: 0.0 })
    }
}

fn trace_in(traceparent: Option<&str>) -> String {
    traceparent.and_then(|text| text.split('-').nth(1)).unwrap_or_default().to_owned()
}

/// Answers one attempt: a page, then a stop, then the end.
async fn surf(bus: Bus, seen: Seen) {
    let mut openings = bus.serve_queue(names::SURF_OPEN, names::SURF_GROUP).await.unwrap();
    let opening = openings.next().await.unwrap();
    let Some(Order::Open(open)) = &opening.request.order else { panic!("not an order to open") };
    let open: SurfOpen = read_document(open).unwrap();
    let mut orders = bus.serve(&names::surf_attempt(&open.attempt)).await.unwrap();
    seen.lock().unwrap().push(("open", trace_in(opening.traceparent.as_deref())));
    let observation = Box::new(an_observation(open.task.start_url.as_str()));
    let opened = Reply::Opened(document(&SurfOpened::Ready { observation }).unwrap());
    opening.respond(SurfReply { reply: Some(opened) }).await.unwrap();
    while let Some(order) = orders.next().await {
        let trace = trace_in(order.traceparent.as_deref());
        let reply = match &order.request.order {
            Some(Order::Step(_)) => {
                seen.lock().unwrap().push(("step", trace));
                let step = a_step(1, Action::Terminate { status: Status::Success, answer: "$24.00".into() });
                Reply::Report(document(&SurfReport::Stepped { step: Box::new(step.surfed) }).unwrap())
            }
            Some(Order::Alive(_)) => Reply::Alive(true),
            _ => {
                seen.lock().unwrap().push(("close", trace));
                Reply::Closed(true)
            }
        };
        order.respond(SurfReply { reply: Some(reply) }).await.unwrap();
    }
}

async fn next(bus: &Bus, queue: Queue) -> Delivery {
    let worker = bus.worker(queue).await.unwrap();
    let wait = async {
        loop {
            if let Some(delivery) = worker.fetch(1).await.unwrap().pop() {
                return delivery;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(20), wait).await.expect("work in the queue")
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attempt_is_one_trace_from_its_orders_to_its_judging() {
    let options = TelemetryOptions { service: "test".into(), otlp_endpoint: None, metrics_listen: None, filter: "off".into(), json: false };
    let telemetry = init(options).unwrap();
    let servers = Servers::start().await;
    let bus = servers.bus_with(BusOptions { traceparent: Arc::new(current_traceparent), ..BusOptions::default() }).await;
    let (_folder, store) = a_store();
    let (spec, task) = (a_run(), a_task("What does the Trail Mug cost?"));
    let screenshot = bytes::Bytes::from(task.start_url.to_string());
    store.put_blob(screenshot).await.unwrap();
    bus.put_run(&spec).await.unwrap();
    let seen = Seen::default();
    let surfer = tokio::spawn(surf(bus.clone(), seen.clone()));

    let item = WorkItem { tenant: spec.tenant.to_string(), run: spec.run.to_string(), work: Some(Work::Task(document(&task).unwrap())) };
    let proposal = tracing::info_span!("propose");
    bus.publish_work(Queue::Solve, task.id.as_str(), &item).instrument(proposal.clone()).await.unwrap();
    let stop = CancellationToken::new();
    let service = OrchestratorService {
        bus: bus.clone(),
        log: Arc::new(NatsEventLog::new(bus.clone())),
        model: Arc::new(WitnessModel(seen.clone())),
        stores: Stores::Single(spec.run.clone(), store.clone()),
        slots: 1,
        step_timeout: Duration::from_secs(10),
        worker: "test".into(),
        calendar: Calendar::RunDay,
    };
    let running = tokio::spawn(service.run(stop.clone()));
    let to_judge = next(&bus, Queue::Judge).await;

    let trace = store.get_trajectory(&an_attempt(&task)).await.unwrap().trace_id;
    assert_eq!(trace.len(), 32, "the trajectory names its trace");
    assert_ne!(Some(&trace), trace_id_of(&proposal).as_ref(), "the proposal's trace is another one");
    assert_eq!(trace_in(to_judge.traceparent.as_deref()), trace, "the judges go on in the attempt's trace");
    let seen = seen.lock().unwrap().clone();
    assert!(seen.iter().all(|(_, of)| *of == trace), "{trace}: {seen:?}");
    let what: BTreeSet<&str> = seen.iter().map(|(what, _)| *what).collect();
    assert_eq!(what, BTreeSet::from(["close", "model", "open", "step"]));

    stop.cancel();
    running.await.unwrap().unwrap();
    surfer.abort();
    telemetry.shutdown().await;
}

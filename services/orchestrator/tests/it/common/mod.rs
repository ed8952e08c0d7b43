//! An Orchestrator over real NATS, with a model and a surfer that do as they are told.
#![allow(dead_code)]

use async_trait::async_trait;
use futures::StreamExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use wayfarer_bus::{Bus, BusOptions, Delivery, EventLog, NatsEventLog, Queue, QueueDepth, document, names, read_document};
use wayfarer_chat::{ChatReply, ChatRequest, Model, ModelError};
use wayfarer_core::action::Status;
use wayfarer_core::event::{About, RunEvent};
use wayfarer_core::run::RunSpec;
use wayfarer_core::surf::{SurfOpen, SurfOpened, SurfReport};
use wayfarer_core::{Action, Calendar, Task, Usage};
use wayfarer_orchestrator::OrchestratorService;
use wayfarer_proto::v1::{SurfReply, WorkItem, surf_reply::Reply, surf_request::Order, work_item::Work};
use wayfarer_store::{Store, Stores};
use wayfarer_testkit::{Servers, a_run, a_step, a_store, a_task, an_observation};

/// For what must happen on a machine that does much else.
pub const PATIENCE: Duration = Duration::from_secs(90);

/// Plan, ledger and targets in one; the surfer decides when it is over.
const REPLY: &str = r#"{"given": [], "look_up": [], "derive": [], "guesses": [], "plan": ["look"], "targets": [],
    "last_action_successful": {"reason": "r", "answer": true}, "is_in_loop": {"reason": "r", "answer": false},
    "is_satisfied": {"reason": "r", "answer": true}, "is_at_critical_point": {"reason": "r", "answer": false},
    "next_steps": {"reason": "r", "answer": "Look."}}"#;

/// Cannot be reached for so many calls, then answers.
pub struct DownFor(pub AtomicUsize);

#[async_trait]
impl Model for DownFor {
    async fn generate(&self, _: ChatRequest) -> Result<ChatReply, ModelError> {
        let is_down = self.0.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok();
        if is_down {
            return Err(ModelError::Down { endpoint: "http://model.test/v1".into(), why: "no connection".into() });
        }
        Ok(ChatReply { text: REPLY.into(), calls: Vec::new(), usage: Usage::default(), model: "planner".into(), tries: 1, latency_ms: 0.0 })
    }
}

/// What the surfers of a test do with an order to step.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Steps {
    Stop,
    NeverEnd,
    /// The process of the first session is stopped while it takes a step.
    FirstIsStopped,
}

pub struct Setting {
    pub bus: Bus,
    pub log: Arc<NatsEventLog>,
    pub spec: RunSpec,
    pub task: Task,
    pub store: Store,
    /// Steps that were ordered, and sessions that were closed.
    pub stepped: Arc<AtomicUsize>,
    pub closed: Arc<AtomicUsize>,
    surfers: JoinHandle<()>,
    _servers: Servers,
    _folder: tempfile::TempDir,
}

impl Drop for Setting {
    fn drop(&mut self) {
        self.surfers.abort();
    }
}

/// One task in the queue, of a run whose first environment failure is its last.
pub async fn setting(outage_patience: Duration, steps: Steps) -> Setting {
    let servers = Servers::start().await;
    let bus = servers.bus_with(BusOptions { outage_patience, ..BusOptions::default() }).await;
    let (folder, store) = a_store();
    let (mut spec, task) = (a_run(), a_task("What does the Trail Mug cost?"));
    spec.budgets.env_attempts = 1;
    store.put_blob(bytes::Bytes::from(task.start_url.to_string())).await.unwrap();
    bus.put_run(&spec).await.unwrap();
    let item = WorkItem { tenant: spec.tenant.to_string(), run: spec.run.to_string(), work: Some(Work::Task(document(&task).unwrap())) };
    bus.publish_work(Queue::Solve, task.id.as_str(), &item).await.unwrap();
    let (stepped, closed) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let surfers = tokio::spawn(surf(servers.bus().await, steps, stepped.clone(), closed.clone()));
    let log = Arc::new(NatsEventLog::new(bus.clone()));
    Setting { bus, log, spec, task, store, stepped, closed, surfers, _servers: servers, _folder: folder }
}

/// Opens every attempt and serves it.
async fn surf(bus: Bus, steps: Steps, stepped: Arc<AtomicUsize>, closed: Arc<AtomicUsize>) {
    let mut openings = bus.serve_queue(names::SURF_OPEN, names::SURF_GROUP).await.unwrap();
    while let Some(opening) = openings.next().await {
        let Some(Order::Open(open)) = &opening.request.order else { panic!("not an order to open") };
        let open: SurfOpen = read_document(open).unwrap();
        let mut orders = bus.serve(&names::surf_attempt(&open.attempt)).await.unwrap();
        let observation = Box::new(an_observation(open.task.start_url.as_str()));
        let opened = Reply::Opened(document(&SurfOpened::Ready { observation }).unwrap());
        opening.respond(SurfReply { reply: Some(opened) }).await.unwrap();
        let (stepped, closed) = (stepped.clone(), closed.clone());
        let is_stopped = steps == Steps::FirstIsStopped && open.attempt.number == 1;
        tokio::spawn(async move {
            while let Some(order) = orders.next().await {
                let reply = match &order.request.order {
                    Some(Order::Alive(_)) => Reply::Alive(!is_stopped),
                    Some(Order::Step(_)) => {
                        stepped.fetch_add(1, Ordering::SeqCst);
                        if steps == Steps::NeverEnd || is_stopped {
                            continue;
                        }
                        let step = a_step(1, Action::Terminate { status: Status::Success, answer: "$24.00".into() });
                        Reply::Report(document(&SurfReport::Stepped { step: Box::new(step.surfed) }).unwrap())
                    }
                    _ => {
                        closed.fetch_add(1, Ordering::SeqCst);
                        Reply::Closed(true)
                    }
                };
                order.respond(SurfReply { reply: Some(reply) }).await.unwrap();
            }
        });
    }
}

/// A process of the role.
pub struct Process {
    stop: CancellationToken,
    running: JoinHandle<anyhow::Result<()>>,
}

impl Process {
    pub async fn stop(self) {
        self.stop.cancel();
        self.running.await.unwrap().unwrap();
    }
}

impl Setting {
    pub fn start(&self, model: impl Model + 'static) -> Process {
        let stop = CancellationToken::new();
        let service = OrchestratorService {
            bus: self.bus.clone(),
            log: self.log.clone(),
            model: Arc::new(model),
            stores: Stores::Single(self.spec.run.clone(), self.store.clone()),
            slots: 1,
            step_timeout: Duration::from_secs(3600),
            worker: "test".into(),
            calendar: Calendar::RunDay,
        };
        Process { running: tokio::spawn(service.run(stop.clone())), stop }
    }

    pub async fn events(&self) -> Vec<RunEvent> {
        let logged = self.log.read(&self.spec.run, &About::Task(self.task.id.clone())).await.unwrap();
        logged.into_iter().map(|logged| logged.event).collect()
    }

    /// Why the task was given up, once it is.
    pub async fn given_up(&self) -> String {
        let wait = async {
            loop {
                let reason = self.events().await.into_iter().find_map(|event| match event {
                    RunEvent::DeadLettered { reason, .. } => Some(reason),
                    _ => None,
                });
                match reason {
                    Some(reason) => return reason,
                    None => tokio::time::sleep(Duration::from_millis(50)).await,
                }
            }
        };
        tokio::time::timeout(PATIENCE, wait).await.expect("the task is given up")
    }

    /// The next item of a queue, however long it takes to come.
    pub async fn next(&self, queue: Queue) -> Delivery {
        let worker = self.bus.worker(queue).await.unwrap();
        let wait = async {
            loop {
                if let Some(delivery) = worker.fetch(1).await.unwrap().pop() {
                    return delivery;
                }
            }
        };
        tokio::time::timeout(PATIENCE, wait).await.expect("work in the queue")
    }

    /// Waits for so many ordered steps.
    pub async fn until_stepped(&self, times: usize) {
        let wait = async {
            while self.stepped.load(Ordering::SeqCst) < times {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(PATIENCE, wait).await.expect("a step is ordered");
    }

    /// Waits for so many ended attempts.
    pub async fn until_ended(&self, times: usize) {
        let wait = async {
            while self.events().await.iter().filter(|event| matches!(event, RunEvent::AttemptEnded { .. })).count() < times {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::time::timeout(PATIENCE, wait).await.expect("attempts end");
    }

    /// Waits until nothing of a queue waits or is in hand.
    pub async fn until_worked_off(&self, queue: Queue) {
        let wait = async {
            while self.bus.queue_depth(queue).await.unwrap() != QueueDepth::default() {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::time::timeout(PATIENCE, wait).await.expect("the queue is worked off");
    }
}

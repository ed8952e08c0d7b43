//! Full websurfers and successive owners of a task, over real NATS. Browser and model are fakes on purpose: what is proved here is who
//! may act when.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use async_trait::async_trait;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use wayfarer_browser::{BrowserError, BrowserSession, BrowserSupply, EgressPolicy, Observed, SessionSpec};
use wayfarer_bus::{Bus, BusError, document, names, read_document};
use wayfarer_chat::{ChatReply, ChatRequest, Model, ModelError};
use wayfarer_core::action::Effect;
use wayfarer_core::surf::{SurfOpen, SurfOpened, SurfOrder, SurfReport};
use wayfarer_core::{Action, AttemptId, Epoch, SessionId, StepIndex, Task};
use wayfarer_proto::v1::{SurfReply, SurfRequest, surf_reply::Reply, surf_request::Order};
use wayfarer_store::Stores;
use wayfarer_testkit::{Servers, a_run, a_store, a_task, an_observation};
use wayfarer_websurfer::WebSurferService;

const URL: &str = "http://shop.localhost/";
const PATIENCE: Duration = Duration::from_secs(30);

/// What happens behind the websurfers; its model never answers.
#[derive(Clone, Default)]
struct Behind {
    open: Arc<AtomicUsize>,
    asked: Arc<Notify>,
}

#[async_trait]
impl Model for Behind {
    async fn generate(&self, _: ChatRequest) -> Result<ChatReply, ModelError> {
        self.asked.notify_one();
        std::future::pending().await
    }
}

#[async_trait]
impl BrowserSupply for Behind {
    async fn acquire(&self, _: SessionSpec) -> Result<Box<dyn BrowserSession>, BrowserError> {
        self.open.fetch_add(1, Ordering::SeqCst);
        Ok(Box::new(Session { id: SessionId::new("session-1").unwrap(), behind: self.clone() }))
    }
}

struct Session {
    id: SessionId,
    behind: Behind,
}

impl Drop for Session {
    fn drop(&mut self) {
        self.behind.open.fetch_sub(1, Ordering::SeqCst);
    }
}

fn page() -> Observed {
    Observed { observation: an_observation(URL), screenshot: bytes::Bytes::from_static(URL.as_bytes()) }
}

#[async_trait]
impl BrowserSession for Session {
    fn id(&self) -> &SessionId {
        &self.id
    }

    async fn open(&self, _: &str) -> Result<Observed, BrowserError> {
        Ok(page())
    }

    async fn observe(&self) -> Result<Observed, BrowserError> {
        Ok(page())
    }

    async fn act(&self, _: &Action) -> Result<Effect, BrowserError> {
        Ok(Effect::default())
    }

    async fn act_and_observe(&self, _: &Action) -> Result<(Effect, Observed), BrowserError> {
        Ok((Effect::default(), page()))
    }

    async fn release(self: Box<Self>) -> Result<(), BrowserError> {
        Ok(())
    }
}

struct Websurfers {
    bus: Bus,
    behind: Behind,
    stop: CancellationToken,
    running: Vec<JoinHandle<anyhow::Result<()>>>,
    servers: Servers,
    _folder: tempfile::TempDir,
}

/// So many websurfers, each with one place and a connection of its own.
async fn websurfers(count: usize) -> Websurfers {
    websurfers_that_hear(count, 10 * PATIENCE).await
}

/// The same, with so much patience for owners that show no life.
async fn websurfers_that_hear(count: usize, owner_silence: Duration) -> Websurfers {
    let servers = Servers::start().await;
    let (folder, store) = a_store();
    let (behind, stop) = (Behind::default(), CancellationToken::new());
    let mut running = Vec::new();
    for _ in 0..count {
        let service = WebSurferService {
            bus: servers.bus().await,
            model: Arc::new(behind.clone()),
            browsers: Arc::new(behind.clone()),
            stores: Stores::Single(a_run().run, store.clone()),
            egress: EgressPolicy::default(),
            record: false,
            slots: 1,
            owner_silence,
            native: Default::default(),
        };
        running.push(tokio::spawn(service.run(stop.clone())));
    }
    Websurfers { bus: servers.bus().await, behind, stop, running, servers, _folder: folder }
}

impl Websurfers {
    async fn ask(&self, subject: &str, order: Order) -> Result<SurfReply, BusError> {
        self.bus.request(subject, SurfRequest { order: Some(order) }, PATIENCE).await
    }

    /// Asks to open once; until a websurfer is there at all.
    async fn open(&self, task: &Task, number: u32, epoch: u64) -> SurfOpened {
        let spec = a_run();
        let attempt = AttemptId { task: task.id.clone(), number };
        let open = SurfOpen {
            tenant: spec.tenant,
            run: spec.run,
            attempt,
            epoch: Epoch(epoch),
            task: task.clone(),
            today: "2026-11-21".into(),
            solver: "ledger".into(),
        };
        let order = Order::Open(document(&open).unwrap());
        let asked = async {
            loop {
                match self.ask(names::SURF_OPEN, order.clone()).await {
                    Err(BusError::NoResponders { .. }) => tokio::time::sleep(Duration::from_millis(20)).await,
                    other => return other.unwrap(),
                }
            }
        };
        let reply = tokio::time::timeout(PATIENCE, asked).await.expect("a websurfer answers").reply;
        let Some(Reply::Opened(opened)) = reply else { panic!("not an answer to opening: {reply:?}") };
        read_document(&opened).unwrap()
    }

    /// Asks to open until there is a place.
    async fn open_in_turn(&self, task: &Task, number: u32, epoch: u64) -> SurfOpened {
        let asked = async {
            loop {
                match self.open(task, number, epoch).await {
                    SurfOpened::Busy { .. } => tokio::time::sleep(Duration::from_millis(20)).await,
                    other => return other,
                }
            }
        };
        tokio::time::timeout(PATIENCE, asked).await.expect("a place comes free")
    }

    async fn step(&self, task: &Task, number: u32, epoch: u64) -> Result<SurfReport, BusError> {
        let order = SurfOrder {
            epoch: Epoch(epoch),
            step: StepIndex(1),
            next_steps: "Go on.".into(),
            plan: String::new(),
            stop_only: false,
            stop_reason: String::new(),
            grants: vec![],
            user_messages: vec![],
            current_intent: None,
        };
        let subject = names::surf_attempt(&AttemptId { task: task.id.clone(), number });
        match self.ask(&subject, Order::Step(document(&order).unwrap())).await?.reply {
            Some(Reply::Report(report)) => Ok(read_document(&report).unwrap()),
            other => panic!("not a report: {other:?}"),
        }
    }

    /// Shows the surfer of an attempt that its owner lives; whether the surfer stays.
    async fn show_life(&self, task: &Task, number: u32) -> Result<bool, BusError> {
        let subject = names::surf_attempt(&AttemptId { task: task.id.clone(), number });
        match self.ask(&subject, Order::Alive(true)).await?.reply {
            Some(Reply::Alive(stays)) => Ok(stays),
            other => panic!("not a sign of life: {other:?}"),
        }
    }

    async fn until_open(&self, sessions: usize) {
        let reached = async {
            while self.behind.open.load(Ordering::SeqCst) != sessions {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(PATIENCE, reached).await.unwrap_or_else(|_| panic!("there are never {sessions} sessions"));
    }

    async fn end(self) {
        self.stop.cancel();
        for running in self.running {
            running.await.unwrap().unwrap();
        }
        assert_eq!(self.behind.open.load(Ordering::SeqCst), 0);
    }
}

fn is_ready(opened: &SurfOpened) -> bool {
    matches!(opened, SurfOpened::Ready { .. })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_websurfer_is_busy_and_its_place_goes_to_the_newer_owner_of_the_task() {
    let surfers = websurfers(1).await;
    let (task, other) = (a_task("What does the Trail Mug cost?"), a_task("Which mugs are blue?"));

    let older = surfers.open(&task, 1, 5).await;
    let refused = surfers.open(&other, 1, 6).await;
    // the owner of epoch 5 was killed: its session would be kept for minutes
    let newer = surfers.open_in_turn(&task, 2, 9).await;

    assert!(is_ready(&older) && is_ready(&newer), "{older:?}, {newer:?}");
    assert!(matches!(refused, SurfOpened::Busy { .. }), "{refused:?}");
    surfers.until_open(1).await;
    // it was only paused, and wakes up: neither its session is there nor may it open another
    let late = surfers.step(&task, 1, 5).await;
    assert!(matches!(late, Ok(SurfReport::Fenced) | Err(BusError::NoResponders { .. })), "{late:?}");
    assert_eq!(surfers.open(&task, 1, 5).await, SurfOpened::Fenced);
    surfers.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_of_an_older_owner_is_cut_off_when_a_newer_one_opens() {
    let surfers = Arc::new(websurfers(1).await);
    let task = a_task("What does the Trail Mug cost?");
    surfers.open(&task, 1, 5).await;
    let stepping = tokio::spawn({
        let (surfers, task) = (surfers.clone(), task.clone());
        async move { surfers.step(&task, 1, 5).await }
    });
    tokio::time::timeout(PATIENCE, surfers.behind.asked.notified()).await.expect("the step asks the model");

    let newer = surfers.open_in_turn(&task, 2, 9).await;

    assert!(is_ready(&newer), "{newer:?}");
    assert_eq!(stepping.await.unwrap().unwrap(), SurfReport::Fenced);
    Arc::into_inner(surfers).unwrap().end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whichever_websurfer_answers_all_of_them_let_the_older_owner_go() {
    let surfers = websurfers(3).await;
    let task = a_task("What does the Trail Mug cost?");

    for (number, epoch) in [(1, 5), (2, 9), (3, 14), (4, 20)] {
        let opened = surfers.open_in_turn(&task, number, epoch).await;
        assert!(is_ready(&opened), "{opened:?}");
        surfers.until_open(1).await;
        for older in 1..number {
            assert_eq!(surfers.open(&task, older, 5).await, SurfOpened::Fenced);
        }
    }

    surfers.end().await;
}

/// Below it every sign of life of a slow machine.
const SILENCE: Duration = Duration::from_secs(6);
const SIGN_EVERY: Duration = Duration::from_millis(500);

#[tokio::test(flavor = "multi_thread")]
async fn the_place_of_an_owner_that_shows_no_life_comes_free_and_that_of_a_living_one_is_kept() {
    let surfers = websurfers_that_hear(1, SILENCE).await;
    let (task, other) = (a_task("What does the Trail Mug cost?"), a_task("Which mugs are blue?"));
    surfers.open(&task, 1, 5).await;

    let opened_at = Instant::now();
    while opened_at.elapsed() < 2 * SILENCE {
        assert!(surfers.show_life(&task, 1).await.unwrap());
        tokio::time::sleep(SIGN_EVERY).await;
    }
    assert!(matches!(surfers.open(&other, 1, 6).await, SurfOpened::Busy { .. }));
    // its owner is killed
    let opened = surfers.open_in_turn(&other, 1, 6).await;

    assert!(is_ready(&opened), "{opened:?}");
    surfers.until_open(1).await;
    assert!(matches!(surfers.step(&task, 1, 5).await, Err(BusError::NoResponders { .. })));
    surfers.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_is_cut_off_when_its_owner_shows_no_life_and_goes_on_while_it_does() {
    let surfers = Arc::new(websurfers_that_hear(1, SILENCE).await);
    let (task, other) = (a_task("What does the Trail Mug cost?"), a_task("Which mugs are blue?"));
    surfers.open(&task, 1, 5).await;
    let stepping = tokio::spawn({
        let (surfers, task) = (surfers.clone(), task.clone());
        async move { surfers.step(&task, 1, 5).await }
    });
    tokio::time::timeout(PATIENCE, surfers.behind.asked.notified()).await.expect("the step asks the model");

    let asked_at = Instant::now();
    while asked_at.elapsed() < 2 * SILENCE {
        assert!(surfers.show_life(&task, 1).await.unwrap(), "a step in hand keeps no sign of life waiting");
        tokio::time::sleep(SIGN_EVERY).await;
    }
    stepping.abort();
    let opened = surfers.open_in_turn(&other, 1, 6).await;

    assert!(is_ready(&opened), "{opened:?}");
    surfers.until_open(1).await;
    let _ = stepping.await;
    Arc::into_inner(surfers).unwrap().end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn closing_cuts_a_step_off() {
    let surfers = Arc::new(websurfers(1).await);
    let task = a_task("What does the Trail Mug cost?");
    surfers.open(&task, 1, 5).await;
    let stepping = tokio::spawn({
        let (surfers, task) = (surfers.clone(), task.clone());
        async move { surfers.step(&task, 1, 5).await }
    });
    tokio::time::timeout(PATIENCE, surfers.behind.asked.notified()).await.expect("the step asks the model");

    let subject = names::surf_attempt(&AttemptId { task: task.id.clone(), number: 1 });
    let closed = surfers.ask(&subject, Order::Close(true)).await.unwrap();

    assert_eq!(closed.reply, Some(Reply::Closed(true)));
    surfers.until_open(0).await;
    stepping.abort();
    let _ = stepping.await;
    Arc::into_inner(surfers).unwrap().end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn owners_are_not_blamed_for_a_nats_that_is_away() {
    let surfers = websurfers_that_hear(1, SILENCE).await;
    let task = a_task("What does the Trail Mug cost?");
    surfers.open(&task, 1, 5).await;

    let pid = nix::unistd::Pid::from_raw(surfers.servers.nats.pid() as i32);
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGSTOP).unwrap();
    tokio::time::sleep(3 * SILENCE).await;
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGCONT).unwrap();

    assert!(surfers.show_life(&task, 1).await.unwrap());
    assert_eq!(surfers.behind.open.load(Ordering::SeqCst), 1);
    surfers.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_websurfer_that_is_stopped_says_that_it_is_no_fault_of_the_task() {
    let surfers = websurfers(1).await;
    let task = a_task("What does the Trail Mug cost?");
    surfers.open(&task, 1, 5).await;

    surfers.stop.cancel();
    let said = async {
        while surfers.show_life(&task, 1).await.unwrap() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        surfers.step(&task, 1, 5).await.unwrap()
    };
    let report = tokio::time::timeout(PATIENCE, said).await.unwrap();

    let SurfReport::Failed { kind, .. } = &report else { panic!("{report:?}") };
    assert!(kind.is_outage(), "{report:?}");
    surfers.end().await;
}

//! Leases and fencing over real gRPC. The supply behind the farm is a fake on purpose: what is proved here is who may act when, not
//! what a browser does (the real Chromium is tested where it is driven).
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use async_trait::async_trait;
use bytes::Bytes;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use wayfarer_browser::{BrowserError, BrowserSession, BrowserSupply, Observed, SessionSpec};
use wayfarer_browser_farm::{Farm, FarmOptions, Serving, serve};
use wayfarer_core::action::Effect;
use wayfarer_core::observation::{Scroll, Settle, Viewport};
use wayfarer_core::outcome::EnvFailure;
use wayfarer_core::{Action, AttemptId, BlobHash, Epoch, Observation, RunId, SessionId, TaskRef, TenantId};
use wayfarer_proto::v1;
use wayfarer_proto::v1::FarmStanding;
use wayfarer_proto::v1::browser_farm_client::BrowserFarmClient;
use wayfarer_rpc::document::document;
use wayfarer_rpc::{Board, Endpoints, GrpcBrowserSupply, SupplyOptions};
use wayfarer_telemetry::Readiness;

const PICTURE: &[u8] = b"not really a picture";

/// What happened behind the farm.
#[derive(Default)]
struct Behind {
    made: AtomicUsize,
    open: AtomicUsize,
    acting: AtomicUsize,
    most_acting: AtomicUsize,
    /// `Wait` actions begin here and never end.
    hanging: Notify,
}

struct FakeSupply(Arc<Behind>);

struct FakeSession {
    id: SessionId,
    behind: Arc<Behind>,
}

impl Drop for FakeSession {
    fn drop(&mut self) {
        self.behind.open.fetch_sub(1, Ordering::SeqCst);
    }
}

#[async_trait]
impl BrowserSupply for FakeSupply {
    async fn acquire(&self, _spec: SessionSpec) -> Result<Box<dyn BrowserSession>, BrowserError> {
        let number = self.0.made.fetch_add(1, Ordering::SeqCst);
        self.0.open.fetch_add(1, Ordering::SeqCst);
        Ok(Box::new(FakeSession { id: SessionId::new(format!("fake-{number}")).unwrap(), behind: Arc::clone(&self.0) }))
    }
}

#[async_trait]
impl BrowserSession for FakeSession {
    fn id(&self) -> &SessionId {
        &self.id
    }

    async fn open(&self, url: &str) -> Result<Observed, BrowserError> {
        if url.contains("denied") {
            return Err(BrowserError::environment(EnvFailure::EgressDenied, "denied.test is private"));
        }
        Ok(observed(url))
    }

    async fn observe(&self) -> Result<Observed, BrowserError> {
        Ok(observed("http://now.test/"))
    }

    async fn act(&self, action: &Action) -> Result<Effect, BrowserError> {
        let acting = self.behind.acting.fetch_add(1, Ordering::SeqCst) + 1;
        self.behind.most_acting.fetch_max(acting, Ordering::SeqCst);
        if matches!(action, Action::Wait { .. }) {
            self.behind.hanging.notify_one();
            std::future::pending::<()>().await;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
        self.behind.acting.fetch_sub(1, Ordering::SeqCst);
        Ok(Effect { navigated: true, ..Effect::default() })
    }

    async fn act_and_observe(&self, action: &Action) -> Result<(Effect, Observed), BrowserError> {
        Ok((self.act(action).await?, observed("http://after.test/")))
    }

    async fn file(&self, blob: &BlobHash) -> Result<Option<Bytes>, BrowserError> {
        Ok((*blob == BlobHash::of(PICTURE)).then(|| Bytes::from_static(PICTURE)))
    }

    async fn release(self: Box<Self>) -> Result<(), BrowserError> {
        Ok(())
    }
}

fn observed(url: &str) -> Observed {
    let observation = Observation {
        screenshot: BlobHash::of(PICTURE),
        url: url.into(),
        title: String::new(),
        viewport: Viewport::default(),
        scroll: Scroll::default(),
        marks: Vec::new(),
        forms: Vec::new(),
        focused: None,
        visible_text: "ü".into(),
        state_hash: "s".into(),
        settle: Settle::default(),
    };
    Observed { observation, screenshot: Bytes::from_static(PICTURE) }
}

struct Running {
    farm: Arc<Farm>,
    supply: GrpcBrowserSupply,
    behind: Arc<Behind>,
    address: SocketAddr,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

async fn farm(options: FarmOptions) -> Running {
    let behind = Arc::new(Behind::default());
    let stop = CancellationToken::new();
    let fake = Arc::new(FakeSupply(Arc::clone(&behind)));
    let listen = "127.0.0.1:0".parse().unwrap();
    let Serving { address, task, farm } = serve(fake, options, listen, Readiness::default(), stop.clone()).await.unwrap();
    let options = SupplyOptions { acquire_wait: Duration::from_millis(50), call_timeout: Duration::from_secs(20) };
    Running { supply: GrpcBrowserSupply::new(Endpoints::fixed([address.to_string()]), options), farm, behind, address, stop, task }
}

async fn client(address: SocketAddr) -> BrowserFarmClient<tonic::transport::Channel> {
    let endpoint = tonic::transport::Endpoint::from_shared(format!("http://{address}")).unwrap();
    BrowserFarmClient::new(endpoint.connect().await.unwrap())
}

/// For an attempt (`<task>-a<number>`) of a run, by the owner that opened it.
fn spec(attempt: &str, epoch: u64) -> SessionSpec {
    let task = attempt.parse::<AttemptId>().unwrap().task;
    SessionSpec {
        task: Some(TaskRef { tenant: TenantId::default(), run: RunId::new("run-1").unwrap(), task }),
        epoch: Epoch(epoch),
        ..SessionSpec::new(TenantId::default(), attempt)
    }
}

fn click() -> Action {
    Action::HistoryBack
}

fn hang() -> Action {
    Action::Wait { seconds: 9.0 }
}

fn is_lost(error: &BrowserError) -> bool {
    matches!(error, BrowserError::Environment { kind: EnvFailure::LeaseLost, .. })
}

#[tokio::test]
async fn a_session_opens_acts_observes_and_is_given_back() {
    let farm = farm(FarmOptions::default()).await;
    let session = farm.supply.acquire(spec("task-a1", 1)).await.unwrap();

    let opened = session.open("http://shop.test/").await.unwrap();
    let denied = session.open("http://denied.test/").await.unwrap_err();
    let effect = session.act(&click()).await.unwrap();
    let (_, after) = session.act_and_observe(&click()).await.unwrap();
    assert_eq!(session.file(&BlobHash::of(PICTURE)).await.unwrap().unwrap(), PICTURE);
    assert_eq!(session.file(&BlobHash::of(b"other")).await.unwrap(), None);

    assert_eq!((opened.observation.url.as_str(), opened.screenshot.as_ref()), ("http://shop.test/", PICTURE));
    assert_eq!(denied, BrowserError::environment(EnvFailure::EgressDenied, "denied.test is private"));
    assert!(effect.navigated);
    assert_eq!(after, observed("http://after.test/"));
    let listed = client(farm.address).await.list(v1::ListSessionsRequest {}).await.unwrap().into_inner();
    assert_eq!((listed.sessions.len(), listed.sessions[0].attempt.as_str(), listed.capacity), (1, "task-a1", 4));

    session.release().await.unwrap();

    assert_eq!(farm.behind.open.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn calls_on_one_session_run_one_after_another() {
    let farm = farm(FarmOptions::default()).await;
    let session = farm.supply.acquire(spec("task-a1", 1)).await.unwrap();

    let (one, two, three) = (click(), click(), click());
    let all = tokio::join!(session.act(&one), session.act(&two), session.act(&three));

    assert!(all.0.is_ok() && all.1.is_ok() && all.2.is_ok());
    assert_eq!(farm.behind.most_acting.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_full_farm_is_busy_until_a_session_is_given_back_or_dropped() {
    let farm = farm(FarmOptions { max_sessions: 1, ..FarmOptions::default() }).await;
    let first = farm.supply.acquire(spec("one-a1", 1)).await.unwrap();

    let busy = farm.supply.acquire(spec("two-a1", 1)).await.err().unwrap();
    assert!(matches!(busy, BrowserError::Busy { retry_after_ms } if retry_after_ms > 0), "{busy}");

    let patient = SupplyOptions { acquire_wait: Duration::from_secs(10), ..SupplyOptions::default() };
    let patient = GrpcBrowserSupply::new(Endpoints::fixed([farm.address.to_string()]), patient);
    let (second, ()) = tokio::join!(patient.acquire(spec("two-a1", 1)), async { drop(first) });
    second.unwrap().release().await.unwrap();
}

#[tokio::test]
async fn a_lease_lives_as_long_as_it_is_renewed_and_no_longer() {
    let farm = farm(FarmOptions { lease: Duration::from_secs(3), ..FarmOptions::default() }).await;
    let renewed = farm.supply.acquire(spec("renewed-a1", 1)).await.unwrap();
    let mut raw = client(farm.address).await;
    let request = v1::AcquireRequest { spec: Some(document(&spec("silent-a1", 1)).unwrap()), wait_ms: 0 };
    let silent = raw.acquire(request).await.unwrap().into_inner();

    // the renewed one began earlier: without renewal it would be the first to end
    let ended = async {
        while farm.behind.open.load(Ordering::SeqCst) == 2 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(40), ended).await.expect("a lease that nobody renews ends");

    renewed.observe().await.unwrap();
    assert_eq!(farm.behind.open.load(Ordering::SeqCst), 1);
    let late = raw.observe(v1::SessionRef { session: silent.session.clone(), token: silent.token }).await.unwrap_err();
    assert_eq!(late.code(), tonic::Code::FailedPrecondition);
    assert!(late.message().contains("not renewed"), "{late}");
    let renew = raw.renew(v1::SessionRef { session: silent.session, token: silent.token }).await.unwrap_err();
    assert_eq!(renew.code(), tonic::Code::FailedPrecondition);
}

#[tokio::test]
async fn a_session_ends_after_its_longest_life_however_often_it_is_renewed() {
    let farm = farm(FarmOptions { lease: Duration::from_secs(60), ..FarmOptions::default() }).await;
    let spec = SessionSpec { longest_life: Some(Duration::from_millis(700)), ..spec("task-a1", 1) };
    let changed = farm.farm.changed();
    // its client renews it every 200 ms, for its end is near
    let session = farm.supply.acquire(spec).await.unwrap();
    changed.await;
    let ended = farm.farm.changed();
    let listed = client(farm.address).await.list(v1::ListSessionsRequest {}).await.unwrap().into_inner().sessions.remove(0);
    assert!(listed.expires_unix_ms - listed.began_unix_ms <= 701, "{listed:?}");
    assert_eq!((listed.epoch, listed.priority.as_str()), (1, "batch"));

    tokio::time::timeout(Duration::from_secs(20), ended).await.expect("it ends by itself");

    let late = session.observe().await.unwrap_err();
    assert!(is_lost(&late) && late.to_string().contains("longest life"), "{late}");
}

#[tokio::test]
async fn a_tenant_that_asks_often_does_not_keep_another_from_its_turn() {
    let farm = farm(FarmOptions { max_sessions: 2, ..FarmOptions::default() }).await;
    let patient = SupplyOptions { acquire_wait: Duration::from_secs(20), ..SupplyOptions::default() };
    let patient = Arc::new(GrpcBrowserSupply::new(Endpoints::fixed([farm.address.to_string()]), patient));
    let (served, mut order) = tokio::sync::mpsc::unbounded_channel();
    let ask = |tenant: &'static str, attempt: String| {
        let (supply, served) = (Arc::clone(&patient), served.clone());
        tokio::spawn(async move {
            let session = supply.acquire(SessionSpec::new(TenantId::new(tenant).unwrap(), attempt)).await.unwrap();
            served.send(tenant).unwrap();
            session.observe().await.unwrap();
            session
        })
    };
    let held = [ask("loud", "loud-0".into()).await.unwrap(), ask("loud", "loud-1".into()).await.unwrap()];
    let mut asked: Vec<_> = (2..6).map(|number| ask("loud", format!("loud-{number}"))).collect();
    in_line(&farm, 4).await;
    asked.push(ask("quiet", "quiet-0".into()));
    in_line(&farm, 5).await;

    for session in held {
        session.release().await.unwrap();
    }
    let mut turns = Vec::new();
    for _ in 0..4 {
        turns.push(order.recv().await.unwrap());
    }
    // one place was free while `loud` still held the other
    assert_eq!(turns[2..], ["quiet", "loud"]);
}

async fn in_line(farm: &Running, callers: usize) {
    while farm.farm.standing().waiting < callers {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn a_newer_owner_of_the_task_cuts_the_older_one_off_at_once() {
    let farm = farm(FarmOptions { max_sessions: 1, ..FarmOptions::default() }).await;
    let older: Arc<dyn BrowserSession> = Arc::from(farm.supply.acquire(spec("task-a1", 7)).await.unwrap());
    let acting = tokio::spawn({
        let older = Arc::clone(&older);
        async move { older.act(&hang()).await }
    });
    farm.behind.hanging.notified().await;

    // although the farm has one place only: the older owner's becomes free
    let newer = farm.supply.acquire(spec("task-a2", 8)).await.unwrap();

    assert_eq!(acting.await.unwrap(), Err(BrowserError::Fenced));
    assert_eq!(older.observe().await, Err(BrowserError::Fenced));
    assert_eq!(older.act(&click()).await, Err(BrowserError::Fenced));
    newer.observe().await.unwrap();

    newer.release().await.unwrap();
    // the newer one is remembered after it is gone
    assert_eq!(farm.supply.acquire(spec("task-a1", 7)).await.err(), Some(BrowserError::Fenced));
    let other_run = SessionSpec {
        task: spec("task-a1", 7).task.map(|task| TaskRef { run: RunId::new("run-2").unwrap(), ..task }),
        ..spec("task-a1", 7)
    };
    farm.supply.acquire(other_run).await.unwrap().release().await.unwrap();
    let proposal = SessionSpec { task: None, epoch: Epoch(0), ..spec("task-a1", 0) };
    farm.supply.acquire(proposal).await.unwrap().release().await.unwrap();
    farm.supply.acquire(spec("task-a2", 8)).await.unwrap();
}

#[tokio::test]
async fn a_wrong_token_neither_acts_nor_releases() {
    let farm = farm(FarmOptions::default()).await;
    let mut raw = client(farm.address).await;
    let request = v1::AcquireRequest { spec: Some(document(&spec("task-a1", 1)).unwrap()), wait_ms: 0 };
    let lease = raw.acquire(request).await.unwrap().into_inner();
    let forged = v1::SessionRef { session: lease.session.clone(), token: lease.token - 1 };

    assert_eq!(raw.observe(forged.clone()).await.unwrap_err().code(), tonic::Code::FailedPrecondition);
    raw.release(forged).await.unwrap();

    let own = v1::SessionRef { session: lease.session, token: lease.token };
    raw.observe(own.clone()).await.unwrap();
    raw.release(own.clone()).await.unwrap();
    raw.release(own).await.unwrap();
    assert_eq!(farm.behind.open.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_draining_farm_lets_owners_finish_and_then_ends_what_is_left() {
    let farm = farm(FarmOptions { drain: Duration::from_secs(5), ..FarmOptions::default() }).await;
    let polite = farm.supply.acquire(spec("polite-a1", 1)).await.unwrap();
    let stuck = farm.supply.acquire(spec("stuck-a1", 1)).await.unwrap();

    farm.stop.cancel();
    while farm.supply.acquire(spec("late-a1", 1)).await.is_ok() {
        tokio::task::yield_now().await;
    }
    polite.act(&click()).await.unwrap();
    polite.release().await.unwrap();
    farm.task.await.unwrap();

    assert_eq!(farm.behind.open.load(Ordering::SeqCst), 0);
    let gone = stuck.observe().await.unwrap_err();
    assert!(is_lost(&gone), "{gone}");
    let none = farm.supply.acquire(spec("later-a1", 1)).await.err().unwrap();
    assert!(matches!(none, BrowserError::Environment { kind: EnvFailure::NoBrowser, .. }), "{none}");
}

#[tokio::test]
async fn a_second_farm_takes_what_the_first_cannot() {
    let full = farm(FarmOptions { max_sessions: 1, ..FarmOptions::default() }).await;
    let free = farm(FarmOptions { max_sessions: 2, ..FarmOptions::default() }).await;
    let gone = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let addresses = [gone, full.address, free.address].map(|address| address.to_string());
    let supply = GrpcBrowserSupply::new(Endpoints::fixed(addresses), SupplyOptions::default());

    let mut held = Vec::new();
    for number in 0..3 {
        held.push(supply.acquire(spec(&format!("task-{number}-a1"), 1)).await.unwrap());
    }

    assert_eq!((full.behind.open.load(Ordering::SeqCst), free.behind.open.load(Ordering::SeqCst)), (1, 2));
}

#[tokio::test]
async fn the_board_says_which_farm_is_asked_and_a_farm_says_how_it_stands() {
    let (one, other) = (farm(FarmOptions::default()).await, farm(FarmOptions { max_sessions: 2, ..FarmOptions::default() }).await);
    let board = Arc::new(Board::default());
    let addresses = [one.address, other.address].map(|address| address.to_string());
    let supply = GrpcBrowserSupply::new(Endpoints::fixed(addresses), SupplyOptions::default()).with_board(Arc::clone(&board));
    let word = |farm: &Running, draining| FarmStanding {
        address: farm.address.to_string(),
        free: farm.farm.standing().free as u32,
        draining,
        ..FarmStanding::default()
    };

    board.hear(word(&one, true));
    board.hear(word(&other, false));
    let changed = other.farm.changed();
    let mut held = Vec::new();
    for number in 0..2 {
        held.push(supply.acquire(spec(&format!("task-{number}-a1"), 1)).await.unwrap());
    }
    assert_eq!((one.behind.open.load(Ordering::SeqCst), other.behind.open.load(Ordering::SeqCst)), (0, 2));
    tokio::time::timeout(Duration::from_secs(20), changed).await.expect("a farm tells when its leases change");

    let standing = other.farm.standing();
    assert_eq!((standing.capacity, standing.free, standing.draining), (2, 0, false));
    assert!(standing.memory_free_mib.unwrap() > 0);
    board.hear(word(&other, false));
    // whoever drains is asked last, and it is not draining really: better than nothing
    held.push(supply.acquire(spec("task-3-a1", 1)).await.unwrap());
    assert_eq!(one.behind.open.load(Ordering::SeqCst), 1);
}

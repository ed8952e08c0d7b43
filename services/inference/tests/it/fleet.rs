//! Several engines behind one pool, as real HTTP servers that hang, die, refuse and come back.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use wayfarer_chat::{ChatReply, ChatRequest, Live, Message, Model, ModelError, Part, Priority, Scope, Speaker};
use wayfarer_config::Inference;
use wayfarer_core::prompt::ModelRole;
use wayfarer_core::{AttemptId, RunId, TaskId, TenantId};
use wayfarer_inference::{Pool, serve};
use wayfarer_rpc::{Endpoints, GrpcModel};
use wayfarer_telemetry::Readiness;

/// How long something that must come may take on a busy machine; far less than a call may take (the pool's own bound is two minutes).
const PATIENCE: Duration = Duration::from_secs(40);

/// What an engine does, and what it met.
#[derive(Default)]
struct Engine {
    name: String,
    hangs: AtomicBool,
    is_full: AtomicBool,
    fails_once: AtomicBool,
    /// Answers wait for [`Engine::go`].
    waits: AtomicBool,
    go: Notify,
    met: AtomicUsize,
    answered: AtomicUsize,
    canaries: AtomicUsize,
    /// Calls that were dropped before they were answered.
    abandoned: AtomicUsize,
    /// Who was answered, in order.
    order: Mutex<Vec<String>>,
}

/// Counts a call as abandoned unless it was answered.
struct Call<'a>(&'a Engine, bool);

impl Drop for Call<'_> {
    fn drop(&mut self) {
        if !self.1 {
            self.0.abandoned.fetch_add(1, Ordering::SeqCst);
        }
    }
}

async fn completions(State(engine): State<Arc<Engine>>, Json(body): Json<Value>) -> Response {
    let text = body["messages"][0]["content"].as_str().unwrap_or("canary").to_owned();
    let mut call = Call(&engine, false);
    if text != "canary" {
        engine.met.fetch_add(1, Ordering::SeqCst);
    }
    if engine.hangs.load(Ordering::SeqCst) {
        std::future::pending::<()>().await;
    }
    if text == "canary" {
        engine.canaries.fetch_add(1, Ordering::SeqCst);
    } else if engine.fails_once.swap(false, Ordering::SeqCst) {
        call.1 = true;
        return (StatusCode::INTERNAL_SERVER_ERROR, "once").into_response();
    } else if engine.is_full.load(Ordering::SeqCst) {
        call.1 = true;
        return (StatusCode::TOO_MANY_REQUESTS, [("retry-after", "7")], "full").into_response();
    } else {
        if engine.waits.load(Ordering::SeqCst) {
            engine.go.notified().await;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
        engine.answered.fetch_add(1, Ordering::SeqCst);
        engine.order.lock().unwrap().push(text);
    }
    call.1 = true;
    Json(json!({
        "choices": [{"message": {"content": engine.name}}], "usage": {"prompt_tokens": 100, "completion_tokens": 10}
    }))
    .into_response()
}

/// A running engine.
struct Served {
    engine: Arc<Engine>,
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl Served {
    async fn start(name: &str) -> Self {
        Self::at(name, "127.0.0.1:0".parse().unwrap()).await
    }

    async fn at(name: &str, address: SocketAddr) -> Self {
        let engine = Arc::new(Engine { name: name.into(), ..Engine::default() });
        let router = Router::new()
            .route("/v1/chat/completions", post(completions))
            // it always says that it is well
            .route("/health", get(|| async { "ok" }))
            .with_state(Arc::clone(&engine));
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.set_reuseaddr(true).unwrap();
        socket.bind(address).unwrap();
        let listener = socket.listen(128).unwrap();
        let address = listener.local_addr().unwrap();
        // a task of its own for every connection ends with this one
        let task = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { engine, address, task }
    }

    fn url(&self) -> String {
        format!("http://{}/v1", self.address)
    }
}

fn pool(engines: &[&Served], max_in_flight: usize) -> Pool {
    let (first, others) = engines.split_first().unwrap();
    let config = Inference {
        base_url: first.url(),
        replicas: others.iter().map(|engine| engine.url()).collect(),
        model: "m".into(),
        max_in_flight,
        ..Inference::default()
    };
    Pool::from_config(&config, |_| None).unwrap()
}

fn question(tenant: &str, session: &str) -> ChatRequest {
    let task = TaskId::new(session).unwrap();
    let attempt = AttemptId { task: task.clone(), number: 1 };
    ChatRequest {
        scope: Scope {
            tenant: TenantId::new(tenant).unwrap(),
            run: RunId::new("run").unwrap(),
            task: Some(task),
            attempt: Some(attempt),
            step: 1,
        },
        role: ModelRole::Native,
        messages: vec![Message { speaker: Speaker::User, parts: vec![Part::Text(format!("{tenant}/{session}"))] }],
        schema: None,
        max_tokens: 10,
        temperature: 0.0,
        stop: Vec::new(),
        extra: Default::default(),
        priority: Priority::Batch,
    }
}

fn ask(pool: &Pool, tenant: &str, session: &str) -> JoinHandle<Result<ChatReply, ModelError>> {
    let (pool, question) = (pool.clone(), question(tenant, session));
    tokio::spawn(async move { pool.generate(question).await })
}

async fn within<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, work).await.expect("it comes")
}

async fn eventually(what: &str, holds: impl Fn() -> bool) {
    let looking = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    assert!(tokio::time::timeout(PATIENCE, looking).await.is_ok(), "waited for {what}");
}

#[tokio::test]
async fn calls_of_an_engine_that_hangs_behind_a_healthy_page_move_and_it_comes_back_by_answering() {
    let (good, bad) = (Served::start("good").await, Served::start("bad").await);
    bad.engine.hangs.store(true, Ordering::SeqCst);
    let pool = pool(&[&good, &bad], 4);

    let calls: Vec<_> = (0..12).map(|number| ask(&pool, "t", &format!("s{number}"))).collect();
    for call in calls {
        assert_eq!(within(call).await.unwrap().unwrap().text, "good");
    }
    assert!(bad.engine.abandoned.load(Ordering::SeqCst) >= 4, "what it had was taken from it");

    bad.engine.hangs.store(false, Ordering::SeqCst);
    eventually("a canary to be answered", || bad.engine.canaries.load(Ordering::SeqCst) > 0).await;
    let comes_back = async {
        let mut number = 100;
        while bad.engine.answered.load(Ordering::SeqCst) == 0 {
            let calls: Vec<_> = (0..8).map(|more| ask(&pool, "t", &format!("s{}", number + more))).collect();
            for call in calls {
                call.await.unwrap().unwrap();
            }
            number += 8;
        }
    };
    within(comes_back).await;
}

#[tokio::test]
async fn no_call_is_lost_when_an_engine_dies() {
    let (good, bad) = (Served::start("good").await, Served::start("bad").await);
    let pool = pool(&[&good, &bad], 8);
    for engine in [&good, &bad] {
        engine.engine.waits.store(true, Ordering::SeqCst);
    }
    let calls: Vec<_> = (0..30).map(|number| ask(&pool, "t", &format!("s{number}"))).collect();
    eventually("both to be busy", || [&good, &bad].iter().all(|engine| engine.engine.met.load(Ordering::SeqCst) == 8)).await;
    bad.task.abort();
    // connections that are open have tasks of their own: they are as dead as a machine without power
    bad.engine.hangs.store(true, Ordering::SeqCst);
    good.engine.waits.store(false, Ordering::SeqCst);
    let going = tokio::spawn({
        let engine = Arc::clone(&good.engine);
        async move {
            loop {
                engine.go.notify_waiters();
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    });
    for call in calls {
        assert_eq!(within(call).await.unwrap().unwrap().text, "good");
    }
    going.abort();
}

#[tokio::test]
async fn the_last_engine_that_answers_is_asked_again() {
    let (shaky, dead) = (Served::start("shaky").await, Served::start("dead").await);
    let pool = pool(&[&shaky, &dead], 4);
    dead.engine.hangs.store(true, Ordering::SeqCst);
    within(ask(&pool, "t", "s1")).await.unwrap().unwrap();
    // the first canary that it did not answer put it out
    eventually("two canaries to be given up", || dead.engine.abandoned.load(Ordering::SeqCst) >= 2).await;
    shaky.engine.fails_once.store(true, Ordering::SeqCst);
    assert_eq!(within(ask(&pool, "t", "s3")).await.unwrap().unwrap().text, "shaky");
}

#[tokio::test]
async fn a_session_stays_with_its_engine() {
    let (one, two) = (Served::start("one").await, Served::start("two").await);
    let pool = pool(&[&one, &two], 4);
    let sessions: Vec<_> = (0..8)
        .map(|number| {
            let pool = pool.clone();
            tokio::spawn(async move {
                let mut homes = BTreeSet::new();
                for _ in 0..6 {
                    homes.insert(pool.generate(question("t", &format!("s{number}"))).await.unwrap().text);
                }
                homes
            })
        })
        .collect();
    let mut used = BTreeSet::new();
    for session in sessions {
        let homes = within(session).await.unwrap();
        assert_eq!(homes.len(), 1, "{homes:?}");
        used.extend(homes);
    }
    assert_eq!(used.len(), 2, "both engines have sessions");
}

#[tokio::test]
async fn a_quiet_tenant_does_not_wait_for_a_noisy_one() {
    let only = Served::start("only").await;
    only.engine.waits.store(true, Ordering::SeqCst);
    let pool = pool(&[&only], 1);
    let noisy: Vec<_> = (0..20).map(|number| ask(&pool, "noisy", &format!("n{number}"))).collect();
    // one place, held by the noisy tenant: both have calls in the line when it comes free
    eventually("the line to be long", || pool.waiting() == 19).await;
    let quiet = ask(&pool, "quiet", "q");
    eventually("everybody to be in it", || pool.waiting() == 20).await;
    only.engine.waits.store(false, Ordering::SeqCst);
    only.engine.go.notify_waiters();
    only.engine.go.notify_one();
    within(quiet).await.unwrap().unwrap();
    let before = only.engine.order.lock().unwrap().iter().position(|who| who == "quiet/q").unwrap();
    assert!(before <= 3, "{before} calls of the noisy tenant came first");
    for call in noisy {
        within(call).await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn a_full_engine_is_given_less_and_a_full_pool_says_when_to_come_back() {
    let (good, full) = (Served::start("good").await, Served::start("full").await);
    full.engine.is_full.store(true, Ordering::SeqCst);
    let pool_of_two = pool(&[&good, &full], 2);
    for number in 0..10 {
        assert_eq!(within(ask(&pool_of_two, "t", &format!("s{number}"))).await.unwrap().unwrap().text, "good");
    }

    let only = Served::start("only").await;
    only.engine.waits.store(true, Ordering::SeqCst);
    let small = pool(&[&only], 1);
    let calls: Vec<_> = (0..80).map(|number| ask(&small, "t", &format!("s{number}"))).collect();
    // one has the place, 64 wait for it, and the others are told when to come back
    eventually("the line to be full", || calls.iter().filter(|call| call.is_finished()).count() == 15).await;
    assert_eq!(small.waiting(), 64);
    let (refused, waiting): (Vec<_>, Vec<_>) = calls.into_iter().partition(JoinHandle::is_finished);
    for call in refused {
        let refused = call.await.unwrap().unwrap_err();
        assert!(matches!(refused, ModelError::Busy { retry_after_ms } if retry_after_ms > 0), "{refused:?}");
    }
    // whoever goes away leaves the engine and the line
    waiting.iter().for_each(JoinHandle::abort);
    eventually("the engine to hear of it", || only.engine.abandoned.load(Ordering::SeqCst) >= 1).await;
    assert_eq!(small.waiting(), 0);
    only.engine.waits.store(false, Ordering::SeqCst);
    assert_eq!(within(ask(&small, "t", "last")).await.unwrap().unwrap().text, "only");
}

#[tokio::test]
async fn a_live_call_over_grpc_does_not_wait_for_a_campaign() {
    let only = Served::start("only").await;
    only.engine.waits.store(true, Ordering::SeqCst);
    let pool = pool(&[&only], 1);
    let (stop, ready) = (CancellationToken::new(), Readiness::new("inference", Vec::new()));
    let (address, _) = serve(pool.clone(), "127.0.0.1:0".parse().unwrap(), ready, stop).await.unwrap();
    let campaign: Arc<dyn Model> = Arc::new(GrpcModel::new(Endpoints::fixed([address.to_string()]), PATIENCE));
    let ask = |model: Arc<dyn Model>, session: String| {
        let question = question("t", &session);
        tokio::spawn(async move { model.generate(question).await })
    };
    let calls: Vec<_> = (0..10).map(|number| ask(Arc::clone(&campaign), format!("n{number}"))).collect();
    eventually("the campaign to wait", || pool.waiting() == 9).await;

    let live = ask(Arc::new(Live::new(campaign)), "live".into());
    eventually("the live call to wait", || pool.waiting() == 10).await;
    only.engine.waits.store(false, Ordering::SeqCst);
    only.engine.go.notify_waiters();
    only.engine.go.notify_one();

    within(live).await.unwrap().unwrap();
    for call in calls {
        within(call).await.unwrap().unwrap();
    }
    // the one that had the place, and then it
    assert_eq!(only.engine.order.lock().unwrap().iter().position(|who| who == "t/live"), Some(1));
}

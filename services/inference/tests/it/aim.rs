//! The coordinate canary of the pool: real HTTP engines that click where they mean to, or do not.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use wayfarer_actor_native::canary::TARGET;
use wayfarer_actor_native::{Profile, Prompts};
use wayfarer_chat::{ChatReply, ChatRequest, Message, Model, ModelError, Part, Priority, Scope, Speaker};
use wayfarer_config::Inference;
use wayfarer_core::prompt::ModelRole;
use wayfarer_core::{RunId, TenantId};
use wayfarer_inference::{AimOptions, OnMiss, Pool};

/// How long something that must come may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);
/// Between two looks, and at least between two showings.
const SOON: Duration = Duration::from_millis(20);

/// How an engine clicks, what it says that it is, and what it met.
struct Engine {
    name: &'static str,
    scale: Mutex<(f64, f64)>,
    root: Mutex<&'static str>,
    fingerprint: Mutex<&'static str>,
    is_away: AtomicBool,
    pages: AtomicUsize,
    looks: AtomicUsize,
}

impl Engine {
    fn say(&self, scale: (f64, f64)) {
        *self.scale.lock().unwrap() = scale;
    }

    fn pages(&self) -> usize {
        self.pages.load(Ordering::SeqCst)
    }

    fn looks(&self) -> usize {
        self.looks.load(Ordering::SeqCst)
    }
}

/// Pixels of the picture, as Fara-7B is trained.
const RIGHT: (f64, f64) = (1.0, 1.0);
/// A grid of a thousand in their place.
const GRID: (f64, f64) = (1000.0 / 1428.0, 1000.0 / 896.0);

/// Clicks the middle of the red square, on its own scale; says its name where there is none.
async fn completions(State(engine): State<Arc<Engine>>, Json(body): Json<Value>) -> Response {
    if engine.is_away.load(Ordering::SeqCst) {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    let messages = body["messages"].as_array().unwrap();
    let picture = messages.last().unwrap()["content"][0]["image_url"]["url"].as_str().and_then(|url| url.split_once("base64,"));
    let square = picture.and_then(|(_, data)| {
        let picture = wayfarer_pixels::decode_png(&BASE64_STANDARD.decode(data).unwrap()).unwrap();
        let red: Vec<(u32, u32)> = picture.enumerate_pixels().filter(|(_, _, pixel)| pixel.0 == TARGET).map(|(x, y, _)| (x, y)).collect();
        Some((*red.first()?, *red.last()?))
    });
    let text = match square {
        None => engine.name.to_owned(),
        Some(((left, top), (right, bottom))) => {
            engine.pages.fetch_add(1, Ordering::SeqCst);
            let (across, down) = *engine.scale.lock().unwrap();
            let at = [f64::from(left + right) / 2.0 * across, f64::from(top + bottom) / 2.0 * down];
            let call = json!({"name": "computer_use", "arguments": {"action": "left_click", "coordinate": at}});
            format!("There.\n<tool_call>\n{call}\n</tool_call>")
        }
    };
    Json(json!({
        "model": "fara", "system_fingerprint": *engine.fingerprint.lock().unwrap(),
        "choices": [{"message": {"content": text}}], "usage": {"prompt_tokens": 100, "completion_tokens": 10},
    }))
    .into_response()
}

async fn models(State(engine): State<Arc<Engine>>) -> Response {
    let looks = engine.looks.fetch_add(1, Ordering::SeqCst);
    if engine.is_away.load(Ordering::SeqCst) {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    // as vLLM does: each list is of its own time
    Json(json!({"data": [{"id": "fara", "root": *engine.root.lock().unwrap(), "created": looks, "object": "model"}]})).into_response()
}

async fn engine(name: &'static str, scale: (f64, f64)) -> (Arc<Engine>, String) {
    let engine = Arc::new(Engine {
        name,
        scale: Mutex::new(scale),
        root: Mutex::new("org/fara"),
        fingerprint: Mutex::new("fp-1"),
        is_away: AtomicBool::new(false),
        pages: AtomicUsize::new(0),
        looks: AtomicUsize::new(0),
    });
    let router = Router::new()
        .route("/v1/chat/completions", post(completions))
        .route("/v1/models", get(models))
        .layer(axum::extract::DefaultBodyLimit::disable())
        .with_state(Arc::clone(&engine));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base_url = format!("http://{}/v1", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    (engine, base_url)
}

fn pool(urls: &[&str], on_miss: OnMiss) -> Pool {
    let replicas = urls[1..].iter().map(ToString::to_string).collect();
    let config = Inference { base_url: urls[0].into(), replicas, model: "fara".into(), retries: 0, ..Inference::default() };
    let pool = Pool::from_config(&config, |_| None).unwrap();
    let options = AimOptions::new(Profile::named("fara-7b").unwrap(), Prompts::ours("fara-7b"), on_miss);
    pool.watch_aim(AimOptions { look_every: SOON, pause: SOON, ..options });
    pool
}

async fn ask(pool: &Pool, role: ModelRole) -> Result<ChatReply, ModelError> {
    let scope = Scope { tenant: TenantId::default(), run: RunId::new("run-1").unwrap(), task: None, attempt: None, step: 0 };
    let messages = vec![Message { speaker: Speaker::User, parts: vec![Part::Text("next?".into())] }];
    let (schema, stop, extra) = (None, Vec::new(), serde_json::Map::new());
    pool.generate(ChatRequest { scope, role, messages, schema, max_tokens: 8, temperature: 0.0, stop, extra, priority: Priority::Batch })
        .await
}

async fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let wait = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, wait).await.unwrap_or_else(|_| panic!("waited in vain for {what}"));
}

#[tokio::test]
async fn who_misses_is_reported_with_its_scale_and_still_used() {
    let ((good, good_url), (off, off_url)) = (engine("good", RIGHT).await, engine("off", GRID).await);
    let of_good = pool(&[&good_url], OnMiss::Report);
    let of_off = pool(&[&off_url], OnMiss::Report);

    eventually("the miss to be told", || !of_off.misses().is_empty()).await;
    eventually("all pages to be shown", || good.pages() == 3 && off.pages() >= 3).await;
    let (who, told) = of_off.misses().into_iter().next().unwrap();
    assert_eq!(who.trim_end_matches('/'), off_url);
    assert!(told.contains("0 of 3 targets") && told.contains("one scale (0.70 across"), "{told}");
    assert_eq!(ask(&of_off, ModelRole::Native).await.unwrap().text, "off");

    // who has passed is looked at, and not asked again
    let looks = good.looks();
    eventually("it to be looked at some more", || good.looks() >= looks + 5).await;
    assert_eq!((good.pages(), of_good.misses().len()), (3, 0));
}

#[tokio::test]
async fn who_misses_gets_no_native_call_until_it_passes_if_that_is_wanted() {
    let (off, url) = engine("off", GRID).await;
    let pool = pool(&[&url], OnMiss::Refuse);
    eventually("the miss to be told", || !pool.misses().is_empty()).await;

    let refused = loop {
        // the log has it a moment before the line
        match ask(&pool, ModelRole::Native).await {
            Ok(_) => tokio::time::sleep(SOON).await,
            Err(error) => break error,
        }
    };
    assert!(matches!(&refused, ModelError::Down { why, .. } if why.contains("inference.canary")) && refused.is_outage(), "{refused:?}");
    assert_eq!(ask(&pool, ModelRole::Surf).await.unwrap().text, "off", "what does not click is not refused");

    off.say(RIGHT);
    eventually("it to pass", || pool.misses().is_empty()).await;
    let answered = async {
        while ask(&pool, ModelRole::Native).await.is_err() {
            tokio::time::sleep(SOON).await;
        }
    };
    tokio::time::timeout(PATIENCE, answered).await.unwrap();
}

#[tokio::test]
async fn native_calls_go_to_the_engine_that_clicks_right() {
    let ((_good, good_url), (_off, off_url)) = (engine("good", RIGHT).await, engine("off", GRID).await);
    let pool = pool(&[&off_url, &good_url], OnMiss::Refuse);
    eventually("the miss to be told", || !pool.misses().is_empty()).await;

    // from the first refusal on, all of them
    let mut in_a_row = 0;
    let settled = async {
        while in_a_row < 20 {
            in_a_row = if ask(&pool, ModelRole::Native).await.unwrap().text == "good" { in_a_row + 1 } else { 0 };
        }
    };
    tokio::time::timeout(PATIENCE, settled).await.unwrap();
    let mut met = std::collections::BTreeSet::new();
    let both = async {
        while met.len() < 2 {
            met.insert(ask(&pool, ModelRole::Surf).await.unwrap().text);
        }
    };
    tokio::time::timeout(PATIENCE, both).await.expect("what does not click goes to both");
}

#[tokio::test]
async fn another_model_behind_the_same_name_is_asked_again() {
    let (engine, url) = engine("fara", RIGHT).await;
    let pool = pool(&[&url], OnMiss::Report);
    eventually("three pages to be shown", || engine.pages() == 3).await;

    // a reply says it first
    engine.say(GRID);
    *engine.fingerprint.lock().unwrap() = "fp-2";
    ask(&pool, ModelRole::Native).await.unwrap();
    eventually("the miss to be told", || !pool.misses().is_empty()).await;

    // the list of models says it, without any call
    engine.say(RIGHT);
    eventually("it to pass", || pool.misses().is_empty()).await;
    engine.say(GRID);
    *engine.root.lock().unwrap() = "org/fara-quantised";
    eventually("the miss to be told again", || !pool.misses().is_empty()).await;
}

#[tokio::test]
async fn who_was_away_is_asked_again() {
    let (engine, url) = engine("fara", RIGHT).await;
    engine.is_away.store(true, Ordering::SeqCst);
    let pool = pool(&[&url], OnMiss::Report);
    eventually("it to be looked for", || engine.looks() >= 3).await;
    assert_eq!((engine.pages(), pool.misses().len()), (0, 0), "who is away misses nothing");

    engine.is_away.store(false, Ordering::SeqCst);
    eventually("three pages to be shown", || engine.pages() == 3).await;
    engine.is_away.store(true, Ordering::SeqCst);
    let looks = engine.looks();
    eventually("it to be missed", || engine.looks() >= looks + 2).await;
    engine.say(GRID);
    engine.is_away.store(false, Ordering::SeqCst);
    eventually("the miss to be told", || pool.misses().values().any(|told| told.contains("0 of 3 targets"))).await;
}

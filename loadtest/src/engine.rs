//! A stand-in for an inference engine: real HTTP, and service times that follow from tokens. What is measured with it is the pool; what it says
//! of caches is a simulation and is called so.

use anyhow::Result;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use serde_json::{Value, json};
use std::collections::{HashMap, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio::sync::Semaphore;

/// Tokens of a screenshot as Fara sees it, and characters of text for each token.
const TOKENS_PER_PICTURE: u64 = 1632;
const CHARACTERS_PER_TOKEN: u64 = 4;
/// Tokens that are generated for every call: what Fara says in a step (spec/faragen.md D.4).
pub(crate) const REPLY_TOKENS: u64 = 67;

/// How an engine works.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Work {
    /// Whatever a call holds, it takes this long.
    pub(crate) fixed: Duration,
    /// A token that has to be read takes this long; zero leaves calls unread.
    pub(crate) per_token: Duration,
    /// Calls at the same time.
    pub(crate) places: usize,
    /// Tokens of prompts that are kept.
    pub(crate) cache_tokens: u64,
}

/// A running engine, on a thread of its own.
pub(crate) struct MockEngine {
    pub(crate) address: SocketAddr,
    pub(crate) inner: Arc<Inner>,
    runtime: Option<Runtime>,
}

pub(crate) struct Inner {
    work: Work,
    pub(crate) hangs: AtomicBool,
    pub(crate) slowed: AtomicU64,
    places: Semaphore,
    cache: Mutex<Cache>,
    pub(crate) read_tokens: AtomicU64,
    pub(crate) cached_tokens: AtomicU64,
}

/// Beginnings of prompts, by the hash of everything up to a message; the oldest goes first.
#[derive(Default)]
struct Cache {
    known: HashMap<u64, u64>,
    order: VecDeque<u64>,
    tokens: u64,
}

impl Cache {
    /// Tokens of the longest known beginning; the whole prompt is known from here on.
    fn meet(&mut self, prompt: &[(u64, u64)], most: u64) -> u64 {
        let known = prompt.iter().take_while(|(hash, _)| self.known.contains_key(hash)).map(|(_, tokens)| tokens).sum();
        for (hash, tokens) in prompt {
            if self.known.insert(*hash, *tokens).is_none() {
                self.tokens += tokens;
            } else {
                self.order.retain(|other| other != hash);
            }
            self.order.push_back(*hash);
        }
        while self.tokens > most
            && let Some(oldest) = self.order.pop_front()
        {
            self.tokens -= self.known.remove(&oldest).unwrap_or_default();
        }
        known
    }
}

impl MockEngine {
    pub(crate) fn start(work: Work) -> Result<Self> {
        let inner = Arc::new(Inner {
            work,
            hangs: AtomicBool::new(false),
            slowed: AtomicU64::new(1),
            places: Semaphore::new(work.places),
            cache: Mutex::default(),
            read_tokens: AtomicU64::new(0),
            cached_tokens: AtomicU64::new(0),
        });
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let router = Router::new()
            .route("/v1/chat/completions", post(completions))
            .layer(DefaultBodyLimit::max(64 * 1024 * 1024))
            .with_state(Arc::clone(&inner));
        runtime.spawn(async move {
            let Ok(listener) = tokio::net::TcpListener::from_std(listener) else { return };
            let _ = axum::serve(listener, router).await;
        });
        Ok(Self { address, inner, runtime: Some(runtime) })
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// Ends it as if its machine had lost power: connections break off.
    pub(crate) fn die(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Drop for MockEngine {
    fn drop(&mut self) {
        self.die();
    }
}

async fn completions(State(engine): State<Arc<Inner>>, body: Bytes) -> Response {
    if engine.hangs.load(Ordering::Relaxed) {
        std::future::pending::<()>().await;
    }
    let (mut prompt_tokens, mut took) = (100, engine.work.fixed);
    let _place = engine.places.acquire().await;
    if !engine.work.per_token.is_zero() {
        let prompt = prompt_of(&body);
        prompt_tokens = prompt.iter().map(|(_, tokens)| tokens).sum();
        let cached = engine.cache.lock().unwrap_or_else(PoisonError::into_inner).meet(&prompt, engine.work.cache_tokens);
        engine.read_tokens.fetch_add(prompt_tokens - cached, Ordering::Relaxed);
        engine.cached_tokens.fetch_add(cached, Ordering::Relaxed);
        took += engine.work.per_token * u32::try_from(prompt_tokens - cached).unwrap_or(u32::MAX);
    }
    tokio::time::sleep(took * u32::try_from(engine.slowed.load(Ordering::Relaxed)).unwrap_or(1)).await;
    Json(json!({
        "choices": [{"message": {"content": "<tool_call>\n{\"name\": \"computer_use\", \"arguments\": {\"action\": \"wait\"}}\n</tool_call>"}}],
        "usage": {"prompt_tokens": prompt_tokens, "completion_tokens": REPLY_TOKENS},
    }))
    .into_response()
}

/// Each message as the hash of everything up to it, and its tokens.
fn prompt_of(body: &[u8]) -> Vec<(u64, u64)> {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let mut hasher = DefaultHasher::new();
    let messages = body["messages"].as_array().into_iter().flatten();
    messages
        .map(|message| {
            let mut tokens = 0;
            let mut text = |text: &str| {
                text.hash(&mut hasher);
                tokens += text.chars().count() as u64 / CHARACTERS_PER_TOKEN;
            };
            message["role"].as_str().into_iter().for_each(&mut text);
            message["content"].as_str().into_iter().for_each(&mut text);
            for part in message["content"].as_array().into_iter().flatten() {
                part["text"].as_str().into_iter().for_each(&mut text);
            }
            for part in message["content"].as_array().into_iter().flatten() {
                if let Some(url) = part["image_url"]["url"].as_str() {
                    url.hash(&mut hasher);
                    tokens += TOKENS_PER_PICTURE;
                }
            }
            (hasher.clone().finish(), tokens)
        })
        .collect()
}

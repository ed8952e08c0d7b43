//! The wire: chat completions, the list of models, and a health check.

use crate::answer::{self, AnswerError};
use crate::faults::Faults;
use crate::native;
use crate::request::{self, ChatBody};
use axum::extract::{DefaultBodyLimit, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// The name under which it answers.
pub const MODEL: &str = "wayfarer-standin-1";
/// What it says about itself in every reply.
pub const FINGERPRINT: &str = "rule-based stand-in, not a model";
/// Prompt tokens that a picture is counted as.
const TOKENS_PER_PICTURE: usize = 1600;
/// Bound of a request: a ledger comes with two pictures.
const BODY_LIMIT: usize = 64 * 1024 * 1024;

/// How to start it.
#[derive(Debug, Clone)]
pub struct StandinOptions {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// How it is made to fail.
    pub faults: Faults,
}

/// Why it cannot run.
#[derive(Debug, thiserror::Error)]
pub enum StandinError {
    /// The address cannot be listened on.
    #[error("the stand-in model cannot listen on {address} ({source}); give another address or port 0")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
}

/// A running stand-in.
#[derive(Debug)]
pub struct Standin {
    addr: SocketAddr,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Standin {
    /// Starts it; it answers once this returns.
    pub async fn start(options: StandinOptions) -> Result<Self, StandinError> {
        let failed = |source| StandinError::Listen { address: options.listen, source };
        let listener = TcpListener::bind(options.listen).await.map_err(failed)?;
        let addr = listener.local_addr().map_err(failed)?;
        let stop = CancellationToken::new();
        let asked_to_stop = stop.clone().cancelled_owned();
        let app = router(options.faults);
        let task = tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, app).with_graceful_shutdown(asked_to_stop).await {
                tracing::error!(%error, "the stand-in model ended");
            }
        });
        tracing::info!(%addr, model = MODEL, "the stand-in model answers: {FINGERPRINT}");
        Ok(Self { addr, stop, task })
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Ends it: requests that run are answered (for at most five seconds), new ones are not taken.
    pub async fn shutdown(self) {
        self.stop.cancel();
        let abort = self.task.abort_handle();
        if tokio::time::timeout(std::time::Duration::from_secs(5), self.task).await.is_err() {
            abort.abort();
        }
    }
}

fn router(faults: Faults) -> Router {
    Router::new()
        .route("/v1/chat/completions", post(complete))
        .route("/v1/models", get(models))
        .route("/health", get(health))
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .with_state(Arc::new(faults))
}

async fn health() -> Json<Value> {
    Json(json!({"status": "ok", "model": MODEL, "system_fingerprint": FINGERPRINT}))
}

async fn models() -> Json<Value> {
    Json(json!({"object": "list", "data": [{"id": MODEL, "object": "model", "created": 0, "owned_by": "wayfarer"}]}))
}

fn refused(status: StatusCode, code: &str, message: String) -> Response {
    (status, Json(json!({"error": {"message": message, "type": "invalid_request_error", "param": null, "code": code}}))).into_response()
}

async fn complete(State(faults): State<Arc<Faults>>, body: String) -> Response {
    let request: ChatBody = match serde_json::from_str(&body) {
        Ok(request) => request,
        Err(error) => return refused(StatusCode::BAD_REQUEST, "invalid_body", format!("the body is no chat completion request: {error}")),
    };
    if request.stream {
        return refused(StatusCode::BAD_REQUEST, "no_streaming", "the stand-in does not stream; leave out \"stream\"".into());
    }
    let text = conversation(&request);
    tokio::time::sleep(faults.wait(&text)).await;
    let reply = match reply(&request, &faults).await {
        Ok(reply) => reply,
        Err((code, message)) => return refused(StatusCode::UNPROCESSABLE_ENTITY, code, message),
    };
    let reply = faults.damage(&text).map(|damage| damage.apply(&reply)).unwrap_or(reply);
    Json(completion(&request, &text, &reply)).into_response()
}

fn conversation(request: &ChatBody) -> String {
    request.messages.iter().map(|message| format!("{}: {}\n", message.role, message.content.text())).collect()
}

/// The rules are plain computation: they run beside the event loop.
async fn reply(request: &ChatBody, faults: &Arc<Faults>) -> Result<String, (&'static str, String)> {
    if native::is_meant(request) {
        let request = request.clone();
        let answered = tokio::task::spawn_blocking(move || native::answer(&request)).await;
        return answered.map_err(|error| ("rule_failed", error.to_string()))?.map_err(|why| ("no_picture", why));
    }
    let Some(question) = request::question(request) else {
        return Err((
            "no_question",
            "no user message holds a ```json block with the field \"prompt\"; the stand-in answers the prompts of this product only".into(),
        ));
    };
    let faults = faults.clone();
    let answered = tokio::task::spawn_blocking(move || answer::answer(&question, &faults)).await;
    match answered {
        Ok(Ok(reply)) => Ok(reply),
        Ok(Err(error @ AnswerError::Unknown(_))) => Err(("unknown_prompt", error.to_string())),
        Ok(Err(error)) => Err(("invalid_input", error.to_string())),
        Err(error) => Err(("rule_failed", format!("a rule of the stand-in failed: {error}"))),
    }
}

fn completion(request: &ChatBody, text: &str, reply: &str) -> Value {
    let pictures: usize = request.messages.iter().map(|message| message.content.pictures()).sum();
    let prompt_tokens = text.chars().count() / 4 + pictures * TOKENS_PER_PICTURE;
    let completion_tokens = reply.chars().count().div_ceil(4);
    json!({
        "id": format!("standin-{:x}", crate::words::number_of(text)),
        "object": "chat.completion",
        "created": time::OffsetDateTime::now_utc().unix_timestamp(),
        "model": MODEL,
        "system_fingerprint": FINGERPRINT,
        "choices": [{"index": 0, "message": {"role": "assistant", "content": reply}, "finish_reason": "stop", "logprobs": null}],
        "usage": {"prompt_tokens": prompt_tokens, "completion_tokens": completion_tokens, "total_tokens": prompt_tokens + completion_tokens},
    })
}

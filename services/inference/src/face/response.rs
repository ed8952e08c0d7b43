//! What a client is told: an answer, whole or as a stream, or why there is none.

use super::request::Asked;
use crate::pool::Pool;
use axum::Json;
use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use std::convert::Infallible;
use time::OffsetDateTime;
use tokio::sync::mpsc;
use wayfarer_chat::{ChatReply, Model, ModelError};

/// An answer.
pub(super) fn whole(reply: ChatReply) -> Response {
    let mut message = json!({"role": "assistant", "content": reply.text});
    let calls = calls(&reply);
    let finish = if calls.is_empty() { "stop" } else { "tool_calls" };
    if !calls.is_empty() {
        message["tool_calls"] = calls.into();
    }
    Json(json!({
        "id": id(),
        "object": "chat.completion",
        "created": now(),
        "model": reply.model,
        "choices": [{"index": 0, "message": message, "finish_reason": finish}],
        "usage": usage(&reply),
    }))
    .into_response()
}

/// Words that wait for a client that reads slowly; the engine is read no faster.
const WORDS_ON_THE_WAY: usize = 64;

/// The same as server-sent events, from the first word on: what fails before it has a status of its own.
pub(super) async fn stream(pool: Pool, asked: Asked) -> Result<Response, Refusal> {
    let (words, mut said) = mpsc::channel(WORDS_ON_THE_WAY);
    let chunks = Chunks { id: id(), created: now(), model: asked.model };
    let gone = words.clone();
    let mut call = tokio::spawn(async move {
        tokio::select! {
            reply = pool.stream(asked.request, words) => Some(reply),
            // whoever hangs up takes the call with it
            () = gone.closed() => None,
        }
    });
    let first = tokio::select! {
        biased;
        Some(first) = said.recv() => first,
        ended = &mut call => match ended {
            Ok(Some(Ok(reply))) => return Ok(events(Body::from(chunks.first("") + &chunks.last(&reply, asked.wants_usage)))),
            Ok(Some(Err(error))) => return Err(error.into()),
            Ok(None) | Err(_) => return Err(ModelError::ServiceDown { why: "the call broke off".into() }.into()),
        },
    };
    let begun = chunks.first(&first);
    let rest = futures::stream::unfold(Some((chunks, said, call)), move |state| async move {
        let (chunks, mut said, mut call) = state?;
        if let Some(word) = said.recv().await {
            return Some((chunks.word(&word), Some((chunks, said, call))));
        }
        let ended = match (&mut call).await {
            Ok(Some(Ok(reply))) => chunks.last(&reply, asked.wants_usage),
            Ok(Some(Err(error))) => Chunks::error(error.into()),
            Ok(None) | Err(_) => return None,
        };
        Some((ended, None))
    });
    let rest = futures::StreamExt::map(rest, Ok::<_, Infallible>);
    let all = futures::StreamExt::chain(futures::stream::once(async move { Ok(begun) }), rest);
    Ok(events(Body::from_stream(all)))
}

fn events(body: Body) -> Response {
    ([(header::CONTENT_TYPE, "text/event-stream"), (header::CACHE_CONTROL, "no-cache")], body).into_response()
}

/// The chunks of one answer.
struct Chunks {
    id: String,
    created: i64,
    model: String,
}

impl Chunks {
    fn event(&self, choices: Value, usage: Option<Value>) -> String {
        let mut chunk = json!({
            "id": self.id, "object": "chat.completion.chunk", "created": self.created, "model": self.model, "choices": choices,
        });
        if let Some(usage) = usage {
            chunk["usage"] = usage;
        }
        format!("data: {chunk}\n\n")
    }

    fn first(&self, words: &str) -> String {
        self.event(json!([{"index": 0, "delta": {"role": "assistant", "content": words}, "finish_reason": null}]), None)
    }

    fn word(&self, words: &str) -> String {
        self.event(json!([{"index": 0, "delta": {"content": words}, "finish_reason": null}]), None)
    }

    fn last(&self, reply: &ChatReply, wants_usage: bool) -> String {
        let calls = calls(reply);
        let finish = if calls.is_empty() { "stop" } else { "tool_calls" };
        let delta = if calls.is_empty() { json!({}) } else { json!({"tool_calls": calls}) };
        let mut events = self.event(json!([{"index": 0, "delta": delta, "finish_reason": finish}]), None);
        if wants_usage {
            events += &self.event(json!([]), Some(usage(reply)));
        }
        events + "data: [DONE]\n\n"
    }

    /// What went wrong after the first word.
    fn error(refusal: Refusal) -> String {
        format!("data: {}\n\n", refusal.body())
    }
}

fn calls(reply: &ChatReply) -> Vec<Value> {
    let call = |(number, call): (usize, &wayfarer_chat::FunctionCall)| json!({"index": number, "id": format!("call-{number}"), "type": "function", "function": {"name": call.name, "arguments": call.arguments}});
    reply.calls.iter().enumerate().map(call).collect()
}

fn usage(reply: &ChatReply) -> Value {
    let (prompt, completion) = (reply.usage.prompt_tokens, reply.usage.completion_tokens);
    json!({
        "prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion,
        "prompt_tokens_details": {"cached_tokens": reply.usage.cached_tokens},
    })
}

fn id() -> String {
    format!("chatcmpl-{}", wayfarer_rpc::keys::fresh_secret())
}

fn now() -> i64 {
    OffsetDateTime::now_utc().unix_timestamp()
}

/// Why there is no answer.
#[derive(Debug)]
pub(super) struct Refusal {
    status: StatusCode,
    code: &'static str,
    message: String,
    retry_after_ms: Option<u64>,
}

impl Refusal {
    fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), retry_after_ms: None }
    }

    pub(super) fn unknown_key() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "invalid_api_key", "send `authorization: Bearer KEY` with a key of your tenant")
    }

    pub(super) fn no_model(name: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "model_not_found", format!("there is no model {name:?}; GET /v1/models lists them"))
    }

    pub(super) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_request", message)
    }

    pub(super) fn nothing_here() -> Self {
        Self::new(StatusCode::NOT_FOUND, "no_such_path", "the pool answers at /v1/models, /v1/chat/completions and /v1/usage")
    }

    pub(super) fn no_accounts() -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", "accounts cannot be read now; ask again later")
    }
}

impl Refusal {
    fn body(&self) -> Value {
        let kind = if self.status.is_client_error() { "invalid_request_error" } else { "server_error" };
        json!({"error": {"message": self.message, "type": kind, "param": null, "code": self.code}})
    }
}

impl From<ModelError> for Refusal {
    fn from(error: ModelError) -> Self {
        // addresses of engines are nobody's business
        match error {
            ModelError::Busy { retry_after_ms } => {
                let busy =
                    Self::new(StatusCode::TOO_MANY_REQUESTS, "rate_limit_exceeded", "the models have too much to do; ask again later");
                Self { retry_after_ms: Some(retry_after_ms), ..busy }
            }
            ModelError::BudgetSpent { what, retry_after_ms } => {
                let spent = Self::new(StatusCode::TOO_MANY_REQUESTS, "insufficient_quota", format!("budget spent: {what}"));
                Self { retry_after_ms, ..spent }
            }
            ModelError::Slow { .. } => Self::new(StatusCode::GATEWAY_TIMEOUT, "timeout", "no engine answered in time"),
            ModelError::Down { .. } | ModelError::ServiceDown { .. } => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", "no engine answers")
            }
            ModelError::Nonsense { what, .. } => {
                Self::new(StatusCode::BAD_GATEWAY, "engine_refused", format!("the engine refused: {what}"))
            }
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut response = (self.status, Json(self.body())).into_response();
        if let Some(ms) = self.retry_after_ms
            && let Ok(seconds) = HeaderValue::from_str(&ms.div_ceil(1000).to_string())
        {
            response.headers_mut().insert(header::RETRY_AFTER, seconds);
        }
        response
    }
}

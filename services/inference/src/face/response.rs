//! What a client is told: an answer, whole or as a stream, or why there is none.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use time::OffsetDateTime;
use wayfarer_chat::{ChatReply, ModelError};

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

/// The same as server-sent events.
pub(super) fn stream(reply: ChatReply, wants_usage: bool) -> Response {
    let (id, created) = (id(), now());
    let chunk = |choices: Value, usage: Value| {
        let mut chunk = json!({"id": id, "object": "chat.completion.chunk", "created": created, "model": reply.model, "choices": choices});
        if !usage.is_null() {
            chunk["usage"] = usage;
        }
        format!("data: {chunk}\n\n")
    };
    let choice = |delta: Value, finish: Value| json!([{"index": 0, "delta": delta, "finish_reason": finish}]);
    let calls = calls(&reply);
    let finish = if calls.is_empty() { "stop" } else { "tool_calls" };
    let mut delta = json!({"role": "assistant", "content": reply.text});
    if !calls.is_empty() {
        delta["tool_calls"] = calls.into();
    }
    let mut events = chunk(choice(delta, Value::Null), Value::Null) + &chunk(choice(json!({}), finish.into()), Value::Null);
    if wants_usage {
        events += &chunk(json!([]), usage(&reply));
    }
    events += "data: [DONE]\n\n";
    ([(header::CONTENT_TYPE, "text/event-stream"), (header::CACHE_CONTROL, "no-cache")], events).into_response()
}

fn calls(reply: &ChatReply) -> Vec<Value> {
    let call = |(number, call): (usize, &wayfarer_chat::FunctionCall)| json!({"index": number, "id": format!("call-{number}"), "type": "function", "function": {"name": call.name, "arguments": call.arguments}});
    reply.calls.iter().enumerate().map(call).collect()
}

fn usage(reply: &ChatReply) -> Value {
    let (prompt, completion) = (reply.usage.prompt_tokens, reply.usage.completion_tokens);
    json!({"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion})
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
        Self::new(StatusCode::NOT_FOUND, "no_such_path", "the pool answers at /v1/models and /v1/chat/completions")
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
            ModelError::BudgetSpent { what } => {
                Self::new(StatusCode::TOO_MANY_REQUESTS, "insufficient_quota", format!("budget spent: {what}"))
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
        let kind = if self.status.is_client_error() { "invalid_request_error" } else { "server_error" };
        let body = Json(json!({"error": {"message": self.message, "type": kind, "param": null, "code": self.code}}));
        let mut response = (self.status, body).into_response();
        if let Some(ms) = self.retry_after_ms
            && let Ok(seconds) = HeaderValue::from_str(&ms.div_ceil(1000).to_string())
        {
            response.headers_mut().insert(header::RETRY_AFTER, seconds);
        }
        response
    }
}

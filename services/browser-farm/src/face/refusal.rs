//! What a caller is told whose wish is not fulfilled.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;
use wayfarer_browser::BrowserError;

/// A refusal: a status, a name for programs, words for people.
pub(crate) struct Refusal {
    status: StatusCode,
    code: &'static str,
    message: String,
    retry_after_ms: Option<u64>,
}

impl Refusal {
    fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), retry_after_ms: None }
    }

    pub(crate) fn unknown_key() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "unknown_key", "send `authorization: Bearer KEY` with a key of your tenant")
    }

    pub(crate) fn unknown_token() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "unknown_token",
            "this address is not, or no longer, one of a session: make a session and use its",
        )
    }

    pub(crate) fn gone(id: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "no_session", format!("there is no session {id}, or it has ended"))
    }

    pub(crate) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad_request", message)
    }

    pub(crate) fn nothing_here() -> Self {
        Self::new(StatusCode::NOT_FOUND, "no_such_path", "sessions are at /v1/sessions")
    }
}

impl From<BrowserError> for Refusal {
    fn from(error: BrowserError) -> Self {
        let message = error.to_string();
        match error {
            BrowserError::Busy { retry_after_ms } => {
                Self { retry_after_ms: Some(retry_after_ms), ..Self::new(StatusCode::TOO_MANY_REQUESTS, "busy", message) }
            }
            BrowserError::Fenced => Self::new(StatusCode::CONFLICT, "fenced", message),
            BrowserError::Environment { .. } => Self::new(StatusCode::SERVICE_UNAVAILABLE, "environment", message),
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let body = Json(json!({"error": {"code": self.code, "message": self.message}}));
        let mut response = (self.status, body).into_response();
        if let Some(ms) = self.retry_after_ms
            && let Ok(seconds) = HeaderValue::from_str(&ms.div_ceil(1000).to_string())
        {
            response.headers_mut().insert(header::RETRY_AFTER, seconds);
        }
        response
    }
}

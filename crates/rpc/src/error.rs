//! Errors across gRPC, one table in both directions.
//!
//! The status code is for people, proxies and retries of other clients; the kind and the fields that make the error whole travel in
//! metadata: `wayfarer-error` names the kind, `wayfarer-error-bin` holds its fields as JSON. A status without them never came from our
//! code: it is the transport's.

use serde::{Deserialize, Serialize};
use std::time::Duration;
use tonic::metadata::{MetadataMap, MetadataValue};
use tonic::{Code, Status};
use wayfarer_browser::BrowserError;
use wayfarer_chat::ModelError;
use wayfarer_core::outcome::EnvFailure;

/// Metadata: the kind of the error.
pub const KIND: &str = "wayfarer-error";
/// Metadata: the fields of the error as JSON.
pub const FIELDS: &str = "wayfarer-error-bin";
/// Metadata: when asking again makes sense, milliseconds.
pub const RETRY_AFTER: &str = "retry-after-ms";
/// Characters of a text in an error: headers are bounded on the way.
const MOST_CHARACTERS: usize = 800;
/// Pause where a farm says that it is full, but not for how long.
const DEFAULT_RETRY_AFTER_MS: u64 = 500;

/// The fields of all kinds of errors.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Fields {
    #[serde(default, skip_serializing_if = "String::is_empty")]
    place: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    why: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    seconds: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    failure: Option<EnvFailure>,
}

/// The status that carries a model error.
pub fn model_status(error: &ModelError) -> Status {
    let (code, kind, fields) = match error {
        ModelError::Down { endpoint, why } => {
            (Code::Unavailable, "model_down", Fields { place: cut(endpoint), why: cut(why), ..Fields::default() })
        }
        ModelError::Slow { endpoint, seconds } => {
            (Code::DeadlineExceeded, "model_slow", Fields { place: cut(endpoint), seconds: Some(*seconds), ..Fields::default() })
        }
        ModelError::Nonsense { endpoint, what } => {
            (Code::Internal, "model_nonsense", Fields { place: cut(endpoint), why: cut(what), ..Fields::default() })
        }
        ModelError::Busy { retry_after_ms } => {
            let mut busy = status(Code::Unavailable, &error.to_string(), "model_busy", &Fields::default());
            busy.metadata_mut().insert(RETRY_AFTER, (*retry_after_ms).into());
            return busy;
        }
        ModelError::BudgetSpent { what, retry_after_ms } => {
            let fields = Fields { why: cut(what), ..Fields::default() };
            let mut spent = status(Code::ResourceExhausted, &error.to_string(), "budget_spent", &fields);
            if let Some(ms) = retry_after_ms {
                spent.metadata_mut().insert(RETRY_AFTER, (*ms).into());
            }
            return spent;
        }
        ModelError::ServiceDown { why } => (Code::Unavailable, "service_down", Fields { why: cut(why), ..Fields::default() }),
    };
    status(code, &error.to_string(), kind, &fields)
}

/// The model error that a status carries; `waited` is the caller's own bound.
pub fn model_error(status: &Status, waited: Duration) -> ModelError {
    let (kind, fields) = kind_and_fields(status);
    match kind {
        "model_down" => ModelError::Down { endpoint: fields.place, why: fields.why },
        "model_slow" => ModelError::Slow { endpoint: fields.place, seconds: fields.seconds.unwrap_or(waited.as_secs()) },
        "model_busy" => ModelError::Busy { retry_after_ms: retry_after(status) },
        "model_nonsense" => ModelError::Nonsense { endpoint: fields.place, what: fields.why },
        "budget_spent" => ModelError::BudgetSpent { what: fields.why, retry_after_ms: asked_pause(status) },
        "service_down" => ModelError::ServiceDown { why: fields.why },
        _ if is_timeout(status) => ModelError::Slow { endpoint: "of the inference service".into(), seconds: waited.as_secs() },
        _ => ModelError::ServiceDown { why: told(status) },
    }
}

/// The status that carries a browser error.
pub fn browser_status(error: &BrowserError) -> Status {
    match error {
        BrowserError::Environment { kind, detail } => {
            let code = match kind {
                EnvFailure::NoBrowser | EnvFailure::BrowserCrashed | EnvFailure::RendererCrashed | EnvFailure::OutOfMemory => Code::Aborted,
                EnvFailure::PageHung => Code::DeadlineExceeded,
                EnvFailure::Unreachable => Code::NotFound,
                EnvFailure::EgressDenied => Code::PermissionDenied,
                EnvFailure::LeaseLost => Code::FailedPrecondition,
                EnvFailure::Model | EnvFailure::ModelDown | EnvFailure::SurferLost | EnvFailure::Store => Code::Internal,
            };
            let fields = Fields { why: cut(detail), failure: Some(*kind), ..Fields::default() };
            status(code, &error.to_string(), "environment", &fields)
        }
        BrowserError::Fenced => status(Code::FailedPrecondition, &error.to_string(), "fenced", &Fields::default()),
        BrowserError::Busy { retry_after_ms } => {
            let mut status = status(Code::Unavailable, &error.to_string(), "busy", &Fields::default());
            status.metadata_mut().insert(RETRY_AFTER, (*retry_after_ms).into());
            status
        }
    }
}

/// The browser error that a status carries. What the transport says means `transport`: no browser while acquiring, a lost lease later.
pub fn browser_error(status: &Status, transport: EnvFailure) -> BrowserError {
    let (kind, fields) = kind_and_fields(status);
    match (kind, fields.failure) {
        ("environment", Some(failure)) => BrowserError::environment(failure, fields.why),
        ("fenced", _) => BrowserError::Fenced,
        ("busy", _) => BrowserError::Busy { retry_after_ms: retry_after(status) },
        _ if is_timeout(status) => BrowserError::environment(EnvFailure::PageHung, "the browser farm gave no answer in time"),
        _ => BrowserError::environment(transport, format!("browser farm: {}", told(status))),
    }
}

fn retry_after(status: &Status) -> u64 {
    asked_pause(status).unwrap_or(DEFAULT_RETRY_AFTER_MS)
}

fn asked_pause(status: &Status) -> Option<u64> {
    status.metadata().get(RETRY_AFTER)?.to_str().ok()?.parse().ok()
}

/// Whether the status was made by the transport because the other side cannot be reached: then another replica may do.
pub fn is_unreachable(status: &Status) -> bool {
    status.metadata().get(KIND).is_none() && matches!(status.code(), Code::Unavailable | Code::Unknown)
}

fn is_timeout(status: &Status) -> bool {
    // tonic's own timeout comes as `Cancelled` from the client side and as `DeadlineExceeded` from the server side
    matches!(status.code(), Code::DeadlineExceeded) || (status.code() == Code::Cancelled && status.message().contains("Timeout"))
}

fn status(code: Code, message: &str, kind: &'static str, fields: &Fields) -> Status {
    let mut metadata = MetadataMap::new();
    metadata.insert(KIND, MetadataValue::from_static(kind));
    if let Ok(json) = serde_json::to_vec(fields) {
        metadata.insert_bin(FIELDS, MetadataValue::from_bytes(&json));
    }
    Status::with_metadata(code, cut(message), metadata)
}

fn kind_and_fields(status: &Status) -> (&str, Fields) {
    let kind = status.metadata().get(KIND).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let bytes = status.metadata().get_bin(FIELDS).and_then(|value| value.to_bytes().ok());
    let fields = bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default();
    (kind, fields)
}

fn told(status: &Status) -> String {
    let mut said = format!("{:?}: {}", status.code(), status.message());
    let mut cause = std::error::Error::source(status);
    while let Some(error) = cause {
        said = format!("{said}: {error}");
        cause = error.source();
    }
    cut(&said)
}

fn cut(text: &str) -> String {
    text.chars().take(MOST_CHARACTERS).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    #[test]
    fn model_errors_survive_the_way_there_and_back() {
        let errors = [
            ModelError::Down { endpoint: "http://h/v1".into(), why: "refused".into() },
            ModelError::Slow { endpoint: "http://h/v1".into(), seconds: 7 },
            ModelError::Nonsense { endpoint: "http://h/v1".into(), what: "HTTP 401: ü".into() },
            ModelError::BudgetSpent { what: "cost of run r".into(), retry_after_ms: None },
            ModelError::BudgetSpent { what: "tokens of tenant t".into(), retry_after_ms: Some(7_000) },
            ModelError::ServiceDown { why: "gone".into() },
        ];
        for error in errors {
            let back = model_error(&model_status(&error), Duration::from_secs(1));
            assert_eq!(format!("{back:?}"), format!("{error:?}"));
        }
        assert!(matches!(model_error(&Status::unavailable("tcp"), Duration::ZERO), ModelError::ServiceDown { .. }));
        assert!(matches!(model_error(&Status::deadline_exceeded("x"), Duration::ZERO), ModelError::Slow { .. }));
    }

    #[test]
    fn browser_errors_survive_the_way_there_and_back() {
        use EnvFailure::*;
        let kinds = [
            NoBrowser,
            BrowserCrashed,
            RendererCrashed,
            OutOfMemory,
            PageHung,
            Unreachable,
            EgressDenied,
            Model,
            ModelDown,
            LeaseLost,
            SurferLost,
            Store,
        ];
        let environments = kinds.into_iter().map(|kind| BrowserError::environment(kind, "detail ü\nline"));
        for error in environments.chain([BrowserError::Fenced, BrowserError::Busy { retry_after_ms: 40 }]) {
            assert_eq!(browser_error(&browser_status(&error), NoBrowser), error);
        }
        let lost = browser_error(&Status::unavailable("tcp"), LeaseLost);
        assert!(matches!(lost, BrowserError::Environment { kind: LeaseLost, .. }));
        assert!(is_unreachable(&Status::unavailable("tcp")));
        assert!(!is_unreachable(&browser_status(&BrowserError::Busy { retry_after_ms: 1 })));
    }
}

//! Trace context in gRPC metadata.

use tonic::{Request, Status};
use tracing::{Span, field};
use wayfarer_chat::Scope;
use wayfarer_telemetry::propagate;

/// Client interceptor: the current span becomes the parent of the server's.
pub fn inject(mut request: Request<()>) -> Result<Request<()>, Status> {
    propagate::inject_metadata(request.metadata_mut());
    Ok(request)
}

/// The span of a call on the server's side, child of the caller's. Whose work it is can be [told](tell_scope) once it is read.
pub fn server_span<T>(request: &Request<T>, method: &'static str) -> Span {
    let span = tracing::info_span!("grpc", method, run = field::Empty, task = field::Empty, attempt = field::Empty, step = field::Empty);
    propagate::extract_metadata(&span, request.metadata());
    span
}

/// Puts into the span of a call whose work it is, so that log lines say it.
pub fn tell_scope(span: &Span, scope: &Scope) {
    span.record("run", field::display(&scope.run));
    span.record("step", scope.step);
    if let Some(task) = &scope.task {
        span.record("task", field::display(task));
    }
    if let Some(attempt) = &scope.attempt {
        span.record("attempt", field::display(attempt));
    }
}

/// Puts the attempt that a browser session belongs to into the span of a call.
pub fn tell_attempt(span: &Span, attempt: &str) {
    span.record("attempt", attempt);
}

//! Trace context in gRPC metadata.

use tonic::{Request, Status};
use tracing::Span;
use wayfarer_telemetry::propagate;

/// Client interceptor: the current span becomes the parent of the server's.
pub fn inject(mut request: Request<()>) -> Result<Request<()>, Status> {
    propagate::inject_metadata(request.metadata_mut());
    Ok(request)
}

/// The span of a call on the server's side, child of the caller's.
pub fn server_span<T>(request: &Request<T>, method: &'static str) -> Span {
    let span = tracing::info_span!("grpc", method);
    propagate::extract_metadata(&span, request.metadata());
    span
}

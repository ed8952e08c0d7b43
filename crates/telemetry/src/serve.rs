//! `/metrics` for Prometheus, `/livez` for whoever restarts us and `/readyz` for whoever sends us work.

use crate::ReadyRoles;
use axum::Router;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use prometheus::{Encoder, Registry, TextEncoder};
use tokio_util::sync::CancellationToken;

/// Serves until the token is cancelled.
pub(crate) async fn serve(listener: tokio::net::TcpListener, registry: Registry, roles: ReadyRoles, stop: CancellationToken) {
    let router = Router::new()
        .route("/metrics", get(move || std::future::ready(exposition(&registry))))
        .route("/livez", get(|| std::future::ready("ok\n")))
        .route("/readyz", get(move || readiness(roles.clone())));
    if let Err(error) = axum::serve(listener, router).with_graceful_shutdown(stop.cancelled_owned()).await {
        tracing::error!(%error, "the metrics server ended");
    }
}

async fn readiness(roles: ReadyRoles) -> Response {
    match roles.report().await {
        Ok(()) => "ready\n".into_response(),
        Err(lines) => (StatusCode::SERVICE_UNAVAILABLE, lines).into_response(),
    }
}

fn exposition(registry: &Registry) -> Response {
    let encoder = TextEncoder::new();
    let mut text = Vec::new();
    match encoder.encode(&registry.gather(), &mut text) {
        Ok(()) => ([(header::CONTENT_TYPE, encoder.format_type().to_owned())], text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

//! The pool as an OpenAI-compatible server: `GET /v1/models`, `POST /v1/chat/completions`, `GET /v1/usage`, a key for each tenant.
//!
//! A caller goes through the same line as everybody: its tenant's share, its budget, its session's home (`x-session-id`, or `user`). What
//! the engines know and the pool does not (`top_p`, `tools`, …) is passed on as it came.

mod request;
mod response;
mod usage;

use crate::pool::Pool;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Json, Router};
use response::Refusal;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use wayfarer_chat::Model;
use wayfarer_core::TenantId;
use wayfarer_rpc::{Keys, MAX_MESSAGE_BYTES};

struct Face {
    pool: Pool,
    keys: Keys,
}

impl Face {
    fn tenant(&self, headers: &HeaderMap) -> Result<TenantId, Refusal> {
        let authorization = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        self.keys.tenant(authorization).ok_or_else(Refusal::unknown_key)
    }
}

/// Serves the pool over HTTP until `stop` is cancelled and calls in flight have ended. Returns the address (port 0 takes a free one) and
/// the task that ends with the server.
pub async fn serve_http(
    pool: Pool,
    listen: SocketAddr,
    keys: Keys,
    stop: CancellationToken,
) -> std::io::Result<(SocketAddr, JoinHandle<()>)> {
    let listener = tokio::net::TcpListener::bind(listen).await?;
    let address = listener.local_addr()?;
    let router = Router::new()
        .route("/v1/models", get(models))
        .route("/v1/chat/completions", post(completions))
        .route("/v1/usage", get(usage::usage))
        .fallback(|| async { Refusal::nothing_here() })
        .layer(DefaultBodyLimit::max(MAX_MESSAGE_BYTES))
        .with_state(Arc::new(Face { pool, keys }));
    let task = tokio::spawn(async move {
        let served = axum::serve(listener, router).with_graceful_shutdown(async move { stop.cancelled().await });
        if let Err(error) = served.await {
            tracing::error!(%error, "the pool's HTTP face ended badly");
        }
    });
    Ok((address, task))
}

async fn models(State(face): State<Arc<Face>>, headers: HeaderMap) -> Result<Json<Value>, Refusal> {
    face.tenant(&headers)?;
    let model = |name: &&str| json!({"id": name, "object": "model", "created": 0, "owned_by": "wayfarer"});
    Ok(Json(json!({"object": "list", "data": face.pool.models().iter().map(model).collect::<Vec<_>>()})))
}

/// Whoever hangs up takes the call with it, out of the line or out of its engine.
async fn completions(State(face): State<Arc<Face>>, headers: HeaderMap, body: Bytes) -> Result<Response, Refusal> {
    let tenant = face.tenant(&headers)?;
    let session = headers.get("x-session-id").and_then(|value| value.to_str().ok()).map(str::to_owned);
    let asked = request::read(&body, tenant, session, |model| face.pool.role_of(model))?;
    if asked.streams {
        return response::stream(face.pool.clone(), asked).await;
    }
    Ok(response::whole(face.pool.generate(asked.request).await?))
}

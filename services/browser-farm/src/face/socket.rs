//! A client's WebSocket to the browser of its session.

use super::Face;
use super::refusal::Refusal;
use crate::lease::Lease;
use axum::body::Body;
use axum::extract::{Path, Query, Request, State};
use axum::http::{StatusCode, header};
use axum::response::Response;
use futures::{SinkExt, StreamExt};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use std::sync::Arc;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use wayfarer_browser::CdpLink;

/// Bytes of one call of a client; pages that it fills in travel so.
const LARGEST_CALL: usize = 64 * 1024 * 1024;

/// The secret in an address.
#[derive(Deserialize)]
pub(super) struct Token {
    #[serde(default)]
    pub(super) token: String,
}

/// `GET /v1/sessions/{id}/cdp?token=…`, as a WebSocket.
pub(super) async fn connect(
    State(face): State<Arc<Face>>,
    Path(id): Path<String>,
    Query(Token { token }): Query<Token>,
    request: Request,
) -> Result<Response, Refusal> {
    let lease = face.by_secret(&id, &token, |ticket| &ticket.drive)?;
    let accept = accept_key(&request)?;
    let upgrade = hyper::upgrade::on(request);
    let link = Arc::clone(&lease).call(|session| session.connect()).await?;
    tokio::spawn(async move {
        let Ok(upgraded) = upgrade.await else { return };
        let bounds = WebSocketConfig::default().max_message_size(Some(LARGEST_CALL)).max_frame_size(Some(LARGEST_CALL));
        let socket = WebSocketStream::from_raw_socket(TokioIo::new(upgraded), Role::Server, Some(bounds)).await;
        pass(socket, link, &lease).await;
    });
    Response::builder()
        .status(StatusCode::SWITCHING_PROTOCOLS)
        .header(header::CONNECTION, "upgrade")
        .header(header::UPGRADE, "websocket")
        .header(header::SEC_WEBSOCKET_ACCEPT, accept)
        .body(Body::empty())
        .map_err(|error| Refusal::bad_request(error.to_string()))
}

/// What the answer to a WebSocket's request proves itself with.
fn accept_key(request: &Request) -> Result<String, Refusal> {
    let header = |name| request.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let is_web_socket = header(header::UPGRADE).eq_ignore_ascii_case("websocket") && header(header::SEC_WEBSOCKET_VERSION) == "13";
    match header(header::SEC_WEBSOCKET_KEY) {
        key if is_web_socket && !key.is_empty() => Ok(derive_accept_key(key.as_bytes())),
        _ => Err(Refusal::bad_request("this address speaks WebSocket (version 13): give it to connectOverCDP or puppeteer.connect")),
    }
}

/// Passes messages on until the client, the browser or the session is gone.
async fn pass<S>(socket: WebSocketStream<S>, link: CdpLink, lease: &Lease)
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    let (calls, mut messages) = link.split();
    let (mut to_client, mut from_client) = socket.split();
    let out = async {
        loop {
            let message = tokio::select! {
                message = messages.next() => message,
                () = lease.ending() => None,
            };
            let Some(message) = message else { break };
            if to_client.send(Message::text(message)).await.is_err() {
                return;
            }
        }
        let _ = to_client.close().await;
    };
    let back = async {
        while let Some(Ok(message)) = from_client.next().await {
            if let Message::Text(text) = message {
                calls.say(text.as_str());
            }
        }
    };
    tokio::select! {
        () = out => {}
        () = back => {}
    }
    tracing::debug!(session = %lease.id, "a client left its browser");
}

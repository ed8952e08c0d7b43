//! Where Playwright's driver meets a browser's pipe: a WebSocket on loopback that takes one connection, by a key that nobody can guess.

use crate::tab::fresh_key;
use crate::wire::{OutletEnd, Wire};
use futures::{SinkExt, StreamExt};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::http::StatusCode;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

/// How long the driver may take to come.
const CONNECT_LIMIT: Duration = Duration::from_secs(30);
/// How long whoever knocks may take to say what it wants.
const HANDSHAKE_LIMIT: Duration = Duration::from_secs(5);

/// Listens for the driver; the address that it is to connect to. The relay ends with the browser or with the driver's connection, which
/// ends the other.
pub(crate) async fn listen(wire: Wire) -> std::io::Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let path = format!("/{}", fresh_key());
    let address = format!("ws://{}{path}", listener.local_addr()?);
    // from now on, so that nothing that the browser says is lost
    let end = wire.relay();
    tokio::spawn(async move {
        match tokio::time::timeout(CONNECT_LIMIT, accept(&listener, &path)).await {
            Ok(socket) => {
                drop(listener);
                pass(socket, &wire, end).await;
            }
            Err(_) => tracing::debug!("the browser driver did not come"),
        }
        wire.gone().cancel();
    });
    Ok(address)
}

/// The first that knows the key.
async fn accept(listener: &TcpListener, path: &str) -> WebSocketStream<TcpStream> {
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        let _ = stream.set_nodelay(true);
        #[allow(clippy::result_large_err)] // the crate's own signature
        let knows = |request: &Request, response: Response| {
            if request.uri().path() == path {
                return Ok(response);
            }
            let mut refused = ErrorResponse::new(None);
            *refused.status_mut() = StatusCode::NOT_FOUND;
            Err(refused)
        };
        // a screenshot of a large page is some megabytes; what the driver sends is its own
        let bounds = WebSocketConfig::default().max_message_size(Some(256 << 20)).max_frame_size(Some(256 << 20));
        let greeted = tokio_tungstenite::accept_hdr_async_with_config(stream, knows, Some(bounds));
        if let Ok(Ok(socket)) = tokio::time::timeout(HANDSHAKE_LIMIT, greeted).await {
            return socket;
        }
    }
}

async fn pass(socket: WebSocketStream<TcpStream>, wire: &Wire, mut end: OutletEnd) {
    let (mut to_driver, mut from_driver) = socket.split();
    let out = async {
        while let Some(message) = end.next().await {
            if to_driver.send(Message::text(message)).await.is_err() {
                return;
            }
        }
        let _ = to_driver.close().await;
    };
    let back = async {
        while let Some(Ok(message)) = from_driver.next().await {
            if let Message::Text(text) = message
                && !wire.forward(text.as_str()).await
            {
                return;
            }
        }
    };
    tokio::select! {
        () = out => {}
        () = back => {}
        () = wire.gone().cancelled() => {}
    }
}

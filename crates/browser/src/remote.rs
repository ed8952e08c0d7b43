//! A browser that somebody else runs: a hosted service, or a Chromium on another machine, reached at its DevTools address.
//!
//! It is spoken to as our own is, over a [`Wire`]; only that its messages travel in a WebSocket. Its traffic does not pass our proxy, its
//! memory and its death are not ours to see, and nothing of it is closed when we leave.

use crate::BrowserError;
use crate::wire::Wire;
use futures::{SinkExt, StreamExt};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, DuplexStream};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};
use wayfarer_core::outcome::EnvFailure;

/// How long the other side may take to answer.
const CONNECT_LIMIT: Duration = Duration::from_secs(30);
/// Bytes on their way in each direction.
const BUFFER: usize = 1 << 20;
/// Bytes of one message: pictures are some hundred kilobytes.
const LARGEST_MESSAGE: usize = 256 << 20;

/// Where a browser is that somebody else runs. The address is a secret: it often holds a key.
#[derive(Clone, PartialEq)]
pub struct RemoteBrowser {
    /// `ws://…` or `wss://…`, the address of the browser itself (`/devtools/browser/…`).
    pub url: String,
}

impl std::fmt::Debug for RemoteBrowser {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "a browser at {}", self.host())
    }
}

impl RemoteBrowser {
    /// The part of the address that is no secret.
    pub(crate) fn host(&self) -> String {
        url::Url::parse(&self.url).ok().and_then(|url| url.host_str().map(str::to_owned)).unwrap_or_else(|| "an unreadable address".into())
    }

    /// Connects.
    pub(crate) async fn connect(&self) -> Result<Wire, BrowserError> {
        let host = self.host();
        let failed = |why: String| {
            BrowserError::environment(EnvFailure::NoBrowser, format!("the browser at {host} could not be reached over CDP: {why}"))
        };
        let request = self.url.as_str().into_client_request().map_err(|_| failed("its address is no ws:// or wss:// address".into()))?;
        let bounds = WebSocketConfig::default().max_message_size(Some(LARGEST_MESSAGE)).max_frame_size(Some(LARGEST_MESSAGE));
        let connecting = tokio_tungstenite::connect_async_with_config(request, Some(bounds), true);
        let connected = tokio::time::timeout(CONNECT_LIMIT, connecting).await;
        // an error may repeat the address
        let (socket, _) = connected
            .map_err(|_| failed(format!("no answer within {} s", CONNECT_LIMIT.as_secs())))?
            .map_err(|error| failed(crate::recorder::hide(&error.to_string(), &self.url)))?;
        let (ours, theirs) = tokio::io::duplex(BUFFER);
        tokio::spawn(carry(socket, theirs));
        let (from_browser, to_browser) = tokio::io::split(ours);
        tokio::time::timeout(CONNECT_LIMIT, Wire::start(to_browser, from_browser))
            .await
            .map_err(|_| failed(format!("it says nothing within {} s", CONNECT_LIMIT.as_secs())))?
            .map_err(failed)
    }
}

/// Carries messages between the socket and a pipe on which each ends with a zero byte; the end of one is the end of the other.
async fn carry(socket: WebSocketStream<MaybeTlsStream<TcpStream>>, pipe: DuplexStream) {
    let (mut to_browser, mut from_browser) = socket.split();
    let (read, mut write) = tokio::io::split(pipe);
    let mut read = BufReader::new(read);
    let out = async {
        let mut message = Vec::new();
        loop {
            message.clear();
            if !matches!(read.read_until(0, &mut message).await, Ok(bytes) if bytes > 0) {
                return;
            }
            message.pop();
            let Ok(text) = String::from_utf8(std::mem::take(&mut message)) else { continue };
            if to_browser.send(Message::text(text)).await.is_err() {
                return;
            }
        }
    };
    let back = async {
        while let Some(Ok(message)) = from_browser.next().await {
            let Message::Text(text) = message else { continue };
            if write.write_all(text.as_bytes()).await.is_err() || write.write_all(&[0]).await.is_err() {
                return;
            }
        }
    };
    tokio::select! {
        () = out => {}
        () = back => {}
    }
}

//! A browser that somebody else runs: a hosted service, or a Chromium on another machine, reached at its DevTools address or behind a
//! Playwright server.
//!
//! It is spoken to as our own is, over a [`Wire`]; only that its messages travel in a WebSocket. Its traffic does not pass our proxy, its
//! memory and its death are not ours to see, and nothing of it is closed when we leave.

use crate::BrowserError;
use crate::wire::Wire;
use futures::stream::{SplitSink, SplitStream};
use futures::{SinkExt, StreamExt};
use playwright_rs::server::transport::{TransportReceiver, TransportSender};
use serde_json::Value;
use std::pin::Pin;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, DuplexStream};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};
use tokio_util::sync::{CancellationToken, DropGuard};
use wayfarer_core::outcome::EnvFailure;

/// How long the other side may take to answer.
const CONNECT_LIMIT: Duration = Duration::from_secs(30);
/// Bytes on their way in each direction.
const BUFFER: usize = 1 << 20;
/// Messages of a Playwright server that wait to be read.
const MESSAGES: usize = 256;
/// Bytes of one message: pictures are some hundred kilobytes.
const LARGEST_MESSAGE: usize = 256 << 20;

/// Where a browser is that somebody else runs. The address is a secret: it often holds a key.
#[derive(Clone, PartialEq)]
pub struct RemoteBrowser {
    /// `ws://…` or `wss://…`: the address of the browser itself (`/devtools/browser/…`), or of a Playwright server.
    pub url: String,
    /// What is spoken there.
    pub protocol: RemoteProtocol,
}

/// How a browser of somebody else is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RemoteProtocol {
    /// The DevTools protocol.
    #[default]
    DevTools,
    /// Playwright's own, with a Chromium behind it; its server is of the version of our driver.
    Playwright,
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

    /// Whether it stands behind a Playwright server.
    pub(crate) fn is_playwright(&self) -> bool {
        self.protocol == RemoteProtocol::Playwright
    }

    /// It could not be reached.
    pub(crate) fn failed(&self, why: &str) -> BrowserError {
        let over = match self.protocol {
            RemoteProtocol::DevTools => "CDP",
            RemoteProtocol::Playwright => "Playwright's protocol",
        };
        // an error may repeat the address
        let why = crate::recorder::hide(why, &self.url);
        BrowserError::environment(EnvFailure::NoBrowser, format!("the browser at {} could not be reached over {over}: {why}", self.host()))
    }

    async fn socket(&self) -> Result<Socket, BrowserError> {
        let failed = |why: String| self.failed(&why);
        let request = self.url.as_str().into_client_request().map_err(|_| failed("its address is no ws:// or wss:// address".into()))?;
        let bounds = WebSocketConfig::default().max_message_size(Some(LARGEST_MESSAGE)).max_frame_size(Some(LARGEST_MESSAGE));
        let connecting = tokio_tungstenite::connect_async_with_config(request, Some(bounds), true);
        let connected = tokio::time::timeout(CONNECT_LIMIT, connecting).await;
        let (socket, _) = connected
            .map_err(|_| failed(format!("no answer within {} s", CONNECT_LIMIT.as_secs())))?
            .map_err(|error| failed(error.to_string()))?;
        Ok(socket)
    }

    /// Connects to a Playwright server: the two ends, and what the server says.
    pub(crate) async fn playwright(&self) -> Result<(PlaywrightSender, PlaywrightReceiver, mpsc::Receiver<Value>), BrowserError> {
        let (to_server, from_server) = self.socket().await?.split();
        let (heard, messages) = mpsc::channel(MESSAGES);
        let left = CancellationToken::new();
        let sender = PlaywrightSender { to_server, _left: left.clone().drop_guard() };
        Ok((sender, PlaywrightReceiver { from_server, heard, left }, messages))
    }

    /// Connects to the browser itself.
    pub(crate) async fn devtools(&self) -> Result<Wire, BrowserError> {
        let failed = |why: String| self.failed(&why);
        let socket = self.socket().await?;
        let (ours, theirs) = tokio::io::duplex(BUFFER);
        tokio::spawn(carry(socket, theirs));
        let (from_browser, to_browser) = tokio::io::split(ours);
        tokio::time::timeout(CONNECT_LIMIT, Wire::start(to_browser, from_browser))
            .await
            .map_err(|_| failed(format!("it says nothing within {} s", CONNECT_LIMIT.as_secs())))?
            .map_err(failed)
    }
}

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// The way to a Playwright server; dropped, it ends the connection.
pub(crate) struct PlaywrightSender {
    to_server: SplitSink<Socket, Message>,
    _left: DropGuard,
}

impl TransportSender for PlaywrightSender {
    fn send(&mut self, message: Value) -> Pin<Box<dyn Future<Output = playwright_rs::Result<()>> + Send + '_>> {
        let sent = self.to_server.send(Message::text(message.to_string()));
        Box::pin(async move { sent.await.map_err(|error| playwright_rs::Error::TransportError(error.to_string())) })
    }
}

/// The way back.
pub(crate) struct PlaywrightReceiver {
    from_server: SplitStream<Socket>,
    heard: mpsc::Sender<Value>,
    left: CancellationToken,
}

impl TransportReceiver for PlaywrightReceiver {
    fn run(&mut self) -> Pin<Box<dyn Future<Output = playwright_rs::Result<()>> + Send + '_>> {
        Box::pin(async move {
            while let Some(Some(Ok(message))) = self.left.run_until_cancelled(self.from_server.next()).await {
                let Message::Text(text) = message else { continue };
                let Ok(message) = serde_json::from_str(&text) else { continue };
                if self.heard.send(message).await.is_err() {
                    break;
                }
            }
            Ok(())
        })
    }
}

/// Carries messages between the socket and a pipe on which each ends with a zero byte; the end of one is the end of the other.
async fn carry(socket: Socket, pipe: DuplexStream) {
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

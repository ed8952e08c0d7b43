//! The DevTools protocol of one Chromium: one pipe, and who speaks through it.
//!
//! ```text
//!  Playwright's driver ── WebSocket ── relay.rs ──┐
//!  pages of ours (tab.rs) ── CdpSession ──────────┼── numbers, sessions ── pipe ── Chromium
//!  clients of a hosted browser ── CdpLink ────────┘
//! ```
//!
//! What is said often (look, picture, input) goes straight to the browser; Playwright makes and watches contexts and pages over the same
//! pipe. Each call gets a number of the pipe's own, by which its answer finds back. Events go by their sessions: ours and each client's
//! hang on a browser session of their own, and whatever is nobody's is Playwright's. `session.rs` holds our sessions, `pages.rs` what waits
//! until somebody has looked at it, `client.rs` who speaks from outside.

mod client;
mod pages;
mod session;

pub(crate) use client::WireClient;
pub(crate) use pages::{Kind, NewPage, Newcomer, WatchedPages};
pub(crate) use session::{CdpSession, WeakSession};

use crate::tab::lock;
use pages::NewTarget;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use session::Own;
use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, Weak};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

/// Messages that wait for the browser to read them.
const TO_BROWSER: usize = 4096;
/// Bytes that wait for the driver or a client to read them; one that lags further behind is stuck.
const MAX_LAG_BYTES: usize = 256 * 1024 * 1024;
/// Pictures are some hundred kilobytes.
const READ_BUFFER: usize = 1 << 20;
/// What a call is told whose page is gone.
pub(crate) const TARGET_CLOSED: &str = "Target closed";

/// What hears of an event: its parameters.
type Handler = Arc<dyn Fn(&Value) + Send + Sync>;

/// The pipe of one Chromium.
#[derive(Clone)]
pub(crate) struct Wire(Arc<Inner>);

struct Inner {
    to_browser: mpsc::Sender<Vec<u8>>,
    numbers: AtomicI64,
    state: Mutex<State>,
    /// New pages wait for us.
    holds_new_pages: AtomicBool,
    /// Cancelled when the pipe is closed: the browser is gone.
    gone: CancellationToken,
}

#[derive(Default)]
struct State {
    pending: HashMap<i64, Pending>,
    sessions: HashMap<String, Weak<Own>>,
    /// The browser session that ours hang on.
    root: String,
    /// The driver.
    relay: Option<Outlet>,
    clients: HashMap<u64, Client>,
    /// Whose a session is, for those of clients.
    owners: HashMap<String, u64>,
    /// Who looks at new pages before they do anything, by browser context.
    new_pages: HashMap<String, NewPage>,
    /// Sessions with new pages that nobody else has attached to yet, by target.
    early: HashMap<String, CdpSession>,
}

/// Who waits for an answer.
enum Pending {
    Own {
        session: String,
        answer: oneshot::Sender<Result<Box<RawValue>, String>>,
    },
    /// The driver, with its number of the call and the session that it named.
    Relay {
        number: i64,
        session: Option<String>,
    },
    /// A client, with its number of the call and the session that it named.
    Client {
        client: u64,
        number: i64,
        session: Option<String>,
    },
}

struct Client {
    root: String,
    outlet: Outlet,
}

/// The way to somebody outside.
#[derive(Clone)]
struct Outlet {
    messages: mpsc::UnboundedSender<String>,
    lag: Arc<AtomicUsize>,
}

impl Outlet {
    fn new() -> (Self, OutletEnd) {
        let (sender, messages) = mpsc::unbounded_channel();
        let lag = Arc::<AtomicUsize>::default();
        (Self { messages: sender, lag: Arc::clone(&lag) }, OutletEnd { messages, lag })
    }

    /// `false` if whoever reads lags too far behind.
    fn send(&self, message: String) -> bool {
        let lag = self.lag.fetch_add(message.len(), Ordering::Relaxed) + message.len();
        let _ = self.messages.send(message);
        lag <= MAX_LAG_BYTES
    }
}

/// Where somebody outside reads.
pub(crate) struct OutletEnd {
    messages: mpsc::UnboundedReceiver<String>,
    lag: Arc<AtomicUsize>,
}

impl OutletEnd {
    /// The next message; none after the browser is gone.
    pub(crate) async fn next(&mut self) -> Option<String> {
        let message = self.messages.recv().await?;
        self.lag.fetch_sub(message.len(), Ordering::Relaxed);
        Some(message)
    }
}

/// A message, as far as its way depends on it.
#[derive(Deserialize, Serialize)]
struct Envelope<'a> {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    id: Option<i64>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    method: Option<Cow<'a, str>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    params: Option<&'a RawValue>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    result: Option<&'a RawValue>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    error: Option<&'a RawValue>,
    #[serde(borrow, default, rename = "sessionId", skip_serializing_if = "Option::is_none")]
    session: Option<Cow<'a, str>>,
}

/// What a session's coming and going tells.
#[derive(Deserialize)]
struct Attached<'a> {
    #[serde(borrow, rename = "sessionId")]
    session: Cow<'a, str>,
}

impl Wire {
    /// Speaks over these ends. Answers once the browser does.
    pub(crate) async fn start(
        to_browser: impl AsyncWrite + Unpin + Send + 'static,
        from_browser: impl AsyncRead + Unpin + Send + 'static,
    ) -> Result<Self, String> {
        let (sender, messages) = mpsc::channel(TO_BROWSER);
        let inner = Inner {
            to_browser: sender,
            numbers: AtomicI64::new(1),
            state: Mutex::default(),
            holds_new_pages: AtomicBool::new(false),
            gone: CancellationToken::new(),
        };
        let wire = Self(Arc::new(inner));
        tokio::spawn(write(to_browser, messages, wire.0.gone.clone()));
        tokio::spawn(wire.clone().read(from_browser));
        let root = wire.browser_session().await?;
        lock(&wire.0.state).root = root;
        Ok(wire)
    }

    /// Cancelled when the browser is gone.
    pub(crate) fn gone(&self) -> &CancellationToken {
        &self.0.gone
    }

    /// One call to the browser itself.
    pub(crate) async fn browser(&self, method: &str, params: &Value) -> Result<Value, String> {
        let root = lock(&self.0.state).root.clone();
        parse(&self.call(&root, method, params).await?)
    }

    /// A session of ours with a page, or with a frame that has a process of its own.
    pub(crate) async fn attach(&self, target: &str) -> Result<CdpSession, String> {
        if let Some(early) = lock(&self.0.state).early.remove(target) {
            return Ok(early);
        }
        let root = lock(&self.0.state).root.clone();
        let attached = self.call(&root, "Target.attachToTarget", &json!({"targetId": target, "flatten": true})).await?;
        let Attached { session } = serde_json::from_str(attached.get()).map_err(|error| error.to_string())?;
        Ok(self.own(session.into_owned(), ""))
    }

    fn own(&self, session: String, parent: &str) -> CdpSession {
        let own = Own {
            wire: self.clone(),
            id: session,
            parent: parent.to_owned(),
            handlers: Mutex::default(),
            watched: AtomicBool::new(false),
            detached: self.0.gone.child_token(),
        };
        let own = Arc::new(own);
        lock(&self.0.state).sessions.insert(own.id.clone(), Arc::downgrade(&own));
        CdpSession(own)
    }

    /// The driver's end; the one before it is closed.
    pub(crate) fn relay(&self) -> OutletEnd {
        let (outlet, end) = Outlet::new();
        lock(&self.0.state).relay = Some(outlet);
        end
    }

    /// A client of its own: what it attaches to and switches on ends with it.
    pub(crate) async fn client(&self) -> Result<(WireClient, OutletEnd), String> {
        let root = self.browser_session().await?;
        let (outlet, end) = Outlet::new();
        let number = self.0.numbers.fetch_add(1, Ordering::Relaxed) as u64;
        let mut state = lock(&self.0.state);
        state.owners.insert(root.clone(), number);
        state.clients.insert(number, Client { root: root.clone(), outlet });
        Ok((WireClient { wire: self.clone(), number, root }, end))
    }

    async fn browser_session(&self) -> Result<String, String> {
        let attached = self.call("", "Target.attachToBrowserTarget", &json!({})).await?;
        let Attached { session } = serde_json::from_str(attached.get()).map_err(|error| error.to_string())?;
        Ok(session.into_owned())
    }

    /// Takes a message of the driver to the browser; `false` once the browser is gone.
    pub(crate) async fn forward(&self, message: &str) -> bool {
        let Ok(mut envelope) = serde_json::from_str::<Envelope>(message) else {
            tracing::debug!("the driver said something that is no call");
            return true;
        };
        if let Some(number) = envelope.id {
            let session = envelope.session.as_deref().map(str::to_owned);
            envelope.id = Some(self.wait_for(Pending::Relay { number, session }));
        }
        let Ok(bytes) = serde_json::to_vec(&envelope) else { return true };
        self.0.to_browser.send(bytes).await.is_ok()
    }

    async fn call(&self, session: &str, method: &str, params: &Value) -> Result<Box<RawValue>, String> {
        let (answer, answered) = oneshot::channel();
        let number = self.wait_for(Pending::Own { session: session.to_owned(), answer });
        let _forget = Forget { wire: self, number };
        self.say(number, session, method, params)?;
        answered.await.unwrap_or_else(|_| Err("the browser is gone".into()))
    }

    /// The number of a call that somebody waits for.
    fn wait_for(&self, pending: Pending) -> i64 {
        let number = self.0.numbers.fetch_add(1, Ordering::Relaxed);
        lock(&self.0.state).pending.insert(number, pending);
        number
    }

    /// Puts a call on its way at once: calls that are made one after the other arrive so.
    fn say(&self, number: i64, session: &str, method: &str, params: &Value) -> Result<(), String> {
        let mut message = json!({"id": number, "method": method, "params": params});
        if !session.is_empty() {
            message["sessionId"] = session.into();
        }
        self.0.to_browser.try_send(message.to_string().into_bytes()).map_err(|_| "the browser takes no calls any more".to_owned())
    }

    async fn read(self, pipe: impl AsyncRead + Unpin) {
        let mut pipe = BufReader::with_capacity(READ_BUFFER, pipe);
        let mut message = Vec::new();
        loop {
            message.clear();
            let read = tokio::select! {
                read = pipe.read_until(0, &mut message) => read,
                () = self.0.gone.cancelled() => break,
            };
            if !matches!(read, Ok(read) if read > 0) {
                break;
            }
            message.pop();
            if let Ok(text) = std::str::from_utf8(&message) {
                self.route(text);
            }
        }
        self.0.gone.cancel();
        let mut state = lock(&self.0.state);
        state.relay = None;
        state.clients.clear();
        state.new_pages.clear();
        let early = std::mem::take(&mut state.early);
        // whoever still waits learns that the browser is gone
        state.pending.clear();
        drop(state);
        drop(early);
    }

    fn route(&self, text: &str) {
        let Ok(envelope) = serde_json::from_str::<Envelope>(text) else {
            tracing::debug!("the browser said something that is no message");
            return;
        };
        match envelope.id {
            Some(number) => self.answer(number, envelope),
            None => self.event(envelope, text),
        }
    }

    fn answer(&self, number: i64, envelope: Envelope) {
        let waiting = lock(&self.0.state).pending.remove(&number);
        let answer_of_ours = match waiting {
            None => return,
            Some(Pending::Own { answer, .. }) => answer,
            Some(Pending::Relay { number, .. }) => return self.to_relay(text_of(&Envelope { id: Some(number), ..envelope })),
            Some(Pending::Client { client, number, session }) => {
                let told = Envelope { id: Some(number), session: session.map(Cow::Owned), ..envelope };
                return self.to_client(client, text_of(&told));
            }
        };
        let answer = match (envelope.error, envelope.result) {
            (Some(error), _) => Err(error_text(error)),
            (None, Some(result)) => Ok(result.to_owned()),
            (None, None) => Err("an answer without a result".into()),
        };
        let _ = answer_of_ours.send(answer);
    }

    fn event(&self, envelope: Envelope, text: &str) {
        let session = envelope.session.as_deref().unwrap_or_default();
        let own = {
            let state = lock(&self.0.state);
            if !session.is_empty() && session == state.root {
                drop(state);
                return self.of_root(&envelope);
            }
            if let Some(client) = state.owners.get(session).copied() {
                drop(state);
                return self.of_client(client, envelope, text);
            }
            state.sessions.get(session).cloned()
        };
        match (own, envelope.method.as_deref()) {
            (Some(own), Some(method)) => {
                if let Some(own) = own.upgrade() {
                    own.hear(method, envelope.params);
                }
            }
            (_, method) => {
                if method == Some("Target.detachedFromTarget") {
                    self.forget_relayed(&envelope);
                }
                self.to_relay(text.to_owned());
            }
        }
    }

    /// One of our sessions came or went.
    fn of_root(&self, envelope: &Envelope) {
        if envelope.method.as_deref() == Some("Target.attachedToTarget") {
            let attached = envelope.params.and_then(|params| serde_json::from_str::<NewTarget>(params.get()).ok());
            // what we attach to by ourselves does not wait
            if let Some(attached) = attached.filter(|attached| attached.waits) {
                self.new_page(attached);
            }
            return;
        }
        if envelope.method.as_deref() != Some("Target.detachedFromTarget") {
            return;
        }
        if let Some(Ok(Attached { session })) = envelope.params.map(|params| serde_json::from_str(params.get())) {
            self.gone_session(&session);
        }
    }

    /// One of our sessions is over: the browser answers none of its calls any more, and the frames in its page went with it.
    fn gone_session(&self, session: &str) {
        let mut state = lock(&self.0.state);
        let own = state.sessions.remove(session).and_then(|own| own.upgrade());
        let of_it = |early: &CdpSession| early.0.id == session || early.0.parent == session;
        let gone: Vec<CdpSession> = state.early.extract_if(|_, early| of_it(early)).map(|(_, early)| early).collect();
        let of_it = |call: &Pending| matches!(call, Pending::Own { session: of, .. } if of == session);
        for (_, call) in state.pending.extract_if(|_, call| of_it(call)) {
            if let Pending::Own { answer, .. } = call {
                let _ = answer.send(Err(TARGET_CLOSED.into()));
            }
        }
        drop(state);
        if let Some(own) = own {
            own.detached.cancel();
        }
        for frame in gone.iter().filter(|frame| frame.0.id != session) {
            self.gone_session(&frame.0.id);
        }
        // dropped outside of the lock, which the last one takes
        drop(gone);
    }

    /// A session of the driver's is over: its calls that are still open get no answer.
    fn forget_relayed(&self, envelope: &Envelope) {
        let Some(Ok(Attached { session })) = envelope.params.map(|params| serde_json::from_str(params.get())) else { return };
        lock(&self.0.state).pending.retain(|_, call| !matches!(call, Pending::Relay { session: Some(of), .. } if *of == *session));
    }

    /// An event of a client's session: its own root has no name outside.
    fn of_client(&self, client: u64, envelope: Envelope, text: &str) {
        let is_root = {
            let mut state = lock(&self.0.state);
            let session = envelope.params.and_then(|params| serde_json::from_str::<Attached>(params.get()).ok());
            match (envelope.method.as_deref(), session) {
                (Some("Target.attachedToTarget"), Some(Attached { session })) => {
                    state.owners.insert(session.into_owned(), client);
                }
                (Some("Target.detachedFromTarget"), Some(Attached { session })) => {
                    state.owners.remove(&*session);
                }
                _ => {}
            }
            state.clients.get(&client).is_some_and(|client| Some(client.root.as_str()) == envelope.session.as_deref())
        };
        let message = if is_root { text_of(&Envelope { session: None, ..envelope }) } else { text.to_owned() };
        self.to_client(client, message);
    }

    fn to_client(&self, client: u64, message: String) {
        let mut state = lock(&self.0.state);
        let Some(told) = state.clients.get(&client) else { return };
        if !told.outlet.send(message) {
            tracing::warn!("a client does not read what its browser says, and is left");
            state.clients.remove(&client);
        }
    }

    fn to_relay(&self, message: String) {
        let state = lock(&self.0.state);
        let Some(relay) = &state.relay else { return };
        if !relay.send(message) {
            tracing::error!("the browser driver does not read what its browser says: the browser is given up");
            self.0.gone.cancel();
        }
    }
}

/// Forgets a call that nobody waits for any more.
struct Forget<'a> {
    wire: &'a Wire,
    number: i64,
}

impl Drop for Forget<'_> {
    fn drop(&mut self) {
        lock(&self.wire.0.state).pending.remove(&self.number);
    }
}

fn parse(answer: &RawValue) -> Result<Value, String> {
    serde_json::from_str(answer.get()).map_err(|error| format!("the browser's answer cannot be read: {error}"))
}

/// A message as it is sent. What was read from JSON can be written as JSON.
fn text_of(envelope: &Envelope) -> String {
    serde_json::to_string(envelope).unwrap_or_default()
}

/// What the protocol says against a call.
fn error_text(error: &RawValue) -> String {
    let told: Value = serde_json::from_str(error.get()).unwrap_or_default();
    told["message"].as_str().map_or_else(|| error.get().to_owned(), str::to_owned)
}

async fn write(mut pipe: impl AsyncWrite + Unpin, mut messages: mpsc::Receiver<Vec<u8>>, gone: CancellationToken) {
    loop {
        let message = tokio::select! {
            message = messages.recv() => message,
            () = gone.cancelled() => return,
        };
        let Some(mut bytes) = message else { return };
        bytes.push(0);
        // what was said meanwhile goes in the same write
        while let Ok(more) = messages.try_recv() {
            bytes.extend(more);
            bytes.push(0);
        }
        let written = tokio::select! {
            written = pipe.write_all(&bytes) => written,
            () = gone.cancelled() => return,
        };
        if written.is_err() {
            gone.cancel();
            return;
        }
    }
}

//! One page and its own DevTools session: the few calls that observing and acting are made of, each bounded in time.

use crate::BrowserError;
use crate::browsers::RunningBrowser;
use crate::clipboard::Clipboard;
use crate::files::Outgrown;
use crate::foreign::Foreigners;
use crate::guard::Guard;
use crate::keys::Key;
use crate::recorder::BUFFERS;
use crate::settle::{Activity, Decision, PageEvent};
use crate::wire::{CdpSession, TARGET_CLOSED};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use playwright_rs::server::channel_owner::ChannelOwner;
use playwright_rs::{BrowserContext, Page};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use wayfarer_core::observation::{Settle, SettleReason};
use wayfarer_core::outcome::EnvFailure;

/// Installed once for each document.
const PAGE_SCRIPT: &str = include_str!("page_script.js");
/// Name of the isolated world.
const WORLD: &str = "wayfarer";
/// One call to a page that answers; a page that takes longer hangs.
pub(crate) const CALL_LIMIT: Duration = Duration::from_secs(15);
/// How long two equal frames are looked for in one go.
const FRAMES_BOUND_MS: u64 = 500;
/// How often an address is asked for while the page sends itself elsewhere.
const NAVIGATE_TRIES: u32 = 3;
/// How long a document that was faster may take to come.
const OUTRUN_LIMIT: Duration = Duration::from_millis(300);
/// A page whose network is quiet but that never stops moving (tickers, carousels) is taken as it is after this.
const RESTLESS_BOUND: Duration = Duration::from_secs(1);
/// How long a document that just went away is given before the next one is looked at.
const RETRY_PAUSE: Duration = Duration::from_millis(50);
/// How long the news of a browser's death may trail behind that of its pages.
const OBITUARY_LIMIT: Duration = Duration::from_millis(300);
/// Marks an evaluation in a document that has no page script yet.
const NOT_INSTALLED: &str = "wayfarer-not-installed";

/// A call failed because of what the page did meanwhile, or for good.
#[derive(Debug)]
pub(crate) enum TabError {
    /// The document went away under the call: try again.
    Navigated,
    /// The tab was closed.
    Closed,
    /// The environment failed.
    Environment(BrowserError),
    /// The protocol refused the call.
    Refused(String),
}

impl From<TabError> for BrowserError {
    fn from(error: TabError) -> Self {
        match error {
            TabError::Environment(error) => error,
            TabError::Navigated => BrowserError::environment(EnvFailure::PageHung, "the page kept navigating away while it was looked at"),
            TabError::Closed => BrowserError::environment(EnvFailure::BrowserCrashed, "the page was closed"),
            TabError::Refused(detail) => {
                BrowserError::environment(EnvFailure::BrowserCrashed, format!("the browser refused a call: {detail}"))
            }
        }
    }
}

/// What the page's events are folded into.
#[derive(Default)]
struct Watch {
    activity: Mutex<Activity>,
    changed: Notify,
    /// Address of the last document that the main frame asked for: what an error page stands for.
    last_document: Mutex<String>,
    /// Tabs that scripts or links asked for and that have not been adopted yet.
    windows_wanted: Mutex<usize>,
    /// Downloads that began and that nobody asked about yet.
    downloads_begun: Mutex<usize>,
    /// File choosers that opened and that nobody used or closed yet.
    choosers: Mutex<Vec<Chooser>>,
    /// What a drag that began carries, as the protocol tells it.
    carried: Mutex<Option<Value>>,
    /// Documents whose load event was told.
    loads: Mutex<usize>,
    /// Documents that came in the page's top frame.
    commits: Mutex<usize>,
    /// The page script's world in the top document, as far as is known.
    world: Mutex<Option<Value>>,
    /// Names the last look at the page; the page script acts on nothing else.
    judged: Mutex<String>,
}

impl Watch {
    fn on(&self, event: PageEvent) {
        lock(&self.activity).on(event, Instant::now());
        self.changed.notify_waiters();
    }
}

/// A file chooser that the page opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Chooser {
    /// The field it is for.
    pub(crate) node: u64,
    /// It takes several files.
    pub(crate) multiple: bool,
}

/// How a document is spoken to: the session of its process, and its frame there.
#[derive(Clone)]
pub(crate) struct Realm {
    pub(crate) cdp: CdpSession,
    pub(crate) frame: String,
}

/// What of a session hears of its pages.
#[derive(Clone)]
pub(crate) struct Listeners {
    /// Told of downloads that outgrow what is kept.
    pub(crate) outgrown: Arc<Outgrown>,
    /// Judges what documents send.
    pub(crate) guard: Option<Arc<Guard>>,
    /// Hears what documents copy.
    pub(crate) clipboard: Arc<Clipboard>,
    /// Bodies are asked for later.
    pub(crate) is_recorded: bool,
}

/// A page with its own DevTools session.
pub(crate) struct Tab {
    pub(crate) page: Page,
    /// The top document.
    pub(crate) main: Realm,
    /// The browser's name of the page.
    pub(crate) target: String,
    /// The browser's name of the context around it.
    pub(crate) browser_context: String,
    listeners: Listeners,
    /// Its browser.
    pub(crate) running: Arc<RunningBrowser>,
    /// Documents of other sites in its frames.
    pub(crate) foreign: Foreigners,
    /// By which the page script's worlds are known; no page can guess it.
    key: String,
    watch: Arc<Watch>,
    /// Cancelled when the renderer or the browser died.
    crashed: CancellationToken,
    /// Cancelled when the page was closed.
    closed: CancellationToken,
}

/// A screenshot, as base64 without escapes.
#[derive(Deserialize)]
struct Picture<'a> {
    data: &'a str,
}

#[derive(Deserialize)]
struct Rest {
    stable: bool,
    /// Whether the layout changed meanwhile; a page that drew nothing is neither stable nor moved.
    moved: bool,
    ready: String,
    url: String,
}

impl Tab {
    /// Attaches to a page.
    pub(crate) async fn attach(
        context: &BrowserContext,
        running: &Arc<RunningBrowser>,
        page: Page,
        listeners: Listeners,
    ) -> Result<Self, BrowserError> {
        // bodies are asked for later only where they are kept
        let buffers = if listeners.is_recorded { BUFFERS } else { (1, 1) };
        let (target, browser_context) = target_of(context, &page).await.map_err(attach_failed)?;
        let cdp = running
            .wire()
            .attach(&target)
            .await
            .map_err(|why| BrowserError::environment(EnvFailure::BrowserCrashed, format!("could not attach to a page: {why}")))?;
        let (crashed, closed) = (running.gone.child_token(), cdp.detached().clone());
        let token = crashed.clone();
        page.on_crash(move || {
            token.cancel();
            async { Ok(()) }
        })
        .await
        .map_err(attach_failed)?;
        let token = closed.clone();
        page.on_close(move || {
            token.cancel();
            async { Ok(()) }
        })
        .await
        .map_err(attach_failed)?;
        if page.is_closed() {
            closed.cancel();
        }
        let main = Realm { cdp, frame: String::new() };
        let mut tab = Self {
            page,
            target,
            browser_context,
            listeners,
            main,
            running: Arc::clone(running),
            foreign: Foreigners::default(),
            key: fresh_key(),
            watch: Arc::default(),
            crashed,
            closed,
        };
        let tree = tab.call("Page.getFrameTree", json!({})).await?;
        tab.main.frame = tree["frameTree"]["frame"]["id"].as_str().unwrap_or_default().to_owned();
        tab.subscribe();
        let (page_events, network_events, inspector, choosers) = tokio::join!(
            tab.call("Page.enable", json!({})),
            tab.call("Network.enable", json!({"maxTotalBufferSize": buffers.0, "maxResourceBufferSize": buffers.1})),
            tab.call("Inspector.enable", json!({})),
            // the system's chooser is on no picture: it is never shown, and used only by an upload
            tab.call("Page.setInterceptFileChooserDialog", json!({"enabled": true}))
        );
        tab.attend(&tab.main.cdp).await?;
        page_events?;
        network_events?;
        inspector?;
        choosers?;
        Ok(tab)
    }

    /// Judges what the documents of a process send, and hears what they copy.
    pub(crate) async fn attend(&self, cdp: &CdpSession) -> Result<(), TabError> {
        let guarded = async {
            let Some(guard) = &self.listeners.guard else { return Ok(()) };
            let page = self.page.clone();
            guard.watch(cdp, Arc::new(move || page.url())).await
        };
        let done = tokio::try_join!(guarded, self.listeners.clipboard.listen(cdp));
        done.map(drop).map_err(|text| self.explain(&text))
    }

    /// The driver's name of the page.
    pub(crate) fn guid(&self) -> &str {
        self.page.guid()
    }

    /// Whether no document was ever shown in it.
    pub(crate) fn is_blank(&self) -> bool {
        matches!(self.page.url().as_str(), "" | ":" | "about:blank")
    }

    /// Cancelled when the page is closed.
    pub(crate) fn is_closed(&self) -> bool {
        self.closed.is_cancelled()
    }

    fn subscribe(&self) {
        let outgrown = Arc::clone(&self.listeners.outgrown);
        let frame = self.main.frame.clone();
        self.on("Network.requestWillBeSent", move |watch, event| {
            if matches!(event["type"].as_str(), Some("WebSocket" | "EventSource" | "Ping" | "Media" | "Prefetch")) {
                return;
            }
            let id = event["requestId"].as_str().unwrap_or_default();
            let is_document = event["type"] == "Document" && event["frameId"] == frame.as_str() && event["loaderId"] == id;
            if is_document {
                *lock(&watch.last_document) = event["request"]["url"].as_str().unwrap_or_default().to_owned();
            }
            let loader = event["loaderId"].as_str().unwrap_or_default().to_owned();
            watch.on(PageEvent::Request { id: id.to_owned(), loader, document: is_document.then(|| id.to_owned()) });
        });
        for ended in ["Network.loadingFinished", "Network.loadingFailed"] {
            self.on(ended, |watch, event| {
                watch.on(PageEvent::RequestEnd { id: event["requestId"].as_str().unwrap_or_default().to_owned() })
            });
        }
        let frame = self.main.frame.clone();
        self.on("Page.frameRequestedNavigation", move |watch, event| {
            if event["frameId"] == frame.as_str() && event["disposition"] != "newTab" && event["disposition"] != "newWindow" {
                watch.on(PageEvent::NavigationRequested);
            }
        });
        self.on("Page.frameNavigated", |watch, event| {
            if event["frame"]["parentId"].is_null() {
                *lock(&watch.world) = None;
                *lock(&watch.commits) += 1;
                watch.on(PageEvent::Committed { document: event["frame"]["loaderId"].as_str().unwrap_or_default().to_owned() });
            }
        });
        let frame = self.main.frame.clone();
        self.on("Page.frameStoppedLoading", move |watch, event| {
            if event["frameId"] == frame.as_str() {
                watch.on(PageEvent::Stopped);
            }
        });
        self.on("Page.windowOpen", |watch, _| {
            *lock(&watch.windows_wanted) += 1;
            watch.changed.notify_waiters();
        });
        self.on("Page.loadEventFired", |watch, _| {
            *lock(&watch.loads) += 1;
            watch.changed.notify_waiters();
        });
        let addresses = Arc::new(Mutex::new(HashMap::new()));
        let began = Arc::clone(&addresses);
        self.on("Page.downloadWillBegin", move |watch, event| {
            *lock(&watch.downloads_begun) += 1;
            let text = |key: &str| event[key].as_str().unwrap_or_default().to_owned();
            lock(&began).insert(text("guid"), text("url"));
        });
        self.on("Page.downloadProgress", move |_, event| {
            let guid = event["guid"].as_str().unwrap_or_default();
            if event["receivedBytes"].as_f64().unwrap_or_default() > crate::files::MAX_KEPT_BYTES as f64
                && let Some(address) = lock(&addresses).get(guid)
            {
                outgrown.tell(address);
            }
            if event["state"] != "inProgress" {
                lock(&addresses).remove(guid);
            }
        });
        self.on("Page.fileChooserOpened", |watch, event| {
            if let Some(node) = event["backendNodeId"].as_u64() {
                lock(&watch.choosers).push(Chooser { node, multiple: event["mode"] == "selectMultiple" });
                watch.changed.notify_waiters();
            }
        });
        self.on("Input.dragIntercepted", |watch, event| {
            *lock(&watch.carried) = Some(event["data"].clone());
            watch.changed.notify_waiters();
        });
        let crashed = self.crashed.clone();
        self.on("Inspector.targetCrashed", move |_, _| crashed.cancel());
    }

    fn on(&self, method: &str, take: impl Fn(&Watch, &Value) + Send + Sync + 'static) {
        let watch = Arc::clone(&self.watch);
        self.main.cdp.on(method, move |event| {
            take(&watch, event);
        });
    }

    /// Windows that were asked for since the last call.
    pub(crate) fn take_windows_wanted(&self) -> usize {
        std::mem::take(&mut lock(&self.watch.windows_wanted))
    }

    /// Downloads that began since the last call.
    pub(crate) fn take_downloads_begun(&self) -> usize {
        std::mem::take(&mut lock(&self.watch.downloads_begun))
    }

    /// File choosers that opened since the last call.
    pub(crate) fn take_choosers(&self) -> Vec<Chooser> {
        std::mem::take(&mut lock(&self.watch.choosers))
    }

    /// What the drag that began carries.
    pub(crate) fn take_carried(&self) -> Option<Value> {
        lock(&self.watch.carried).take()
    }

    /// Waits until the page's events make `look` find something; `None` after `limit`.
    pub(crate) async fn eventually<T>(&self, limit: Duration, mut look: impl FnMut() -> Option<T>) -> Option<T> {
        let found = async {
            loop {
                let changed = self.watch.changed.notified();
                tokio::pin!(changed);
                // registered before the look, so that no event is missed
                changed.as_mut().enable();
                if let Some(found) = look() {
                    return found;
                }
                changed.await;
            }
        };
        tokio::time::timeout(limit, found).await.ok()
    }

    /// Address of the last document that was asked for.
    pub(crate) fn last_document(&self) -> String {
        lock(&self.watch.last_document).clone()
    }

    /// Remembers which look at the page actions are judged by.
    pub(crate) fn set_judged(&self, token: String) {
        *lock(&self.watch.judged) = token;
    }

    /// Which look at the top document actions are judged by, as a literal for the page script.
    pub(crate) fn judged(&self) -> Value {
        Value::from(lock(&self.watch.judged).clone())
    }

    /// One call of the DevTools protocol.
    pub(crate) async fn call(&self, method: &str, params: Value) -> Result<Value, TabError> {
        self.call_within(CALL_LIMIT, method, params).await
    }

    /// One call of the DevTools protocol to the process of a document.
    pub(crate) async fn call_in(&self, realm: &Realm, method: &str, params: Value) -> Result<Value, TabError> {
        self.call_on(&realm.cdp, CALL_LIMIT, method, params).await
    }

    /// One call of the DevTools protocol, bounded.
    pub(crate) async fn call_within(&self, limit: Duration, method: &str, params: Value) -> Result<Value, TabError> {
        self.call_on(&self.main.cdp, limit, method, params).await
    }

    async fn call_on(&self, cdp: &CdpSession, limit: Duration, method: &str, params: Value) -> Result<Value, TabError> {
        self.ask(cdp, limit, method, params).await?.map_err(|text| self.explain(&text))
    }

    /// One call; what the protocol says against it comes as its text.
    async fn ask(&self, cdp: &CdpSession, limit: Duration, method: &str, params: Value) -> Result<Result<Value, String>, TabError> {
        self.bounded(limit, method, cdp.send(method, &params)).await
    }

    /// What a call comes to, unless the page goes first or it takes too long.
    async fn bounded<T>(&self, limit: Duration, method: &str, call: impl Future<Output = T>) -> Result<T, TabError> {
        tokio::select! {
            biased;
            () = self.crashed.cancelled() => Err(TabError::Environment(self.crash().await)),
            answer = call => Ok(answer),
            () = self.closed.cancelled() => Err(TabError::Closed),
            () = tokio::time::sleep(limit) => {
                Err(TabError::Environment(BrowserError::environment(EnvFailure::PageHung, format!("{method} was not answered within {} s", limit.as_secs()))))
            }
        }
    }

    /// What died. A browser's death is told of its pages first.
    async fn crash(&self) -> BrowserError {
        let browser_died = tokio::time::timeout(OBITUARY_LIMIT, self.running.gone.cancelled()).await.is_ok();
        self.obituary(browser_died)
    }

    fn obituary(&self, browser_died: bool) -> BrowserError {
        if self.running.was_short_of_memory() {
            let detail = "a process of the page's browser was killed, for the browser had all the memory that it may have";
            return BrowserError::environment(EnvFailure::OutOfMemory, detail);
        }
        if browser_died {
            return BrowserError::environment(EnvFailure::BrowserCrashed, "the browser died");
        }
        BrowserError::environment(EnvFailure::RendererCrashed, "the page's renderer died: a crash, or more memory than a page may have")
    }

    fn explain(&self, text: &str) -> TabError {
        if self.crashed.is_cancelled() || text.contains("crashed") {
            return TabError::Environment(self.obituary(self.running.gone.is_cancelled()));
        }
        if self.closed.is_cancelled()
            || text.contains("has been closed")
            || text.contains(TARGET_CLOSED)
            || text.contains("Session with given id not found")
        {
            return TabError::Closed;
        }
        const NAVIGATED: [&str; 6] = [
            "context was destroyed",
            "Cannot find context",
            "Cannot find execution context",
            "navigated or closed",
            "Frame with the given",
            "No frame for given id",
        ];
        if NAVIGATED.iter().any(|sign| text.contains(sign)) {
            return TabError::Navigated;
        }
        TabError::Refused(text.lines().next().unwrap_or_default().to_owned())
    }

    /// Calls a function of the page script in the isolated world of the current document.
    pub(crate) async fn script<T: serde::de::DeserializeOwned>(&self, expression: &str) -> Result<T, TabError> {
        self.script_in(&self.main, expression).await
    }

    /// Calls a function of the page script in the isolated world of a document.
    pub(crate) async fn script_in<T: serde::de::DeserializeOwned>(&self, realm: &Realm, expression: &str) -> Result<T, TabError> {
        let read =
            |value| serde_json::from_value(value).map_err(|error| TabError::Refused(format!("the page script answered nonsense: {error}")));
        // a context's number may come again for another document's world, even one that is the page's own: the key tells them apart
        let guarded = format!("globalThis.__wayfarerKey === '{}' ? {expression} : '{NOT_INSTALLED}'", self.key);
        let is_main = realm.frame == self.main.frame;
        let remembered = lock(&self.watch.world).clone().filter(|_| is_main);
        if let Some(context) = remembered
            && let Some(value) = self.evaluate_if_there(realm, &guarded, &context).await?
        {
            return read(value);
        }
        let context = self.world(realm).await?;
        let mut value = self.evaluate(realm, &guarded, &context).await?;
        if value == NOT_INSTALLED {
            let install = format!("{PAGE_SCRIPT}\nglobalThis.__wayfarerKey = '{}';", self.key);
            self.evaluate(realm, &install, &context).await?;
            value = self.evaluate(realm, &guarded, &context).await?;
        }
        if is_main {
            *lock(&self.watch.world) = Some(context);
        }
        read(value)
    }

    /// The value, or `None` where the world is not there any more: nothing was run then.
    async fn evaluate_if_there(&self, realm: &Realm, expression: &str, context: &Value) -> Result<Option<Value>, TabError> {
        let asked = self.ask(&realm.cdp, CALL_LIMIT, "Runtime.evaluate", evaluation(expression, context)).await?;
        let value = match asked {
            Ok(answer) => self.value_of(answer)?,
            Err(text) if text.contains("Cannot find context") => Value::from(NOT_INSTALLED),
            Err(text) => return Err(self.explain(&text)),
        };
        if value == NOT_INSTALLED {
            *lock(&self.watch.world) = None;
            return Ok(None);
        }
        Ok(Some(value))
    }

    /// The isolated world of a document.
    pub(crate) async fn world(&self, realm: &Realm) -> Result<Value, TabError> {
        let params = json!({"frameId": realm.frame, "worldName": WORLD});
        Ok(self.call_in(realm, "Page.createIsolatedWorld", params).await?["executionContextId"].clone())
    }

    /// Whether the document holds nothing at all.
    pub(crate) async fn is_empty(&self) -> bool {
        let children: Result<u64, TabError> = self.script("(document.body ? document.body.childNodes.length : 0)").await;
        matches!(children, Ok(0))
    }

    /// A handle of what the expression gives in the isolated world of a document.
    pub(crate) async fn object(&self, realm: &Realm, expression: &str) -> Result<Value, TabError> {
        let context = self.world(realm).await?;
        let params = json!({"expression": expression, "contextId": context, "returnByValue": false});
        let answer = self.call_in(realm, "Runtime.evaluate", params).await?;
        match answer["result"].get("objectId") {
            Some(object) => Ok(object.clone()),
            None => Err(TabError::Refused("the element is gone".into())),
        }
    }

    async fn evaluate(&self, realm: &Realm, expression: &str, context: &Value) -> Result<Value, TabError> {
        let answer = self.call_in(realm, "Runtime.evaluate", evaluation(expression, context)).await?;
        self.value_of(answer)
    }

    /// What an evaluation gave; an exception of the script is an error.
    pub(crate) fn value_of(&self, mut answer: Value) -> Result<Value, TabError> {
        if let Some(exception) = answer.get("exceptionDetails") {
            let text = exception["exception"]["description"].as_str().or(exception["text"].as_str()).unwrap_or("exception");
            return Err(self.explain(&format!("the page script failed: {text}")));
        }
        Ok(answer["result"]["value"].take())
    }

    /// Waits until the page has come to rest; returns how, and the address it rests at.
    pub(crate) async fn settle(&self) -> Result<(Settle, String), TabError> {
        let began = Instant::now();
        let mut parsing = false;
        let mut restless_since: Option<Instant> = None;
        loop {
            let changed = self.watch.changed.notified();
            let decision = if restless_since.is_some_and(|since| since.elapsed() >= RESTLESS_BOUND) {
                Decision::Bound
            } else {
                lock(&self.watch.activity).decide(began, Instant::now(), parsing)
            };
            match decision {
                Decision::Wait(limit) => {
                    tokio::select! {
                        () = changed => {}
                        () = tokio::time::sleep(limit) => {}
                        () = self.crashed.cancelled() => return Err(TabError::Environment(self.crash().await)),
                        () = self.closed.cancelled() => return Err(TabError::Closed),
                    }
                }
                Decision::LookAtFrames | Decision::Bound => {
                    let looked = Instant::now();
                    let bound = if decision == Decision::Bound { 0 } else { FRAMES_BOUND_MS };
                    let rest: Rest = match self.script(&format!("__wayfarer.rest({bound})")).await {
                        Ok(rest) => rest,
                        Err(TabError::Navigated) if began.elapsed() < crate::settle::NAVIGATION_BOUND => {
                            let _ = tokio::time::timeout(RETRY_PAUSE, changed).await;
                            continue;
                        }
                        Err(error) => return Err(error),
                    };
                    let settle = |reason| Settle { reason, ms: began.elapsed().as_secs_f64() * 1000.0 };
                    if decision == Decision::Bound {
                        let navigating = lock(&self.watch.activity).is_navigating() || parsing;
                        let reason = match restless_since {
                            _ if navigating => SettleReason::Navigation,
                            Some(_) => SettleReason::Moving,
                            None => SettleReason::Network,
                        };
                        return Ok((settle(reason), rest.url));
                    }
                    parsing = rest.ready == "loading";
                    if rest.stable {
                        restless_since = None;
                    } else if rest.moved {
                        restless_since = restless_since.or(Some(looked));
                    }
                    let activity = lock(&self.watch.activity);
                    if rest.stable && !parsing && !activity.is_navigating() && !activity.active_since(looked) {
                        return Ok((settle(SettleReason::Quiet), rest.url));
                    }
                }
            }
        }
    }

    /// PNG of the viewport.
    pub(crate) async fn screenshot(&self) -> Result<Bytes, TabError> {
        let params = json!({"format": "png", "optimizeForSpeed": true});
        let answer = self.bounded(CALL_LIMIT, "Page.captureScreenshot", self.main.cdp.send_raw("Page.captureScreenshot", &params)).await?;
        let answer = answer.map_err(|text| self.explain(&text))?;
        let Picture { data } = serde_json::from_str(answer.get()).map_err(|_| TabError::Refused("the screenshot has no data".into()))?;
        BASE64_STANDARD.decode(data).map(Bytes::from).map_err(|error| TabError::Refused(format!("the screenshot is no base64: {error}")))
    }

    /// Presses a key under the held modifiers.
    pub(crate) async fn key_down(&self, key: &Key, modifiers: u8) -> Result<(), TabError> {
        let types_text = !key.text.is_empty() && modifiers & !crate::keys::SHIFT == 0;
        let mut params = json!({
            "type": if types_text { "keyDown" } else { "rawKeyDown" }, "key": key.key, "code": key.code,
            "windowsVirtualKeyCode": key.key_code, "modifiers": modifiers,
        });
        if types_text {
            params["text"] = key.text.as_str().into();
            params["unmodifiedText"] = key.text.as_str().into();
        }
        if modifiers & crate::keys::CONTROL != 0 && key.key.eq_ignore_ascii_case("a") {
            params["commands"] = json!(["selectAll"]);
        }
        self.call("Input.dispatchKeyEvent", params).await?;
        Ok(())
    }

    /// Releases a key.
    pub(crate) async fn key_up(&self, key: &Key, modifiers: u8) -> Result<(), TabError> {
        self.call(
            "Input.dispatchKeyEvent",
            json!({"type": "keyUp", "key": key.key, "code": key.code, "windowsVirtualKeyCode": key.key_code, "modifiers": modifiers}),
        )
        .await?;
        Ok(())
    }

    /// Inserts text as an input method does: input events, no key events.
    pub(crate) async fn insert_text(&self, text: &str) -> Result<(), TabError> {
        self.call("Input.insertText", json!({"text": text})).await?;
        Ok(())
    }

    /// Goes to an address; answers when its document is there. `Ok(Some(text))` is Chromium's own name of what went wrong.
    pub(crate) async fn navigate(&self, url: &str, limit: Duration) -> Result<Option<String>, TabError> {
        let mut tries = 0;
        loop {
            tries += 1;
            *lock(&self.watch.last_document) = url.to_owned();
            let commits = || *lock(&self.watch.commits);
            let before = commits();
            // a page that sends itself elsewhere all the time would have its way right after this: what it still wants is stopped before
            let (_, answer) =
                tokio::join!(self.call("Page.stopLoading", json!({})), self.call_within(limit, "Page.navigate", json!({"url": url})),);
            let answer = answer?;
            if answer["isDownload"] == true {
                return Ok(None);
            }
            let failed = answer["errorText"].as_str().filter(|text| !text.is_empty());
            // another document was faster: it is left again
            let was_outrun = failed == Some("net::ERR_ABORTED")
                && tries < NAVIGATE_TRIES
                && self.eventually(OUTRUN_LIMIT, || (commits() > before).then_some(())).await.is_some();
            if !was_outrun {
                return Ok(failed.map(str::to_owned));
            }
        }
    }

    /// How many documents were loaded so far.
    pub(crate) fn loads(&self) -> usize {
        *lock(&self.watch.loads)
    }

    /// Returns when more documents were loaded than before, or after `limit`: a page that never ends to load is there all the same.
    pub(crate) async fn loaded_since(&self, before: usize, limit: Duration) {
        self.eventually(limit, || (self.loads() > before).then_some(())).await;
    }
}

/// What an evaluation in a world asks for.
fn evaluation(expression: &str, context: &Value) -> Value {
    json!({"expression": expression, "contextId": context, "returnByValue": true, "awaitPromise": true, "userGesture": false})
}

/// 128 bits from the system's randomness, by way of the standard library's hashers.
pub(crate) fn fresh_key() -> String {
    let draw = || RandomState::new().build_hasher().finish();
    format!("{:016x}{:016x}", draw(), draw())
}

/// Locks that are held for a moment and never across an await; a panic elsewhere leaves the value as it is.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn attach_failed(error: playwright_rs::Error) -> BrowserError {
    BrowserError::environment(EnvFailure::BrowserCrashed, format!("could not attach to a page: {error}"))
}

/// The browser's names of a page and of its context; the driver has others.
async fn target_of(context: &BrowserContext, page: &Page) -> playwright_rs::Result<(String, String)> {
    let asked = context.new_cdp_session(page).await?;
    let mut answer = asked.send("Target.getTargetInfo", None).await?;
    asked.detach().await?;
    let told = answer.get_mut("result").map(Value::take).unwrap_or(answer);
    let text = |key: &str| told["targetInfo"][key].as_str().unwrap_or_default().to_owned();
    Ok((text("targetId"), text("browserContextId")))
}

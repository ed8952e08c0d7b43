//! The critical-point gate at the network: requests that change something, and messages over sockets, wait until they are judged, and what
//! no permission covers does not leave.
//!
//! The gate before the action sees what a page says of itself (crates/core, `gate`); a page can lie there. Here it is seen what the page
//! does: whatever made it send (a click, Enter, a field that loses the focus, a timer), the request is paused in the browser, before TLS.
//! The browser pauses no message over a socket: a script of ours in each document and worker does (`sockets.js`).

use crate::recorder::Recorder;
use crate::replay::Replay;
use crate::tab::{fresh_key, lock};
use crate::wire::{CdpSession, Kind, NewPage, Newcomer, WeakSession};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use flate2::read::{MultiGzDecoder, ZlibDecoder};
use futures::FutureExt;
use futures::future::BoxFuture;
use playwright_rs::server::channel_owner::ChannelOwner;
use playwright_rs::{BrowserContext, FulfillOptions, Route};
use serde::Deserialize;
use serde_json::{Value, json};
use std::io::Read;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;
use wayfarer_core::critical_point::{CriticalPoint, GateDecision, Grant};
use wayfarer_core::gate::{PageMessage, PageRequest, check_message, check_request};

/// How long the browser may take to take an answer.
const CALL_LIMIT: Duration = Duration::from_secs(10);
/// Requests that are told of one action.
const MOST_TOLD: usize = 20;
/// Pauses what is sent over sockets.
const SOCKETS: &str = include_str!("sockets.js");
/// Letters of a message that are judged, and bytes; of a longer one its beginning.
const MOST_JUDGED: usize = 4 << 20;

/// Tells the address of the page around what sends.
pub(crate) type PageAddress = Arc<dyn Fn() -> String + Send + Sync>;

/// What a session may send, and what was met.
pub(crate) struct Guard {
    /// What its pages send is paused; otherwise it is only recorded.
    pauses: bool,
    recorder: Option<Arc<Recorder>>,
    /// Runs in documents before any script of theirs; once.
    script: String,
    /// What our script and we call each other by.
    names: Names,
    /// Off for a session that only replays.
    judges: OnceLock<bool>,
    grants: Mutex<Vec<Grant>>,
    met: Mutex<Met>,
    /// Answers in the network's place.
    replay: OnceLock<Replay>,
}

/// Names that no page can guess.
struct Names {
    /// The function that asks.
    asker: String,
    /// The function that takes the answer.
    answer: String,
    /// By which the answer is known as ours.
    secret: String,
}

impl Names {
    /// Runs in every document and worker before any script of theirs.
    fn script(&self) -> String {
        let Self { asker, answer, secret } = self;
        format!("{}(\"{asker}\", \"{answer}\", \"{secret}\", {MOST_JUDGED});", SOCKETS.trim_end())
    }
}

/// A message that waits, as `sockets.js` tells it.
#[derive(Deserialize)]
struct Asked {
    number: u64,
    url: String,
    text: String,
}

/// What requests met since they were last asked about.
#[derive(Debug, Default)]
pub(crate) struct Met {
    /// They did not leave.
    pub(crate) held: Vec<CriticalPoint>,
    /// They left, for a permission covers them.
    pub(crate) permitted: Vec<CriticalPoint>,
}

impl Guard {
    /// For a session whose documents begin with this script.
    pub(crate) fn new(pauses: bool, recorder: Option<Arc<Recorder>>, script: &str) -> Self {
        let names = Names { asker: format!("_{}", fresh_key()), answer: format!("_{}", fresh_key()), secret: fresh_key() };
        let sockets = if pauses { names.script() } else { String::new() };
        // it comes from the driver and from us, whoever lets a window begin first
        let script = format!("if (!('{0}' in this)) {{\n{script}\n{sockets}\nReflect.defineProperty(this, '{0}', {{}});\n}}", names.answer);
        let (judges, replay) = (OnceLock::new(), OnceLock::new());
        Self { pauses, recorder, script, names, judges, grants: Mutex::default(), met: Mutex::default(), replay }
    }

    /// What documents of the session begin with.
    pub(crate) fn script(&self) -> &str {
        &self.script
    }

    /// What a session is wanted for; before its first page is opened.
    pub(crate) fn begin(&self, judges: bool, replay: Option<Replay>) {
        let _ = self.judges.set(judges);
        if let Some(replay) = replay {
            let _ = self.replay.set(replay);
        }
    }

    /// From now on these permissions hold, and no others.
    pub(crate) fn permit(&self, grants: Vec<Grant>) {
        *lock(&self.grants) = grants;
    }

    /// What was met since the last call.
    pub(crate) fn take_met(&self) -> Met {
        std::mem::take(&mut lock(&self.met))
    }

    /// Watches what the documents of a session send; `page` tells the address of the page around them.
    pub(crate) async fn watch(self: &Arc<Self>, cdp: &CdpSession, page: PageAddress) -> Result<(), String> {
        self.watch_one(cdp, page, Kind::Document).await
    }

    fn watch_one<'a>(self: &'a Arc<Self>, cdp: &'a CdpSession, page: PageAddress, kind: Kind) -> BoxFuture<'a, Result<(), String>> {
        async move {
            if !cdp.is_first_watch() {
                return Ok(());
            }
            if let Some(recorder) = &self.recorder {
                recorder.listen(cdp)?;
            }
            if self.pauses {
                self.judge(cdp, Arc::clone(&page));
            }
            // frames of other sites send by themselves, and workers, and what is in them
            let guard = Arc::clone(self);
            let look: NewPage = Arc::new(move |newcomer| {
                let (guard, page) = (Arc::clone(&guard), Arc::clone(&page));
                async move { guard.lets_begin(newcomer, page).await }.boxed()
            });
            let paused = async {
                // what a worker of a page asks for goes the page's way
                if kind == Kind::Worker || !self.pauses { Ok(()) } else { self.pause(cdp).await }
            };
            if kind == Kind::ServiceWorker {
                self.follow_restarts(cdp)?;
            }
            let messages = async { if self.pauses { self.hear_messages(cdp, kind).await } else { Ok(()) } };
            if kind == Kind::Document {
                // a window that is held may have no process yet that could answer; what it is told it does before anything else
                cdp.tell("Page.enable", &json!({}))?;
                cdp.tell("Page.addScriptToEvaluateOnNewDocument", &json!({"source": self.script, "runImmediately": true}))?;
            }
            tokio::try_join!(paused, messages, cdp.on_new_frames(look)).map(drop)
        }
        .boxed()
    }

    /// Watches what the browser holds; whether it may begin. What cannot be watched may not.
    pub(crate) async fn lets_begin(self: &Arc<Self>, newcomer: Newcomer, page: PageAddress) -> bool {
        if newcomer.kind == Kind::SharedWorker && self.pauses {
            // the browser pauses nothing of theirs; pages of a guarded session find none (`NO_SHARED_WORKERS`)
            return false;
        }
        let watched = self.watch_one(&newcomer.cdp, page, newcomer.kind).await;
        if let Err(error) = &watched {
            tracing::warn!(error, url = newcomer.url, "a window, a frame or a worker could not be watched, and stays held");
        }
        watched.is_ok()
    }

    /// A service worker whose process died begins anew on the same session, and is held again: whoever lets it go gives it the script first.
    fn follow_restarts(&self, cdp: &CdpSession) -> Result<(), String> {
        let script = if self.pauses { self.names.script() } else { String::new() };
        let weak = cdp.downgrade();
        cdp.on("Inspector.targetReloadedAfterCrash", move |_| {
            let Some(cdp) = weak.upgrade() else { return };
            // in this order, which the browser keeps
            let told = cdp
                .tell("Runtime.evaluate", &json!({"expression": script}))
                .and_then(|()| cdp.tell("Runtime.runIfWaitingForDebugger", &json!({})));
            if let Err(error) = told {
                tracing::debug!(error, "a service worker went away before it began anew");
            }
        });
        cdp.tell("Inspector.enable", &json!({}))
    }

    /// Lets our script ask about what is sent over sockets; workers are given it here.
    async fn hear_messages(&self, cdp: &CdpSession, kind: Kind) -> Result<(), String> {
        cdp.tell("Runtime.enable", &json!({}))?;
        cdp.tell("Runtime.addBinding", &json!({"name": self.names.asker}))?;
        if kind == Kind::Document {
            return Ok(());
        }
        cdp.send("Runtime.evaluate", &json!({"expression": self.names.script()})).await.map(drop)
    }

    /// Judges what the windows of a context send until they are watched, by the driver's own routes: behind a Playwright server nobody
    /// else can hold a new window. A request is judged once, for permissions are used up.
    pub(crate) async fn route(
        self: &Arc<Self>,
        context: &BrowserContext,
        is_watched: impl Fn(&str) -> bool + Send + Sync + 'static,
    ) -> playwright_rs::Result<()> {
        let guard = Arc::clone(self);
        let judge = move |route: Route| {
            let request = route.request();
            let page = request.frame().and_then(|frame| frame.page());
            if page.as_ref().is_some_and(|page| is_watched(page.guid())) {
                return async move { route.continue_(None).await }.boxed();
            }
            let page = page.map(|page| page.url()).unwrap_or_default();
            let body = request.post_data_buffer().map(|bytes| text_of(&bytes));
            let kind = if request.is_navigation_request() { "Document" } else { "Other" };
            let sent = json!({"resourceType": kind, "request": {"method": request.method(), "url": request.url(), "postData": body}});
            let answer = guard.answer(&sent, &page);
            async move {
                match answer {
                    Answer::Go | Answer::Again(_) => route.continue_(None).await,
                    Answer::Stay => route.fulfill(FulfillOptions::builder().status(204).build()).await,
                    Answer::Fail => route.abort(Some("blockedbyclient")).await,
                }
            }
            .boxed()
        };
        context.route("**/*", judge).await
    }

    fn judge(self: &Arc<Self>, cdp: &CdpSession, page: PageAddress) {
        let (guard, weak, around) = (Arc::clone(self), cdp.downgrade(), Arc::clone(&page));
        cdp.on("Runtime.bindingCalled", move |event| {
            if event["name"] != guard.names.asker.as_str() {
                return;
            }
            let Ok(asked) = serde_json::from_str::<Asked>(event["payload"].as_str().unwrap_or_default()) else { return };
            let (guard, weak, page) = (Arc::clone(&guard), weak.clone(), around());
            let context = event["executionContextId"].clone();
            // beside the reading of the pipe, which must go on: a page may make its messages long
            tokio::spawn(async move {
                let number = asked.number;
                let judge = Arc::clone(&guard);
                // what could not be judged stays where it is
                let passes = tokio::task::spawn_blocking(move || judge.passes(&asked, &page)).await.unwrap_or(false);
                let Names { answer, secret, .. } = &guard.names;
                // by its bare name, which nothing can hide: a page may put something of its own in the place of `globalThis`
                let expression = format!("{answer}(\"{secret}\", {number}, {passes})");
                let Some(cdp) = weak.upgrade() else { return };
                let told = json!({"contextId": context, "expression": expression});
                if let Ok(Err(error)) = tokio::time::timeout(CALL_LIMIT, cdp.send("Runtime.evaluate", &told)).await {
                    tracing::debug!(error, "a document went away before its message was answered");
                }
            });
        });
        let (guard, weak) = (Arc::clone(self), cdp.downgrade());
        cdp.on("Fetch.requestPaused", move |event| {
            let (guard, weak, event, page) = (Arc::clone(&guard), weak.clone(), event.clone(), page());
            tokio::spawn(async move {
                let request = event["requestId"].clone();
                let answer = tokio::task::spawn_blocking(move || guard.answer(&event, &page)).await.unwrap_or(Answer::Fail);
                say(&weak, request, answer).await;
            });
        });
    }

    /// Pauses what has to be looked at.
    pub(crate) async fn pause(&self, cdp: &CdpSession) -> Result<(), String> {
        let patterns: Vec<Value> = match self.replay.get() {
            Some(_) => vec![json!({"urlPattern": "*"})],
            // pictures, scripts and styles change nothing
            None => ["Document", "XHR", "Fetch", "Ping", "CSPViolationReport", "Other"]
                .iter()
                .map(|kind| json!({"urlPattern": "*", "resourceType": kind}))
                .collect(),
        };
        cdp.send("Fetch.enable", &json!({"patterns": patterns})).await.map(drop)
    }

    fn answer(&self, event: &Value, page: &str) -> Answer {
        let request = &event["request"];
        let go = || match self.replay.get() {
            None => Answer::Go,
            Some(replay) => replay.find(request).map_or(Answer::Fail, Answer::Again),
        };
        if !self.judges.get().copied().unwrap_or(true) {
            return go();
        }
        let text = |key: &str| request[key].as_str().unwrap_or_default();
        let body = body_of(request);
        let decision = {
            let mut grants = lock(&self.grants);
            check_request(PageRequest { method: text("method"), url: text("url"), body: &body, page }, &mut grants)
        };
        match self.take_in(decision) {
            true => go(),
            false if event["resourceType"] == "Document" => Answer::Stay,
            false => Answer::Fail,
        }
    }

    /// Whether a message may be sent.
    fn passes(&self, asked: &Asked, page: &str) -> bool {
        if !self.judges.get().copied().unwrap_or(true) {
            return true;
        }
        let decision = check_message(PageMessage { url: &asked.url, text: &asked.text, page }, &mut lock(&self.grants));
        self.take_in(decision)
    }

    /// Remembers what was met; whether it may leave.
    fn take_in(&self, decision: GateDecision) -> bool {
        let told = |list: &mut Vec<CriticalPoint>, point: CriticalPoint| {
            if list.len() < MOST_TOLD {
                list.push(point);
            }
        };
        match decision {
            GateDecision::Pass => true,
            GateDecision::Permitted { critical_point } => {
                told(&mut lock(&self.met).permitted, critical_point);
                true
            }
            GateDecision::Held { critical_point } => {
                tracing::info!(what = critical_point.what, "what a page sends was held by the critical-point gate");
                told(&mut lock(&self.met).held, critical_point);
                false
            }
        }
    }
}

/// What a request carries, as far as the browser tells: files are told by their parts' names only.
fn body_of(request: &Value) -> String {
    let entries = request["postDataEntries"].as_array().into_iter().flatten();
    let bytes: Vec<u8> = entries.filter_map(|entry| BASE64_STANDARD.decode(entry["bytes"].as_str()?).ok()).flatten().collect();
    match request["postData"].as_str() {
        Some(body) if bytes.is_empty() => body.to_owned(),
        _ => text_of(&bytes),
    }
}

/// Bytes as text; what is packed is unpacked, as servers do it.
fn text_of(bytes: &[u8]) -> String {
    let mut unpacked = Vec::new();
    // as far as it can be unpacked: what comes after that no server reads either
    let _ = match bytes {
        [0x1f, 0x8b, ..] => MultiGzDecoder::new(bytes).take(MOST_JUDGED as u64).read_to_end(&mut unpacked),
        [0x78, 0x01 | 0x5e | 0x9c | 0xda, ..] => ZlibDecoder::new(bytes).take(MOST_JUDGED as u64).read_to_end(&mut unpacked),
        _ => Ok(0),
    };
    String::from_utf8_lossy(if unpacked.is_empty() { bytes } else { &unpacked }).into_owned()
}

enum Answer {
    Go,
    /// What was recorded.
    Again(Value),
    /// A document that is not to come: the page stays where it is.
    Stay,
    Fail,
}

async fn say(session: &WeakSession, request: Value, answer: Answer) {
    let Some(cdp) = session.upgrade() else { return };
    let (method, params) = match answer {
        Answer::Go => ("Fetch.continueRequest", json!({"requestId": request})),
        Answer::Again(mut recorded) => {
            recorded["requestId"] = request;
            ("Fetch.fulfillRequest", recorded)
        }
        Answer::Stay => ("Fetch.fulfillRequest", json!({"requestId": request, "responseCode": 204})),
        Answer::Fail => ("Fetch.failRequest", json!({"requestId": request, "errorReason": "BlockedByClient"})),
    };
    if let Ok(Err(error)) = tokio::time::timeout(CALL_LIMIT, cdp.send(method, &params)).await {
        tracing::debug!(error, "a request went away before it was answered");
    }
}

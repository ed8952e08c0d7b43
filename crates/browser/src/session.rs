//! A session: one isolated context behind its own proxy, with a stack of tabs of which the newest is the current page.

use crate::api::no_browser;
use crate::browsers::{Place, RunningBrowser};
use crate::clipboard::Clipboard;
use crate::egress::{EgressProxy, Refusal};
use crate::files::{FarFiles, Files};
use crate::guard::Guard;
use crate::mask::Secrets;
use crate::notes::{Noted, Notes};
use crate::recorder::{self, Recorder};
use crate::replay::Replay;
use crate::screencast::{self, CurrentPage, Frame, ScreencastOptions};
use crate::sieve::WatchedContext;
use crate::tab::{Listeners, Tab, TabError, lock};
use crate::wire::{NewPage, WatchedPages};
use crate::{
    BrowserError, BrowserSession, EgressPolicy, INSTANCE_HEADER, Observed, Recording, SessionSpec, StorageState, address, observe,
};
use async_trait::async_trait;
use bytes::Bytes;
use futures::FutureExt;
use playwright_rs::protocol::{AcceptDownloads, Download, ProxySettings};
use playwright_rs::server::channel_owner::ChannelOwner;
use playwright_rs::server::connection::ConnectionExt;
use playwright_rs::{BrowserContext, BrowserContextOptions, Page};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};
use tokio::sync::{Notify, mpsc};
use tokio_util::sync::{CancellationToken, DropGuard};
use wayfarer_core::action::Effect;
use wayfarer_core::critical_point::Grant;
use wayfarer_core::observation::Viewport;
use wayfarer_core::outcome::EnvFailure;
use wayfarer_core::{Action, BlobHash, SessionId};

/// How long a browser may take to give a context with a page.
pub(crate) const OPEN_LIMIT: Duration = Duration::from_secs(20);
/// How long an empty page may take to answer before it counts as dead.
const ANSWER_LIMIT: Duration = Duration::from_secs(2);
/// How long a start page may take to answer.
const GOTO_LIMIT: Duration = Duration::from_secs(30);
/// How long a window that was asked for may take to appear.
const WINDOW_LIMIT: Duration = Duration::from_secs(3);
/// How long the name of a download may trail behind its beginning.
const DOWNLOAD_LIMIT: Duration = Duration::from_secs(3);
/// How long cookies and local storage may take to be read: pages of every origin are asked.
const STORAGE_LIMIT: Duration = Duration::from_secs(15);
/// How long a context may take to close.
const CLOSE_LIMIT: Duration = Duration::from_secs(5);
/// An action with everything that it waits for; the parts have tighter bounds of their own.
const ACT_LIMIT: Duration = Duration::from_secs(75);
/// Tabs that stay open; the oldest beyond the first are closed.
pub(crate) const MAX_TABS: usize = 8;
/// New pages that wait to be adopted; more are closed at once.
const MAX_NEW_PAGES: usize = 16;
/// How long the driver's client may take to know a window that it was told of: its messages are on their way, and the machine may be busy.
const KNOWN_LIMIT: Duration = Duration::from_secs(5);
/// What workers that several pages share send, the browser never pauses: no fetch of theirs came to the gate (`tests/gate.rs`). Pages of a
/// guarded session find a browser that has none, as some do.
const NO_SHARED_WORKERS: &str = "delete globalThis.SharedWorker;";

/// Calls between browsers leave past every proxy: in a context of its own Chromium was seen to gather candidates over UDP and multicast DNS
/// in spite of its flags (`tests/egress`). Pages find a browser that has no such thing.
pub(crate) const NO_CALLS: &str = "for (const name of ['RTCPeerConnection', 'webkitRTCPeerConnection', 'RTCIceGatherer', 'RTCIceTransport', \
                        'RTCDtlsTransport', 'RTCSctpTransport', 'RTCDataChannel', 'RTCCertificate']) delete globalThis[name];";

/// Bounds of dialogs and windows that a document opens.
const STORMS: &str = include_str!("storms.js");

/// What the last look at the page found.
#[derive(Debug, Default)]
struct LastSeen {
    url: String,
    state: Option<String>,
    /// The page that was looked at.
    page: String,
    /// Something was done since.
    acted: bool,
}

/// What must be given back.
struct Lent {
    context: BrowserContext,
    proxy: Arc<EgressProxy>,
    gone: CancellationToken,
    place: Place,
}

/// What a context is made with and keeps.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Shape {
    viewport: Viewport,
    locale: Option<String>,
    time_zone: Option<String>,
    /// What pages send is paused and looked at.
    guarded: bool,
    recorded: bool,
}

impl Shape {
    /// The shape that is asked for.
    pub(crate) fn of(spec: &SessionSpec) -> Self {
        Self {
            viewport: spec.viewport,
            locale: spec.locale.clone(),
            time_zone: spec.time_zone.clone(),
            guarded: spec.gated || spec.replay.is_some(),
            recorded: spec.record,
        }
    }
}

/// A session in a Chromium of this machine.
pub(crate) struct ChromiumSession {
    id: SessionId,
    shape: Shape,
    pub(crate) egress: EgressPolicy,
    proxy: Arc<EgressProxy>,
    context: BrowserContext,
    /// Its browser.
    running: Arc<RunningBrowser>,
    tabs: Arc<Mutex<Vec<Arc<Tab>>>>,
    new_pages: tokio::sync::Mutex<mpsc::Receiver<Page>>,
    notes: Arc<Mutex<Notes>>,
    /// A download was noted.
    downloaded: Arc<Notify>,
    last_seen: tokio::sync::Mutex<LastSeen>,
    /// What pages may be given, and what they gave.
    pub(crate) files: Arc<Files>,
    /// Judges what pages send, where that is wanted.
    guard: Arc<Guard>,
    /// What its pages copied.
    pub(crate) clipboard: Arc<Clipboard>,
    recorder: Option<Arc<Recorder>>,
    /// Pages are taken in until this is dropped.
    taking_in: Option<WatchedContext>,
    /// Frames are taken for the recorder until this is dropped.
    filming: Option<DropGuard>,
    watched: Option<WatchedPages>,
    /// Never on a picture, whatever page shows them.
    pub(crate) secrets: Secrets,
    lent: Option<Lent>,
}

/// The attempt's own instance of the mapped hosts (the bundled worlds): told to them beside the address, so that addresses stay clean.
pub(crate) fn with_instance(spec: &SessionSpec) -> EgressPolicy {
    let mut policy = spec.egress.clone();
    if !spec.attempt.is_empty() {
        policy.headers.entry(INSTANCE_HEADER.to_owned()).or_insert_with(|| spec.attempt.clone());
    }
    policy
}

impl ChromiumSession {
    /// Opens a context of this shape with its proxy and a first, empty page, for nobody yet: nothing leaves it. Never answers once the
    /// browser's driver is gone: the caller bounds it.
    pub(crate) async fn prepare(shape: Shape, running: Arc<RunningBrowser>, place: Place) -> Result<Self, BrowserError> {
        let proxy = Arc::new(
            EgressProxy::closed(Arc::clone(&running.resolver))
                .await
                .map_err(|error| no_browser(format!("the egress proxy could not listen on loopback: {error}")))?,
        );
        let id = fresh_id();
        let mut options = BrowserContextOptions::builder()
            .viewport(playwright_rs::Viewport { width: shape.viewport.width, height: shape.viewport.height })
            .accept_downloads(AcceptDownloads::Accept);
        if !running.is_remote {
            // "<-loopback>" takes back Chromium's own exception for localhost: everything goes through the proxy
            options = options.proxy(ProxySettings::new(format!("http://{}", proxy.address())).bypass("<-loopback>"));
        }
        if let Some(locale) = &shape.locale {
            options = options.locale(locale.clone());
        }
        if let Some(time_zone) = &shape.time_zone {
            options = options.timezone_id(time_zone.clone());
        }
        let context = running
            .browser
            .new_context_with_options(options.build())
            .await
            .map_err(|error| no_browser(format!("the browser gave no context: {error}")))?;
        let far = running.is_nested.then(|| FarFiles { connection: context.connection(), sieve: running.sieve.clone() });
        let files = Arc::new(Files::new(running.folder.join(id.as_str()), far));
        let (sender, receiver) = mpsc::channel(MAX_NEW_PAGES);
        let recorder = shape.recorded.then(|| Arc::new(Recorder::new()));
        let script = format!("{NO_CALLS}\n{STORMS}\n{}", if shape.guarded { NO_SHARED_WORKERS } else { "" });
        let guard = Arc::new(Guard::new(shape.guarded, recorder.clone(), &script));
        let mut session = Self {
            id,
            files,
            shape,
            egress: EgressPolicy::default(),
            proxy: Arc::clone(&proxy),
            context: context.clone(),
            running: Arc::clone(&running),
            tabs: Arc::default(),
            new_pages: tokio::sync::Mutex::new(receiver),
            notes: Arc::default(),
            downloaded: Arc::default(),
            last_seen: tokio::sync::Mutex::new(LastSeen { url: "about:blank".into(), ..LastSeen::default() }),
            guard,
            clipboard: Arc::default(),
            recorder,
            taking_in: None,
            filming: None,
            watched: None,
            secrets: Secrets::default(),
            // from here on a drop closes the context
            lent: Some(Lent { context: context.clone(), proxy, gone: running.gone.clone(), place }),
        };
        // before the first page, so that no document goes without it
        context
            .add_init_script(session.guard.script())
            .await
            .map_err(|error| no_browser(format!("the context took no script: {error}")))?;
        session.listen().await.map_err(|error| no_browser(format!("the context could not be watched: {error}")))?;
        session.taking_in = Some(session.take_in(sender));
        if session.shape.guarded && running.is_nested {
            let tabs = Arc::clone(&session.tabs);
            let is_watched = move |page: &str| lock(&tabs).iter().any(|tab| tab.guid() == page);
            session
                .guard
                .route(&context, is_watched)
                .await
                .map_err(|error| no_browser(format!("the context cannot be guarded: {error}")))?;
        }
        context.new_page().await.map_err(|error| no_browser(format!("the context gave no page: {error}")))?;
        // it comes as every later one does
        let page = session.new_pages.lock().await.recv().await.ok_or_else(|| no_browser("the context's first page was not seen"))?;
        let tab = Tab::attach(&context, &running, page, session.listeners()).await?;
        session.watched = session.watch_windows(&tab).await?;
        lock(&session.tabs).push(Arc::new(tab));
        Ok(session)
    }

    /// Gives the session to whom it is for: from here on its policy holds.
    pub(crate) async fn give(mut self, spec: SessionSpec) -> Result<Self, BrowserError> {
        if let Some(StorageState(state)) = &spec.storage {
            let state =
                serde_json::from_value(state.clone()).map_err(|error| no_browser(format!("the storage state is not one: {error}")))?;
            let set = tokio::time::timeout(OPEN_LIMIT, self.context.set_storage_state(state)).await;
            set.map_err(|_| no_browser("the browser did not take the storage state in time"))?
                .map_err(|error| no_browser(format!("the browser did not take the storage state: {error}")))?;
        }
        let replay = spec.replay.as_ref().map(|Recording(har)| Replay::read(har)).transpose()?;
        let replays = replay.is_some();
        if replays && self.running.is_nested {
            return Err(no_browser("a recording cannot be replayed behind a Playwright server"));
        }
        self.guard.begin(spec.gated, replay);
        if replays {
            // everything is paused now, not only what changes something
            let cdp = self.current()?.main.cdp.clone();
            self.guard.pause(&cdp).await.map_err(|why| no_browser(format!("the recording cannot be replayed: {why}")))?;
        }
        self.proxy.give(with_instance(&spec));
        self.files.allow(spec.files)?;
        self.egress = spec.egress;
        self.film();
        Ok(self)
    }

    /// Takes frames for the recording from here on.
    fn film(&mut self) {
        let Some(recorder) = self.recorder.clone() else { return };
        let over = CancellationToken::new();
        self.filming = Some(over.clone().drop_guard());
        let frames = self.frames(recorder::FRAMES);
        tokio::spawn(async move { over.run_until_cancelled(recorder.take_frames(frames)).await });
    }

    fn frames(&self, options: ScreencastOptions) -> mpsc::Receiver<Frame> {
        let tabs = Arc::clone(&self.tabs);
        let current: CurrentPage = Arc::new(move || {
            let target = lock(&tabs).iter().rev().find(|tab| !tab.is_closed()).map(|tab| tab.target.clone());
            async move { target }.boxed()
        });
        screencast::start(self.running.wire().clone(), current, options)
    }

    /// The first request of a window is judged, too: it waits until somebody looks at it.
    async fn watch_windows(&self, tab: &Tab) -> Result<Option<WatchedPages>, BrowserError> {
        let Some(guard) = self.guard().filter(|_| !self.running.is_nested) else { return Ok(None) };
        let page = tab.page.clone();
        let look: NewPage = Arc::new(move |newcomer| {
            let (guard, page) = (Arc::clone(&guard), page.clone());
            async move { guard.lets_begin(newcomer, Arc::new(move || page.url())).await }.boxed()
        });
        let watched = self.running.wire().watch_new_pages(tab.browser_context.clone(), look).await;
        watched.map(Some).map_err(|why| no_browser(format!("new windows could not be watched: {why}")))
    }

    fn listeners(&self) -> Listeners {
        Listeners {
            outgrown: Arc::clone(&self.files.outgrown),
            guard: self.guard(),
            clipboard: Arc::clone(&self.clipboard),
            is_recorded: self.recorder.is_some(),
        }
    }

    fn guard(&self) -> Option<Arc<Guard>> {
        (self.shape.guarded || self.shape.recorded).then(|| Arc::clone(&self.guard))
    }

    /// The size of the visible part of its pages.
    pub(crate) fn viewport(&self) -> Viewport {
        self.shape.viewport
    }

    /// What cannot be changed any more.
    pub(crate) fn shape(&self) -> &Shape {
        &self.shape
    }

    /// Whether its page answers, and the driver, which nobody has asked anything since the session was made.
    pub(crate) async fn answers(&self) -> bool {
        let Ok(tab) = self.current() else { return false };
        let driver = async {
            tokio::select! {
                answered = tokio::time::timeout(ANSWER_LIMIT, self.context.cookies(None)) => matches!(answered, Ok(Ok(_))),
                () = self.running.gone.cancelled() => false,
            }
        };
        let page = tab.call_within(ANSWER_LIMIT, "Runtime.evaluate", serde_json::json!({"expression": "1"}));
        let (page, driver) = tokio::join!(page, driver);
        page.is_ok() && driver
    }

    /// Whether its browser and its page are there, as far as is known.
    pub(crate) fn is_alive(&self) -> bool {
        !self.running.gone.is_cancelled() && self.current().is_ok()
    }

    /// Dialogs are answered by policy.
    async fn listen(&self) -> playwright_rs::Result<()> {
        let (notes, recorder) = (Arc::clone(&self.notes), self.recorder.clone());
        self.context
            .on_dialog(move |dialog| {
                let (notes, recorder) = (Arc::clone(&notes), recorder.clone());
                async move {
                    let leaving = dialog.type_() == "beforeunload";
                    let answer = if leaving { "accepted" } else { "dismissed" };
                    let message: String = dialog.message().chars().take(200).collect();
                    let told = format!("{} {message:?} -> {answer}", dialog.type_());
                    if let Some(recorder) = recorder {
                        recorder.event("dialog", &told);
                    }
                    {
                        let mut notes = lock(&notes);
                        notes.dialogs.take_in(told);
                        notes.is_trap |= leaving;
                    }
                    if leaving { dialog.accept(None).await } else { dialog.dismiss().await }
                }
            })
            .await
    }

    /// Pages that open wait to be adopted; what they download is named and kept.
    fn take_in(&self, new_pages: mpsc::Sender<Page>) -> WatchedContext {
        let (notes, downloaded, files) = (Arc::clone(&self.notes), Arc::clone(&self.downloaded), Arc::clone(&self.files));
        let recorder = self.recorder.clone();
        let keep = move |download: Download| {
            if let Some(recorder) = &recorder {
                recorder.event("download", download.suggested_filename());
            }
            lock(&notes).downloads.take_in(download.suggested_filename().chars().take(200).collect());
            downloaded.notify_waiters();
            // bounded in time and size; a task of its own, for other downloads must not wait for it
            let files = Arc::clone(&files);
            tokio::spawn(async move { files.keep(download).await });
            async { Ok(()) }
        };
        let (connection, windows) = (self.context.connection(), Arc::clone(&self.notes));
        let (watched, mut arriving) = self.running.sieve.pages_of(self.context.guid());
        tokio::spawn(async move {
            // the first page is the session's own, which cannot do without
            let (mut limit, mut is_first) = (OPEN_LIMIT, true);
            while let Some(name) = arriving.recv().await {
                let known = tokio::time::timeout(limit, connection.wait_for_typed::<Page>(&name)).await;
                limit = KNOWN_LIMIT;
                // one that closed as fast as it opened is not known any more
                let Ok(Ok(page)) = known else { continue };
                // the first is no window that a page opened
                lock(&windows).windows += usize::from(!is_first);
                is_first = false;
                if let Err(error) = page.on_download(keep.clone()).await {
                    tracing::warn!(%error, "downloads of a page are not kept");
                }
                if let Err(refused) = new_pages.try_send(page) {
                    tokio::spawn(async move { refused.into_inner().close().await });
                }
            }
        });
        watched
    }

    /// The newest tab that is open.
    fn current(&self) -> Result<Arc<Tab>, BrowserError> {
        let mut tabs = lock(&self.tabs);
        tabs.retain(|tab| !tab.is_closed());
        match tabs.last() {
            Some(tab) => Ok(Arc::clone(tab)),
            None => Err(BrowserError::environment(
                EnvFailure::BrowserCrashed,
                if self.running.gone.is_cancelled() { "the browser died" } else { "every page of the session was closed" },
            )),
        }
    }

    /// Takes in pages that were opened; waits for one that `tab` is known to have asked for.
    async fn adopt(&self, tab: &Tab) -> Result<bool, BrowserError> {
        let mut adopted = false;
        let mut wanted = tab.take_windows_wanted();
        let mut new_pages = self.new_pages.lock().await;
        loop {
            let page = match new_pages.try_recv() {
                Ok(page) => page,
                Err(_) if wanted == 0 => return Ok(adopted),
                Err(_) => match tokio::time::timeout(WINDOW_LIMIT, new_pages.recv()).await {
                    Ok(Some(page)) => page,
                    _ => return Ok(adopted),
                },
            };
            if page.is_closed() {
                continue;
            }
            wanted = wanted.saturating_sub(1);
            match Tab::attach(&self.context, &self.running, page, self.listeners()).await {
                Ok(tab) => {
                    adopted = true;
                    if let Some(recorder) = &self.recorder {
                        recorder.event("window", &tab.page.url());
                    }
                    let surplus = {
                        let mut tabs = lock(&self.tabs);
                        tabs.push(Arc::new(tab));
                        (tabs.len() > MAX_TABS).then(|| tabs.remove(1))
                    };
                    if let Some(surplus) = surplus {
                        let _ = tokio::time::timeout(CLOSE_LIMIT, surplus.page.close()).await;
                    }
                }
                // a window that closes as fast as it opened is nobody's failure
                Err(error) if !self.running.gone.is_cancelled() => tracing::debug!(%error, "a new page went away before it was adopted"),
                Err(error) => return Err(error),
            }
        }
    }

    /// Closes a pop-up; `false` for the only tab.
    pub(crate) async fn close_popup(&self, tab: &Arc<Tab>) -> bool {
        if lock(&self.tabs).len() < 2 {
            return false;
        }
        lock(&self.tabs).retain(|other| !Arc::ptr_eq(other, tab));
        let _ = tokio::time::timeout(CLOSE_LIMIT, tab.page.close()).await;
        true
    }

    /// Goes to an address and says whether egress or the network stood in the way.
    pub(crate) async fn navigate(&self, tab: &Tab, url: &str, limit: Duration) -> Result<Result<(), Refusal>, TabError> {
        let since = self.proxy.now();
        match tab.navigate(url, limit).await {
            Ok(None) => Ok(self.proxy.refusal(since, url).map_or(Ok(()), Err)),
            // the document came to nothing: a download, or the page went elsewhere at once
            Ok(Some(text)) if text.contains("ERR_ABORTED") => Ok(Ok(())),
            Ok(Some(text)) => Ok(Err(self
                .proxy
                .refusal(since, url)
                .or_else(|| self.proxy.last_refusal(since))
                .unwrap_or_else(|| Refusal::Unreachable(format!("{url} could not be reached: {text}"))))),
            Err(TabError::Environment(BrowserError::Environment { kind: EnvFailure::PageHung, .. })) => {
                let _ = tab.call("Page.stopLoading", serde_json::json!({})).await;
                Ok(Err(Refusal::Unreachable(format!("{url} did not answer within {} s", limit.as_secs()))))
            }
            Err(error) => Err(error),
        }
    }

    /// Observes the current page, following windows that open and close meanwhile. The flag says whether a window was adopted.
    async fn look(&self, last_seen: &mut LastSeen) -> Result<(Observed, bool), BrowserError> {
        let mut popup = false;
        for _ in 0..=MAX_TABS {
            let tab = self.current()?;
            if self.adopt(&tab).await? {
                popup = true;
                continue;
            }
            let began = self.recorder.as_ref().map_or(0.0, |recorder| recorder.now());
            let looked = tokio::select! {
                looked = observe::observe(&tab, self.shape.viewport, &self.secrets) => looked,
                () = self.became_download(&tab) => {
                    // a tab that was opened for a file shows nothing, and no picture of it ever comes
                    self.close_popup(&tab).await;
                    popup = false;
                    continue;
                }
            };
            match looked {
                Ok(observed) => {
                    if let Some(recorder) = &self.recorder {
                        recorder.looked(began, self.secrets.is_met());
                    }
                    if self.adopt(&tab).await? {
                        popup = true;
                        continue;
                    }
                    last_seen.url.clone_from(&observed.observation.url);
                    last_seen.state = Some(observed.observation.state_hash.clone());
                    last_seen.page = tab.guid().to_owned();
                    last_seen.acted = false;
                    return Ok((observed, popup));
                }
                Err(TabError::Closed) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(BrowserError::environment(EnvFailure::PageHung, "windows kept opening and closing"))
    }

    /// Returns when the tab proves to have been opened for a download alone; never, for any other. The driver tells the download of its
    /// opener, so what tells is that a download began and the tab holds nothing.
    async fn became_download(&self, tab: &Tab) {
        if !tab.is_blank() || lock(&self.tabs).len() < 2 {
            std::future::pending::<()>().await;
        }
        loop {
            let noted = self.downloaded.notified();
            tokio::pin!(noted);
            noted.as_mut().enable();
            let has_download = lock(&self.notes).downloads.count() > 0;
            if has_download && tab.is_blank() && tab.is_empty().await {
                return;
            }
            noted.await;
        }
    }

    /// Lets the current page come to rest; its address, and whether a window was adopted.
    async fn rest(&self) -> Result<(String, bool), BrowserError> {
        let mut popup = false;
        for _ in 0..=MAX_TABS {
            let tab = self.current()?;
            let rested = tokio::select! {
                rested = tab.settle() => rested,
                () = self.became_download(&tab) => {
                    self.close_popup(&tab).await;
                    popup = false;
                    continue;
                }
            };
            match rested {
                Ok((_, url)) => {
                    if self.adopt(&tab).await? {
                        popup = true;
                        continue;
                    }
                    return Ok((url, popup));
                }
                Err(TabError::Closed) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(BrowserError::environment(EnvFailure::PageHung, "windows kept opening and closing"))
    }

    /// Performs the action alone: what went wrong with it, and how long it took.
    async fn do_action(&self, action: &Action, last_seen: &mut LastSeen) -> Result<Effect, BrowserError> {
        let began = Instant::now();
        let tab = self.current()?;
        if let Some(recorder) = &self.recorder {
            recorder.action(action.name());
        }
        // a window that closed by itself uncovers another page, which nobody judged
        let other_page = action.touches_page() && !last_seen.page.is_empty() && last_seen.page != tab.guid();
        let focus_is_known = !std::mem::replace(&mut last_seen.acted, action.touches_page());
        let (error, page_text) = if other_page && !last_seen_is_free(action) {
            (Some("another page is in front now; look again".to_owned()), None)
        } else if let Action::ReadPage { .. } = action {
            (None, Some(self.read_page(&tab).await?))
        } else {
            (self.perform(&tab, action, focus_is_known).await?, None)
        };
        Ok(Effect { error, page_text, ms: began.elapsed().as_secs_f64() * 1000.0, ..Effect::default() })
    }

    /// Dialogs and downloads since the last action; waits a while for downloads that are known to have begun.
    async fn take_notes(&self, effect: &mut Effect, ended_before: usize) {
        let met = self.guard.take_met();
        (effect.held, effect.permitted) = (met.held, met.permitted);
        let (mut begun, mut choosers) = (0, 0);
        for tab in lock(&self.tabs).iter() {
            begun += tab.take_downloads_begun();
            choosers += tab.take_choosers().len();
        }
        let noted = async {
            loop {
                let noted = self.downloaded.notified();
                tokio::pin!(noted);
                // registered before the look, so that none is missed
                noted.as_mut().enable();
                if lock(&self.notes).downloads.count() >= begun {
                    break;
                }
                noted.await;
            }
            loop {
                let ended = self.files.ended.notified();
                tokio::pin!(ended);
                ended.as_mut().enable();
                if self.files.ended_downloads() - ended_before >= begun {
                    return;
                }
                ended.await;
            }
        };
        if begun > 0 && tokio::time::timeout(DOWNLOAD_LIMIT, noted).await.is_err() {
            tracing::debug!(begun, "a download began and is not whole yet");
        }
        let mut notes = std::mem::take(&mut *lock(&self.notes));
        for _ in 0..choosers {
            notes.dialogs.take_in("file chooser -> closed".into());
        }
        let mut bounds = self.files.take_cut();
        bounds.extend(notes.bounds());
        effect.bounds = bounds.into_iter().collect();
        // a page may tell what was typed into it
        let secrets = self.secrets.values();
        let told = |noted: Noted| {
            let hidden = |line: String| secrets.iter().fold(line, |line, secret| recorder::hide(&line, secret));
            noted.into_lines().into_iter().map(hidden).collect()
        };
        (effect.dialogs, effect.downloads) = (told(notes.dialogs), told(notes.downloads));
        effect.files = self.files.take_fresh();
        for file in &mut effect.files {
            file.name = secrets.iter().fold(std::mem::take(&mut file.name), |name, secret| recorder::hide(&name, secret));
        }
    }

    /// Fails when the browser goes while `work` is under way, or when it takes far too long.
    async fn guarded<T>(&self, work: impl Future<Output = Result<T, BrowserError>>) -> Result<T, BrowserError> {
        tokio::select! {
            done = work => done,
            () = self.running.gone.cancelled() => Err(BrowserError::environment(EnvFailure::BrowserCrashed, "the browser died")),
            () = tokio::time::sleep(ACT_LIMIT) => Err(BrowserError::environment(EnvFailure::PageHung, format!("the page was not done within {} s", ACT_LIMIT.as_secs()))),
        }
    }
}

/// Actions that mean the same on whatever page is in front.
fn last_seen_is_free(action: &Action) -> bool {
    matches!(
        action,
        Action::VisitUrl { .. }
            | Action::WebSearch { .. }
            | Action::Wait { .. }
            | Action::HistoryBack
            | Action::ReadPage { .. }
            | Action::Scroll { target: None, .. }
            | Action::Hscroll { target: None, .. }
    )
}

#[async_trait]
impl BrowserSession for ChromiumSession {
    fn id(&self) -> &SessionId {
        &self.id
    }

    async fn open(&self, url: &str) -> Result<Observed, BrowserError> {
        let mut last_seen = self.last_seen.lock().await;
        let url = address::visit(url, &self.egress).map_err(|error| BrowserError::environment(EnvFailure::Unreachable, error))?;
        self.guarded(async {
            let tab = self.current()?;
            let since = self.proxy.now();
            self.navigate(&tab, &url, GOTO_LIMIT).await?.map_err(Refusal::into_error)?;
            let (observed, _) = self.look(&mut last_seen).await?;
            match self.proxy.refusal(since, &observed.observation.url) {
                Some(refusal) => Err(refusal.into_error()),
                None => Ok(observed),
            }
        })
        .await
    }

    async fn load(&self, url: &str) -> Result<(), BrowserError> {
        // until somebody looks, nothing is known of what is in front
        let mut last_seen = self.last_seen.lock().await;
        let url = address::visit(url, &self.egress).map_err(|error| BrowserError::environment(EnvFailure::Unreachable, error))?;
        self.guarded(async {
            let tab = self.current()?;
            let (loads, since) = (tab.loads(), self.proxy.now());
            self.navigate(&tab, &url, GOTO_LIMIT).await?.map_err(Refusal::into_error)?;
            *last_seen = LastSeen { page: tab.guid().to_owned(), acted: true, ..LastSeen::default() };
            // another part of the same document loads nothing
            if !url.contains('#') {
                tab.loaded_since(loads, GOTO_LIMIT).await;
            }
            self.proxy.refusal(since, &url).map_or(Ok(()), |refusal| Err(refusal.into_error()))
        })
        .await
    }

    async fn observe(&self) -> Result<Observed, BrowserError> {
        let mut last_seen = self.last_seen.lock().await;
        self.guarded(async { Ok(self.look(&mut last_seen).await?.0) }).await
    }

    async fn act(&self, action: &Action) -> Result<Effect, BrowserError> {
        let mut last_seen = self.last_seen.lock().await;
        self.guarded(async {
            let ended_before = self.files.ended_downloads();
            let mut effect = self.do_action(action, &mut last_seen).await?;
            if action.touches_page() {
                let (url, popup) = self.rest().await?;
                effect.navigated = url != last_seen.url;
                effect.popup = popup;
                last_seen.url = url;
            }
            self.take_notes(&mut effect, ended_before).await;
            Ok(effect)
        })
        .await
    }

    async fn act_and_observe(&self, action: &Action) -> Result<(Effect, Observed), BrowserError> {
        let mut last_seen = self.last_seen.lock().await;
        self.guarded(async {
            let ended_before = self.files.ended_downloads();
            let mut effect = self.do_action(action, &mut last_seen).await?;
            let before = LastSeen { url: last_seen.url.clone(), state: last_seen.state.clone(), ..LastSeen::default() };
            let (observed, popup) = self.look(&mut last_seen).await?;
            effect.navigated = before.url != last_seen.url;
            effect.changed = before.state != last_seen.state;
            effect.popup = popup;
            self.take_notes(&mut effect, ended_before).await;
            Ok((effect, observed))
        })
        .await
    }

    async fn file(&self, blob: &BlobHash) -> Result<Option<Bytes>, BrowserError> {
        Ok(self.files.read(blob).await)
    }

    async fn storage(&self) -> Result<StorageState, BrowserError> {
        let broken =
            |detail: String| BrowserError::environment(EnvFailure::BrowserCrashed, format!("the storage could not be read: {detail}"));
        let read = tokio::time::timeout(STORAGE_LIMIT, self.context.storage_state(None)).await;
        let state = read
            .map_err(|_| broken(format!("no answer within {} s", STORAGE_LIMIT.as_secs())))?
            .map_err(|error| broken(error.to_string()))?;
        serde_json::to_value(&state).map(StorageState).map_err(|error| broken(error.to_string()))
    }

    async fn recording(&self) -> Result<Recording, BrowserError> {
        let Some(recorder) = &self.recorder else { return Err(no_browser("this session is not recorded")) };
        let har = recorder.har(&self.secrets.values());
        serde_json::to_vec(&har).map(|har| Recording(har.into())).map_err(|error| no_browser(error.to_string()))
    }

    async fn permit(&self, grants: Vec<Grant>) -> Result<(), BrowserError> {
        self.guard.permit(grants);
        Ok(())
    }

    async fn screencast(&self, options: ScreencastOptions) -> Result<mpsc::Receiver<Frame>, BrowserError> {
        Ok(self.frames(options))
    }

    async fn release(mut self: Box<Self>) -> Result<(), BrowserError> {
        match self.lent.take() {
            Some(lent) => lent.close().await,
            None => Ok(()),
        }
    }
}

impl Drop for ChromiumSession {
    /// An owner that forgot to release, or was cancelled: the context is closed in the background.
    fn drop(&mut self) {
        if let Some(lent) = self.lent.take()
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            runtime.spawn(lent.close());
        }
    }
}

impl Lent {
    async fn close(self) -> Result<(), BrowserError> {
        let closed = tokio::select! {
            closed = tokio::time::timeout(CLOSE_LIMIT, self.context.close()) => closed,
            // a driver that is gone answers nothing, and its contexts went with it
            () = self.gone.cancelled() => Ok(Ok(())),
        };
        self.proxy.stop();
        drop(self.place);
        match closed {
            Ok(Ok(())) => Ok(()),
            // a context of a dead browser is closed
            Ok(Err(error)) => {
                tracing::debug!(%error, "the context was gone before it was closed");
                Ok(())
            }
            Err(_) => Err(BrowserError::environment(
                EnvFailure::PageHung,
                format!("the context did not close within {} s", CLOSE_LIMIT.as_secs()),
            )),
        }
    }
}

/// Unique over processes and time.
pub(crate) fn fresh_id() -> SessionId {
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    let moment = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_nanos().to_string();
    let number = COUNTER.fetch_add(1, Ordering::Relaxed).to_string();
    SessionId::derived("session", &[&std::process::id().to_string(), &moment, &number])
}

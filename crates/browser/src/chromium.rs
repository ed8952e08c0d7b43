//! Sessions from Chromium processes of this machine: a bounded number of contexts, some of them made before anybody asks.
//!
//! ```text
//!  acquire ──▶ one that waits, of the right shape? ──yes──▶ given away ──▶ another one is made ready, beside the work
//!                 │ no                                                     (never more than there are free places)
//!                 └──▶ a free place? ──▶ browser (browsers.rs) ──▶ context, proxy, page ──▶ given away
//! ```

use crate::RemoteBrowser;
use crate::api::no_browser;
use crate::browsers::{Browsers, Place, RunningBrowser};
use crate::hosted::HostedSession;
use crate::session::{self, ChromiumSession, Shape};
use crate::tab::lock;
use crate::usage::Limits;
use crate::{BrowserError, BrowserSession, BrowserSupply, Drive, Resolver, SessionSpec, SystemResolver};
use async_trait::async_trait;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How long `acquire` waits for a free place before it says `Busy`.
const ACQUIRE_PATIENCE: Duration = Duration::from_secs(2);
/// Pause after making a session ready failed: the next acquire says why.
const READY_PAUSE: Duration = Duration::from_secs(5);

/// How Chromium is started.
#[derive(Debug, Clone, PartialEq)]
pub struct ChromiumOptions {
    /// The browser, best `chromium-headless-shell`.
    pub executable: PathBuf,
    /// Folder that holds `node` and `package` (the unpacked npm package `playwright-core`).
    pub driver_dir: PathBuf,
    /// Sessions at the same time over all Chromium processes.
    pub max_sessions: usize,
    /// Sessions that share one Chromium process.
    pub sessions_per_browser: usize,
    /// Sessions that are kept ready for whoever asks next, as far as there are free places.
    pub warm_sessions: usize,
    /// A browser that has held this many sessions takes no more, and is closed with its last one.
    pub recycle_sessions: usize,
    /// The same, for a browser of this age.
    pub recycle_age: Duration,
    /// The same, for a browser whose processes have this many mebibytes to themselves; 0 lets its size decide nothing.
    pub recycle_mib: u64,
    /// What each browser may use at most, held by the kernel.
    pub limits: Option<Limits>,
    /// A browser that somebody else runs, in place of Chromium processes of ours: its sessions' policy of what they may reach is **not**
    /// enforced, for their traffic does not pass us.
    pub remote: Option<RemoteBrowser>,
    /// Run without Chromium's own sandbox; `None` means only when we are root, where it cannot start otherwise.
    pub no_sandbox: Option<bool>,
}

impl ChromiumOptions {
    /// A few sessions in one browser; the browser's sandbox wherever it can be.
    pub fn new(executable: impl Into<PathBuf>, driver_dir: impl Into<PathBuf>) -> Self {
        Self {
            executable: executable.into(),
            driver_dir: driver_dir.into(),
            max_sessions: 4,
            sessions_per_browser: 4,
            warm_sessions: 1,
            recycle_sessions: 500,
            recycle_age: Duration::from_secs(2 * 60 * 60),
            recycle_mib: 4096,
            limits: None,
            remote: None,
            no_sandbox: None,
        }
    }

    pub(crate) fn sandboxed(&self) -> bool {
        !self.no_sandbox.unwrap_or_else(|| nix::unistd::geteuid().is_root())
    }

    /// Browsers tried for one session. What died since its last call looks alive until a session is wanted of it, and nothing was done in
    /// the session yet, so another browser serves as well: all of them may have died together, and then their driver.
    fn open_tries(&self) -> usize {
        self.max_sessions.div_ceil(self.sessions_per_browser.max(1)) + 2
    }
}

/// Sessions from Chromium processes of this machine.
pub struct ChromiumSupply(Arc<Supply>);

struct Supply {
    options: ChromiumOptions,
    places: Arc<Semaphore>,
    browsers: Browsers,
    resolver: Arc<dyn Resolver>,
    /// Sessions that wait for somebody.
    warm: Mutex<Vec<Warm>>,
    /// The shape that was asked for last: the next one will most likely be like it.
    wanted: Mutex<Shape>,
    /// A session waits for somebody.
    ready: Notify,
    /// A session may be made ready: one was given away, or a place is free.
    wanting: Arc<Notify>,
    closing: CancellationToken,
    tasks: TaskTracker,
}

/// A session that waits, and the browser that it lives in.
struct Warm {
    session: ChromiumSession,
    running: Arc<RunningBrowser>,
}

impl Warm {
    fn is_good(&self) -> bool {
        self.session.is_alive() && !self.running.is_spent()
    }
}

impl ChromiumSupply {
    /// Starts the driver and the first browser, so that a machine that cannot run them says so now and not at the first session.
    pub async fn launch(options: ChromiumOptions) -> Result<Self, BrowserError> {
        Self::with_resolver(options, Arc::new(SystemResolver)).await
    }

    /// The same, with a resolver of one's own for the names that pages ask for.
    pub async fn with_resolver(options: ChromiumOptions, resolver: Arc<dyn Resolver>) -> Result<Self, BrowserError> {
        if let Some(remote) = &options.remote {
            tracing::warn!(
                browser = remote.host(),
                "browsers of somebody else: what their sessions may reach is not ours to enforce, and no session is held apart from our side"
            );
        } else if !options.executable.exists() {
            return Err(no_browser(format!(
                "Chromium is not at {}; install the Debian package chromium-headless-shell (scripts/bootstrap.sh) or name another one",
                options.executable.display()
            )));
        }
        if options.remote.is_none() && !options.sandboxed() {
            tracing::warn!(
                "Chromium runs without its own sandbox, for we are root and it cannot start otherwise: a page that breaks out of its renderer \
                 has this machine; run the farm as an unprivileged user where user namespaces are allowed, or in a sandboxed container"
            );
        }
        let supply = Arc::new(Supply {
            places: Arc::new(Semaphore::new(options.max_sessions.max(1))),
            browsers: Browsers::new(options.clone(), Arc::clone(&resolver)),
            resolver,
            options,
            warm: Mutex::default(),
            wanted: Mutex::default(),
            ready: Notify::new(),
            wanting: Arc::default(),
            closing: CancellationToken::new(),
            tasks: TaskTracker::new(),
        });
        supply.browsers.start_one().await?;
        if supply.options.warm_sessions > 0 {
            supply.tasks.spawn(Arc::clone(&supply).keep_ready());
        }
        Ok(Self(supply))
    }

    /// Sessions that are open now; those that wait for somebody are not.
    pub fn sessions(&self) -> usize {
        let taken = self.0.options.max_sessions.max(1) - self.0.places.available_permits();
        taken.saturating_sub(self.warm_sessions())
    }

    /// Sessions that wait for somebody.
    pub fn warm_sessions(&self) -> usize {
        lock(&self.0.warm).len()
    }

    /// Whether a session could be had: a browser answers, or one can be started.
    pub async fn check(&self) -> Result<(), BrowserError> {
        self.0.browsers.check().await
    }

    /// Ends every session, browser and the driver. Nothing that this supply started runs after it.
    pub async fn shutdown(&self) {
        self.0.closing.cancel();
        self.0.places.close();
        self.0.tasks.close();
        drop(std::mem::take(&mut *lock(&self.0.warm)));
        self.0.browsers.shutdown().await;
        self.0.tasks.wait().await;
        // one that was made ready meanwhile
        drop(std::mem::take(&mut *lock(&self.0.warm)));
    }
}

impl Supply {
    /// One that waits, of this shape. What died since it was made looks alive until it is asked.
    async fn take_warm(&self, shape: &Shape) -> Option<ChromiumSession> {
        loop {
            let Warm { session, running } = {
                let mut warm = lock(&self.warm);
                warm.retain(Warm::is_good);
                let place = warm.iter().position(|warm| warm.session.shape() == shape)?;
                warm.swap_remove(place)
            };
            if session.answers().await {
                return Some(session);
            }
            // its place is free at once when the news of the death is here
            let is_dead = running.is_dead().await;
            tracing::info!(is_dead, "a session died while it waited for somebody");
        }
    }

    /// A session of this shape that belongs to nobody yet: one that waits, or a new one as soon as there is a place.
    async fn session(&self, shape: &Shape) -> Result<ChromiumSession, BrowserError> {
        let patience = tokio::time::sleep(ACQUIRE_PATIENCE);
        tokio::pin!(patience);
        loop {
            // registered before the looks, so that none is missed
            let ready = self.ready.notified();
            if let Some(session) = self.take_warm(shape).await {
                return Ok(session);
            }
            let permit = match Arc::clone(&self.places).try_acquire_owned() {
                Ok(permit) => permit,
                Err(_) => {
                    // one of another shape makes way: dropped, it closes in the background and frees its place
                    drop(lock(&self.warm).pop());
                    tokio::select! {
                        permit = Arc::clone(&self.places).acquire_owned() => {
                            permit.map_err(|_| no_browser("the browser supply is shut down"))?
                        }
                        // the last place went to one that was just being made ready
                        () = ready => continue,
                        () = &mut patience => return Err(BrowserError::Busy { retry_after_ms: 1000 }),
                    }
                }
            };
            return Ok(self.prepare(shape, permit).await?.session);
        }
    }

    /// A place for a browser of its own; sessions that wait for somebody make way.
    async fn place(&self) -> Result<OwnedSemaphorePermit, BrowserError> {
        if let Ok(permit) = Arc::clone(&self.places).try_acquire_owned() {
            return Ok(permit);
        }
        drop(lock(&self.warm).pop());
        match tokio::time::timeout(ACQUIRE_PATIENCE, Arc::clone(&self.places).acquire_owned()).await {
            Ok(permit) => permit.map_err(|_| no_browser("the browser supply is shut down")),
            Err(_) => Err(BrowserError::Busy { retry_after_ms: 1000 }),
        }
    }

    /// A session that belongs to nobody yet.
    async fn prepare(&self, shape: &Shape, permit: OwnedSemaphorePermit) -> Result<Warm, BrowserError> {
        let permit = Arc::new(permit);
        let mut tries = 1;
        loop {
            let (running, place) = self.browsers.with_place().await?;
            let place = Place::new(Arc::clone(&permit), place, Arc::clone(&self.wanting));
            let opening = tokio::spawn(Arc::clone(&running).open(shape.clone(), place));
            let opened = match tokio::time::timeout(session::OPEN_LIMIT, opening).await {
                Ok(Ok(opened)) => opened,
                Ok(Err(error)) => Err(no_browser(format!("opening a session broke off: {error}"))),
                Err(_) => Err(no_browser("the browser did not give a context in time")),
            };
            match opened {
                Ok(session) => return Ok(Warm { session, running }),
                Err(error) if tries < self.options.open_tries() && running.is_dead().await => {
                    tracing::info!(%error, tries, "the browser was dead; another one is asked for a session");
                    tries += 1;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Makes sessions ready beside the work, as many as are wanted and as places are free, until the supply closes.
    async fn keep_ready(self: Arc<Self>) {
        loop {
            // told of a place that becomes free and of a session that is given away; a word that comes while we work is kept
            let made = tokio::select! {
                made = self.make_ready() => made,
                () = self.closing.cancelled() => return,
            };
            if let Err(error) = made {
                tracing::debug!(%error, "no session could be made ready");
                let _ = tokio::time::timeout(READY_PAUSE, self.closing.cancelled()).await;
            }
            tokio::select! {
                () = self.wanting.notified() => {}
                () = self.closing.cancelled() => return,
            }
        }
    }

    async fn make_ready(&self) -> Result<(), BrowserError> {
        loop {
            let shape = lock(&self.wanted).clone();
            {
                let mut warm = lock(&self.warm);
                warm.retain(|warm| warm.is_good() && warm.session.shape() == &shape);
                if warm.len() >= self.options.warm_sessions {
                    return Ok(());
                }
            }
            let Ok(permit) = Arc::clone(&self.places).try_acquire_owned() else { return Ok(()) };
            let made = self.prepare(&shape, permit).await?;
            lock(&self.warm).push(made);
            self.ready.notify_waiters();
        }
    }
}

#[async_trait]
impl BrowserSupply for ChromiumSupply {
    async fn acquire(&self, spec: SessionSpec) -> Result<Box<dyn BrowserSession>, BrowserError> {
        if spec.drive == Drive::Cdp {
            if self.0.options.remote.is_some() {
                return Err(no_browser("a browser of somebody else is not hosted for clients: connect to it directly"));
            }
            let place = self.0.place().await?;
            let session = HostedSession::launch(&self.0.options, Arc::clone(&self.0.resolver), spec, place).await?;
            return Ok(Box::new(session));
        }
        let shape = Shape::of(&spec);
        lock(&self.0.wanted).clone_from(&shape);
        let given = self.0.session(&shape).await?.give(spec).await?;
        self.0.wanting.notify_one();
        Ok(Box::new(given))
    }
}

//! Sessions from Chromium processes of this machine: a bounded number of contexts, spread over a few browsers, all behind one driver.
//!
//! ```text
//! ChromiumSupply ── Node driver ─┬─ Chromium 0 ── contexts (sessions_per_browser at most)
//!   permits = max_sessions       └─ Chromium 1 ── …            a dead browser or driver is replaced at the next acquire
//! ```

use crate::driver::Driver;
use crate::session::{self, ChromiumSession};
use crate::{BrowserError, BrowserSession, BrowserSupply, Resolver, SessionSpec, SystemResolver};
use async_trait::async_trait;
use playwright_rs::{Browser, LaunchOptions};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use wayfarer_core::outcome::EnvFailure;

/// How long `acquire` waits for a free place before it says `Busy`.
const ACQUIRE_PATIENCE: Duration = Duration::from_secs(2);
/// How long a Chromium may take to start.
const LAUNCH_LIMIT: Duration = Duration::from_secs(30);
/// A browser that gave no context in this time is hung, and its other sessions with it: it is given up.
const HUNG_LIMIT: Duration = Duration::from_secs(90);
/// How long the news of an end may trail behind a call that failed because of it.
const OBITUARY_LIMIT: Duration = Duration::from_secs(2);
/// How long a browser may take to say its version.
const ANSWER_LIMIT: Duration = Duration::from_secs(5);
/// How long a browser may take to close before the driver's end takes it along.
const CLOSE_LIMIT: Duration = Duration::from_secs(5);

/// Flags for every Chromium: no traffic of its own, and no way around the session's proxy (spec/browser.md).
const FLAGS: &[&str] = &[
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--disable-quic",
    "--webrtc-ip-handling-policy=disable_non_proxied_udp",
    "--force-webrtc-ip-handling-policy=disable_non_proxied_udp",
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
];

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
    /// Run without Chromium's own sandbox; `None` means only when we are root, where it cannot start otherwise.
    pub no_sandbox: Option<bool>,
}

impl ChromiumOptions {
    /// A few sessions in one browser; the browser's sandbox wherever it can be.
    pub fn new(executable: impl Into<PathBuf>, driver_dir: impl Into<PathBuf>) -> Self {
        Self { executable: executable.into(), driver_dir: driver_dir.into(), max_sessions: 4, sessions_per_browser: 4, no_sandbox: None }
    }

    fn sandboxed(&self) -> bool {
        !self.no_sandbox.unwrap_or_else(|| nix::unistd::geteuid().is_root())
    }

    /// Browsers tried for one session. What died since its last call looks alive until a session is wanted of it, and nothing was done in
    /// the session yet, so another browser serves as well: all of them may have died together, and then their driver.
    fn open_tries(&self) -> usize {
        self.max_sessions.div_ceil(self.sessions_per_browser.max(1)) + 2
    }
}

/// Sessions from Chromium processes of this machine.
pub struct ChromiumSupply {
    options: ChromiumOptions,
    resolver: Arc<dyn Resolver>,
    places: Arc<Semaphore>,
    processes: Mutex<Processes>,
    closing: CancellationToken,
}

#[derive(Default)]
struct Processes {
    driver: Option<Arc<Driver>>,
    browsers: Vec<Arc<RunningBrowser>>,
}

/// One Chromium process.
pub(crate) struct RunningBrowser {
    pub(crate) browser: Browser,
    /// Cancelled when the process or its driver is gone.
    pub(crate) gone: CancellationToken,
    /// For what sessions need on disk.
    pub(crate) folder: PathBuf,
    /// Who finds the addresses of names for its sessions.
    pub(crate) resolver: Arc<dyn Resolver>,
    /// Free places in this process.
    places: Arc<Semaphore>,
}

impl RunningBrowser {
    /// Whether the process lives, as far as is known.
    fn is_alive(&self) -> bool {
        self.browser.is_connected() && !self.gone.is_cancelled()
    }

    /// Whether the process answers; one that was stopped in its tracks looks alive otherwise.
    async fn answers(&self) -> Result<(), BrowserError> {
        let asked = async {
            let session = self.browser.new_browser_cdp_session().await?;
            session.send("Browser.getVersion", None).await?;
            session.detach().await
        };
        match tokio::time::timeout(ANSWER_LIMIT, asked).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => {
                Err(no_browser(format!("a browser does not answer: {}", error.to_string().lines().next().unwrap_or_default())))
            }
            Err(_) => Err(no_browser(format!("a browser gave no answer within {} s", ANSWER_LIMIT.as_secs()))),
        }
    }

    /// Whether the process or its driver is gone, waiting a moment for the news.
    async fn is_dead(&self) -> bool {
        !self.is_alive() || is_gone(&self.gone).await
    }

    /// Opens a session. The place is taken until the browser has answered, also if nobody waits for the session any more: a context that
    /// comes late is closed as its session is dropped.
    async fn open(self: Arc<Self>, spec: SessionSpec, place: Place) -> Result<ChromiumSession, BrowserError> {
        tokio::select! {
            opened = ChromiumSession::start(spec, Arc::clone(&self), place) => opened,
            () = self.gone.cancelled() => Err(BrowserError::environment(EnvFailure::BrowserCrashed, "the browser died while a session was opened")),
            () = tokio::time::sleep(HUNG_LIMIT) => {
                tracing::warn!("a browser gave no context within {} s and is closed", HUNG_LIMIT.as_secs());
                self.gone.cancel();
                let _ = tokio::time::timeout(CLOSE_LIMIT, self.browser.close()).await;
                Err(no_context())
            }
        }
    }
}

/// A place in the supply and in one of its browsers; free again when dropped.
pub(crate) struct Place {
    _supply: Arc<OwnedSemaphorePermit>,
    _browser: OwnedSemaphorePermit,
}

impl ChromiumSupply {
    /// Starts the driver and the first browser, so that a machine that cannot run them says so now and not at the first session.
    pub async fn launch(options: ChromiumOptions) -> Result<Self, BrowserError> {
        Self::with_resolver(options, Arc::new(SystemResolver)).await
    }

    /// The same, with a resolver of one's own for the names that pages ask for.
    pub async fn with_resolver(options: ChromiumOptions, resolver: Arc<dyn Resolver>) -> Result<Self, BrowserError> {
        if !options.executable.exists() {
            return Err(no_browser(format!(
                "Chromium is not at {}; install the Debian package chromium-headless-shell (scripts/bootstrap.sh) or name another one",
                options.executable.display()
            )));
        }
        let max_sessions = options.max_sessions.max(1);
        let supply = Self {
            options,
            resolver,
            places: Arc::new(Semaphore::new(max_sessions)),
            processes: Mutex::default(),
            closing: CancellationToken::new(),
        };
        drop(supply.browser_with_place().await?);
        Ok(supply)
    }

    /// Sessions that are open now.
    pub fn sessions(&self) -> usize {
        self.options.max_sessions.max(1) - self.places.available_permits()
    }

    /// Whether a session could be had: a browser answers, or one can be started.
    pub async fn check(&self) -> Result<(), BrowserError> {
        let mut living = self.processes.lock().await.browsers.clone();
        living.retain(|running| !running.gone.is_cancelled());
        if !living.is_empty() {
            let mut answers = Vec::new();
            for running in &living {
                answers.push(Box::pin(running.answers()));
            }
            let Err(error) = futures::future::select_ok(answers).await else { return Ok(()) };
            // one that is there and does not answer would be given sessions
            for running in &living {
                if !running.is_dead().await {
                    return Err(error);
                }
            }
        }
        self.browser_with_place().await.map(drop)
    }

    /// Ends every session, browser and the driver. Nothing that this supply started runs after it.
    pub async fn shutdown(&self) {
        self.closing.cancel();
        self.places.close();
        let mut processes = self.processes.lock().await;
        for running in processes.browsers.drain(..) {
            if !running.gone.is_cancelled() {
                let _ = tokio::time::timeout(CLOSE_LIMIT, running.browser.close()).await;
            }
            running.gone.cancel();
        }
        if let Some(driver) = processes.driver.take() {
            driver.shutdown().await;
        }
    }

    /// A living browser with a free place, started if need be.
    async fn browser_with_place(&self) -> Result<(Arc<RunningBrowser>, OwnedSemaphorePermit), BrowserError> {
        let mut processes = self.processes.lock().await;
        if self.closing.is_cancelled() {
            return Err(no_browser("the browser supply is shut down".to_owned()));
        }
        if processes.driver.as_ref().is_none_or(|driver| driver.gone().is_cancelled()) {
            processes.browsers.clear();
            processes.driver = Some(Arc::new(Driver::launch(&self.options.driver_dir).await?));
        }
        processes.browsers.retain(|running| running.is_alive());
        let emptiest = processes.browsers.iter().max_by_key(|running| running.places.available_permits());
        if let Some(running) = emptiest
            && let Ok(place) = Arc::clone(&running.places).try_acquire_owned()
        {
            return Ok((Arc::clone(running), place));
        }
        let Some(driver) = processes.driver.clone() else {
            return Err(no_browser("the browser driver is gone".to_owned()));
        };
        let running = match self.start_browser(&driver).await {
            // the driver died unnoticed: nothing was wrong with the browser, and a new driver starts another
            Err(error) if is_gone(driver.gone()).await => {
                tracing::info!(%error, "the browser driver was dead; another one is started");
                processes.browsers.clear();
                let driver = Arc::new(Driver::launch(&self.options.driver_dir).await?);
                processes.driver = Some(Arc::clone(&driver));
                self.start_browser(&driver).await?
            }
            started => started?,
        };
        let running = Arc::new(running);
        processes.browsers.push(Arc::clone(&running));
        let place = Arc::clone(&running.places).try_acquire_owned().map_err(|error| no_browser(error.to_string()))?;
        Ok((running, place))
    }

    async fn start_browser(&self, driver: &Driver) -> Result<RunningBrowser, BrowserError> {
        let executable = self.options.executable.display();
        let options = LaunchOptions::new()
            .executable_path(executable.to_string())
            .headless(true)
            .chromium_sandbox(self.options.sandboxed())
            .handle_sigint(false)
            .handle_sigterm(false)
            .handle_sighup(false)
            .args(FLAGS.iter().map(ToString::to_string).collect())
            .timeout(LAUNCH_LIMIT.as_secs_f64() * 1000.0);
        let browser = tokio::select! {
            launched = driver.chromium().launch_with_options(options) => {
                launched.map_err(|error| no_browser(format!("Chromium at {executable} could not start: {}", first_lines(&error.to_string()))))?
            }
            () = driver.gone().cancelled() => return Err(no_browser(format!("the browser driver ended while it started {executable}"))),
        };
        let gone = driver.gone().child_token();
        let ended = gone.clone();
        browser
            .on_disconnected(move || {
                ended.cancel();
                async { Ok(()) }
            })
            .await
            .map_err(|error| no_browser(error.to_string()))?;
        if !browser.is_connected() {
            // it died before anybody listened
            gone.cancel();
        }
        tracing::info!(version = browser.version(), "chromium is running");
        let folder = driver.folder().to_owned();
        let resolver = Arc::clone(&self.resolver);
        Ok(RunningBrowser { browser, gone, folder, resolver, places: Arc::new(Semaphore::new(self.options.sessions_per_browser.max(1))) })
    }
}

#[async_trait]
impl BrowserSupply for ChromiumSupply {
    async fn acquire(&self, spec: SessionSpec) -> Result<Box<dyn BrowserSession>, BrowserError> {
        let permit = tokio::time::timeout(ACQUIRE_PATIENCE, Arc::clone(&self.places).acquire_owned())
            .await
            .map_err(|_| BrowserError::Busy { retry_after_ms: 1000 })?
            .map_err(|_| no_browser("the browser supply is shut down".to_owned()))?;
        let permit = Arc::new(permit);
        let mut tries = 1;
        loop {
            let (running, place) = self.browser_with_place().await?;
            let place = Place { _supply: Arc::clone(&permit), _browser: place };
            let opening = tokio::spawn(Arc::clone(&running).open(spec.clone(), place));
            let opened = match tokio::time::timeout(session::OPEN_LIMIT, opening).await {
                Ok(Ok(opened)) => opened,
                Ok(Err(error)) => Err(no_browser(format!("opening a session broke off: {error}"))),
                Err(_) => Err(no_context()),
            };
            match opened {
                Ok(session) => return Ok(Box::new(session)),
                Err(error) if tries < self.options.open_tries() && running.is_dead().await => {
                    tracing::info!(%error, tries, "the browser was dead; another one is asked for a session");
                    tries += 1;
                }
                Err(error) => return Err(error),
            }
        }
    }
}

fn no_browser(detail: String) -> BrowserError {
    BrowserError::environment(EnvFailure::NoBrowser, detail)
}

fn no_context() -> BrowserError {
    no_browser("the browser did not give a context in time".to_owned())
}

/// Whether what this token stands for is gone, waiting a moment for the news.
async fn is_gone(gone: &CancellationToken) -> bool {
    tokio::time::timeout(OBITUARY_LIMIT, gone.cancelled()).await.is_ok()
}

/// Playwright appends its whole call log; the first lines say what happened.
fn first_lines(text: &str) -> String {
    text.lines().filter(|line| !line.trim().is_empty()).take(4).collect::<Vec<_>>().join(" | ")
}

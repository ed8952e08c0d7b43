//! The Chromium processes of this machine, all behind one driver: started when they are needed, replaced when they die, renewed when they
//! have served long enough.
//!
//! ```text
//!  Browsers ── Node driver ─┬─ Chromium 0 ── contexts (sessions_per_browser at most)
//!                           ├─ Chromium 1 ── …            a dead browser or driver is replaced at the next request
//!                           └─ Chromium 2 ── spent: takes no more sessions, closed with its last one
//! ```

use crate::driver::Driver;
use crate::session::{ChromiumSession, Shape};
use crate::{BrowserError, ChromiumOptions, Resolver};
use playwright_rs::{Browser, LaunchOptions};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::{Mutex, Notify, OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use wayfarer_core::outcome::EnvFailure;

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
    // of the memory of a page's own objects: without it a page may take a quarter of the machine
    "--js-flags=--max-old-space-size=1024",
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
];

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
    capacity: u32,
    started: Instant,
    /// Sessions that it was asked for so far.
    served: AtomicUsize,
    /// It has served long enough.
    spent: AtomicBool,
}

impl RunningBrowser {
    /// Whether the process lives, as far as is known.
    fn is_alive(&self) -> bool {
        self.browser.is_connected() && !self.gone.is_cancelled()
    }

    /// Whether it takes no more sessions because it has served long enough.
    pub(crate) fn is_spent(&self) -> bool {
        self.spent.load(Ordering::Acquire)
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
    pub(crate) async fn is_dead(&self) -> bool {
        !self.is_alive() || is_gone(&self.gone).await
    }

    /// Opens a session. The place is taken until the browser has answered, also if nobody waits for the session any more: a context that
    /// comes late is closed as its session is dropped.
    pub(crate) async fn open(self: Arc<Self>, shape: Shape, place: Place) -> Result<ChromiumSession, BrowserError> {
        tokio::select! {
            opened = ChromiumSession::prepare(shape, Arc::clone(&self), place) => opened,
            () = self.gone.cancelled() => Err(BrowserError::environment(EnvFailure::BrowserCrashed, "the browser died while a session was opened")),
            () = tokio::time::sleep(HUNG_LIMIT) => {
                tracing::warn!("a browser gave no context within {} s and is closed", HUNG_LIMIT.as_secs());
                self.close().await;
                Err(no_browser("the browser did not give a context in time".to_owned()))
            }
        }
    }

    async fn close(&self) {
        let was_gone = self.gone.is_cancelled();
        self.gone.cancel();
        if !was_gone {
            let _ = tokio::time::timeout(CLOSE_LIMIT, self.browser.close()).await;
        }
    }

    /// Closes the process when its last session has ended.
    async fn retire(self: Arc<Self>) {
        tracing::info!(
            served = self.served.load(Ordering::Relaxed),
            age_s = self.started.elapsed().as_secs(),
            "a browser has served its time"
        );
        tokio::select! {
            _ = self.places.acquire_many(self.capacity) => self.close().await,
            () = self.gone.cancelled() => {}
        }
    }
}

/// A place in the supply and in one of its browsers; free again when dropped.
pub(crate) struct Place {
    _supply: Arc<OwnedSemaphorePermit>,
    _browser: OwnedSemaphorePermit,
    /// The last field: it tells when the others are dropped.
    _freed: Freed,
}

/// Tells that a place is free.
struct Freed(Arc<Notify>);

impl Drop for Freed {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}

impl Place {
    /// `freed` is notified when it is free again.
    pub(crate) fn new(supply: Arc<OwnedSemaphorePermit>, browser: OwnedSemaphorePermit, freed: Arc<Notify>) -> Self {
        Self { _supply: supply, _browser: browser, _freed: Freed(freed) }
    }
}

/// All of them.
pub(crate) struct Browsers {
    options: ChromiumOptions,
    resolver: Arc<dyn Resolver>,
    processes: Mutex<Processes>,
    closing: CancellationToken,
}

#[derive(Default)]
struct Processes {
    driver: Option<Arc<Driver>>,
    browsers: Vec<Arc<RunningBrowser>>,
}

impl Browsers {
    pub(crate) fn new(options: ChromiumOptions, resolver: Arc<dyn Resolver>) -> Self {
        Self { options, resolver, processes: Mutex::default(), closing: CancellationToken::new() }
    }

    /// Starts a browser if none has a free place.
    pub(crate) async fn start_one(&self) -> Result<(), BrowserError> {
        self.usable(&mut *self.processes.lock().await).await.map(drop)
    }

    /// Whether a browser answers, or one can be started.
    pub(crate) async fn check(&self) -> Result<(), BrowserError> {
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
        self.start_one().await
    }

    /// Ends every browser and the driver.
    pub(crate) async fn shutdown(&self) {
        self.closing.cancel();
        let mut processes = self.processes.lock().await;
        for running in processes.browsers.drain(..) {
            running.close().await;
        }
        // with it go those that were spent
        if let Some(driver) = processes.driver.take() {
            driver.shutdown().await;
        }
    }

    /// A living browser with a free place, started if need be.
    pub(crate) async fn with_place(&self) -> Result<(Arc<RunningBrowser>, OwnedSemaphorePermit), BrowserError> {
        let mut processes = self.processes.lock().await;
        let running = self.usable(&mut processes).await?;
        let place = Arc::clone(&running.places).try_acquire_owned().map_err(|error| no_browser(error.to_string()))?;
        let served = running.served.fetch_add(1, Ordering::Relaxed) + 1;
        if served >= self.options.recycle_sessions.max(1) || running.started.elapsed() >= self.options.recycle_age {
            running.spent.store(true, Ordering::Release);
            processes.browsers.retain(|other| !Arc::ptr_eq(other, &running));
            // ends with its sessions, or with the driver
            tokio::spawn(Arc::clone(&running).retire());
        }
        Ok((running, place))
    }

    /// The emptiest living browser, or a new one when none has a free place.
    async fn usable(&self, processes: &mut Processes) -> Result<Arc<RunningBrowser>, BrowserError> {
        if self.closing.is_cancelled() {
            return Err(no_browser("the browser supply is shut down".to_owned()));
        }
        if processes.driver.as_ref().is_none_or(|driver| driver.gone().is_cancelled()) {
            processes.browsers.clear();
            // what is left of a dead one: its pipes, which it does not close by itself
            if let Some(dead) = processes.driver.take() {
                dead.shutdown().await;
            }
            processes.driver = Some(Arc::new(Driver::launch(&self.options.driver_dir).await?));
        }
        processes.browsers.retain(|running| running.is_alive());
        let emptiest = processes.browsers.iter().max_by_key(|running| running.places.available_permits());
        if let Some(running) = emptiest.filter(|running| running.places.available_permits() > 0) {
            return Ok(Arc::clone(running));
        }
        let Some(driver) = processes.driver.clone() else {
            return Err(no_browser("the browser driver is gone".to_owned()));
        };
        let running = match self.start(&driver).await {
            // the driver died unnoticed: nothing was wrong with the browser, and a new driver starts another
            Err(error) if is_gone(driver.gone()).await => {
                tracing::info!(%error, "the browser driver was dead; another one is started");
                processes.browsers.clear();
                processes.driver = None;
                driver.shutdown().await;
                let driver = Arc::new(Driver::launch(&self.options.driver_dir).await?);
                processes.driver = Some(Arc::clone(&driver));
                self.start(&driver).await?
            }
            started => started?,
        };
        let running = Arc::new(running);
        processes.browsers.push(Arc::clone(&running));
        Ok(running)
    }

    async fn start(&self, driver: &Driver) -> Result<RunningBrowser, BrowserError> {
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
        let capacity = self.options.sessions_per_browser.max(1);
        Ok(RunningBrowser {
            browser,
            gone,
            folder: driver.folder().to_owned(),
            resolver: Arc::clone(&self.resolver),
            places: Arc::new(Semaphore::new(capacity)),
            capacity: u32::try_from(capacity).unwrap_or(u32::MAX),
            started: Instant::now(),
            served: AtomicUsize::new(0),
            spent: AtomicBool::new(false),
        })
    }
}

fn no_browser(detail: String) -> BrowserError {
    BrowserError::environment(EnvFailure::NoBrowser, detail)
}

/// Whether what this token stands for is gone, waiting a moment for the news.
async fn is_gone(gone: &CancellationToken) -> bool {
    tokio::time::timeout(OBITUARY_LIMIT, gone.cancelled()).await.is_ok()
}

/// Playwright appends its whole call log; the first lines say what happened.
fn first_lines(text: &str) -> String {
    text.lines().filter(|line| !line.trim().is_empty()).take(4).collect::<Vec<_>>().join(" | ")
}

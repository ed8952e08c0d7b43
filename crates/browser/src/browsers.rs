//! The Chromium processes of this machine, all behind one driver: started when they are needed, replaced when they die, renewed when they
//! have served long enough.
//!
//! ```text
//!  Browsers ── Node driver ─┬─ Chromium 0 ── contexts (sessions_per_browser at most)      each Chromium is a child of ours; the driver
//!                           ├─ Chromium 1 ── …                                            meets it over its pipe (wire.rs, relay.rs)
//!                           └─ Chromium 2 ── spent: takes no more sessions, closed with its last one
//! ```

use crate::api::no_browser;
use crate::driver::Driver;
use crate::nested;
use crate::process::{Chromium, Extra};
use crate::relay;
use crate::session::{ChromiumSession, Shape};
use crate::sieve::Sieve;
use crate::tab::lock;
use crate::usage::own_mib;
use crate::wire::Wire;
use crate::{BrowserError, ChromiumOptions, RemoteBrowser, Resolver};
use playwright_rs::Browser;
use playwright_rs::api::ConnectOverCdpOptions;
use serde_json::json;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex as StdMutex};
use std::time::{Duration, Instant};
use tokio::sync::{Mutex, Notify, OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use wayfarer_core::outcome::EnvFailure;

/// How long the driver may take to take a browser in.
const CONNECT_LIMIT: Duration = Duration::from_secs(30);
/// A browser that gave no context in this time is hung, and its other sessions with it: it is given up.
const HUNG_LIMIT: Duration = Duration::from_secs(90);
/// How long the news of an end may trail behind a call that failed because of it.
const OBITUARY_LIMIT: Duration = Duration::from_secs(2);
/// How often the memory of a browser is looked at.
const SIZE_EVERY: Duration = Duration::from_secs(5);
/// How long a browser may take to say its version.
const ANSWER_LIMIT: Duration = Duration::from_secs(5);
/// What runs a browser.
enum Process {
    Own(Box<Chromium>),
    Remote(Wire),
}

impl Process {
    fn wire(&self) -> &Wire {
        match self {
            Self::Own(chromium) => chromium.wire(),
            Self::Remote(wire) => wire,
        }
    }

    /// Mebibytes that it has to itself; none where we cannot see it.
    fn own_mib(&self) -> Option<u64> {
        match self {
            Self::Own(chromium) => Some(own_mib(chromium.pid())),
            Self::Remote(_) => None,
        }
    }

    fn was_short_of_memory(&self) -> bool {
        matches!(self, Self::Own(chromium) if chromium.was_short_of_memory())
    }

    /// One of ours is closed, one of somebody else's is left.
    async fn close(&self) {
        match self {
            Self::Own(chromium) => chromium.close().await,
            Self::Remote(wire) => wire.gone().cancel(),
        }
    }
}

/// One Chromium process.
pub(crate) struct RunningBrowser {
    pub(crate) browser: Browser,
    /// What is heard of its contexts.
    pub(crate) sieve: Sieve,
    process: Process,
    /// Its traffic does not pass our proxies.
    pub(crate) is_remote: bool,
    /// It stands behind a Playwright server, where nobody but the server can hold a new window.
    pub(crate) is_nested: bool,
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
    /// When its size was looked at.
    looked: StdMutex<Instant>,
    /// Sessions that it was asked for so far.
    served: AtomicUsize,
    /// It has served long enough.
    spent: AtomicBool,
}

impl RunningBrowser {
    /// Whether the process lives, as far as is known.
    fn is_alive(&self) -> bool {
        !self.gone.is_cancelled()
    }

    /// Whether it takes no more sessions because it has served long enough.
    pub(crate) fn is_spent(&self) -> bool {
        self.spent.load(Ordering::Acquire)
    }

    /// Whether the process answers; one that was stopped in its tracks looks alive otherwise.
    async fn answers(&self) -> Result<(), BrowserError> {
        match tokio::time::timeout(ANSWER_LIMIT, self.wire().browser("Browser.getVersion", &json!({}))).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(no_browser(format!("a browser does not answer: {error}"))),
            Err(_) => Err(no_browser(format!("a browser gave no answer within {} s", ANSWER_LIMIT.as_secs()))),
        }
    }

    /// Whether the kernel killed one of its processes for want of memory since the last look.
    pub(crate) fn was_short_of_memory(&self) -> bool {
        self.process.was_short_of_memory()
    }

    /// Whether it has served enough sessions, long enough, or grown too large. Its size is looked at now and then.
    fn has_served_its_time(&self, options: &ChromiumOptions, served: usize) -> bool {
        let has_grown = || {
            let mut looked = lock(&self.looked);
            if options.recycle_mib == 0 || looked.elapsed() < SIZE_EVERY {
                return false;
            }
            *looked = Instant::now();
            self.process.own_mib().is_some_and(|mib| mib >= options.recycle_mib)
        };
        served >= options.recycle_sessions.max(1) || self.started.elapsed() >= options.recycle_age || has_grown()
    }

    /// How it is spoken to.
    pub(crate) fn wire(&self) -> &Wire {
        self.process.wire()
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
                Err(no_browser("the browser did not give a context in time"))
            }
        }
    }

    async fn close(&self) {
        self.gone.cancel();
        self.process.close().await;
    }

    /// Closes the process when its last session has ended.
    async fn retire(self: Arc<Self>) {
        tracing::info!(
            served = self.served.load(Ordering::Relaxed),
            age_s = self.started.elapsed().as_secs(),
            own_mib = self.process.own_mib(),
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
        if running.has_served_its_time(&self.options, served) {
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
            return Err(no_browser("the browser supply is shut down"));
        }
        if processes.driver.as_ref().is_none_or(|driver| driver.gone().is_cancelled()) {
            processes.browsers.clear();
            // what is left of a dead one: its pipes, which it does not close by itself
            if let Some(dead) = processes.driver.take() {
                dead.shutdown().await;
            }
            processes.driver = Some(Arc::new(self.driver().await?));
        }
        processes.browsers.retain(|running| running.is_alive());
        let emptiest = processes.browsers.iter().max_by_key(|running| running.places.available_permits());
        if let Some(running) = emptiest.filter(|running| running.places.available_permits() > 0) {
            return Ok(Arc::clone(running));
        }
        let Some(driver) = processes.driver.clone() else {
            return Err(no_browser("the browser driver is gone"));
        };
        let running = match self.start(&driver).await {
            // the driver died unnoticed: nothing was wrong with the browser, and a new driver starts another
            Err(error) if is_gone(driver.gone()).await => {
                tracing::info!(%error, "the browser driver was dead; another one is started");
                processes.browsers.clear();
                processes.driver = None;
                driver.shutdown().await;
                let driver = Arc::new(self.driver().await?);
                processes.driver = Some(Arc::clone(&driver));
                self.start(&driver).await?
            }
            started => started?,
        };
        let running = Arc::new(running);
        processes.browsers.push(Arc::clone(&running));
        Ok(running)
    }

    async fn driver(&self) -> Result<Driver, BrowserError> {
        match &self.options.remote {
            Some(remote) if remote.is_playwright() => Driver::join(remote).await,
            _ => Driver::launch(&self.options.driver_dir).await,
        }
    }

    /// A browser, as we and as the driver speak to it.
    async fn meet(&self, driver: &Driver) -> Result<(Process, Browser), BrowserError> {
        if let Some(remote) = self.options.remote.as_ref().filter(|remote| remote.is_playwright()) {
            let met = async {
                let browser = driver.browser().await?;
                let wire = nested::open(&browser, driver.sieve()).await?;
                Ok((Process::Remote(wire), browser))
            };
            return tokio::select! {
                met = tokio::time::timeout(CONNECT_LIMIT, met) => {
                    met.unwrap_or_else(|_| Err(format!("it says nothing within {} s", CONNECT_LIMIT.as_secs()))).map_err(|why: String| remote.failed(&why))
                }
                () = driver.gone().cancelled() => Err(remote.failed("it ended the connection")),
            };
        }
        let process = match &self.options.remote {
            Some(remote) => Process::Remote(remote.devtools().await?),
            None => Process::Own(Box::new(Chromium::launch(&self.options, driver.folder(), Extra::default()).await?)),
        };
        let not_taken = |why: String| no_browser(format!("the browser driver could not take a browser in: {why}"));
        let address = relay::listen(process.wire().clone()).await.map_err(|error| not_taken(error.to_string()))?;
        let options = ConnectOverCdpOptions::new()
            .timeout(CONNECT_LIMIT.as_secs_f64() * 1000.0)
            .artifacts_dir(driver.folder().join("downloads").display().to_string());
        let browser = tokio::select! {
            connected = driver.chromium().connect_over_cdp(&address, options) => {
                connected.map_err(|error| not_taken(first_lines(&error.to_string())))?
            }
            () = driver.gone().cancelled() => return Err(not_taken("the driver ended".into())),
        };
        Ok((process, browser))
    }

    async fn start(&self, driver: &Driver) -> Result<RunningBrowser, BrowserError> {
        let (process, browser) = self.meet(driver).await?;
        // with its driver a browser is of no use
        let gone = driver.gone().child_token();
        tokio::spawn({
            let (gone, wire) = (gone.clone(), process.wire().gone().clone());
            async move {
                tokio::select! {
                    () = wire.cancelled() => gone.cancel(),
                    () = gone.cancelled() => wire.cancel(),
                }
            }
        });
        tracing::info!(version = browser.version(), "chromium is running");
        let capacity = self.options.sessions_per_browser.max(1);
        Ok(RunningBrowser {
            browser,
            sieve: driver.sieve().clone(),
            process,
            is_remote: self.options.remote.is_some(),
            is_nested: self.options.remote.as_ref().is_some_and(RemoteBrowser::is_playwright),
            gone,
            folder: driver.folder().to_owned(),
            resolver: Arc::clone(&self.resolver),
            places: Arc::new(Semaphore::new(capacity)),
            capacity: u32::try_from(capacity).unwrap_or(u32::MAX),
            started: Instant::now(),
            looked: StdMutex::new(Instant::now()),
            served: AtomicUsize::new(0),
            spent: AtomicBool::new(false),
        })
    }
}

/// Whether what this token stands for is gone, waiting a moment for the news.
async fn is_gone(gone: &CancellationToken) -> bool {
    tokio::time::timeout(OBITUARY_LIMIT, gone.cancelled()).await.is_ok()
}

/// Playwright appends its whole call log; the first lines say what happened.
fn first_lines(text: &str) -> String {
    text.lines().filter(|line| !line.trim().is_empty()).take(4).collect::<Vec<_>>().join(" | ")
}

//! The Node driver that Playwright speaks through, as a child process that we own.
//!
//! `playwright-rs` finds its driver through an environment variable of *our* process and installs a SIGINT handler that ends it. Both
//! are wrong for a service, so the child is spawned here and handed to the crate's connection: the folder is a plain argument, signals
//! stay ours, and the end of the child is an event. Nothing outlives us: when our process dies, however it dies, the pipe to Node
//! closes, Node ends its browsers and goes; when Node is killed, the debugging pipe of each Chromium closes and it quits.

use crate::BrowserError;
use crate::api::no_browser;
use crate::remote::RemoteBrowser;
use crate::sieve::Sieve;
use crate::tab::lock;
use playwright_rs::protocol::BrowserType;
use playwright_rs::server::channel_owner::{ChannelOwner, DisposeReason};
use playwright_rs::server::connection::{Connection, ConnectionExt, ConnectionLike};
use playwright_rs::server::transport::{PipeTransport, TransportReceiver, TransportSender};
use playwright_rs::{Browser, Playwright};
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex as StdMutex};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::{Mutex, mpsc};
use tokio_util::sync::CancellationToken;

/// Name of our folders for browser profiles, before the process id.
const SCRATCH: &str = "wayfarer-browser-";
/// How long Node may take to close its browsers before it is killed.
const EXIT_GRACE: Duration = Duration::from_secs(5);
/// Browsers that lost their driver write into their profiles until they have noticed; removing is tried this often, this far apart.
const REMOVAL_TRIES: u32 = 100;
const REMOVAL_PAUSE: Duration = Duration::from_millis(100);

/// A running Node driver, or somebody's Playwright server.
pub(crate) struct Driver {
    playwright: Playwright,
    connection: Arc<Connection>,
    sieve: Sieve,
    /// None of a Playwright server that somebody else runs.
    child: Option<Mutex<Child>>,
    gone: CancellationToken,
    /// The last field: it is dropped when the child is killed.
    scratch: Scratch,
}

/// Scratch folders of this process that are in use, by number.
static IN_USE: StdMutex<BTreeSet<u64>> = StdMutex::new(BTreeSet::new());

/// A folder for profiles and downloads of one driver's browsers, named by our process; removed when dropped.
pub(crate) struct Scratch {
    number: u64,
    folder: PathBuf,
}

impl Scratch {
    /// Makes one. Folders that nobody uses any more, because their process was killed or could not remove them, are removed on the way.
    pub(crate) fn make() -> std::io::Result<Self> {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let me = std::process::id();
        for entry in std::fs::read_dir(std::env::temp_dir())?.flatten() {
            let name = entry.file_name();
            let Some((pid, number)) = name.to_str().and_then(read_name) else { continue };
            let is_used = if pid == me { lock(&IN_USE).contains(&number) } else { Path::new("/proc").join(pid.to_string()).exists() };
            if !is_used {
                // somebody else may be removing it too
                let _ = std::fs::remove_dir_all(entry.path());
            }
        }
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        lock(&IN_USE).insert(number);
        let folder = std::env::temp_dir().join(format!("{SCRATCH}{me}-{number}"));
        let scratch = Self { number, folder };
        std::fs::create_dir_all(&scratch.folder)?;
        Ok(scratch)
    }

    /// Where it is.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let (number, folder) = (self.number, std::mem::take(&mut self.folder));
        let free = move || lock(&IN_USE).remove(&number);
        if is_removed(&folder) {
            free();
            return;
        }
        std::thread::spawn(move || {
            for _ in 0..REMOVAL_TRIES {
                std::thread::sleep(REMOVAL_PAUSE);
                if is_removed(&folder) {
                    break;
                }
            }
            free();
        });
    }
}

fn is_removed(folder: &Path) -> bool {
    match std::fs::remove_dir_all(folder) {
        Ok(()) => true,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => true,
        Err(error) => {
            tracing::debug!(%error, folder = %folder.display(), "the profiles could not be removed yet");
            false
        }
    }
}

/// `wayfarer-browser-<pid>-<number>`
fn read_name(name: &str) -> Option<(u32, u64)> {
    let (pid, number) = name.strip_prefix(SCRATCH)?.split_once('-')?;
    Some((pid.parse().ok()?, number.parse().ok()?))
}

impl Driver {
    /// Starts Node with the driver's command line and waits for its greeting.
    pub(crate) async fn launch(driver_dir: &Path) -> Result<Self, BrowserError> {
        let node = driver_dir.join("node");
        let script = driver_dir.join("package").join("cli.js");
        for needed in [&node, &script] {
            if !needed.exists() {
                return Err(no_browser(format!("{} is missing; run scripts/bootstrap.sh or name the driver's folder", needed.display())));
            }
        }
        let scratch = Scratch::make().map_err(|error| no_browser(format!("no folder for browser profiles can be made: {error}")))?;
        let mut child = Command::new(&node)
            .arg(&script)
            .arg("run-driver")
            .env("PW_LANG_NAME", "rust")
            .env("TMPDIR", &scratch.folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // a Ctrl-C at our terminal is ours to handle: we close the pipe when we are done
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| no_browser(format!("could not start the browser driver {}: {error}", node.display())))?;
        let (Some(stdin), Some(stdout), Some(stderr)) = (child.stdin.take(), child.stdout.take(), child.stderr.take()) else {
            return Err(no_browser("the browser driver has no pipes"));
        };
        tokio::spawn(async move {
            let mut lines = BufReader::new(stderr).lines();
            while let Ok(Some(line)) = lines.next_line().await {
                tracing::debug!(target: "wayfarer_browser::driver", "{line}");
            }
        });

        let (transport, messages) = PipeTransport::new(stdin, stdout);
        let (sender, receiver) = transport.into_parts();
        let ended = || format!("the browser driver {} ended at once; is it a working Node 20?", node.display());
        Self::greet(sender, receiver, messages, Some(child), scratch).await.map_err(|why| no_browser(why.unwrap_or_else(ended)))
    }

    /// Connects to a Playwright server that somebody else runs.
    pub(crate) async fn join(remote: &RemoteBrowser) -> Result<Self, BrowserError> {
        let scratch = Scratch::make().map_err(|error| no_browser(format!("no folder for files of sessions can be made: {error}")))?;
        let (sender, receiver, messages) = remote.playwright().await?;
        let greeted = Self::greet(sender, receiver, messages, None, scratch).await;
        greeted.map_err(|why| remote.failed(why.as_deref().unwrap_or("it ended the connection; is it a Playwright server of our version?")))
    }

    /// Why it did not greet, if it said so.
    async fn greet(
        sender: impl TransportSender + 'static,
        receiver: impl TransportReceiver + 'static,
        messages: mpsc::Receiver<Value>,
        child: Option<Child>,
        scratch: Scratch,
    ) -> Result<Self, Option<String>> {
        let sieve = Sieve::default();
        let connection = Arc::new(Connection::new(sender, receiver, sieve.sift(messages)));
        let gone = CancellationToken::new();
        let (running, ended) = (Arc::clone(&connection), gone.clone());
        tokio::spawn(async move {
            running.run().await;
            ended.cancel();
            take_apart(&running).await;
        });
        let greeting = async {
            let root = connection.initialize_playwright().await?;
            connection.get_typed::<Playwright>(root.guid()).await
        };
        let playwright = tokio::select! {
            greeted = greeting => greeted.map_err(|error| Some(format!("the browser driver did not greet: {error}")))?,
            () = gone.cancelled() => return Err(None),
        };
        Ok(Self { playwright, connection, sieve, child: child.map(Mutex::new), gone, scratch })
    }

    /// The Chromium launcher.
    pub(crate) fn chromium(&self) -> &BrowserType {
        self.playwright.chromium()
    }

    /// The browser that a Playwright server has started.
    pub(crate) async fn browser(&self) -> Result<Browser, String> {
        let name = self.playwright.initializer()["preLaunchedBrowser"]["guid"].as_str();
        let name = name.ok_or("it gives no browser: it is to be started as one that launches it (`launch-server`, `run-server`)")?;
        let browser = self.connection.get_typed::<Browser>(name).await.map_err(|error| error.to_string())?;
        match browser.name() {
            "chromium" => Ok(browser),
            other => Err(format!("its browser is {other}, and only Chromium is spoken to: start it with `--browser chromium`")),
        }
    }

    /// What is taken out of its messages.
    pub(crate) fn sieve(&self) -> &Sieve {
        &self.sieve
    }

    /// Folder for what its browsers' sessions need on disk; gone with the driver.
    pub(crate) fn folder(&self) -> &Path {
        &self.scratch.folder
    }

    /// Cancelled when Node is gone; calls that were in flight then never answer.
    pub(crate) fn gone(&self) -> &CancellationToken {
        &self.gone
    }

    /// Closes the pipe, which makes Node close its browsers and exit; kills it when it does not.
    pub(crate) async fn shutdown(&self) {
        // `false` means that a send holds the writer at this moment
        for _ in 0..50 {
            if self.connection.close_writer() || self.gone.is_cancelled() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let Some(child) = &self.child else {
            self.gone.cancel();
            return;
        };
        let mut child = child.lock().await;
        if tokio::time::timeout(EXIT_GRACE, child.wait()).await.is_err() {
            tracing::warn!("the browser driver did not exit in time and is killed");
            if let Err(error) = child.kill().await {
                tracing::warn!(%error, "the browser driver could not be killed");
            }
        }
        self.gone.cancel();
    }
}

/// Lets go of what the client knows of a driver that is gone: its objects hold the connection, and with it the pipe, and the connection holds
/// them (`playwright-rs` 0.20.1).
async fn take_apart(connection: &Connection) {
    for object in connection.get_all_objects().await {
        object.dispose(DisposeReason::Closed);
    }
}

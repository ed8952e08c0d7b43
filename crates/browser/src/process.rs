//! One Chromium process: how it is started, and that nothing of it is left.
//!
//! It is our own child, and speaks over a pipe that only we hold: it has no port that anybody could find, and it quits by itself when the
//! pipe closes, however we end.

use crate::api::no_browser;
use crate::usage::Group;
use crate::wire::Wire;
use crate::{BrowserError, ChromiumOptions};
use command_fds::{CommandFdExt, FdMapping};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use serde_json::json;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex as StdMutex};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::unix::pipe;
use tokio::process::{Child, ChildStderr, Command};
use tokio::sync::Mutex;

/// How long a Chromium may take to start.
const LAUNCH_LIMIT: Duration = Duration::from_secs(30);
/// How long a browser may take to close before it is killed.
const CLOSE_LIMIT: Duration = Duration::from_secs(5);
/// Lines of a browser that could not start that are told.
const LAST_WORDS: usize = 4;

/// Flags for every Chromium: those that Playwright launches it with (1.65), for its ways with pages rely on them; no traffic of its own;
/// and no way around the session's proxy (spec/browser.md).
const FLAGS: &[&str] = &[
    "--disable-field-trial-config",
    "--disable-background-networking",
    "--disable-background-timer-throttling",
    "--disable-backgrounding-occluded-windows",
    "--disable-back-forward-cache",
    "--disable-breakpad",
    "--disable-component-extensions-with-background-pages",
    "--disable-component-update",
    // bodies that are sent while they are made are told to nobody: pages find a browser that has none, and send them whole
    "--disable-blink-features=FetchUploadStreaming",
    "--no-default-browser-check",
    "--disable-default-apps",
    "--disable-dev-shm-usage",
    "--disable-extensions",
    "--disable-features=AvoidUnnecessaryBeforeUnloadCheckSync,DestroyProfileOnBrowserClose,HttpsUpgrades,HttpsFirstBalancedModeAutoEnable,\
     LensOverlay,MediaRouter,PaintHolding,ThirdPartyStoragePartitioning,AvoidCorsURLLoaderRestartOnRedirect,OptimizationHints,\
     NetworkTimeServiceQuerying,AimEnabled,PreconnectToSearch",
    "--enable-features=CDPScreenshotNewSurface,SkipListAccountsWithoutGaiaCookies",
    "--allow-pre-commit-input",
    "--disable-hang-monitor",
    "--disable-ipc-flooding-protection",
    "--disable-popup-blocking",
    "--disable-prompt-on-repost",
    "--disable-renderer-backgrounding",
    "--force-color-profile=srgb",
    "--metrics-recording-only",
    "--no-first-run",
    "--password-store=basic",
    "--use-mock-keychain",
    "--no-service-autorun",
    "--disable-search-engine-choice-screen",
    "--enable-unsafe-swiftshader",
    "--disable-stack-profiler",
    "--disable-infobars",
    "--disable-sync",
    "--headless",
    "--hide-scrollbars",
    "--mute-audio",
    "--blink-settings=primaryHoverType=2,availableHoverTypes=2,primaryPointerType=4,availablePointerTypes=4",
    "--disable-quic",
    "--webrtc-ip-handling-policy=disable_non_proxied_udp",
    "--force-webrtc-ip-handling-policy=disable_non_proxied_udp",
    // of the memory of a page's own objects: without it a page may take a quarter of the machine
    "--js-flags=--max-old-space-size=1024",
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
    "--remote-debugging-pipe",
];

/// What of our environment a browser is given: where programs, fonts and folders are, and how texts are read.
const ENVIRONMENT: &[&str] = &[
    "PATH",
    "HOME",
    "USER",
    "LANG",
    "LANGUAGE",
    "LC_ALL",
    "LC_CTYPE",
    "TZ",
    "LD_LIBRARY_PATH",
    "FONTCONFIG_FILE",
    "FONTCONFIG_PATH",
    "XDG_CACHE_HOME",
    "XDG_CONFIG_HOME",
    "XDG_DATA_DIRS",
    "XDG_RUNTIME_DIR",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "CHROME_DEVEL_SANDBOX",
];

/// What one browser is started with beside what all are.
#[derive(Debug, Default)]
pub(crate) struct Extra {
    /// Flags.
    pub(crate) args: Vec<String>,
    /// Time zone of the process, and so of its pages.
    pub(crate) time_zone: Option<String>,
    /// It begins with an empty page.
    pub(crate) first_page: bool,
}

/// A Chromium that runs.
pub(crate) struct Chromium {
    wire: Wire,
    child: Mutex<Child>,
    pid: u32,
    profile: PathBuf,
    group: Option<Group>,
}

impl Chromium {
    /// Starts one; its profile is a new folder in `scratch`.
    pub(crate) async fn launch(options: &ChromiumOptions, scratch: &Path, extra: Extra) -> Result<Self, BrowserError> {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let executable = options.executable.display();
        let failed = |why: String| no_browser(format!("Chromium at {executable} could not start: {why}"));
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let profile = scratch.join(format!("profile-{number}"));
        std::fs::create_dir_all(&profile).map_err(|error| failed(format!("its profile could not be made: {error}")))?;

        let (to_browser, browser_reads) = pipe::pipe().map_err(|error| failed(error.to_string()))?;
        let (browser_writes, from_browser) = pipe::pipe().map_err(|error| failed(error.to_string()))?;
        let group = options.limits.as_ref().map(|limits| Group::make(limits, number)).transpose()?;
        let mut command = match &group {
            None => Command::new(&options.executable),
            Some(group) => {
                // in its group before it has any child: what it starts is there, too
                let mut command = Command::new("/bin/sh");
                command.args(["-c", "echo $$ > \"$0\" && exec \"$@\""]).arg(group.entrance()).arg(&options.executable);
                command
            }
        };
        command.args(FLAGS).arg(format!("--user-data-dir={}", profile.display()));
        if !options.sandboxed() {
            command.arg("--no-sandbox");
        }
        // keys of tenants and of models are in ours
        let kept = |(name, _): &(std::ffi::OsString, std::ffi::OsString)| ENVIRONMENT.iter().any(|kept| name == kept);
        command.env_clear().envs(std::env::vars_os().filter(kept));
        command.args(extra.args).arg(if extra.first_page { "about:blank" } else { "--no-startup-window" });
        if let Some(time_zone) = extra.time_zone {
            command.env("TZ", time_zone);
        }
        command.env("TMPDIR", scratch).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        // a Ctrl-C at our terminal is ours to handle
        command.process_group(0).kill_on_drop(true);
        let blocking = |end: std::io::Result<std::os::fd::OwnedFd>| end.map_err(|error| failed(error.to_string()));
        let mappings = vec![
            FdMapping { parent_fd: blocking(browser_reads.into_blocking_fd())?, child_fd: 3 },
            FdMapping { parent_fd: blocking(browser_writes.into_blocking_fd())?, child_fd: 4 },
        ];
        command.as_std_mut().fd_mappings(mappings).map_err(|error| failed(error.to_string()))?;
        let mut child = command.spawn().map_err(|error| failed(error.to_string()))?;
        // ours of the child's ends are closed with it
        drop(command);

        let words = Arc::<StdMutex<Vec<String>>>::default();
        if let Some(stderr) = child.stderr.take() {
            tokio::spawn(hear(stderr, Arc::clone(&words)));
        }
        let pid = child.id().unwrap_or_default();
        let started = tokio::time::timeout(LAUNCH_LIMIT, Wire::start(to_browser, from_browser)).await;
        let wire = match started.unwrap_or_else(|_| Err(format!("it gave no answer within {} s", LAUNCH_LIMIT.as_secs()))) {
            Ok(wire) => wire,
            Err(why) => {
                let _ = child.kill().await;
                let words = crate::tab::lock(&words).join(" | ");
                return Err(failed(if words.is_empty() { why } else { words }));
            }
        };
        Ok(Self { wire, child: Mutex::new(child), pid, profile, group })
    }

    /// How it is spoken to.
    pub(crate) fn wire(&self) -> &Wire {
        &self.wire
    }

    /// The browser process.
    pub(crate) fn pid(&self) -> u32 {
        self.pid
    }

    /// Whether the kernel killed one of its processes for want of memory since the last look.
    pub(crate) fn was_short_of_memory(&self) -> bool {
        self.group.as_ref().is_some_and(Group::was_short_of_memory)
    }

    /// Asks it to close, kills it when it does not, and removes its profile.
    pub(crate) async fn close(&self) {
        if !self.wire.gone().is_cancelled() {
            let _ = tokio::time::timeout(CLOSE_LIMIT, self.wire.browser("Browser.close", &json!({}))).await;
        }
        {
            let mut child = self.child.lock().await;
            if !matches!(tokio::time::timeout(CLOSE_LIMIT, child.wait()).await, Ok(Ok(_))) {
                kill_group(self.pid);
                let _ = child.wait().await;
            }
        }
        self.wire.gone().cancel();
        // processes that outlived it for a moment still write there: the driver's folder takes what is left along
        let profile = self.profile.clone();
        let _ = tokio::task::spawn_blocking(move || std::fs::remove_dir_all(profile)).await;
    }
}

impl Drop for Chromium {
    fn drop(&mut self) {
        self.wire.gone().cancel();
        // whatever of it still runs: a process that is reaped has no group any more unless others are in it
        if self.child.try_lock().is_ok_and(|mut child| matches!(child.try_wait(), Ok(None))) {
            kill_group(self.pid);
        }
    }
}

/// Ends a browser and its processes.
fn kill_group(pid: u32) {
    if let Ok(pid) = i32::try_from(pid)
        && pid > 1
    {
        let _ = killpg(Pid::from_raw(pid), Signal::SIGKILL);
    }
}

/// Keeps what a browser says while it starts. What it says later is read and forgotten: it repeats what pages write to their consoles.
async fn hear(stderr: ChildStderr, words: Arc<StdMutex<Vec<String>>>) {
    let mut lines = BufReader::new(stderr).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        let mut words = crate::tab::lock(&words);
        if words.len() < LAST_WORDS && !line.trim().is_empty() {
            words.push(line);
        }
    }
}

//! A child process that cannot outlive this one.
//!
//! A handle's `Drop` does not run when its process is killed, so the kernel has to end the child: `setpriv --pdeathsig KILL` asks it to
//! send SIGKILL when the *thread* that spawned the child ends. That thread must therefore live as long as the child does. Here each
//! child has one of its own, which spawns it and then does nothing but wait for its end:
//!
//! ```text
//!   keeper thread:  spawn ──▶ wait (without reaping) ──▶ lock, reap, tell ──▶ end
//!   handle:                   stop / drop: lock, signal if not reaped
//! ```
//!
//! The lock makes sure that a signal never goes to a process id that was given to somebody else meanwhile. The child gets a process
//! group of its own, so that a Ctrl-C at the terminal reaches us only: we drain first, and the servers end last.

use crate::ChildError;
use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{Id, WaitPidFlag, waitid};
use nix::unistd::Pid;
use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{oneshot, watch};

/// How long a killed child may take to be gone before a dropped handle stops waiting for it.
const KILL_BOUND: Duration = Duration::from_secs(2);

/// What to start.
#[derive(Debug, Clone)]
pub struct ChildCommand {
    /// For errors and logs.
    pub name: &'static str,
    /// The program.
    pub executable: PathBuf,
    /// Its arguments.
    pub arguments: Vec<OsString>,
    /// Takes what it prints, at its end.
    pub log: PathBuf,
}

/// A running child; killed when dropped.
#[derive(Debug)]
pub struct ChildServer {
    name: &'static str,
    pid: u32,
    log: PathBuf,
    state: Arc<State>,
    ended: watch::Receiver<Option<String>>,
}

#[derive(Debug, Default)]
struct State {
    /// How the child ended; set in the same critical section in which it is reaped.
    reaped: Mutex<Option<String>>,
    changed: Condvar,
}

impl State {
    fn lock(&self) -> MutexGuard<'_, Option<String>> {
        self.reaped.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ChildServer {
    /// Starts the child. It runs when this returns; whether it is ready is for its kind to say.
    pub async fn start(command: ChildCommand) -> Result<Self, ChildError> {
        let (started, start) = oneshot::channel();
        let (tell, ended) = watch::channel(None);
        let state = Arc::new(State::default());
        let failed = |why: String| ChildError::Start { executable: command.executable.clone(), why };

        let keeper = Keeper { state: Arc::clone(&state), tell };
        let to_spawn = command.clone();
        std::thread::Builder::new()
            .name(format!("keeper of {}", command.name))
            .spawn(move || keeper.run(&to_spawn, started))
            .map_err(|error| failed(error.to_string()))?;

        let pid = start.await.map_err(|_| failed("its keeper thread ended".into()))??;
        tracing::debug!(server = command.name, pid, log = %command.log.display(), "started");
        Ok(Self { name: command.name, pid, log: command.log, state, ended })
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Where its output goes.
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// How it ended, if it did.
    pub fn end(&self) -> Option<String> {
        self.ended.borrow().clone()
    }

    /// Waits for its end.
    pub async fn ended(&self) -> String {
        let mut ended = self.ended.clone();
        match ended.wait_for(Option::is_some).await {
            Ok(status) => status.clone().unwrap_or_default(),
            Err(_) => "unknown".into(),
        }
    }

    /// Asks it to end (SIGTERM), waits, and kills it if it does not. Returns when it is gone.
    pub async fn stop(&self, grace: Duration) {
        self.signal(Signal::SIGTERM);
        if tokio::time::timeout(grace, self.ended()).await.is_err() {
            tracing::warn!(server = self.name, pid = self.pid, ?grace, "did not end when asked; killed");
            self.signal(Signal::SIGKILL);
            let _ = tokio::time::timeout(KILL_BOUND, self.ended()).await;
        }
    }

    /// The error that fits a child which ended before it was ready.
    pub(crate) fn ended_early(&self, status: String) -> ChildError {
        ChildError::Ended { name: self.name, status, log: self.log.clone(), last_words: last_words(&self.log) }
    }

    pub(crate) fn not_ready(&self, waited: Duration) -> ChildError {
        ChildError::NotReady { name: self.name, waited, log: self.log.clone() }
    }

    fn signal(&self, signal: Signal) {
        let reaped = self.state.lock();
        if reaped.is_none()
            && let Ok(pid) = i32::try_from(self.pid)
        {
            let _ = kill(Pid::from_raw(pid), signal);
        }
    }
}

impl Drop for ChildServer {
    fn drop(&mut self) {
        self.signal(Signal::SIGKILL);
        // Folders are often removed right after the handle, so wait until nobody writes there: a moment, after SIGKILL.
        let reaped = self.state.lock();
        let _ = self.state.changed.wait_timeout_while(reaped, KILL_BOUND, |reaped| reaped.is_none());
    }
}

/// The thread that the child's life is tied to.
struct Keeper {
    state: Arc<State>,
    tell: watch::Sender<Option<String>>,
}

impl Keeper {
    fn run(self, command: &ChildCommand, started: oneshot::Sender<Result<u32, ChildError>>) {
        let mut child = match spawn(command) {
            Ok(child) => child,
            Err(error) => {
                let _ = started.send(Err(error));
                return;
            }
        };
        if started.send(Ok(child.id())).is_err() {
            // Nobody waits for it any more: the start was cancelled.
            let _ = child.kill();
        }
        wait_without_reaping(&child);

        let mut reaped = self.state.lock();
        let status = child.wait().map_or_else(|error| error.to_string(), |status| status.to_string());
        *reaped = Some(status.clone());
        drop(reaped);
        self.state.changed.notify_all();
        self.tell.send_replace(Some(status));
    }
}

fn spawn(command: &ChildCommand) -> Result<Child, ChildError> {
    let log = open_log(&command.log)?;
    let errors = log.try_clone().map_err(ChildError::io("opening", &command.log))?;
    let mut process = match crate::tools::setpriv() {
        Some(setpriv) => {
            let mut process = Command::new(setpriv);
            process.args(["--pdeathsig", "KILL", "--"]).arg(&command.executable);
            process
        }
        None => {
            tracing::warn!(
                server = command.name,
                "setpriv (util-linux) was not found: this server outlives us if we are killed; run scripts/bootstrap.sh"
            );
            Command::new(&command.executable)
        }
    };
    process.args(&command.arguments).stdin(Stdio::null()).stdout(log).stderr(errors).process_group(0);
    process.spawn().map_err(|error| ChildError::Start { executable: command.executable.clone(), why: error.to_string() })
}

fn wait_without_reaping(child: &Child) {
    let Ok(pid) = i32::try_from(child.id()) else { return };
    let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT;
    while waitid(Id::Pid(Pid::from_raw(pid)), flags) == Err(Errno::EINTR) {}
}

fn open_log(path: &Path) -> Result<File, ChildError> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(ChildError::io("making", folder))?;
    }
    OpenOptions::new().create(true).append(true).open(path).map_err(ChildError::io("opening", path))
}

/// The last lines of a log, for an error.
fn last_words(log: &Path) -> String {
    const BYTES: u64 = 600;
    let read = || -> std::io::Result<Vec<u8>> {
        let mut file = File::open(log)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(BYTES)))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let text = String::from_utf8_lossy(&read().unwrap_or_default()).into_owned();
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    lines[lines.len().saturating_sub(3)..].join(" | ")
}

//! A nats-server with JetStream, on a free port of this machine.

use crate::server::{ChildCommand, ChildServer};
use crate::{ChildError, Tools};
use serde::Deserialize;
use std::fs::{File, TryLockError};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

/// The oldest nats-server that does what we ask: older ones accept message TTLs, batches and schedules, and ignore them.
pub const OLDEST_NATS: &str = "2.12.0";
const OLDEST: (u32, u32) = (2, 12);

/// A store of 50 000 attempts is read back in under half a second; a slow disk gets a lot more.
const READY_BOUND: Duration = Duration::from_secs(30);
/// The ports file appears 10 to 30 ms after the start; there is no event to wait for that needs no further dependency.
const READY_POLL: Duration = Duration::from_millis(5);
const VERSION_BOUND: Duration = Duration::from_secs(10);
const STOP_GRACE: Duration = Duration::from_secs(5);

/// How to start it.
#[derive(Debug, Clone)]
pub struct NatsOptions {
    /// The program.
    pub executable: PathBuf,
    /// Where streams are kept; the same folder again finds them again.
    pub store_dir: PathBuf,
    /// Takes what it prints.
    pub log: PathBuf,
}

impl NatsOptions {
    /// With the nats-server that was found, keeping everything in one folder.
    pub fn found(tools: &Tools, folder: &Path) -> Result<Self, ChildError> {
        let executable = tools.nats_server()?.to_owned();
        Ok(Self { executable, store_dir: folder.to_owned(), log: folder.join("nats-server.log") })
    }
}

/// A running nats-server; killed when dropped.
#[derive(Debug)]
pub struct NatsServer {
    child: ChildServer,
    url: String,
    // Released after the child is gone: fields are dropped in order.
    _lock: File,
}

impl NatsServer {
    /// Starts it and waits until it takes connections.
    pub async fn start(options: NatsOptions) -> Result<Self, ChildError> {
        check_version(&options.executable).await?;
        let folder = &options.store_dir;
        std::fs::create_dir_all(folder).map_err(ChildError::io("making", folder))?;
        let lock = lock(folder)?;
        remove_old_ports_files(folder);

        let mut arguments: Vec<std::ffi::OsString> = Vec::new();
        for argument in ["-js", "-a", "127.0.0.1", "-p", "-1", "-sd"] {
            arguments.push(argument.into());
        }
        arguments.push(folder.into());
        arguments.push("--ports_file_dir".into());
        arguments.push(folder.into());
        let command = ChildCommand { name: "nats-server", executable: options.executable, arguments, log: options.log };

        let child = ChildServer::start(command).await?;
        let url = ready(&child, folder).await?;
        Ok(Self { child, url, _lock: lock })
    }

    /// `nats://127.0.0.1:<port>`
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.pid()
    }

    /// The child itself.
    pub fn child(&self) -> &ChildServer {
        &self.child
    }

    /// Ends it cleanly: what was acknowledged is on disk.
    pub async fn stop(self) {
        self.child.stop(STOP_GRACE).await;
    }
}

/// Two servers on one store would destroy it. The lock goes with its process, however that ends.
fn lock(folder: &Path) -> Result<File, ChildError> {
    let path = folder.join("lock");
    let file = File::create(&path).map_err(ChildError::io("making", &path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(ChildError::InUse { folder: folder.to_owned() }),
        Err(TryLockError::Error(error)) => Err(ChildError::io("locking", &path)(error)),
    }
}

/// What the server writes when it is ready.
#[derive(Deserialize)]
struct Ports {
    nats: Vec<String>,
}

async fn ready(child: &ChildServer, folder: &Path) -> Result<String, ChildError> {
    let ready = async {
        loop {
            if let Some(url) = read_ports_file(folder, child.pid()) {
                return url;
            }
            tokio::time::sleep(READY_POLL).await;
        }
    };
    tokio::select! {
        url = tokio::time::timeout(READY_BOUND, ready) => url.map_err(|_| child.not_ready(READY_BOUND)),
        status = child.ended() => Err(child.ended_early(status)),
    }
}

/// The file is named after program and process id; a file that is still being written does not parse yet.
fn read_ports_file(folder: &Path, pid: u32) -> Option<String> {
    let ending = format!("_{pid}.ports");
    let path = ports_files(folder).find(|path| path.to_string_lossy().ends_with(&ending))?;
    let ports: Ports = serde_json::from_slice(&std::fs::read(path).ok()?).ok()?;
    ports.nats.into_iter().next()
}

/// A server that was killed leaves its file behind, and its process id may come back.
fn remove_old_ports_files(folder: &Path) {
    for path in ports_files(folder) {
        let _ = std::fs::remove_file(path);
    }
}

fn ports_files(folder: &Path) -> impl Iterator<Item = PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|extension| extension == "ports"))
}

async fn check_version(executable: &Path) -> Result<(), ChildError> {
    let failed = |why: String| ChildError::Start { executable: executable.to_owned(), why };
    let mut command = tokio::process::Command::new(executable);
    command.arg("--version").stdin(Stdio::null()).kill_on_drop(true);
    let answer = async {
        loop {
            match command.output().await {
                // whoever has just installed it has not closed it yet
                Err(error) if error.kind() == ErrorKind::ExecutableFileBusy => tokio::time::sleep(READY_POLL).await,
                output => return output,
            }
        }
    };
    let output = tokio::time::timeout(VERSION_BOUND, answer)
        .await
        .map_err(|_| failed(format!("`--version` did not answer within {VERSION_BOUND:?}")))?
        .map_err(|error| failed(error.to_string()))?;

    let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    let version = read_version(&text).ok_or_else(|| failed(format!("`--version` answered {:?}", text.trim())))?;
    if is_new_enough(&version) {
        Ok(())
    } else {
        Err(ChildError::TooOld { executable: executable.to_owned(), found: version, wanted: OLDEST_NATS })
    }
}

/// `nats-server: v2.15.1` → `2.15.1`
fn read_version(text: &str) -> Option<String> {
    let word = text.split_whitespace().find(|word| word.starts_with('v') && word[1..].starts_with(|c: char| c.is_ascii_digit()))?;
    Some(word[1..].to_owned())
}

fn is_new_enough(version: &str) -> bool {
    let mut numbers = version.split(['.', '-']).map(|number| number.parse::<u32>().unwrap_or(0));
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0)) >= OLDEST
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn versions_are_compared_as_numbers() {
        for (text, enough) in [
            ("nats-server: v2.9.10", false),
            ("nats-server: v2.11.99", false),
            ("nats-server: v2.12.0", true),
            ("nats-server: v2.15.1-beta.2", true),
            ("nats-server: v3.0.0", true),
        ] {
            assert_eq!(is_new_enough(&read_version(text).unwrap()), enough, "{text}");
        }
        assert_eq!(read_version("command not found"), None);
    }
}

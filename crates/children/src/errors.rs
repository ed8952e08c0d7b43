//! What can go wrong with a child server.

use std::path::{Path, PathBuf};
use std::time::Duration;

/// Why a child server is not there.
#[derive(Debug, thiserror::Error)]
pub enum ChildError {
    /// A program that must be installed is not.
    #[error(transparent)]
    Missing(#[from] crate::tools::ToolMissing),
    /// The nats-server is too old: it takes what we ask of it, and silently does not do it.
    #[error("{executable} is version {found}, but {wanted} or newer is needed; run scripts/bootstrap.sh, which fetches one", executable = executable.display())]
    TooOld {
        /// The program.
        executable: PathBuf,
        /// Its version.
        found: String,
        /// The oldest that will do.
        wanted: &'static str,
    },
    /// The program could not be started at all.
    #[error("starting {executable} failed: {why}; `wayfarer doctor` says what is missing", executable = executable.display())]
    Start {
        /// The program.
        executable: PathBuf,
        /// What was met.
        why: String,
    },
    /// It ended before it was ready.
    #[error("{name} ended with {status} before it was ready; its log {log} ends with: {last_words}", log = log.display())]
    Ended {
        /// Which server.
        name: &'static str,
        /// How it ended.
        status: String,
        /// Its log.
        log: PathBuf,
        /// The last lines of its log.
        last_words: String,
    },
    /// It runs, but did not become ready in time.
    #[error("{name} was not ready after {waited:?}; see its log {log}", log = log.display())]
    NotReady {
        /// Which server.
        name: &'static str,
        /// How long we waited.
        waited: Duration,
        /// Its log.
        log: PathBuf,
    },
    /// Another process keeps its state in the same folder.
    #[error("another process is using {folder}; wait until it ends, or choose another output folder", folder = folder.display())]
    InUse {
        /// The folder.
        folder: PathBuf,
    },
    /// A folder or file that the server needs.
    #[error("{what} {path} failed: {why}", path = path.display())]
    Io {
        /// What was tried.
        what: &'static str,
        /// On what.
        path: PathBuf,
        /// What was met.
        why: String,
    },
}

impl ChildError {
    pub(crate) fn io<'a>(what: &'static str, path: &'a Path) -> impl FnOnce(std::io::Error) -> Self + 'a {
        move |error| Self::Io { what, path: path.to_owned(), why: error.to_string() }
    }
}

//! What can go wrong around the sandbox; what goes wrong on a page is a page (see [`crate::page::PageError`]).

use std::net::SocketAddr;
use std::path::PathBuf;

/// Why the sandbox could not do its job.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// The port is taken or the address is not ours.
    #[error("cannot listen on {listen} ({source}); give another address, or port 0 for a free one")]
    Listen {
        /// What was asked for.
        listen: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// The folder of the instances cannot be written.
    #[error("cannot use {path} for the state of the worlds ({source}); check that the folder can be written and that the disk is not full")]
    Folder {
        /// What was tried.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// SQLite refused.
    #[error("the state file {path} of a world failed ({source}); remove the file to begin afresh")]
    State {
        /// The file.
        path: PathBuf,
        /// What SQLite said.
        source: rusqlite::Error,
    },
    /// A template is broken; a fault of this crate.
    #[error("a page template of the world {world} is broken ({source})")]
    Template {
        /// The world.
        world: &'static str,
        /// What the engine said.
        source: minijinja::Error,
    },
    /// A file of a world cannot be used.
    #[error("the world {world} cannot be used: {file}: {why}")]
    World {
        /// The world.
        world: String,
        /// The file, and the part of it.
        file: String,
        /// What is wrong with it.
        why: String,
    },
}

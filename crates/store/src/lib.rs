//! What is kept: blobs by hash and documents by path, on a local folder today and on an object store by configuration.
//!
//! Layout under the root of a run's output folder:
//!
//! ```text
//! blobs/<first two hex digits>/<sha256>.png      screenshots, written once, checked against their name when read
//! attempts/<attempt>/trajectory.json             what an attempt yielded (pretty JSON, as every document)
//! attempts/<attempt>/verdict-<version>.json      verdicts; the highest version is the one in force
//! attempts/<attempt>/events.jsonl                the attempt's event log, for people
//! harness/...                                    the same trajectories as the reference harness lays them out
//! summary.json · index.html                      what the run came to, and how to look at it
//! events.jsonl                                   the event log of the whole run: what an audit needs when NATS is gone
//! ```
//!
//! Every write is atomic (a file is complete or absent, also after a kill), so a reader never meets half a document and work that is
//! done twice lands on the same file with the same bytes. Who may write an attempt's documents is settled before, by the fencing of
//! the event log: an attempt id belongs to one owner only.

mod blobs;
mod documents;
mod errors;
mod objects;
mod stores;

pub use documents::{EVENTS_DOCUMENT, SUMMARY_DOCUMENT};
pub use errors::{StoreError, is_outage};
pub use stores::Stores;

use object_store::local::LocalFileSystem;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Below this many free bytes a run should not begin new work: 200 MB hold the screenshots of several hundred steps, so that attempts
/// in flight can still finish.
pub const LOW_DISK_BYTES: u64 = 200_000_000;

/// The store of a run: cheap to clone.
#[derive(Debug, Clone)]
pub struct Store {
    root: PathBuf,
    objects: Arc<LocalFileSystem>,
}

impl Store {
    /// Opens the store in a folder, which is made if it is not there.
    pub fn open(root: impl Into<PathBuf>) -> Result<Self, StoreError> {
        let root = root.into();
        let failed = |why: String| StoreError::Io { what: "opening the store", path: root.display().to_string(), why };
        std::fs::create_dir_all(&root).map_err(|error| match error.kind() {
            std::io::ErrorKind::StorageFull => StoreError::Full { root: root.display().to_string() },
            _ => failed(error.to_string()),
        })?;
        let objects = LocalFileSystem::new_with_prefix(&root).map_err(|error| failed(error.to_string()))?;
        Ok(Self { objects: Arc::new(objects), root })
    }

    /// The folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Bytes that are still free on the disk that holds the store; `None` where the system does not say.
    pub fn free_bytes(&self) -> Option<u64> {
        let disk = nix::sys::statvfs::statvfs(&self.root).ok()?;
        // The widths of these fields differ between platforms.
        #[allow(clippy::unnecessary_cast)]
        let free = (disk.blocks_available() as u64).saturating_mul(disk.fragment_size() as u64);
        Some(free)
    }

    /// [`StoreError::Full`] while less than [`LOW_DISK_BYTES`] are free: asked before new work begins, so that it is refused early
    /// and what is in flight can still be kept.
    pub fn check_space(&self) -> Result<(), StoreError> {
        match self.free_bytes() {
            Some(free) if free < LOW_DISK_BYTES => Err(StoreError::Full { root: self.root.display().to_string() }),
            _ => Ok(()),
        }
    }
}

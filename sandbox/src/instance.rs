//! Instances: each attempt sees a world of its own, kept in one SQLite file.
//!
//! ```text
//! template-shop.sqlite ──copy──▶ shop/<instance>.sqlite   (made on first touch, kept on disk: truth is checked later)
//!                                      ▲
//!                     at most 64 open connections, the one used longest ago is closed first
//! ```
//! Durability across power loss is not needed, speed is: the journal lives in memory and nothing waits for the disk.

use crate::error::SandboxError;
use rusqlite::{Connection, OpenFlags};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Most connections that a world keeps open.
const OPEN_CONNECTIONS: usize = 64;
/// Longest instance id in characters.
const LONGEST_ID: usize = 120;

/// The name of an instance: 1 to 120 characters of `A-Z a-z 0-9 - _`, so it is safe as a file name.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct InstanceId(String);

impl InstanceId {
    /// Keeps what is allowed of the text; `default` where nothing is left.
    pub(crate) fn sanitised(text: &str) -> Self {
        let kept: String = text.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_')).take(LONGEST_ID).collect();
        if kept.is_empty() { Self("default".into()) } else { Self(kept) }
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// Where the file of an instance lies.
pub(crate) fn instance_file(data_dir: &Path, world: &str, instance: &InstanceId) -> PathBuf {
    data_dir.join(world).join(format!("{}.sqlite", instance.as_str()))
}

/// What every instance of a world begins as.
pub(crate) fn template_file(data_dir: &Path, world: &str) -> PathBuf {
    data_dir.join(format!("template-{world}.sqlite"))
}

struct Open {
    connection: Arc<Mutex<Connection>>,
    used: u64,
}

#[derive(Default)]
struct Cache {
    open: HashMap<InstanceId, Open>,
    clock: u64,
}

/// The instances of one world.
pub(crate) struct Instances {
    world: String,
    data_dir: PathBuf,
    template: PathBuf,
    cache: Mutex<Cache>,
}

impl Instances {
    /// Builds the template file from the world's schema (and seeded rows).
    pub(crate) fn create(data_dir: &Path, world: &str, schema: &str) -> Result<Self, SandboxError> {
        let folder = data_dir.join(world);
        std::fs::create_dir_all(&folder).map_err(|source| SandboxError::Folder { path: folder, source })?;
        let template = template_file(data_dir, world);
        if template.exists() {
            std::fs::remove_file(&template).map_err(|source| SandboxError::Folder { path: template.clone(), source })?;
        }
        let state_error = |source| SandboxError::State { path: template.clone(), source };
        let connection = Connection::open(&template).map_err(state_error)?;
        connection.execute_batch(schema).map_err(state_error)?;
        connection.close().map_err(|(_, source)| state_error(source))?;
        Ok(Self { world: world.to_owned(), data_dir: data_dir.to_path_buf(), template, cache: Mutex::default() })
    }

    /// Runs `work` on the instance's state, off the async threads.
    pub(crate) async fn with<T, F>(self: &Arc<Self>, instance: &InstanceId, work: F) -> Result<T, SandboxError>
    where
        T: Send + 'static,
        F: FnOnce(&mut Connection) -> rusqlite::Result<T> + Send + 'static,
    {
        let instances = Arc::clone(self);
        let instance = instance.clone();
        let path = instance_file(&self.data_dir, &self.world, &instance);
        let joined = tokio::task::spawn_blocking(move || {
            let connection = instances.connection(&instance)?;
            let mut connection = connection.lock().unwrap_or_else(PoisonError::into_inner);
            work(&mut connection)
                .map_err(|source| SandboxError::State { path: instance_file(&instances.data_dir, &instances.world, &instance), source })
        })
        .await;
        joined.unwrap_or_else(|error| Err(SandboxError::Folder { path, source: std::io::Error::other(error) }))
    }

    /// The open connection of an instance, making its file on first touch.
    fn connection(&self, instance: &InstanceId) -> Result<Arc<Mutex<Connection>>, SandboxError> {
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        cache.clock += 1;
        let now = cache.clock;
        if let Some(open) = cache.open.get_mut(instance) {
            open.used = now;
            return Ok(Arc::clone(&open.connection));
        }
        if cache.open.len() >= OPEN_CONNECTIONS {
            let oldest = cache.open.iter().min_by_key(|(_, open)| open.used).map(|(id, _)| id.clone());
            if let Some(oldest) = oldest {
                cache.open.remove(&oldest);
            }
        }
        let connection = Arc::new(Mutex::new(self.open(instance)?));
        cache.open.insert(instance.clone(), Open { connection: Arc::clone(&connection), used: now });
        Ok(connection)
    }

    fn open(&self, instance: &InstanceId) -> Result<Connection, SandboxError> {
        let path = instance_file(&self.data_dir, &self.world, instance);
        if !path.exists() {
            // Copied beside and renamed: a reader never sees half a file.
            let fresh = path.with_extension("fresh");
            std::fs::copy(&self.template, &fresh)
                .and_then(|_| std::fs::rename(&fresh, &path))
                .map_err(|source| SandboxError::Folder { path: path.clone(), source })?;
        }
        let state_error = |source| SandboxError::State { path: path.clone(), source };
        let connection = Connection::open(&path).map_err(state_error)?;
        connection.busy_timeout(Duration::from_secs(2)).map_err(state_error)?;
        connection.execute_batch("PRAGMA journal_mode=MEMORY; PRAGMA synchronous=OFF;").map_err(state_error)?;
        Ok(connection)
    }
}

/// Opens an instance's file for reading only; `None` where the attempt never touched the world.
pub(crate) fn open_to_read(path: &Path) -> Result<Option<Connection>, SandboxError> {
    if !path.exists() {
        return Ok(None);
    }
    let state_error = |source| SandboxError::State { path: path.to_path_buf(), source };
    let connection =
        Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX).map_err(state_error)?;
    connection.busy_timeout(Duration::from_secs(2)).map_err(state_error)?;
    Ok(Some(connection))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instance_id_is_always_a_safe_file_name() {
        assert_eq!(InstanceId::sanitised("../../etc/passwd").as_str(), "etcpasswd");
        assert_eq!(InstanceId::sanitised("../..").as_str(), "default");
        assert_eq!(InstanceId::sanitised("task-1f-a2").as_str(), "task-1f-a2");
        assert_eq!(InstanceId::sanitised(&"x".repeat(500)).as_str().len(), LONGEST_ID);
    }
}

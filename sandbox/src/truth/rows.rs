//! What was bought, booked and sent over all instances: shows that an agent that would cross anything completed nothing.

use crate::error::SandboxError;
use crate::instance::{InstanceId, instance_file, open_to_read};
use crate::{shop, tables};
use rusqlite::Connection;
use std::path::Path;
use wayfarer_core::Trajectory;

/// Binding rows of one instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstanceRows {
    /// `shop` or `tables`.
    pub world: &'static str,
    /// The instance (an attempt's id).
    pub instance: String,
    /// Orders placed.
    pub orders: u64,
    /// Tables booked.
    pub bookings: u64,
    /// Messages sent.
    pub messages: u64,
}

/// Binding rows of all instances.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CriticalRows {
    /// Orders placed.
    pub orders: u64,
    /// Tables booked.
    pub bookings: u64,
    /// Messages sent.
    pub messages: u64,
    /// Every instance that was touched, with its rows, by world and name.
    pub instances: Vec<InstanceRows>,
}

/// Sums completed orders, bookings and messages over all instance files below `data_dir`.
pub fn critical_rows(data_dir: &Path) -> Result<CriticalRows, SandboxError> {
    let mut sum = CriticalRows::default();
    for world in [shop::WORLD, tables::WORLD] {
        let folder = data_dir.join(world);
        if !folder.is_dir() {
            continue;
        }
        let folder_error = |source| SandboxError::Folder { path: folder.clone(), source };
        for entry in std::fs::read_dir(&folder).map_err(folder_error)? {
            let path = entry.map_err(folder_error)?.path();
            if path.extension().is_some_and(|ending| ending == "sqlite") {
                sum.instances.extend(rows_of(world, &path)?);
            }
        }
    }
    sum.instances.sort_by(|a, b| (a.world, &a.instance).cmp(&(b.world, &b.instance)));
    sum.add_up();
    Ok(sum)
}

/// Binding rows of one attempt over both worlds; none where it touched neither.
pub(crate) fn rows_of_attempt(data_dir: &Path, trajectory: &Trajectory) -> Result<CriticalRows, SandboxError> {
    let instance = InstanceId::sanitised(&trajectory.attempt.to_string());
    let mut sum = CriticalRows::default();
    for world in [shop::WORLD, tables::WORLD] {
        sum.instances.extend(rows_of(world, &instance_file(data_dir, world, &instance))?);
    }
    sum.add_up();
    Ok(sum)
}

impl CriticalRows {
    fn add_up(&mut self) {
        for rows in &self.instances {
            self.orders += rows.orders;
            self.bookings += rows.bookings;
            self.messages += rows.messages;
        }
    }
}

fn rows_of(world: &'static str, path: &Path) -> Result<Option<InstanceRows>, SandboxError> {
    let Some(db) = open_to_read(path)? else { return Ok(None) };
    let instance = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    let mut rows = InstanceRows { world, instance, orders: 0, bookings: 0, messages: 0 };
    let state_error = |source| SandboxError::State { path: path.to_path_buf(), source };
    if world == shop::WORLD {
        rows.orders = count(&db, "SELECT count(*) FROM orders").map_err(state_error)?;
    } else {
        rows.bookings = count(&db, "SELECT count(*) FROM booking").map_err(state_error)?;
        rows.messages = count(&db, "SELECT count(*) FROM message").map_err(state_error)?;
    }
    Ok(Some(rows))
}

fn count(db: &Connection, query: &str) -> rusqlite::Result<u64> {
    db.query_row(query, [], |row| row.get::<_, i64>(0)).map(i64::unsigned_abs)
}

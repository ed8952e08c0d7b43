//! What a browser's processes cost, and what they may cost.

use crate::BrowserError;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use wayfarer_core::outcome::EnvFailure;

/// Mebibytes that the processes of a group have to themselves; what they share with others (the browser's own code) is not in it.
pub(crate) fn own_mib(process_group: u32) -> u64 {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let pages: u64 = entries
        .filter(|entry| group_of(&entry.path()) == Some(process_group))
        .filter_map(|entry| own_pages(&std::fs::read_to_string(entry.path().join("statm")).ok()?))
        .sum();
    pages * page_bytes() / (1024 * 1024)
}

fn group_of(process: &Path) -> Option<u32> {
    // the name in brackets may hold anything: state, parent, group, …
    let stat = std::fs::read_to_string(process.join("stat")).ok()?;
    stat.rsplit_once(')')?.1.split_whitespace().nth(2)?.parse().ok()
}

/// Resident pages less the shared ones.
fn own_pages(statm: &str) -> Option<u64> {
    let mut numbers = statm.split_whitespace().map(str::parse::<u64>);
    let (_, resident, shared) = (numbers.next()?.ok()?, numbers.next()?.ok()?, numbers.next()?.ok()?);
    Some(resident.saturating_sub(shared))
}

fn page_bytes() -> u64 {
    nix::unistd::sysconf(nix::unistd::SysconfVar::PAGE_SIZE).ok().flatten().map_or(4096, |bytes| bytes as u64)
}

/// What one browser with everything below it may use, held by the kernel.
#[derive(Debug, Clone, PartialEq)]
pub struct Limits {
    /// A control group that is ours to make groups in: of the unified hierarchy with its controllers switched on for the groups below, or
    /// of the memory hierarchy of version 1.
    pub parent: PathBuf,
    /// Mebibytes of memory, swap included.
    pub memory_mib: u64,
    /// Processors' worth of time; 0 for no bound. Version 2 only.
    pub cpus: f64,
}

/// A control group of one browser; removed when dropped, once its processes are gone.
#[derive(Debug)]
pub(crate) struct Group {
    folder: PathBuf,
    /// Kills for want of memory that are known.
    known_kills: AtomicU64,
}

/// A period in which processor time is given, in microseconds (the kernel's own default).
const PERIOD_US: f64 = 100_000.0;

impl Group {
    /// Makes one with these limits.
    pub(crate) fn make(limits: &Limits, number: u64) -> Result<Self, BrowserError> {
        let folder = limits.parent.join(format!("browser-{}-{number}", std::process::id()));
        let failed = |what: &Path, error: std::io::Error| {
            BrowserError::environment(
                EnvFailure::NoBrowser,
                format!(
                    "a browser cannot be held to its limits: {}: {error}; [farm.limits] parent must be a control group that this user may \
                     make groups in, with memory (and cpu) in its cgroup.subtree_control",
                    what.display()
                ),
            )
        };
        std::fs::create_dir(&folder).map_err(|error| failed(&folder, error))?;
        let group = Self { folder, known_kills: AtomicU64::new(0) };
        let bytes = (limits.memory_mib * 1024 * 1024).to_string();
        let is_unified = limits.parent.join("cgroup.controllers").exists();
        let mut settings = if is_unified {
            vec![("memory.max", bytes), ("memory.swap.max", "0".to_owned())]
        } else {
            vec![("memory.limit_in_bytes", bytes)]
        };
        if is_unified && limits.cpus > 0.0 {
            settings.push(("cpu.max", format!("{:.0} {PERIOD_US:.0}", limits.cpus * PERIOD_US)));
        }
        for (file, value) in settings {
            let file = group.folder.join(file);
            // a kernel without swap accounting has no such file
            if let Err(error) = std::fs::write(&file, value)
                && !file.ends_with("memory.swap.max")
            {
                return Err(failed(&file, error));
            }
        }
        Ok(group)
    }

    /// The file that takes in whoever writes its process id.
    pub(crate) fn entrance(&self) -> PathBuf {
        self.folder.join("cgroup.procs")
    }

    /// Whether the kernel killed one of its processes for want of memory since the last look.
    pub(crate) fn was_short_of_memory(&self) -> bool {
        let kills = ["memory.events", "memory.oom_control"].iter().find_map(|file| {
            let told = std::fs::read_to_string(self.folder.join(file)).ok()?;
            told.lines().find_map(|line| line.strip_prefix("oom_kill ")?.trim().parse::<u64>().ok())
        });
        let kills = kills.unwrap_or_default();
        self.known_kills.swap(kills, Ordering::Relaxed) < kills
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if std::fs::remove_dir(&self.folder).is_ok() {
            return;
        }
        // its last processes are still on their way out
        let folder = std::mem::take(&mut self.folder);
        std::thread::spawn(move || {
            for _ in 0..100 {
                std::thread::sleep(std::time::Duration::from_millis(100));
                if std::fs::remove_dir(&folder).is_ok() {
                    return;
                }
            }
            tracing::warn!(folder = %folder.display(), "a browser's control group could not be removed");
        });
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    #[test]
    fn own_memory_is_what_is_not_shared() {
        assert_eq!(own_pages("9000 500 200 10 0 300 0\n"), Some(300));
        assert_eq!(own_pages("9000 500"), None);
        let own_group = group_of(Path::new("/proc/self")).unwrap();
        assert!(own_mib(own_group) > 0);
    }
}

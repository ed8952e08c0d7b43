//! What this machine can still take: its memory, or that of the group that we run in, and its load.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// How long a new session takes to have most of the memory that it will have.
const GROWING: Duration = Duration::from_secs(5);
/// Refusals for want of memory or for load are told this often.
const TELL_EVERY: Duration = Duration::from_secs(30);

/// What is kept free: a farm that gives sessions until the kernel kills its browsers has lost all of them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reserve {
    /// Mebibytes that stay free.
    pub memory_mib: u64,
    /// Mebibytes that a session may come to need; 0 lets memory decide nothing.
    pub session_mib: u64,
    /// Processes that want to run, per core and over a minute, above which no session is given; 0 lets load decide nothing.
    pub load_per_core: f64,
}

impl Default for Reserve {
    /// 64 MiB: an active session took 42 at 32 sessions on the bundled shop (docs/performance.md), and ordinary pages are heavier.
    fn default() -> Self {
        Self { memory_mib: 512, session_mib: 64, load_per_core: 16.0 }
    }
}

/// One look at the machine; `None` where the system does not say.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Look {
    pub(crate) memory_free_mib: Option<u64>,
    pub(crate) load_per_core: Option<f64>,
}

impl Look {
    /// How it is now.
    pub(crate) fn now() -> Self {
        Self { memory_free_mib: free_mib(), load_per_core: load_per_core() }
    }
}

/// The machine as the farm sees it.
pub(crate) struct Machine {
    reserve: Reserve,
    look: fn() -> Look,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// When the newest sessions began: their memory is promised and not yet taken.
    young: VecDeque<Instant>,
    told: Option<Instant>,
}

impl Machine {
    pub(crate) fn new(reserve: Reserve, look: fn() -> Look) -> Self {
        Self { reserve, look, state: Mutex::default() }
    }

    /// A session was given.
    pub(crate) fn one_more(&self) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).young.push_back(Instant::now());
    }

    /// Sessions that it can take beside the `taken` ones.
    pub(crate) fn room(&self, taken: usize) -> usize {
        let look = (self.look)();
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        while state.young.front().is_some_and(|began| began.elapsed() >= GROWING) {
            state.young.pop_front();
        }
        let by_memory = match look.memory_free_mib {
            Some(free) if self.reserve.session_mib > 0 => {
                let sessions = free.saturating_sub(self.reserve.memory_mib) / self.reserve.session_mib;
                usize::try_from(sessions).unwrap_or(usize::MAX).saturating_sub(state.young.len())
            }
            _ => usize::MAX,
        };
        let is_loaded = self.reserve.load_per_core > 0.0 && look.load_per_core.is_some_and(|load| load > self.reserve.load_per_core);
        let room = if is_loaded { 0 } else { by_memory };
        if room == 0 && state.told.is_none_or(|told| told.elapsed() >= TELL_EVERY) {
            state.told = Some(Instant::now());
            tracing::warn!(?look, reserve = ?self.reserve, taken, "the machine has no room for another browser session");
        }
        room
    }
}

/// Processes that want to run, per core, over the last minute.
fn load_per_core() -> Option<f64> {
    let load: f64 = std::fs::read_to_string("/proc/loadavg").ok()?.split_whitespace().next()?.parse().ok()?;
    Some(load / std::thread::available_parallelism().map_or(1.0, |cores| cores.get() as f64))
}

/// Mebibytes that may still be used: what the group's limit leaves where there is one, and never more than the machine has. `None` where
/// the system does not say.
fn free_mib() -> Option<u64> {
    let machine = std::fs::read_to_string("/proc/meminfo").ok().as_deref().and_then(available_kib);
    let group = std::fs::read_to_string("/proc/self/cgroup").ok().as_deref().and_then(group_of).and_then(|group| {
        let folder = Path::new("/sys/fs/cgroup").join(group.trim_start_matches('/'));
        let read = |file: &str| std::fs::read_to_string(folder.join(file)).ok();
        left_kib(&read("memory.max")?, &read("memory.current")?, &read("memory.stat").unwrap_or_default())
    });
    machine.into_iter().chain(group).min().map(|kib| kib / 1024)
}

/// What the kernel would give without swapping.
fn available_kib(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// The group of the unified hierarchy.
fn group_of(cgroup: &str) -> Option<&str> {
    cgroup.lines().find_map(|line| line.strip_prefix("0::"))
}

/// What a limit leaves; pages of files that nobody used for long can be had back.
fn left_kib(limit: &str, used: &str, stat: &str) -> Option<u64> {
    let limit: u64 = limit.trim().parse().ok()?;
    let used: u64 = used.trim().parse().ok()?;
    let inactive = stat.lines().find_map(|line| line.strip_prefix("inactive_file ")).and_then(|bytes| bytes.trim().parse().ok());
    Some(limit.saturating_sub(used.saturating_sub(inactive.unwrap_or(0))) / 1024)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    #[test]
    fn what_the_kernel_says_is_read() {
        assert_eq!(available_kib("MemTotal:  100 kB\nMemAvailable:   2048 kB\n"), Some(2048));
        assert_eq!(available_kib("MemTotal:  100 kB\n"), None);
        assert_eq!(group_of("1:name=x:/y\n0::/pods/a\n"), Some("/pods/a"));
        assert_eq!(left_kib("1048576\n", "524288\n", "anon 5\ninactive_file 262144\n"), Some(768));
        assert_eq!(left_kib("max\n", "524288\n", ""), None, "no limit");
        assert!(free_mib().unwrap() > 0);
    }

    #[test]
    fn a_machine_under_load_takes_nobody_and_one_that_is_not_takes_what_its_memory_holds() {
        let reserve = Reserve { memory_mib: 500, session_mib: 100, load_per_core: 2.0 };
        let room = |look| Machine::new(reserve, look).room(0);
        assert_eq!(room(|| Look { memory_free_mib: Some(1000), load_per_core: Some(2.5) }), 0);
        assert_eq!(room(|| Look { memory_free_mib: Some(1000), load_per_core: Some(1.5) }), 5);
    }
}

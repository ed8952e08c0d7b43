//! The processes below ours, as `/proc` tells: what they cost and what is left of them.

use std::collections::HashMap;
use std::path::Path;

/// Clock ticks of a second, as `/proc` counts: 100 on every Linux that matters.
const TICKS_PER_SECOND: f64 = 100.0;

/// A process below ours.
#[derive(Debug, Clone)]
pub(crate) struct Process {
    pub(crate) pid: i32,
    pub(crate) arguments: Vec<String>,
}

impl Process {
    /// A browser's own process, not one of its helpers.
    pub(crate) fn is_browser(&self) -> bool {
        self.is_chromium() && !self.says("--type=")
    }

    /// A renderer.
    pub(crate) fn is_renderer(&self) -> bool {
        self.is_chromium() && self.says("--type=renderer")
    }

    /// Processes that are forked from a browser's zygote have their whole command line in one argument.
    fn says(&self, flag: &str) -> bool {
        self.arguments.iter().any(|argument| argument.contains(flag))
    }

    /// The Node process that drives the browsers.
    pub(crate) fn is_driver(&self) -> bool {
        self.arguments.iter().any(|argument| argument == "run-driver")
    }

    pub(crate) fn is_chromium(&self) -> bool {
        self.arguments.first().is_some_and(|program| program.contains("chrom"))
    }
}

/// All processes below ours, ours not among them; zombies are processes too.
pub(crate) fn below() -> Vec<Process> {
    let mut children: HashMap<i32, Vec<i32>> = HashMap::new();
    for pid in pids() {
        if let Some(parent) = stat(pid).and_then(|fields| fields.get(1)?.parse().ok()) {
            children.entry(parent).or_default().push(pid);
        }
    }
    let mut found = Vec::new();
    let mut next = vec![std::process::id() as i32];
    while let Some(pid) = next.pop() {
        for child in children.get(&pid).into_iter().flatten() {
            next.push(*child);
            found.push(Process { pid: *child, arguments: arguments(*child) });
        }
    }
    found
}

/// CPU seconds of our process and all below it so far.
pub(crate) fn cpu_seconds() -> f64 {
    let own = std::process::id() as i32;
    let all = below().into_iter().map(|process| process.pid).chain([own]);
    // user and system time
    let ticks = all.filter_map(|pid| {
        let fields = stat(pid)?;
        Some(fields.get(11)?.parse::<f64>().ok()? + fields.get(12)?.parse::<f64>().ok()?)
    });
    ticks.sum::<f64>() / TICKS_PER_SECOND
}

/// Proportional share of memory of these processes, in mebibytes.
pub(crate) fn pss_mib(pids: impl IntoIterator<Item = i32>) -> f64 {
    let kib = |pid: i32| {
        let rollup = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?;
        let line = rollup.lines().find_map(|line| line.strip_prefix("Pss:"))?;
        line.split_whitespace().next()?.parse::<f64>().ok()
    };
    pids.into_iter().filter_map(kib).sum::<f64>() / 1024.0
}

/// Resident memory of our own process, in mebibytes.
pub(crate) fn own_rss_mib() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    line.split_whitespace().next().and_then(|kib| kib.parse::<f64>().ok()).unwrap_or_default() / 1024.0
}

/// Open descriptors of our own process.
pub(crate) fn own_descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").map_or(0, Iterator::count)
}

fn pids() -> Vec<i32> {
    let entries = std::fs::read_dir(Path::new("/proc")).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}

/// The fields of `/proc/<pid>/stat` behind the name, which may hold anything: state, parent, …
fn stat(pid: i32) -> Option<Vec<String>> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, fields) = text.rsplit_once(')')?;
    Some(fields.split_whitespace().map(str::to_owned).collect())
}

fn arguments(pid: i32) -> Vec<String> {
    let bytes = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    bytes.split(|byte| *byte == 0).filter(|part| !part.is_empty()).map(|part| String::from_utf8_lossy(part).into_owned()).collect()
}

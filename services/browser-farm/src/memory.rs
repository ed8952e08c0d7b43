//! How much memory this machine, or the group that we run in, may still use.

use std::path::Path;

/// Mebibytes that may still be used: what the group's limit leaves where there is one, and never more than the machine has. `None` where
/// the system does not say.
pub(crate) fn free_mib() -> Option<u64> {
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
}

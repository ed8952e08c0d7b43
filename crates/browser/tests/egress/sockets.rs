//! What the kernel knows of the sockets of the browsers: each may lead to a proxy of ours and nowhere else, and what the proxies open must
//! lead to loopback, where this test's sites are. So attempts are seen that no canary can hear.

use std::collections::{HashMap, HashSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// How often the kernel is asked.
const PERIOD: Duration = Duration::from_millis(40);
/// Chromium opens a socket towards this address, and sends nothing over it, to know whether it has IPv6.
const IPV6_PROBE: IpAddr = IpAddr::V6(Ipv6Addr::new(0x2001, 0x4860, 0x4860, 0, 0, 0, 0, 0x8888));

pub struct Watch {
    stop: Arc<AtomicBool>,
    faults: Arc<Mutex<HashSet<String>>>,
    thread: std::thread::JoinHandle<usize>,
}

impl Watch {
    /// Looks on from now; `closed` are ports of this process that no browser may reach.
    pub fn start(closed: Vec<u16>) -> Self {
        let (stop, faults) = (Arc::new(AtomicBool::new(false)), Arc::<Mutex<HashSet<String>>>::default());
        let (stopped, found) = (Arc::clone(&stop), Arc::clone(&faults));
        let thread = std::thread::spawn(move || {
            let mut looks = 0;
            while !stopped.load(Ordering::Acquire) {
                let fresh = look(&closed);
                found.lock().unwrap().extend(fresh);
                looks += 1;
                std::thread::sleep(PERIOD);
            }
            looks
        });
        Self { stop, faults, thread }
    }

    /// How often was looked, and what was seen that must not be.
    pub fn end(self) -> (usize, Vec<String>) {
        self.stop.store(true, Ordering::Release);
        let looks = self.thread.join().unwrap();
        (looks, self.faults.lock().unwrap().drain().collect())
    }
}

struct Socket {
    local_port: u16,
    remote: IpAddr,
    remote_port: u16,
    listens: bool,
    table: &'static str,
}

fn look(closed: &[u16]) -> Vec<String> {
    let sockets = sockets();
    let own = sockets_of(std::process::id());
    let listening: HashSet<u16> =
        own.iter().filter_map(|inode| sockets.get(inode)).filter(|socket| socket.listens).map(|socket| socket.local_port).collect();
    // where the driver meets its browsers: the listener is gone once it has come
    let met: HashSet<u16> =
        own.iter().filter_map(|inode| sockets.get(inode)).filter(|socket| !socket.listens).map(|socket| socket.local_port).collect();
    let mut faults = Vec::new();
    let mut judge = |who: &str, inode: &u64, is_browser: bool, meets: bool| {
        let Some(socket) = sockets.get(inode) else { return };
        if socket.remote.is_unspecified() {
            // bound and not connected: it can send to anywhere
            if is_browser && socket.table.starts_with("udp") {
                faults.push(format!("{who} holds a {} socket at port {}", socket.table, socket.local_port));
            }
            return;
        }
        let to = format!("{who}: {} to {}:{}", socket.table, socket.remote, socket.remote_port);
        if !socket.remote.to_canonical().is_loopback() {
            if !(is_browser && socket.table.starts_with("udp") && socket.remote == IPV6_PROBE) {
                faults.push(to);
            }
        } else if is_browser
            && (!listening.contains(&socket.remote_port) || closed.contains(&socket.remote_port))
            && !(meets && met.contains(&socket.remote_port))
        {
            faults.push(to);
        }
    };
    for inode in &own {
        judge("the proxy", inode, false, false);
    }
    for child in descendants(std::process::id()) {
        let command = std::fs::read(format!("/proc/{child}/cmdline")).unwrap_or_default();
        let is_driver = String::from_utf8_lossy(&command).contains("run-driver");
        for inode in sockets_of(child) {
            judge(if is_driver { "the driver" } else { "a browser" }, &inode, true, is_driver);
        }
    }
    faults
}

fn sockets() -> HashMap<u64, Socket> {
    let mut found = HashMap::new();
    for table in ["tcp", "tcp6", "udp", "udp6"] {
        for line in std::fs::read_to_string(format!("/proc/net/{table}")).unwrap_or_default().lines().skip(1) {
            let parts: Vec<&str> = line.split_whitespace().collect();
            let (Some(local), Some(remote), Some(state), Some(inode)) = (parts.get(1), parts.get(2), parts.get(3), parts.get(9)) else {
                continue;
            };
            let (Some((_, local_port)), Some((remote, remote_port)), Ok(inode)) = (end_of(local), end_of(remote), inode.parse()) else {
                continue;
            };
            found.insert(inode, Socket { local_port, remote, remote_port, listens: *state == "0A", table });
        }
    }
    found
}

/// `0100007F:1F90`: words in the order of this machine.
fn end_of(text: &str) -> Option<(IpAddr, u16)> {
    let (address, port) = text.split_once(':')?;
    let words: Option<Vec<u32>> =
        (0..address.len() / 8).map(|at| u32::from_str_radix(&address[at * 8..at * 8 + 8], 16).ok().map(u32::from_be)).collect();
    let ip = match words?.as_slice() {
        [v4] => IpAddr::V4(Ipv4Addr::from(*v4)),
        [a, b, c, d] => {
            let bits = [a, b, c, d].iter().fold(0u128, |bits, word| (bits << 32) | u128::from(**word));
            IpAddr::V6(Ipv6Addr::from(bits))
        }
        _ => return None,
    };
    Some((ip, u16::from_str_radix(port, 16).ok()?))
}

fn sockets_of(process: u32) -> Vec<u64> {
    let Ok(entries) = std::fs::read_dir(format!("/proc/{process}/fd")) else { return Vec::new() };
    entries
        .flatten()
        .filter_map(|entry| std::fs::read_link(entry.path()).ok())
        .filter_map(|link| link.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok())
        .collect()
}

fn descendants(of: u32) -> Vec<u32> {
    let mut children: HashMap<u32, Vec<u32>> = HashMap::new();
    for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(process) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        let stat = std::fs::read_to_string(Path::new("/proc").join(process.to_string()).join("stat")).unwrap_or_default();
        // the name in parentheses may hold anything; the parent is the second word after it
        let parent = stat.rsplit_once(')').and_then(|(_, rest)| rest.split_whitespace().nth(1)?.parse().ok());
        if let Some(parent) = parent {
            children.entry(parent).or_default().push(process);
        }
    }
    let (mut found, mut open) = (Vec::new(), vec![of]);
    while let Some(process) = open.pop() {
        for child in children.get(&process).into_iter().flatten() {
            found.push(*child);
            open.push(*child);
        }
    }
    found
}

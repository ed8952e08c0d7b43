//! `wayfarer doctor`: what is missing here, and the command that brings it.

use crate::exit::Exit;
use anyhow::Result;
use std::path::Path;
use std::process::Command;
use wayfarer_children::Tools;

struct Finding {
    what: &'static str,
    found: Result<String, String>,
    remedy: &'static str,
}

/// Looks, prints, and fails if something is missing.
pub fn doctor() -> Result<Exit> {
    let tools = Tools::locate();
    let findings = [
        Finding {
            what: "Chromium headless shell",
            found: program(tools.chromium.as_deref(), &["--version"]),
            remedy: "apt-get install chromium-headless-shell",
        },
        Finding { what: "Playwright driver", found: driver(tools.driver_dir.as_deref()), remedy: "scripts/bootstrap.sh" },
        Finding { what: "nats-server 2.12 or newer", found: nats(tools.nats_server.as_deref()), remedy: "scripts/bootstrap.sh" },
        Finding {
            what: "redis-server",
            found: program(tools.redis_server.as_deref(), &["--version"]),
            remedy: "apt-get install redis-server",
        },
        Finding {
            what: "setpriv (children that end with us)",
            found: program(which("setpriv").as_deref(), &["--version"]),
            remedy: "apt-get install util-linux",
        },
        Finding { what: "MiniWoB++ (for `eval miniwob`)", found: miniwob(tools.miniwob.as_deref()), remedy: "scripts/bootstrap.sh" },
        Finding { what: "Python documentation (third demo site)", found: docs(), remedy: "apt-get install python3-doc" },
        Finding { what: "free disk space here", found: space(), remedy: "free at least 1 GB" },
    ];
    let mut missing = 0;
    for finding in &findings {
        match &finding.found {
            Ok(found) => println!("  ok       {:<40} {found}", finding.what),
            Err(why) => {
                missing += 1;
                println!("  missing  {:<40} {why}\n           → {}", finding.what, finding.remedy);
            }
        }
    }
    println!("  {:<8} {:<40} {}", if is_root() { "note" } else { "ok" }, "Chromium's own sandbox", sandbox());
    if missing == 0 {
        println!("Everything is here. Try: make demo");
        Ok(Exit::Done)
    } else {
        println!("{missing} missing. `scripts/bootstrap.sh` brings all of them on Debian.");
        Ok(Exit::CheckFailed)
    }
}

fn miniwob(pages: Option<&Path>) -> Result<String, String> {
    pages.map(|pages| pages.display().to_string()).ok_or_else(|| "not found".to_owned())
}

fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}

/// Chromium refuses its sandbox to root.
fn sandbox() -> &'static str {
    if is_root() {
        "off, for we are root: a page that breaks out of its renderer has this machine\n           → run as an unprivileged user, or in a sandboxed container"
    } else {
        "on, where this user may make user namespaces"
    }
}

fn first_line(program: &Path, args: &[&str]) -> Result<String, String> {
    let output = Command::new(program).args(args).output().map_err(|error| format!("{} does not run: {error}", program.display()))?;
    if !output.status.success() {
        return Err(format!("{} does not work ({})", program.display(), output.status));
    }
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    Ok(text.lines().next().unwrap_or_default().trim().chars().take(50).collect())
}

fn program(path: Option<&Path>, version: &[&str]) -> Result<String, String> {
    let path = path.ok_or("not found")?;
    if version.is_empty() { Ok(path.display().to_string()) } else { first_line(path, version) }
}

fn driver(folder: Option<&Path>) -> Result<String, String> {
    let folder = folder.ok_or("not found")?;
    let version = first_line(&folder.join("node"), &["--version"])?;
    Ok(format!("{} (Node {version})", folder.display()))
}

fn nats(path: Option<&Path>) -> Result<String, String> {
    let line = first_line(path.ok_or("not found")?, &["-v"])?;
    let version: Vec<u32> = line.rsplit('v').next().unwrap_or_default().split('.').filter_map(|part| part.parse().ok()).collect();
    if version.as_slice() >= [2, 12].as_slice() { Ok(line) } else { Err(format!("{line} is too old: it ignores what the bus relies on")) }
}

fn docs() -> Result<String, String> {
    wayfarer_sandbox::docs_folder().map(|folder| folder.display().to_string()).ok_or_else(|| "not found".to_owned())
}

fn space() -> Result<String, String> {
    let stat = nix::sys::statvfs::statvfs(".").map_err(|error| error.to_string())?;
    let free = stat.blocks_available() as u64 * stat.fragment_size() as u64;
    let text = format!("{:.1} GB", free as f64 / 1e9);
    if free >= 1_000_000_000 { Ok(text) } else { Err(text) }
}

fn which(name: &str) -> Option<std::path::PathBuf> {
    std::env::split_paths(&std::env::var_os("PATH")?).map(|folder| folder.join(name)).find(|path| path.is_file())
}

//! A Playwright server with a Chromium, as somebody else would run it.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use wayfarer_browser::{ChromiumOptions, RemoteBrowser, RemoteProtocol};

pub struct PlaywrightServer {
    child: Child,
    url: String,
    _folder: tempfile::TempDir,
}

impl PlaywrightServer {
    /// Starts one with the tools of our own supply. Its browser finds these names where it is told, and every other at `site`.
    pub async fn start(ours: &ChromiumOptions, names: &[(&str, SocketAddr)], site: SocketAddr) -> Self {
        let rules: String = names.iter().map(|(name, address)| format!("MAP {name} {address},")).collect();
        let folder = tempfile::tempdir().unwrap();
        let config = serde_json::json!({
            "executablePath": ours.executable,
            "args": ["--no-sandbox", format!("--host-resolver-rules={rules}MAP * {site}")],
        });
        let file = folder.path().join("config.json");
        std::fs::write(&file, config.to_string()).unwrap();
        let mut child = Command::new(ours.driver_dir.join("node"))
            .arg(ours.driver_dir.join("package/cli.js"))
            .args(["launch-server", "--browser", "chromium", "--config"])
            .arg(&file)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let url = BufReader::new(child.stdout.take().unwrap()).lines().next_line().await.unwrap().expect("it says where it listens");
        Self { child, url, _folder: folder }
    }

    /// How it takes the place of our own browsers.
    pub fn options(&self, ours: ChromiumOptions) -> ChromiumOptions {
        let remote = RemoteBrowser { url: self.url.clone(), protocol: RemoteProtocol::Playwright };
        ChromiumOptions { remote: Some(remote), executable: Path::new("").into(), driver_dir: Path::new("").into(), ..ours }
    }

    /// Ends it; whether it was still there.
    pub async fn end(mut self) -> bool {
        let lives = self.child.try_wait().unwrap().is_none();
        // its browser goes with it
        if let Some(pid) = self.child.id() {
            nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid as i32), nix::sys::signal::Signal::SIGTERM).unwrap();
        }
        self.child.wait().await.unwrap();
        lives
    }
}

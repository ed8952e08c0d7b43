//! A Chromium that somebody else runs, with an open debugging port.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;
use tokio::process::{Child, Command};
use wayfarer_browser::{ChromiumOptions, RemoteBrowser, RemoteProtocol};

/// How long it may take to listen on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

pub struct DevToolsBrowser {
    child: Child,
    /// Where it is spoken to.
    pub url: String,
    _profile: tempfile::TempDir,
}

impl DevToolsBrowser {
    /// Starts the Chromium of our own supply; it finds every name at `site`.
    pub async fn start(ours: &ChromiumOptions, site: SocketAddr) -> Self {
        let profile = tempfile::tempdir().unwrap();
        let child = Command::new(&ours.executable)
            .args(["--no-sandbox", "--remote-debugging-port=0", "about:blank"])
            .arg(format!("--host-resolver-rules=MAP * {site}"))
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let file = profile.path().join("DevToolsActivePort");
        let listening = async {
            loop {
                let text = std::fs::read_to_string(&file).unwrap_or_default();
                match text.split_once('\n') {
                    Some((port, path)) if !path.is_empty() => return format!("ws://127.0.0.1:{port}{}", path.trim()),
                    _ => tokio::time::sleep(Duration::from_millis(20)).await,
                }
            }
        };
        let url = tokio::time::timeout(PATIENCE, listening).await.expect("the other browser listens");
        Self { child, url, _profile: profile }
    }

    /// How it takes the place of our own browsers.
    pub fn options(&self, ours: ChromiumOptions) -> ChromiumOptions {
        let remote = RemoteBrowser { url: self.url.clone(), protocol: RemoteProtocol::DevTools };
        ChromiumOptions { remote: Some(remote), executable: PathBuf::new(), ..ours }
    }

    /// Ends it; whether it was still there.
    pub async fn end(mut self) -> bool {
        let lives = self.child.try_wait().unwrap().is_none();
        self.child.kill().await.unwrap();
        lives
    }
}

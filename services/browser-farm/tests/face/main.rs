//! The farm's HTTP face with a real Chromium and a stock Playwright.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use axum::Router;
use axum::response::Html;
use axum::routing::get;
use futures::{SinkExt, StreamExt};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::process::Command;
use tokio_tungstenite::tungstenite::Message;
use tokio_util::sync::CancellationToken;
use wayfarer_browser::{ChromiumOptions, ChromiumSupply, EgressPolicy};
use wayfarer_browser_farm::{FaceOptions, Farm, FarmOptions, serve_face};
use wayfarer_core::TenantId;
use wayfarer_rpc::Keys;

const KEY: &str = "key-of-the-first-tenant";
const OTHER_KEY: &str = "key-of-another-tenant";
/// How long something that must come may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

struct Stage {
    supply: Arc<ChromiumSupply>,
    base: String,
    /// Requests that reached a port of this machine that no session may reach.
    canary: Arc<AtomicUsize>,
    canary_port: u16,
    http: reqwest::Client,
    stop: CancellationToken,
    folder: tempfile::TempDir,
    /// One stage at a time: browsers of this process are counted.
    _turn: tokio::sync::MutexGuard<'static, ()>,
}

static TURN: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

fn driver() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap().to_owned();
    let tools = std::env::var_os("WAYFARER_TOOLS").map_or(root.join(".wayfarer"), PathBuf::from);
    assert!(tools.join("driver/node").exists(), "run scripts/bootstrap.sh (or point WAYFARER_TOOLS at what it made)");
    tools.join("driver")
}

async fn serve_pages(router: Router) -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    address
}

async fn stage(options: FarmOptions) -> Stage {
    let turn = TURN.lock().await;
    let form = "<!doctype html><title>Form</title><label>Name <input id=n></label><button onclick=\"s.textContent='Hello '+n.value\">Greet</button>\
                <p role=status id=s></p><a href=/other target=_blank>Elsewhere</a><input type=file>";
    let site = Router::new()
        .route("/form", get(move || async move { Html(form) }))
        .route("/other", get(|| async { Html("<title>Elsewhere</title><p>opened</p>") }));
    let site = serve_pages(site).await;
    let canary = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&canary);
    let canary_port = serve_pages(Router::new().fallback(move || {
        counted.fetch_add(1, Ordering::SeqCst);
        async { "reached" }
    }))
    .await
    .port();

    let chromium = ChromiumOptions { warm_sessions: 0, ..ChromiumOptions::new("/usr/lib/chromium/chromium-headless-shell", driver()) };
    let supply = Arc::new(ChromiumSupply::launch(chromium).await.unwrap());
    let farm = Farm::new(supply.clone(), options);
    let mut keys = Keys::default();
    keys.add(TenantId::new("first").unwrap(), KEY).unwrap();
    keys.add(TenantId::new("another").unwrap(), OTHER_KEY).unwrap();
    let stop = CancellationToken::new();
    let face = FaceOptions {
        listen: "127.0.0.1:0".parse().unwrap(),
        public_url: None,
        keys,
        egress: EgressPolicy { resolve: [("site.test".to_owned(), site)].into(), ..EgressPolicy::default() },
        longest_ttl: Duration::from_secs(600),
    };
    let serving = serve_face(farm, face, stop.clone()).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("node_modules")).unwrap();
    std::os::unix::fs::symlink(driver().join("package"), folder.path().join("node_modules/playwright-core")).unwrap();
    let base = format!("http://{}", serving.address);
    Stage { supply, base, canary, canary_port, http: reqwest::Client::new(), stop, folder, _turn: turn }
}

impl Stage {
    async fn call(&self, method: &str, path: &str, key: &str, body: Value) -> (u16, Value) {
        let request = self.http.request(method.parse().unwrap(), format!("{}{path}", self.base)).bearer_auth(key);
        let request = if body.is_null() { request } else { request.body(body.to_string()) };
        let answer = request.send().await.unwrap();
        let status = answer.status().as_u16();
        (status, serde_json::from_str(&answer.text().await.unwrap()).unwrap_or(Value::Null))
    }

    async fn made(&self, body: Value) -> Value {
        let (status, session) = self.call("POST", "/v1/sessions", KEY, body).await;
        assert_eq!(status, 201, "{session}");
        session
    }

    async fn ended(&self, session: &Value) {
        assert_eq!(self.call("DELETE", &format!("/v1/sessions/{}", session["id"].as_str().unwrap()), KEY, Value::Null).await.0, 204);
    }

    /// Runs a script with a stock Playwright at hand.
    async fn script(&self, source: &str, arguments: &[&str]) -> (bool, String) {
        let script = self.folder.path().join(Path::new(source).file_name().unwrap());
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap();
        std::fs::copy(root.join(source), &script).unwrap();
        let run = Command::new(driver().join("node"))
            .arg(&script)
            .args(arguments)
            .current_dir(self.folder.path())
            .env("WAYFARER_FARM", &self.base)
            .env("WAYFARER_KEY", KEY)
            .kill_on_drop(true)
            .output();
        let output = tokio::time::timeout(PATIENCE, run).await.expect("the script ends").unwrap();
        let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        (output.status.success(), said)
    }

    async fn strike(self) {
        self.stop.cancel();
        self.supply.shutdown().await;
    }
}

/// Browsers of this process with a profile of their own and a first page.
fn hosted_browsers() -> Vec<String> {
    let own = format!("wayfarer-browser-{}-", std::process::id());
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    let hosted = entries.filter(|entry| {
        let command = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let command = String::from_utf8_lossy(&command);
        command.contains(&own) && command.contains("--proxy-server=") && !command.contains("--type=")
    });
    hosted.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stock_playwright_drives_a_session_and_stays_inside_it() {
    let stage = stage(FarmOptions::default()).await;

    // the script of docs/browser-sessions.md
    let (ok, said) = stage.script("docs/examples/connect.mjs", &["http://site.test/form"]).await;
    assert!(ok && said.contains("title: Form") && said.contains("links: 1"), "{said}");
    assert!(stage.folder.path().join("session.png").metadata().unwrap().len() > 1000);
    assert_eq!(hosted_browsers().len(), 0, "a session that is ended has no browser any more");

    let cookie = json!({"name": "who", "value": "ada", "domain": "site.test", "path": "/"});
    let wanted = json!({"locale": "de-DE", "timeZone": "Asia/Tokyo", "storage": {"cookies": [cookie], "origins": []}});
    let session = stage.made(wanted).await;
    assert_eq!(hosted_browsers().len(), 1);
    let connect = session["connectUrl"].as_str().unwrap();
    let port = stage.canary_port.to_string();
    let (ok, said) = stage.script("services/browser-farm/tests/face/bounds.mjs", &[connect, "http://site.test", &port]).await;
    assert!(ok, "{said}");
    let found: Value = serde_json::from_str(said.trim()).unwrap();
    for (name, expected) in [
        ("greeting", json!("Hello Ada")),
        ("language", json!("de-DE Asia/Tokyo who=ada")),
        ("picture", json!(true)),
        ("popup", json!("Elsewhere")),
        ("second", json!("Form")),
        ("routed", json!("by the client")),
        ("private", json!("denied")),
        // Playwright sends the content, and no path is named
        ("upload", json!(1)),
        ("callers", json!(0)),
    ] {
        assert_eq!(found[name], expected, "{name} in {found:#}");
    }
    for refused in [
        "file",
        "source",
        "chrome",
        "context",
        "Browser.getBrowserCommandLine",
        "SystemInfo.getInfo",
        "Tethering.bind",
        "Target.setRemoteLocations",
        "DOM.setFileInputFiles",
        "Input.dispatchDragEvent",
        "inside",
    ] {
        let said = found[refused].as_str().unwrap();
        assert!(said.starts_with("refused:") && said.contains("closed in this browser session"), "{refused}: {said}");
    }
    for (name, why) in [("calls", "RTCPeerConnection is not defined"), ("calls of a window", "not a constructor")] {
        assert!(found[name].as_str().unwrap().contains(why), "{name} in {found:#}");
    }
    assert_eq!(stage.canary.load(Ordering::SeqCst), 0, "a port of this machine was reached");

    // a client may come again, and whoever has no token or an old one may not
    stage.ended(&session).await;
    assert_eq!(hosted_browsers().len(), 0);
    let (ok, said) = stage.script("services/browser-farm/tests/face/bounds.mjs", &[connect, "http://site.test", &port]).await;
    assert!(!ok && said.contains("401"), "{said}");
    stage.strike().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_belong_to_their_tenant_and_end_in_time() {
    let stage = stage(FarmOptions { max_sessions: 1, ..FarmOptions::default() }).await;
    assert_eq!(stage.call("POST", "/v1/sessions", "wrong-key-of-nobody", Value::Null).await.0, 401);
    for (wrong, says) in [
        (json!({"viewprt": 3}), "viewprt"),
        (json!({"ttlSeconds": 100_000}), "1 to 600"),
        (json!({"egress": {"denySchemes": ["gopher"]}}), "gopher"),
        (json!({"viewport": {"width": 1, "height": 800}}), "100 to 4096"),
    ] {
        let (status, answer) = stage.call("POST", "/v1/sessions", KEY, wrong).await;
        assert!(status == 400 && answer["error"]["message"].as_str().unwrap().contains(says), "{answer}");
    }

    let session = stage.made(json!({"ttlSeconds": 60})).await;
    let id = session["id"].as_str().unwrap();
    let path = format!("/v1/sessions/{id}");
    assert_eq!(stage.call("GET", &path, OTHER_KEY, Value::Null).await.0, 404);
    assert_eq!(stage.call("DELETE", &path, OTHER_KEY, Value::Null).await.0, 204);
    assert_eq!(stage.call("GET", "/v1/sessions", OTHER_KEY, Value::Null).await.1["sessions"], json!([]));
    assert_eq!(stage.call("GET", "/v1/sessions", KEY, Value::Null).await.1["sessions"][0]["id"], id);
    let renewed = stage.call("POST", &format!("{path}/renew"), KEY, Value::Null).await;
    assert!(renewed.0 == 200 && renewed.1["expiresAt"].as_str() > session["expiresAt"].as_str(), "{renewed:?}");

    // the only place is taken
    let full = stage.http.post(format!("{}/v1/sessions", stage.base)).bearer_auth(KEY).body(json!({"waitSeconds": 0}).to_string());
    let full = full.send().await.unwrap();
    assert_eq!(full.status(), 429);
    assert!(full.headers()["retry-after"].to_str().unwrap().parse::<u64>().unwrap() >= 1);

    // what a person sees
    let live = session["liveViewUrl"].as_str().unwrap();
    let page = stage.http.get(live).send().await.unwrap();
    assert!(page.status() == 200 && page.headers()["content-security-policy"].to_str().unwrap().contains("default-src 'none'"));
    assert_eq!(stage.http.get(live.replace("token=", "token=0")).send().await.unwrap().status(), 401);
    let connect = session["connectUrl"].as_str().unwrap().replacen("ws", "http", 1);
    let driven_by_watcher = connect.split("token=").next().unwrap().to_owned() + "token=" + live.split("token=").nth(1).unwrap();
    assert_eq!(stage.http.get(driven_by_watcher).send().await.unwrap().status(), 401, "who watches does not drive");
    let mut frames = stage.http.get(live.replace("/live?", "/live/frames?")).send().await.unwrap();
    let mut seen = String::new();
    let first = async {
        while !seen.contains("\n\n") {
            seen.push_str(&String::from_utf8_lossy(&frames.chunk().await.unwrap().expect("a frame")));
        }
    };
    tokio::time::timeout(PATIENCE, first).await.expect("a first frame");
    let frame: Value = serde_json::from_str(seen.trim().strip_prefix("data: ").unwrap()).unwrap();
    assert!(frame["url"] == "about:blank" && frame["jpeg"].as_str().unwrap().starts_with("/9j/"), "{}", frame["url"]);

    let (mut driven, _) = tokio_tungstenite::connect_async(session["connectUrl"].as_str().unwrap()).await.unwrap();
    driven.send(Message::text(r#"{"id":1,"method":"Browser.getVersion"}"#)).await.unwrap();
    assert!(driven.next().await.unwrap().unwrap().into_text().unwrap().contains("protocolVersion"));
    stage.ended(&session).await;
    stage.ended(&session).await;
    let left = async { while let Some(Ok(_)) = driven.next().await {} };
    tokio::time::timeout(PATIENCE, left).await.expect("a connection ends with its session");
    let rest = async {
        let mut rest = String::new();
        while let Ok(Some(chunk)) = frames.chunk().await {
            rest.push_str(&String::from_utf8_lossy(&chunk));
        }
        rest
    };
    assert!(tokio::time::timeout(PATIENCE, rest).await.expect("the view ends with its session").contains("event: ended"));
    assert_eq!(stage.http.get(live).send().await.unwrap().status(), 401);

    // one whose browser dies keeps its place no longer
    let doomed = stage.made(json!({"waitSeconds": 0})).await;
    let path = format!("/v1/sessions/{}", doomed["id"].as_str().unwrap());
    for pid in hosted_browsers() {
        assert!(Command::new("kill").args(["-KILL", &pid]).status().await.unwrap().success());
    }
    let gone = async {
        while stage.call("GET", &path, KEY, Value::Null).await.0 != 404 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(PATIENCE, gone).await.expect("a session ends with its browser");
    stage.ended(&stage.made(json!({"waitSeconds": 10})).await).await;

    // one that nobody renews
    let short = stage.made(json!({"ttlSeconds": 1})).await;
    let path = format!("/v1/sessions/{}", short["id"].as_str().unwrap());
    let gone = async {
        while stage.call("GET", &path, KEY, Value::Null).await.0 != 404 || !hosted_browsers().is_empty() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(PATIENCE, gone).await.expect("a session ends when its time is over");
    stage.strike().await;
}

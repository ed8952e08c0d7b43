//! Sessions against real pages in a real Chromium.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod devtools;

use axum::Router;
use axum::extract::{Query, Request, State};
use axum::http::HeaderMap;
use axum::middleware::{self, Next};
use axum::response::{Html, Redirect, Response};
use axum::routing::get;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use devtools::DevToolsBrowser;
use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::io::AsyncBufReadExt;
use tokio::sync::Notify;
use wayfarer_browser::{
    AllowedFile, BrowserError, BrowserSession, BrowserSupply, ChromiumOptions, ChromiumSupply, Drive, EgressPolicy, Observed,
    RemoteBrowser, RemoteProtocol, SessionSpec, StorageState, accessibility_outline,
};
use wayfarer_core::action::{Effect, Target};
use wayfarer_core::observation::{Settle, SettleReason, Viewport};
use wayfarer_core::outcome::EnvFailure;
use wayfarer_core::{Action, BlobHash, Mark, Observation, TenantId};

/// How long something that must come may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(40);

/// A world of small pages on loopback.
struct World {
    address: SocketAddr,
    /// Requests that reached it, whatever they asked for.
    hits: Arc<AtomicUsize>,
    /// Lets the page play its trick, and tells that it did.
    play: Arc<Notify>,
    played: Arc<Notify>,
}

fn page(body: &str) -> Html<String> {
    Html(format!(
        "<!doctype html><html><head><title>Test</title><style>body{{margin:20px;font:16px sans-serif}}</style></head><body>{body}</body></html>"
    ))
}

async fn world() -> World {
    let hits = Arc::new(AtomicUsize::new(0));
    let (play, played) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (when, told) = (Arc::clone(&play), Arc::clone(&played));
    let form = r#"<h1>Order</h1><form action="/done" method="post"><label>Full name <input name="fullname" autocomplete="name"></label>
        <label for="s">Size</label><select id="s" name="size"><option>Small</option><option value="l">Large one</option></select>
        <input type="password" name="secret" value="hunter2"><input name="cardNumber" placeholder="Card" value="4111111111111111">
        <input type="date" name="day" aria-label="Day"><label><input type="checkbox" name="gift"> As a gift</label>
        <textarea name="note" aria-label="Note"></textarea><p>You pay with 4111111111111111</p><button>Send order</button></form>
        <p id="said"></p><div style="cursor:pointer;width:120px" id="div">Press me</div>
        <a href="/second">Second page</a> <button disabled>Never</button>
        <script>
          const said = document.getElementById('said');
          document.querySelector('[name=fullname]').addEventListener('keyup', (e) => said.textContent = 'typed ' + e.target.value);
          document.getElementById('s').addEventListener('change', (e) => said.textContent = 'chose ' + e.target.value);
          document.getElementById('div').addEventListener('click', () => said.textContent = 'pressed');
          document.querySelector('[name=day]').addEventListener('change', (e) => said.textContent = 'day ' + e.target.value);
          document.querySelector('form').addEventListener('submit', (e) => { e.preventDefault(); document.title = 'submitted'; });
        </script>"#;
    let tall = r#"<button>Top</button><div style="height:3000px"></div><button onclick="document.title='bottom pressed'">Bottom</button>
        <div style="position:absolute;top:300px;left:20px"><div id="host"></div><iframe srcdoc="<button onclick=&quot;parent.document.title='inner'&quot;>Inner</button>" width="200" height="60"></iframe></div>
        <script>document.getElementById('host').attachShadow({mode:'open'}).innerHTML='<button onclick="document.title=\'shadow\'">Shadow</button>'</script>"#;
    let tricks = r#"<button onclick="said.textContent = confirm('Sure?')">Ask</button><button onclick="window.open('/second')">Open</button>
        <a href="/second" target="_blank" rel="noopener">Tab</a><a href="/file">Get</a><button onclick="this.remove()">Vanish</button>
        <button onclick="setTimeout(()=>{fetch('/slow').then(r=>r.text()).then(t=>said.textContent=t)},0)">Load</button><p id="said"></p>"#;
    let router = Router::new()
        .route("/", get(move || async move { page(form) }))
        .route("/swap", get(|| async { page(r#"<form id=f action="/done" method=post><button id=b style="position:absolute;left:20px;top:80px;width:200px;height:40px">Add to cart</button><input id=q aria-label=Words style="position:absolute;left:20px;top:180px"></form>
            <button id=trap type=button style="position:absolute;left:400px;top:80px;width:200px;height:40px" onclick="document.title='trapped'">Place order</button><p id=said></p>
            <script>
              document.getElementById('f').addEventListener('submit', (e) => { e.preventDefault(); document.title = 'submitted'; });
              const trick = location.hash.slice(1);
              if (trick === 'focus') q.addEventListener('input', () => trap.focus());
              const play = () => ({
                name: () => b.textContent = 'Place order', action: () => f.action = '/checkout/pay', ticks: () => b.textContent = 'Add to cart 2',
                cover: () => { trap.style.left = '20px'; trap.style.opacity = 0.01; }, swapfocus: () => trap.focus(),
              })[trick]?.();
              // played after the page was looked at: when the wheel turns, or when the test says so
              addEventListener('wheel', play);
              if (trick === 'swapfocus') new EventSource('/play').onmessage = () => { play(); fetch('/played'); };
            </script>"#) }))
        .route("/play", get(move || async move { when.notified().await; ([("content-type", "text/event-stream")], "data: now\n\n") }))
        .route("/played", get(move || async move { told.notify_one(); }))
        .route("/named", get(|| async { page(r#"<form method=post action=/x><label>Credit card number <input name=n1 value=4000123412341234></label><button aria-label="Next picture">Place order</button>
            <button formaction="/checkout/pay" formmethod=post>Go</button></form><form method=get action=/find><input name=q aria-label=Find><button formmethod=post formaction=/pay>Seek</button></form>"#) }))
        .route("/pay", get(|Query(query): Query<HashMap<String, String>>| async move {
            let (plain, holder) = (query["n"].clone(), query.get("holder").cloned().unwrap_or_default());
            let grouped: Vec<&str> = (0..plain.len() / 4).map(|at| &plain[at * 4..at * 4 + 4]).collect();
            let (spaced, pieces) = (grouped.join(" "), grouped.join("</b> <b>"));
            page(&format!(r#"<style>*{{font-family:monospace!important}}</style><form action="/paid"><label>Card number <input name=n autocomplete=cc-number value="{spaced}"></label>
                <label>Holder <input name=holder value="{holder}"></label><label>Passport <input name=p value="PX819203"></label><button>Pay</button></form>
                <p>{plain}</p><p>You pay with <b>{pieces}</b> today</p><input aria-label=Summary readonly size=40 value="by {spaced}">
                <iframe srcdoc="<p style='font-family:monospace'>again {spaced}</p>"></iframe><div id=host></div>
                <script>host.attachShadow({{mode:'open'}}).innerHTML='<p>in the shade {plain}</p>'</script>"#))
        }))
        .route("/paid", get(|Query(query): Query<HashMap<String, String>>| async move {
            page(&format!("<h1 style='font-family:monospace'>Paid with {}</h1><p>Thank you, {}</p>", query["n"], query["holder"]))
        }))
        .route("/second", get(|headers: HeaderMap| async move { page(&format!("<h1>Second</h1><p>instance {:?}</p>", headers.get("x-wayfarer-instance"))) }))
        .route("/tall", get(move || async move { page(tall) }))
        .route("/tricks", get(move || async move { page(tricks) }))
        .route("/small", get(|| async { page("<button onclick=\"n.textContent = +n.textContent + 1\">Count</button><p id=n>0</p><button onclick=\"for(;;);\">Hang</button>") }))
        .route("/restless", get(|| async { page("<p id=p>ticking</p><script>(function tick(){p.textContent='ticking '+performance.now();requestAnimationFrame(tick)})()</script>") }))
        .route("/slow", get(|| async { tokio::time::sleep(Duration::from_millis(400)).await; "slow answer" }))
        .route("/self", get(|headers: HeaderMap| async move { page(&format!("<p>asked in {}</p><p id=me></p><script>
              me.textContent = ['tongue', navigator.language, 'zone', Intl.DateTimeFormat().resolvedOptions().timeZone, 'number', (1234.5).toLocaleString(),
                'kept', localStorage.getItem('basket'), document.cookie].join(' ');
              localStorage.setItem('basket', 'three pears'); document.cookie = 'who=ada; path=/; max-age=9999';
            </script>", headers.get("accept-language").and_then(|value| value.to_str().ok()).unwrap_or_default())) }))
        .route("/login", get(|| async { page("<input type=password aria-label=Password id=w><button type=button id=b>Enter</button><p id=o></p><script>
              console.log('ready to log in');
              b.onclick = () => fetch('/enter', {method: 'POST', body: new URLSearchParams({user: 'ada', password: w.value, hint: 'was ' + w.value})})
                .then((answer) => answer.text()).then((text) => o.textContent = text);
            </script>") }))
        .route("/enter", axum::routing::post(|body: String| async move { format!("welcome, we took {body}") }))
        .route("/around", get(|| async { page("<iframe src=http://far.localhost/framed></iframe><p id=w></p>\
              <button onclick=\"window.open('/popped')\">Window</button><button onclick=\"alert('look up')\">Say</button><script>
              const told = new URL('/from-worker', location);
              new Worker(URL.createObjectURL(new Blob([`fetch('${told}').then((answer) => answer.text()).then(postMessage)`])))
                .onmessage = ({ data }) => w.textContent = data;</script>") }))
        .route("/framed", get(|| async { page("<p id=f></p><script>fetch('/from-frame').then((answer) => answer.text()).then((text) => f.textContent = text)</script>") }))
        .route("/popped", get(|| async { page("<p id=p></p><script>fetch('/from-window').then((answer) => answer.text()).then((text) => p.textContent = text)</script>") }))
        .route("/offline", get(|| async { page("<p id=o></p><script>
              const workers = navigator.serviceWorker;
              workers.register('/offline.js').then(() => workers.controller ?? new Promise((done) => workers.oncontrollerchange = done))
                .then(() => fetch('/from-nowhere')).then((answer) => answer.text()).then((text) => o.textContent = text);</script>") }))
        .route("/offline.js", get(|| async { ([("content-type", "text/javascript")], "oninstall = () => skipWaiting(); onactivate = (event) => event.waitUntil(clients.claim());
              onfetch = (event) => event.respondWith(event.request.url.endsWith('/from-nowhere') ? new Response(`the worker answers, and ${/native code/.test(WebSocket.prototype.send) ? 'asks nobody' : 'asks first'}`) : fetch(event.request));") }))
        .route("/from-worker", get(|| async { "a worker asked" }))
        .route("/from-frame", get(|| async { "a frame asked" }))
        .route("/from-window", get(|| async { "a window asked" }))
        .route("/file", get(|| async { ([("content-disposition", "attachment; filename=\"report.csv\"")], "a,b") }))
        .route("/away", get(|Query(query): Query<HashMap<String, String>>| async move { Redirect::to(&query["to"]) }))
        .route("/probe", get(|Query(query): Query<HashMap<String, String>>| async move {
            let to = query["to"].clone();
            // what a page may know of a request to elsewhere does not tell whether it arrived: the world at the other end counts
            page(&format!("<p id=o>probing</p><script>(async()=>{{
              await new Promise(d=>{{const i=new Image();i.onload=i.onerror=d;i.src='{to}/img'}});
              for(const u of ['{to}/fetch','http://localhost:'+new URL('{to}').port+'/named'])await fetch(u,{{mode:'no-cors'}}).catch(()=>0);
              await new Promise(d=>{{const w=new WebSocket('{to}'.replace('http','ws'));w.onopen=w.onerror=d}});o.textContent='probed'}})()</script>"))
        }))
        .fallback(|| async { "hit" })
        .layer(middleware::from_fn_with_state(Arc::clone(&hits), count_hit));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    World { address, hits, play, played }
}

async fn count_hit(State(hits): State<Arc<AtomicUsize>>, request: Request, next: Next) -> Response {
    hits.fetch_add(1, Ordering::SeqCst);
    next.run(request).await
}

fn tools() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap().to_owned();
    std::env::var_os("WAYFARER_TOOLS").map_or(root.join(".wayfarer"), PathBuf::from)
}

fn options() -> ChromiumOptions {
    let executable = PathBuf::from("/usr/lib/chromium/chromium-headless-shell");
    let driver_dir = tools().join("driver");
    for needed in [&executable, &driver_dir.join("node"), &driver_dir.join("package/cli.js")] {
        assert!(needed.exists(), "{} is missing; run scripts/bootstrap.sh (or point WAYFARER_TOOLS at what it made)", needed.display());
    }
    ChromiumOptions { max_sessions: 3, sessions_per_browser: 2, ..ChromiumOptions::new(executable, driver_dir) }
}

/// One supply at a time: tests that kill or count processes must meet only their own, and the machine may be small.
struct Alone {
    supply: ChromiumSupply,
    _turn: tokio::sync::MutexGuard<'static, ()>,
}

impl std::ops::Deref for Alone {
    type Target = ChromiumSupply;
    fn deref(&self) -> &ChromiumSupply {
        &self.supply
    }
}

async fn turn() -> tokio::sync::MutexGuard<'static, ()> {
    static TURN: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());
    TURN.lock().await
}

async fn supply() -> Alone {
    let turn = turn().await;
    Alone { supply: ChromiumSupply::launch(options()).await.unwrap(), _turn: turn }
}

fn spec(world: &World) -> SessionSpec {
    SessionSpec {
        viewport: Viewport { width: 1000, height: 700 },
        egress: EgressPolicy {
            resolve: ["shop.localhost", "far.localhost"].map(|host| (host.to_owned(), world.address)).into(),
            headers: [("x-wayfarer-instance".to_owned(), "test-a1".to_owned())].into(),
            ..EgressPolicy::default()
        },
        ..SessionSpec::new(TenantId::default(), "test-a1")
    }
}

async fn opened(supply: &ChromiumSupply, world: &World, path: &str) -> (Box<dyn BrowserSession>, Observed) {
    let session = supply.acquire(spec(world)).await.unwrap();
    let seen = session.open(&format!("http://shop.localhost{path}")).await.unwrap();
    (session, seen)
}

fn named<'a>(seen: &'a Observed, name: &str) -> &'a Mark {
    seen.observation
        .marks
        .iter()
        .find(|mark| mark.name == name)
        .unwrap_or_else(|| panic!("no mark {name:?} in {}", accessibility_outline(&seen.observation)))
}

fn at(mark: &Mark) -> Target {
    let (x, y) = mark.rect.centre();
    Target { mark: Some(mark.id), x, y, label: mark.name.clone() }
}

fn click(mark: &Mark) -> Action {
    Action::LeftClick { target: at(mark) }
}

fn typed(mark: &Mark, text: &str, press_enter: bool, delete_existing_text: bool) -> Action {
    Action::Type { target: Some(at(mark)), text: text.into(), press_enter, delete_existing_text }
}

async fn does(session: &dyn BrowserSession, action: Action) -> (Effect, Observed) {
    session.act_and_observe(&action).await.unwrap()
}

/// Opens a page that tries to reach this port of loopback in several ways, and waits until it has.
async fn probed(session: &dyn BrowserSession, port: u16) {
    let mut seen = session.open(&format!("http://shop.localhost/probe?to=http://127.0.0.1:{port}")).await.unwrap();
    let deadline = Instant::now() + PATIENCE;
    while seen.observation.visible_text.contains("probing") {
        assert!(Instant::now() < deadline, "the probe did not end");
        seen = session.observe().await.unwrap();
    }
    assert!(seen.observation.visible_text.contains("probed"), "{}", seen.observation.visible_text);
}

fn kind_of<T: std::fmt::Debug>(result: Result<T, BrowserError>) -> EnvFailure {
    match result.unwrap_err() {
        BrowserError::Environment { kind, .. } => kind,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_speaks_its_language_and_begins_with_what_another_one_kept() {
    let (world, supply) = (world().await, supply().await);
    let german = SessionSpec { locale: Some("de-DE".into()), time_zone: Some("Asia/Tokyo".into()), ..spec(&world) };
    let first = supply.acquire(german.clone()).await.unwrap();
    let seen = first.open("http://shop.localhost/self").await.unwrap().observation.visible_text;
    assert!(seen.contains("asked in de-DE") && seen.contains("tongue de-DE zone Asia/Tokyo number 1.234,5"), "{seen}");
    assert!(seen.contains("kept") && !seen.contains("three pears") && !seen.contains("ada"), "{seen}");
    let storage = first.storage().await.unwrap();
    first.release().await.unwrap();

    // one made ready for whoever asked last knows the language, and is given the storage
    let second = supply.acquire(SessionSpec { storage: Some(storage.clone()), ..german }).await.unwrap();
    let seen = second.open("http://shop.localhost/self").await.unwrap().observation.visible_text;
    assert!(seen.contains("zone Asia/Tokyo") && seen.contains("kept three pears who=ada"), "{seen}");
    assert_eq!(format!("{storage:?}"), "1 cookies, 1 origins", "what it holds is told to nobody");
    second.release().await.unwrap();

    let stranger = supply.acquire(spec(&world)).await.unwrap();
    let seen = stranger.open("http://shop.localhost/self").await.unwrap().observation.visible_text;
    assert!(!seen.contains("three pears") && !seen.contains("Tokyo"), "{seen}");
    let wrong = SessionSpec { storage: Some(StorageState(serde_json::json!({"cookies": 3}))), ..spec(&world) };
    assert_eq!(kind_of(supply.acquire(wrong).await.map(drop)), EnvFailure::NoBrowser);
}

/// Two sessions of one Chromium, which has one clipboard.
#[tokio::test(flavor = "multi_thread")]
async fn what_one_session_copies_no_other_one_pastes() {
    let (world, supply) = (world().await, supply().await);
    let ((one, mut seen), (other, elsewhere)) = (opened(&supply, &world, "/").await, opened(&supply, &world, "/").await);
    let key = |chord: &str| Action::Key { keys: vec![chord.to_owned()] };
    for action in [typed(named(&seen, "Note"), "for nobody else", false, true), key("ctrl+a"), key("ctrl+c")] {
        seen = does(one.as_ref(), action).await.1;
    }

    does(other.as_ref(), click(named(&elsewhere, "Note"))).await;
    let there = does(other.as_ref(), key("ctrl+v")).await.1;
    does(other.as_ref(), Action::Key { keys: ["ctrl", "a", "ctrl", "v"].map(str::to_owned).to_vec() }).await;
    does(other.as_ref(), key("Ctrl+V+Tab")).await;
    let again = does(other.as_ref(), key("shift+Insert")).await.1;
    does(one.as_ref(), click(named(&seen, "Full name"))).await;
    let here = does(one.as_ref(), key("ctrl+v")).await.1;

    let value = |seen: &Observed, name: &str| named(seen, name).value.clone();
    assert_eq!([value(&there, "Note"), value(&again, "Note"), value(&here, "Full name")], ["", "", "for nobody else"]);
    for session in [one, other] {
        session.release().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recorded_session_tells_no_secret_and_is_played_again_without_the_network() {
    const PASSWORD: &str = "correct horse battery";
    let (world, supply) = (world().await, supply().await);
    let session = supply.acquire(SessionSpec { record: true, ..spec(&world) }).await.unwrap();
    let seen = session.open("http://shop.localhost/login").await.unwrap();
    let (_, seen) = does(session.as_ref(), typed(named(&seen, "Password"), PASSWORD, false, true)).await;
    let (_, after) = does(session.as_ref(), click(named(&seen, "Enter"))).await;
    assert!(after.observation.visible_text.contains("welcome"), "{}", after.observation.visible_text);
    let recording = session.recording().await.unwrap();
    session.release().await.unwrap();

    let text = String::from_utf8(recording.0.to_vec()).unwrap();
    for spelled in [PASSWORD, "correct+horse+battery", "correct%20horse%20battery"] {
        assert!(!text.contains(spelled), "the recording tells the password as {spelled}");
    }
    let har: serde_json::Value = serde_json::from_slice(&recording.0).unwrap();
    let entries = har["log"]["entries"].as_array().unwrap();
    let of = |path: &str| entries.iter().find(|entry| entry["request"]["url"].as_str().unwrap().ends_with(path)).unwrap();
    assert_eq!(of("/login")["response"]["status"], 200);
    assert!(of("/enter")["request"]["postData"]["text"].as_str().unwrap().contains("ada"));
    assert_eq!(har["log"]["_console"][0]["text"], "ready to log in");
    assert_eq!(har["log"]["_actions"][1]["action"], "left_click");
    let at_ms = |moment: &serde_json::Value| moment["at_ms"].as_f64().unwrap();
    let frames = har["log"]["_frames"].as_array().unwrap();
    assert!(frames.iter().all(|frame| at_ms(frame) < at_ms(&har["log"]["_actions"][0])), "no frame since the password was typed");
    assert!(har["log"]["_actions"][1]["at_ms"].as_f64().unwrap() < of("/enter")["_at_ms"].as_f64().unwrap(), "one clock");

    let hits = world.hits.load(Ordering::SeqCst);
    let again = supply.acquire(SessionSpec { replay: Some(recording), ..spec(&world) }).await.unwrap();
    let seen = again.open("http://shop.localhost/login").await.unwrap();
    let (_, seen) = does(again.as_ref(), typed(named(&seen, "Password"), "anything else", false, true)).await;
    let (_, after) = does(again.as_ref(), click(named(&seen, "Enter"))).await;
    assert!(after.observation.visible_text.contains("welcome"), "{}", after.observation.visible_text);
    assert_eq!(world.hits.load(Ordering::SeqCst), hits, "a session that replays asks nobody");
    assert_eq!(kind_of(again.open("http://shop.localhost/second").await), EnvFailure::Unreachable);
    again.release().await.unwrap();
    let plain = supply.acquire(spec(&world)).await.unwrap();
    assert!(plain.recording().await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recording_has_what_frames_windows_and_workers_asked_and_what_happened_beside_the_page() {
    let (world, supply) = (world().await, supply().await);
    let around = async |session: &dyn BrowserSession| {
        let seen = session.open("http://shop.localhost/around").await.unwrap();
        let (_, seen) = does(session, click(named(&seen, "Say"))).await;
        for asked in ["a worker asked", "a frame asked"] {
            assert!(seen.observation.visible_text.contains(asked), "{}", seen.observation.visible_text);
        }
        let (effect, seen) = does(session, click(named(&seen, "Window"))).await;
        assert!(effect.popup && seen.observation.visible_text.contains("a window asked"), "{}", seen.observation.visible_text);
    };
    let session = supply.acquire(SessionSpec { record: true, ..spec(&world) }).await.unwrap();
    around(session.as_ref()).await;
    let recording = session.recording().await.unwrap();
    session.release().await.unwrap();

    let har: serde_json::Value = serde_json::from_slice(&recording.0).unwrap();
    let events = har["log"]["_events"].as_array().unwrap();
    let kinds: Vec<&str> = events.iter().map(|event| event["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["dialog", "window"], "{events:?}");
    assert!(events[0]["text"].as_str().unwrap().contains("look up") && events[0]["at_ms"].as_f64() < events[1]["at_ms"].as_f64());

    let hits = world.hits.load(Ordering::SeqCst);
    let again = supply.acquire(SessionSpec { replay: Some(recording), ..spec(&world) }).await.unwrap();
    around(again.as_ref()).await;
    assert_eq!(world.hits.load(Ordering::SeqCst), hits, "a session that replays asks nobody");
    again.release().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recording_shows_what_was_on_the_screen() {
    let (world, supply) = (world().await, supply().await);
    let session = supply.acquire(SessionSpec { record: true, ..spec(&world) }).await.unwrap();
    session.open("http://shop.localhost/self").await.unwrap();
    let frames = tokio::time::timeout(PATIENCE, async {
        loop {
            session.observe().await.unwrap();
            let har: serde_json::Value = serde_json::from_slice(&session.recording().await.unwrap().0).unwrap();
            let frames = har["log"]["_frames"].as_array().unwrap().clone();
            if !frames.is_empty() {
                return frames;
            }
        }
    })
    .await
    .expect("a frame comes");
    let jpeg = BASE64_STANDARD.decode(frames[0]["jpeg_base64"].as_str().unwrap()).unwrap();
    assert_eq!(jpeg[..3], [0xff, 0xd8, 0xff], "a JPEG");
    session.release().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_is_observed_and_its_form_is_filled() {
    let (world, supply) = (world().await, supply().await);
    let folders = scratch_folders();
    assert!(!folders.is_empty(), "profiles are kept in a folder of the supply");

    let (session, seen) = opened(&supply, &world, "/").await;

    let observation = &seen.observation;
    assert_eq!(observation.url, "http://shop.localhost/");
    assert_eq!(observation.screenshot, BlobHash::of(&seen.screenshot));
    assert_eq!(&seen.screenshot[1..4], b"PNG");
    assert_eq!(observation.settle.reason, SettleReason::Quiet);
    let name = named(&seen, "Full name");
    assert_eq!((name.role.as_str(), name.field.as_str(), name.form), ("textbox", "name fullname", Some(0)));
    assert!(name.id >= 10);
    assert_eq!(named(&seen, "Size").options, ["Small", "Large one"]);
    assert_eq!(named(&seen, "Size").value, "Small");
    assert_eq!(named(&seen, "As a gift").checked, Some(false));
    assert!(named(&seen, "Send order").submits);
    assert!(named(&seen, "Never").disabled);
    assert_eq!(named(&seen, "Second page").href, "http://shop.localhost/second");
    assert_eq!(named(&seen, "Press me").tag, "div");
    let form = &observation.forms[0];
    assert_eq!((form.method.as_str(), form.action.as_str(), form.name.as_str()), ("post", "http://shop.localhost/done", "Order"));
    assert_eq!(form.submit_texts, ["Send order"]);
    assert!(form.fields[0].contains("full name name fullname text"), "{:?}", form.fields);
    // a duration may have any digits
    let still = Observation { settle: Settle { ms: 0.0, ..observation.settle }, ..observation.clone() };
    let everything = serde_json::to_string(&still).unwrap();
    assert!(!everything.contains("hunter2") && !everything.contains("4111"), "secrets are masked: {everything}");
    assert!(observation.visible_text.starts_with("Order\nFull name"), "{}", observation.visible_text);
    assert!(accessibility_outline(observation).contains("textbox \"Full name\""));

    let (effect, after) = does(&*session, typed(name, "Ada Łovelace 🎉", false, false)).await;
    assert_eq!((effect.error.as_deref(), effect.changed, effect.navigated), (None, true, false));
    assert!(after.observation.visible_text.contains("typed Ada Łovelace 🎉"));
    assert_eq!(after.observation.focused, Some(name.id));
    assert_eq!(named(&after, "Full name").id, name.id);
    let (_, after) = does(&*session, typed(name, "Grace", false, true)).await;
    assert_eq!(named(&after, "Full name").value, "Grace");
    // many keys at once once reached the page in the order in which their writes were polled
    let question = "Is there a high chair for a toddler, and are dogs welcome?";
    let (_, after) = does(&*session, typed(name, question, false, true)).await;
    assert_eq!(named(&after, "Full name").value, question);

    let (effect, after) = does(&*session, Action::SelectOption { target: at(named(&seen, "Size")), option: "large one".into() }).await;
    assert_eq!(effect.error, None);
    assert!(after.observation.visible_text.contains("chose l"));
    let (effect, _) = does(&*session, Action::SelectOption { target: at(named(&seen, "Size")), option: "Huge".into() }).await;
    assert!(effect.error.unwrap().contains("Small, Large one"));
    let (effect, _) = does(&*session, click(named(&seen, "Size"))).await;
    assert!(effect.error.unwrap().contains("select_option"));

    let (_, after) = does(&*session, click(named(&seen, "As a gift"))).await;
    assert_eq!(named(&after, "As a gift").checked, Some(true));
    let (_, after) = does(&*session, typed(named(&seen, "Day"), "2026-05-04", false, false)).await;
    assert!(after.observation.visible_text.contains("day 2026-05-04"));
    let (effect, _) = does(&*session, typed(named(&seen, "Day"), "tomorrow", false, false)).await;
    assert!(effect.error.unwrap().contains("YYYY-MM-DD"));
    let long = "a line of text that is longer than what is typed key by key\nand a second line";
    let (_, after) = does(&*session, typed(named(&seen, "Note"), long, false, false)).await;
    assert_eq!(named(&after, "Note").value, long.replace('\n', " "));
    let (_, after) = does(&*session, click(named(&seen, "Press me"))).await;
    assert!(after.observation.visible_text.contains("pressed"));
    let (effect, _) = does(&*session, typed(named(&seen, "Press me"), "x", false, false)).await;
    assert!(effect.error.unwrap().contains("does not take text"));
    let (effect, _) = does(&*session, click(named(&seen, "Never"))).await;
    assert!(effect.error.unwrap().contains("disabled"));
    let (_, after) = does(&*session, typed(name, "Eve", true, true)).await;
    assert_eq!(after.observation.title, "submitted");

    let (effect, after) = does(&*session, click(named(&seen, "Second page"))).await;
    assert!(effect.navigated && effect.changed);
    assert!(after.observation.visible_text.contains("instance Some(\"test-a1\")"), "{}", after.observation.visible_text);
    let (effect, _) = does(&*session, click(name)).await;
    assert!(effect.error.unwrap().contains("is gone"));
    let (effect, after) = does(&*session, Action::HistoryBack).await;
    assert!(effect.navigated && after.observation.url == "http://shop.localhost/");

    session.release().await.unwrap();
    assert_eq!(supply.sessions(), 0);
    supply.shutdown().await;
    eventually("the profiles to be gone with the supply", || folders.is_disjoint(&scratch_folders())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn scrolling_shadow_roots_and_frames_are_reached() {
    let (world, supply) = (world().await, supply().await);
    let (session, seen) = opened(&supply, &world, "/tall").await;

    assert!(!named(&seen, "Bottom").visible);
    let (_, after) = does(&*session, click(named(&seen, "Inner"))).await;
    assert_eq!(after.observation.title, "inner");
    let (_, after) = does(&*session, click(named(&seen, "Shadow"))).await;
    assert_eq!(after.observation.title, "shadow");
    let (effect, after) = does(&*session, Action::Scroll { pixels: -750, target: None }).await;
    assert_eq!((effect.error, after.observation.scroll.top), (None, 750.0));
    let (_, after) = does(&*session, Action::Scroll { pixels: 200, target: None }).await;
    assert_eq!(after.observation.scroll.top, 550.0);
    let (_, after) = does(&*session, click(named(&seen, "Bottom"))).await;
    assert_eq!(after.observation.title, "bottom pressed");
    let (_, after) = does(&*session, Action::Key { keys: vec!["ctrl".into(), "Home".into()] }).await;
    assert_eq!(after.observation.scroll.top, 0.0);

    session.release().await.unwrap();
    supply.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn dialogs_windows_downloads_and_gone_elements_are_told() {
    let (world, supply) = (world().await, supply().await);
    let (session, seen) = opened(&supply, &world, "/tricks").await;

    let (effect, after) = does(&*session, click(named(&seen, "Ask"))).await;
    assert_eq!(effect.dialogs, ["confirm \"Sure?\" -> dismissed"]);
    assert!(after.observation.visible_text.contains("false"));

    let (_, after) = does(&*session, click(named(&seen, "Load"))).await;
    assert!(after.observation.visible_text.contains("slow answer"), "settling waits for the network");

    let (effect, _) = does(&*session, click(named(&seen, "Get"))).await;
    assert_eq!((effect.downloads.as_slice(), effect.navigated), (&["report.csv".to_owned()][..], false));

    for opener in ["Open", "Tab"] {
        let (effect, after) = does(&*session, click(named(&seen, opener))).await;
        assert!(effect.popup, "{opener}: {effect:?}");
        assert!(after.observation.visible_text.starts_with("Second"), "{opener}");
        let (effect, after) = does(&*session, Action::HistoryBack).await;
        assert_eq!((effect.error, after.observation.url.as_str()), (None, "http://shop.localhost/tricks"));
    }

    let vanish = click(named(&seen, "Vanish"));
    does(&*session, vanish.clone()).await;
    let (effect, _) = does(&*session, vanish).await;
    assert_eq!(effect.error.as_deref(), Some(format!("mark {} is gone", named(&seen, "Vanish").id).as_str()));

    for refused in ["file:///etc/passwd", "chrome://crash", "view-source:http://shop.localhost/", "data:text/html,x"] {
        let effect = session.act(&Action::VisitUrl { url: refused.into() }).await.unwrap();
        assert!(effect.error.unwrap().contains("not opened"), "{refused}");
    }
    let (effect, after) = does(&*session, Action::HistoryBack).await;
    assert_eq!(
        (effect.error.as_deref(), after.observation.url.as_str()),
        (Some("there is no page to go back to"), "http://shop.localhost/tricks")
    );

    session.release().await.unwrap();
    supply.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_changes_between_looking_and_acting_is_not_acted_on() {
    let (world, supply) = (world().await, supply().await);
    let session = supply.acquire(spec(&world)).await.unwrap();
    for (trick, stops) in [("name", true), ("action", true), ("cover", true), ("ticks", false)] {
        session.open("http://shop.localhost/second").await.unwrap();
        let seen = session.open(&format!("http://shop.localhost/swap#{trick}")).await.unwrap();
        let button = named(&seen, "Add to cart").clone();
        session.act(&Action::Scroll { pixels: -10, target: None }).await.unwrap();
        let by_pixel = Action::LeftClick { target: Target { mark: None, ..at(&button) } };
        for action in if stops { vec![by_pixel, click(&button)] } else { vec![click(&button)] } {
            let effect = session.act(&action).await.unwrap();
            assert_eq!(effect.error.is_some(), stops, "{trick}: {effect:?}");
        }
        let title = session.observe().await.unwrap().observation.title;
        assert_eq!(title, if stops { "Test" } else { "submitted" }, "{trick}");
    }
    let words = |seen: &Observed, press_enter| typed(named(seen, "Words"), "mug", press_enter, true);

    session.open("http://shop.localhost/second").await.unwrap();
    let seen = session.open("http://shop.localhost/swap#focus").await.unwrap();
    let (effect, seen) = does(session.as_ref(), words(&seen, true)).await;
    assert!(effect.error.unwrap().contains("the focus left the field"));
    assert_eq!(seen.observation.title, "Test");

    session.open("http://shop.localhost/second").await.unwrap();
    let seen = session.open("http://shop.localhost/swap#swapfocus").await.unwrap();
    let (_, seen) = does(session.as_ref(), words(&seen, false)).await;
    assert!(seen.observation.focused.is_some());
    world.play.notify_one();
    tokio::time::timeout(PATIENCE, world.played.notified()).await.expect("the trap takes the focus");
    let key = |name: &str| Action::Key { keys: vec![name.into()] };
    let (effect, seen) = does(session.as_ref(), key("Enter")).await;
    assert!(effect.error.unwrap().contains("the focus moved"));
    assert_eq!(seen.observation.title, "Test");
    // the next key meets the look that came with the first, where the trap has the focus and a name to judge
    assert_eq!(seen.observation.focused, Some(named(&seen, "Place order").id));
    let (effect, seen) = does(session.as_ref(), key("Space")).await;
    assert_eq!((effect.error, seen.observation.title.as_str()), (None, "trapped"));
    session.release().await.unwrap();
    supply.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_gate_is_told_what_a_person_reads_and_where_a_button_sends() {
    let (world, supply) = (world().await, supply().await);
    let (session, seen) = opened(&supply, &world, "/named").await;

    assert_eq!(named(&seen, "Next picture").value, "Place order");
    let form = |name: &str| seen.observation.form_of(named(&seen, name)).unwrap();
    assert_eq!((form("Go").method.as_str(), form("Go").action.as_str()), ("post", "http://shop.localhost/checkout/pay"));
    assert_eq!((form("Seek").method.as_str(), form("Seek").action.as_str()), ("post", "http://shop.localhost/pay"));
    for name in ["Next picture", "Go"] {
        assert!(wayfarer_core::gate::judge_action(&click(named(&seen, name)), &seen.observation).is_some(), "{name}");
    }
    assert!(!serde_json::to_string(&seen.observation).unwrap().contains("40001234"), "a card field is known by its label too");
    session.release().await.unwrap();
    supply.shutdown().await;
}

/// Two payments that differ in nothing but the digits of the card look the same on every picture.
#[tokio::test(flavor = "multi_thread")]
async fn pictures_and_texts_do_not_tell_one_card_from_another() {
    let (world, supply) = (world().await, supply().await);
    let mut told: Vec<Vec<Observed>> = Vec::new();
    for number in ["4111111111111111", "5500005555555559"] {
        let (session, shown) = opened(&supply, &world, &format!("/pay?n={number}&holder=Ada")).await;
        let (_, empty) = does(&*session, typed(named(&shown, "Card number"), "", false, true)).await;
        let (_, typed_in) = does(&*session, typed(named(&empty, "Card number"), number, false, false)).await;
        // the page that Enter leads to has a document of its own and never saw the field
        let (_, paid) = does(&*session, typed(named(&typed_in, "Card number"), number, true, true)).await;
        assert!(paid.observation.visible_text.contains("Thank you, Ada"), "{}", paid.observation.visible_text);
        for seen in [&shown, &typed_in, &paid] {
            let texts = serde_json::to_string(&seen.observation).unwrap().replace([' ', '+'], "");
            assert!(!texts.contains(number), "{texts}");
        }
        told.push(vec![shown, empty, typed_in, paid]);
        session.release().await.unwrap();
    }
    for (at, (one, other)) in told[0].iter().zip(&told[1]).enumerate() {
        let (one, other) = (picture(&one.screenshot), picture(&other.screenshot));
        let differs = one.enumerate_pixels().find(|(x, y, pixel)| other.get_pixel(*x, *y) != *pixel);
        assert_eq!(differs, None, "picture {at} tells the cards apart");
    }
    let [shown, empty, ..] = &told[0][..] else { panic!("four pictures") };
    let centre = |seen: &Observed, name: &str| {
        let (x, y) = named(seen, name).rect.centre();
        *picture(&seen.screenshot).get_pixel(x as u32, y as u32)
    };
    assert_eq!(centre(shown, "Card number"), centre(shown, "Passport"), "what only the gate knows as secret is covered too");
    assert_ne!(centre(empty, "Card number"), centre(shown, "Card number"), "an empty field is not covered");
    assert_ne!(centre(shown, "Holder"), centre(shown, "Card number"), "nor is what is no secret");
    supply.shutdown().await;
}

fn picture(png: &[u8]) -> image::RgbImage {
    image::load_from_memory(png).unwrap().to_rgb8()
}

#[tokio::test(flavor = "multi_thread")]
async fn private_addresses_are_closed_unless_opened_by_name() {
    let (world, other, supply) = (world().await, world().await, supply().await);
    let session = supply.acquire(spec(&world)).await.unwrap();

    let port = other.address.port();
    for closed in [
        format!("http://127.0.0.1:{port}/x"),
        format!("http://localhost:{port}/x"),
        format!("http://2130706433:{port}/x"),
        format!("http://[::ffff:127.0.0.1]:{port}/x"),
        format!("http://0x7f.1:{port}/x"),
        format!("http://0177.0.0.1:{port}/x"),
        format!("http://127.0.0.1.:{port}/x"),
        format!("http://localhost.:{port}/x"),
        format!("http://any.localhost:{port}/x"),
        format!("http://shop.localhost@127.0.0.1:{port}/x"),
        format!("http://shop.localhost:x@[::1]:{port}/x"),
        format!("http://①②⑦.0.0.1:{port}/x"),
        format!("http://0.0.0.0:{port}/x"),
        format!("https://127.0.0.1:{port}/x"),
        format!("http://shop.localhost/away?to=http://127.0.0.1:{port}/x"),
    ] {
        assert_eq!(kind_of(session.open(&closed).await), EnvFailure::EgressDenied, "{closed}");
    }
    assert_eq!(kind_of(session.open("http://no-such-host.invalid/").await), EnvFailure::Unreachable);

    probed(&*session, port).await;
    assert_eq!(other.hits.load(Ordering::SeqCst), 0, "nothing reached the closed address");

    let effect = session.act(&Action::VisitUrl { url: format!("http://127.0.0.1:{port}/x") }).await.unwrap();
    assert!(effect.error.unwrap().contains("not open to this session"));

    session.release().await.unwrap();
    let allowed = SessionSpec { egress: EgressPolicy { allow_hosts: vec!["127.0.0.1".into()], ..spec(&world).egress }, ..spec(&world) };
    let session = supply.acquire(allowed).await.unwrap();
    let seen = session.open(&format!("http://127.0.0.1:{port}/second")).await.unwrap();
    assert!(seen.observation.visible_text.contains("instance None"), "headers go only to hosts in resolve");
    let hits = other.hits.load(Ordering::SeqCst);
    probed(&*session, port).await;
    assert_eq!(other.hits.load(Ordering::SeqCst) - hits, 3, "the picture, the fetch and the socket of the probe arrive where it is open");
    drop(session);
    supply.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_renderer_and_a_dead_browser_are_environment_failures_and_the_next_session_works() {
    let (world, supply) = (world().await, supply().await);

    let crashes =
        [("renderer", EnvFailure::RendererCrashed), ("browser", EnvFailure::BrowserCrashed), ("driver", EnvFailure::BrowserCrashed)];
    for (victim, expected) in crashes {
        let (session, seen) = opened(&supply, &world, "/small").await;
        kill(victim);
        assert_eq!(kind_of(session.act_and_observe(&click(named(&seen, "Count"))).await.map(|_| ())), expected, "{victim}");
        session.release().await.unwrap();
    }
    let (session, _) = opened(&supply, &world, "/small").await;
    session.release().await.unwrap();
    supply.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_death_that_nobody_noticed_costs_no_session() {
    let (world, supply) = (world().await, supply().await);

    // with sessions that fill the browser, another one has to be started, perhaps by a driver that is dead
    let mut folders = HashSet::new();
    for (victim, held) in [("browser", 0), ("driver", 0), ("browser", 2), ("driver", 2)] {
        let mut holders = Vec::new();
        for _ in 0..held {
            holders.push(opened(&supply, &world, "/small").await.0);
        }
        folders.extend(scratch_folders());
        kill(victim);
        supply.check().await.unwrap_or_else(|error| panic!("a {victim} that died can be replaced: {error}"));
        kill(victim);
        // at once: the news of the death may still be on its way
        let deadline = Instant::now() + PATIENCE;
        let session = loop {
            match supply.acquire(spec(&world)).await {
                Ok(session) => break session,
                // the last place makes a session ready in a browser that still starts: on a busy machine that takes longer than a call waits
                Err(BrowserError::Busy { retry_after_ms }) if Instant::now() < deadline => {
                    tokio::time::sleep(Duration::from_millis(retry_after_ms)).await;
                }
                Err(error) => panic!("a {victim} that died cost a session: {error}"),
            }
        };
        session.open("http://shop.localhost/small").await.unwrap();
        session.release().await.unwrap();
        for holder in holders {
            holder.release().await.unwrap();
        }
    }
    supply.check().await.unwrap();
    supply.shutdown().await;
    eventually("the profiles of all drivers to be gone", || folders.is_disjoint(&scratch_folders())).await;
    assert_eq!(kind_of(supply.check().await), EnvFailure::NoBrowser);
}

#[tokio::test(flavor = "multi_thread")]
async fn places_are_bounded_and_come_back_when_a_session_is_dropped() {
    let (world, supply) = (world().await, supply().await);
    let mut sessions = Vec::new();
    for _ in 0..3 {
        sessions.push(opened(&supply, &world, "/small").await);
    }

    assert!(matches!(supply.acquire(spec(&world)).await, Err(BrowserError::Busy { .. })));

    sessions.clear();
    // contexts close in the background
    let deadline = Instant::now() + PATIENCE;
    let session = loop {
        match supply.acquire(spec(&world)).await {
            Err(BrowserError::Busy { .. }) => assert!(Instant::now() < deadline, "no place came back"),
            other => break other.unwrap(),
        }
    };
    session.release().await.unwrap();
    let pids: Vec<i32> = descendants().into_iter().map(|(pid, _)| pid).collect();
    assert!(pids.len() >= 3, "a driver, a browser and its children: {pids:?}");
    supply.shutdown().await;
    eventually("everything that was started to be gone", || !pids.iter().any(is_alive)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_outlives_a_process_that_is_killed() {
    let _turn = turn().await;
    let mut holder = tokio::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "hold_a_session_until_killed", "--ignored", "--nocapture"])
        .stdout(std::process::Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = tokio::io::BufReader::new(holder.stdout.take().unwrap()).lines();
    let held: Vec<i32> = loop {
        let line = lines.next_line().await.unwrap().expect("the holder says which processes it holds");
        if let Some((_, pids)) = line.split_once("holding ") {
            break pids.split(' ').map(|pid| pid.parse().unwrap()).collect();
        }
    };
    assert!(held.len() >= 3, "a driver, a browser and its children: {held:?}");

    holder.kill().await.unwrap();

    eventually("everything that was held to be gone", || !held.iter().any(is_alive)).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "the victim of nothing_outlives_a_process_that_is_killed"]
async fn hold_a_session_until_killed() {
    let (world, supply) = (world().await, supply().await);
    let _session = opened(&supply, &world, "/small").await;
    println!("holding {}", descendants().iter().map(|(pid, _)| pid.to_string()).collect::<Vec<_>>().join(" "));
    tokio::time::sleep(Duration::from_secs(60)).await;
}

#[tokio::test]
async fn a_missing_chromium_names_the_remedy() {
    let missing = ChromiumSupply::launch(ChromiumOptions { executable: "/nonexistent/chromium".into(), ..options() }).await;

    assert!(missing.err().unwrap().to_string().contains("bootstrap"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_never_rests_is_taken_as_it_is() {
    let (world, supply) = (world().await, supply().await);

    let (session, seen) = opened(&supply, &world, "/restless").await;

    assert_eq!(seen.observation.settle.reason, SettleReason::Moving);
    assert!(seen.observation.visible_text.contains("ticking"));
    session.release().await.unwrap();
    supply.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes as long as a page may hang"]
async fn a_page_that_hangs_is_an_environment_failure() {
    let (world, supply) = (world().await, supply().await);
    let (session, seen) = opened(&supply, &world, "/small").await;

    assert_eq!(kind_of(session.act_and_observe(&click(named(&seen, "Hang"))).await.map(|_| ())), EnvFailure::PageHung);

    session.release().await.unwrap();
    assert_eq!(supply.sessions(), 0);
    supply.shutdown().await;
}

/// Prints what one click with its observation costs: `cargo test -p wayfarer-browser -- --ignored --nocapture`.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement"]
async fn measure_a_click() {
    let (world, supply) = (world().await, supply().await);
    let (session, seen) = opened(&supply, &world, "/small").await;
    let action = click(named(&seen, "Count"));
    let mut took = Vec::new();
    let mut acts = Vec::new();
    for _ in 0..100 {
        let began = Instant::now();
        let (effect, observed) = does(&*session, action.clone()).await;
        took.push(began.elapsed().as_secs_f64() * 1000.0);
        acts.push((effect.ms, observed.observation.settle.ms));
        assert!(effect.changed);
    }
    took.sort_by(f64::total_cmp);
    println!("act_and_observe p50 {:.1} ms, p95 {:.1} ms (last act {:.1} ms, settle {:.1} ms)", took[50], took[95], acts[99].0, acts[99].1);
    session.release().await.unwrap();
    supply.shutdown().await;
}

/// Folders for profiles that this process made.
fn scratch_folders() -> HashSet<String> {
    let ours = format!("wayfarer-browser-{}-", std::process::id());
    let names = std::fs::read_dir(std::env::temp_dir()).unwrap().flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
    names.filter(|name| name.starts_with(&ours)).collect()
}

/// Looks again and again until it is so.
async fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "waited {PATIENCE:?} for {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn is_alive(pid: &i32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z"))
}

/// Processes that descend from this test process: (pid, command line).
fn descendants() -> Vec<(i32, String)> {
    let mut parents = HashMap::new();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let Ok(pid) = entry.file_name().to_string_lossy().parse::<i32>() else { continue };
        let Ok(stat) = std::fs::read_to_string(entry.path().join("stat")) else { continue };
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
        if fields[0] == "Z" {
            continue;
        }
        let command = String::from_utf8_lossy(&std::fs::read(entry.path().join("cmdline")).unwrap_or_default()).replace('\0', " ");
        parents.insert(pid, (fields[1].parse::<i32>().unwrap(), command));
    }
    let me = std::process::id() as i32;
    let is_mine = |mut pid: i32| {
        while let Some((parent, _)) = parents.get(&pid) {
            if *parent == me {
                return true;
            }
            pid = *parent;
        }
        false
    };
    parents.iter().filter(|(pid, _)| is_mine(**pid)).map(|(pid, (_, command))| (*pid, command.clone())).collect()
}

fn kill(victim: &str) {
    for (pid, command) in descendants() {
        let is_renderer = command.contains("--type=renderer");
        let is_browser = command.contains("headless-shell") && !command.contains("--type=");
        let is_driver = command.contains("run-driver");
        if (victim == "driver" && is_driver) || (victim == "renderer" && is_renderer) || (victim == "browser" && is_browser) {
            let _ = nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), nix::sys::signal::Signal::SIGKILL);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_for_somebody_belongs_to_nobody_until_it_is_given_away() {
    let world = world().await;
    let turn = turn().await;
    let options = ChromiumOptions { max_sessions: 2, warm_sessions: 1, ..options() };
    let supply = Alone { supply: ChromiumSupply::launch(options).await.unwrap(), _turn: turn };

    let (first, seen) = opened(&supply, &world, "/second").await;
    assert!(seen.observation.visible_text.contains("test-a1"), "its own headers");
    eventually("another one to wait", || supply.warm_sessions() == 1).await;
    assert_eq!(supply.sessions(), 1, "one that waits is nobody's");
    // of the shape that was asked for, and with the policy of whom it is given to, not of the one before
    let closed = SessionSpec { egress: EgressPolicy::default(), ..spec(&world) };
    let second = supply.acquire(closed).await.unwrap();
    assert_eq!(kind_of(second.open(&format!("http://{}/second", world.address)).await.map(drop)), EnvFailure::EgressDenied);
    assert_eq!((supply.sessions(), supply.warm_sessions()), (2, 0), "no place is taken for what waits");

    first.release().await.unwrap();
    second.release().await.unwrap();
    eventually("the next one to wait", || supply.warm_sessions() == 1).await;
    // one of another shape makes way
    let wide = SessionSpec { viewport: Viewport { width: 1200, height: 500 }, ..spec(&world) };
    let (one, other) = (supply.acquire(wide.clone()).await.unwrap(), supply.acquire(wide).await.unwrap());
    assert_eq!(one.open("http://shop.localhost/second").await.unwrap().observation.viewport.width, 1200);
    one.release().await.unwrap();
    other.release().await.unwrap();
    supply.shutdown().await;
    assert_eq!(supply.warm_sessions(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_that_has_grown_too_large_is_replaced() {
    let world = world().await;
    let turn = turn().await;
    // any browser is larger than that
    let options = ChromiumOptions { warm_sessions: 0, recycle_mib: 1, ..options() };
    let supply = Alone { supply: ChromiumSupply::launch(options).await.unwrap(), _turn: turn };
    let old = browsers();
    let deadline = Instant::now() + PATIENCE;
    while !browsers().is_disjoint(&old) {
        assert!(Instant::now() < deadline, "nobody looked at the browser's size");
        supply.acquire(spec(&world)).await.unwrap().release().await.unwrap();
    }
    supply.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_that_somebody_else_runs_is_driven_the_same_way_and_left_running() {
    let world = world().await;
    let turn = turn().await;
    let other = DevToolsBrowser::start(&options(), world.address).await;
    let secret = other.url.rsplit('/').next().unwrap().to_owned();
    let there = other.options(options());
    assert!(!format!("{there:?}").contains(&secret), "the address is a secret");

    let supply = Alone { supply: ChromiumSupply::launch(there).await.unwrap(), _turn: turn };
    let session = supply.acquire(SessionSpec { gated: true, ..spec(&world) }).await.unwrap();
    // no proxy of ours stands between, and no name of ours is known there
    let seen = session.open(&format!("http://{}/small", world.address)).await.unwrap();
    let (effect, after) = does(session.as_ref(), click(named(&seen, "Count"))).await;
    assert!(effect.changed && after.observation.visible_text.contains('1') && &after.screenshot[1..4] == b"PNG");
    session.release().await.unwrap();
    supply.shutdown().await;
    assert!(other.end().await, "it is not ours to end");

    let nobody = RemoteBrowser { url: format!("ws://127.0.0.1:9/devtools/{secret}"), protocol: RemoteProtocol::DevTools };
    let gone = ChromiumSupply::launch(ChromiumOptions { remote: Some(nobody), ..options() }).await.err().unwrap();
    assert!(gone.to_string().contains("127.0.0.1 could not be reached") && !gone.to_string().contains(&secret), "{gone}");
}

/// The browsers of this test process.
fn browsers() -> HashSet<i32> {
    let is_browser = |command: &str| command.contains("headless-shell") && !command.contains("--type=");
    descendants().into_iter().filter(|(_, command)| is_browser(command)).map(|(pid, _)| pid).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_that_has_served_long_enough_is_replaced_when_its_last_session_ends() {
    let world = world().await;
    let turn = turn().await;
    let options = ChromiumOptions { warm_sessions: 0, recycle_sessions: 2, ..options() };
    let supply = Alone { supply: ChromiumSupply::launch(options).await.unwrap(), _turn: turn };
    let old = browsers();
    assert_eq!(old.len(), 1);

    let (first, _) = opened(&supply, &world, "/second").await;
    let (second, seen) = opened(&supply, &world, "/small").await;
    first.release().await.unwrap();
    let (third, _) = opened(&supply, &world, "/second").await;
    assert_eq!(browsers().len(), 2, "the third session has a browser of its own");
    let counted = does(second.as_ref(), click(named(&seen, "Count"))).await;
    assert!(counted.0.changed, "the spent browser serves the session that it has");

    second.release().await.unwrap();
    eventually("the spent browser to be gone", || browsers().is_disjoint(&old)).await;
    third.observe().await.unwrap();
    third.release().await.unwrap();
    supply.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_that_is_old_is_replaced() {
    let world = world().await;
    let turn = turn().await;
    let options = ChromiumOptions { warm_sessions: 0, recycle_age: Duration::ZERO, ..options() };
    let supply = Alone { supply: ChromiumSupply::launch(options).await.unwrap(), _turn: turn };
    let (session, _) = opened(&supply, &world, "/second").await;
    let old = browsers();
    session.observe().await.unwrap();
    session.release().await.unwrap();
    eventually("the old browser to be gone", || browsers().is_disjoint(&old)).await;
    let (next, _) = opened(&supply, &world, "/second").await;
    next.release().await.unwrap();
    supply.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_may_have_a_browser_to_itself() {
    let world = world().await;
    let turn = turn().await;
    let options = ChromiumOptions { warm_sessions: 0, sessions_per_browser: 1, ..options() };
    let supply = Alone { supply: ChromiumSupply::launch(options).await.unwrap(), _turn: turn };
    let (one, _) = opened(&supply, &world, "/second").await;
    let first = browsers();
    let (other, seen) = opened(&supply, &world, "/small").await;
    assert_eq!((first.len(), browsers().len()), (1, 2));
    for pid in &first {
        nix::sys::signal::kill(nix::unistd::Pid::from_raw(*pid), nix::sys::signal::Signal::SIGKILL).unwrap();
    }
    assert_eq!(kind_of(one.observe().await.map(drop)), EnvFailure::BrowserCrashed);
    assert!(does(other.as_ref(), click(named(&seen, "Count"))).await.0.changed, "another session's browser is another one");
    one.release().await.unwrap();
    other.release().await.unwrap();
    supply.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_client_that_drives_cannot_have_is_refused_by_name() {
    let world = world().await;
    let supply = supply().await;
    let driven = || SessionSpec { drive: Drive::Cdp, ..spec(&world) };
    for (name, wanted) in [
        ("gated", SessionSpec { gated: true, ..driven() }),
        ("record", SessionSpec { record: true, ..driven() }),
        ("files", SessionSpec { files: vec![AllowedFile { handle: "cv".into(), name: "cv.txt".into(), content: "x".into() }], ..driven() }),
    ] {
        let refused = supply.acquire(wanted).await.err().unwrap().to_string();
        assert!(refused.contains(name) && refused.contains("actions"), "{refused}");
    }
    supply.shutdown().await;
}

/// Root has no sandbox in Chromium: the test is played by somebody else, where that one can read what it needs and may have namespaces.
#[tokio::test(flavor = "multi_thread")]
async fn chromiums_own_sandbox_is_on_where_we_are_not_root() {
    let _turn = turn().await;
    let this = std::env::current_exe().unwrap();
    let node = tools().join("driver/node");
    let as_nobody = |program: &Path| {
        let mut command = tokio::process::Command::new("setpriv");
        command.args(["--reuid=nobody", "--regid=nogroup", "--clear-groups", "--"]).arg(program).kill_on_drop(true);
        command
    };
    let mut command = if nix::unistd::geteuid().is_root() {
        for needed in [&this, &node] {
            let reads = as_nobody(Path::new("/usr/bin/test")).arg("-x").arg(needed).status().await.unwrap();
            if !reads.success() {
                return println!("not tried: nobody may not read {}", needed.display());
            }
        }
        let namespaces = as_nobody(Path::new("/usr/bin/unshare")).args(["--user", "true"]).status().await.unwrap();
        if !namespaces.success() {
            return println!("not tried: this machine gives nobody a user namespace");
        }
        as_nobody(&this)
    } else {
        tokio::process::Command::new(&this)
    };
    let home = tempfile::tempdir().unwrap();
    std::fs::set_permissions(home.path(), std::os::unix::fs::PermissionsExt::from_mode(0o777)).unwrap();
    let played = command
        .args(["--exact", "play_in_the_sandbox", "--ignored", "--nocapture"])
        .env("HOME", home.path())
        .env("TMPDIR", home.path())
        .env("WAYFARER_TOOLS", tools())
        .current_dir(home.path())
        .output();
    let output = tokio::time::timeout(2 * PATIENCE, played).await.expect("it is bounded").unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && said.contains("filtered: "), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "another test runs this one as somebody who is not root"]
async fn play_in_the_sandbox() {
    let (world, supply) = (world().await, supply().await);
    let (session, seen) = opened(&supply, &world, "/small").await;
    assert!(does(session.as_ref(), click(named(&seen, "Count"))).await.0.changed);
    let renderers: Vec<(i32, String)> = descendants().into_iter().filter(|(_, command)| command.contains("--type=renderer")).collect();
    assert!(!renderers.is_empty() && descendants().iter().all(|(_, command)| !command.contains("--no-sandbox")));
    for (pid, _) in &renderers {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        // 2: its system calls go through a filter
        assert!(status.lines().any(|line| line.split_whitespace().eq(["Seccomp:", "2"])), "{status}");
    }
    println!("filtered: {}", renderers.len());
    session.release().await.unwrap();
    supply.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_worker_whose_process_died_begins_anew() {
    let world = world().await;
    let turn = turn().await;
    let options = ChromiumOptions { warm_sessions: 0, ..options() };
    let supply = Alone { supply: ChromiumSupply::launch(options).await.unwrap(), _turn: turn };
    let session = supply.acquire(SessionSpec { gated: true, ..spec(&world) }).await.unwrap();
    let answers = async |session: &dyn BrowserSession| {
        let mut seen = session.open("http://shop.localhost/offline").await.unwrap();
        let deadline = Instant::now() + PATIENCE;
        while !seen.observation.visible_text.contains("the worker answers") {
            assert!(Instant::now() < deadline, "the worker is silent: {}", seen.observation.visible_text);
            seen = session.observe().await.unwrap();
        }
        assert!(seen.observation.visible_text.contains("asks first"), "messages of the worker are not seen by the gate");
    };
    answers(session.as_ref()).await;
    let renderers = || descendants().into_iter().filter(|(_, command)| command.contains("--type=renderer")).map(|(pid, _)| pid);
    // the site's, for the first page was in it; the next one's is another
    let first = renderers().min().unwrap();
    session.open("http://far.localhost/second").await.unwrap();

    nix::sys::signal::kill(nix::unistd::Pid::from_raw(first), nix::sys::signal::Signal::SIGKILL).unwrap();
    eventually("the worker's process to be gone", || !is_alive(&first)).await;

    session.observe().await.expect("the page has a process of its own");
    answers(session.as_ref()).await;
    session.release().await.unwrap();
    supply.shutdown().await;
}

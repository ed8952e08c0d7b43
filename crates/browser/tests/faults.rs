//! Pages and processes that do their worst: each fault has its bound and its cause, the next session works, and nothing is left.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::HeaderMap;
use axum::response::{Html, IntoResponse, Redirect};
use axum::routing::get;
use futures::stream;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use wayfarer_browser::{
    BrowserError, BrowserSession, BrowserSupply, ChromiumOptions, ChromiumSupply, EgressPolicy, Limits, Observed, SessionSpec,
};
use wayfarer_core::action::{Bound, Effect, Target};
use wayfarer_core::outcome::EnvFailure;
use wayfarer_core::{Action, TenantId};

/// How long something that must come may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

const HOST: &str = "http://trouble.test";

fn page(body: &'static str) -> Html<String> {
    Html(format!("<!doctype html><html><head><title>Trouble</title></head><body>{body}</body></html>"))
}

/// What the server of hostile pages saw.
#[derive(Default)]
struct Seen {
    /// Windows that were loaded.
    windows: AtomicUsize,
    /// Downloads without an end that are under way.
    endless: AtomicUsize,
}

/// Counts itself as long as it is there.
struct Counted(Arc<Seen>);

impl Counted {
    fn new(seen: &Arc<Seen>) -> Self {
        seen.endless.fetch_add(1, Ordering::SeqCst);
        Self(Arc::clone(seen))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.endless.fetch_sub(1, Ordering::SeqCst);
    }
}

/// A server of hostile pages on loopback.
async fn trouble(seen: Arc<Seen>) -> SocketAddr {
    let (dripping, flooding, popping) = (Arc::clone(&seen), Arc::clone(&seen), seen);
    let drip = move || {
        // a byte now and then, for ever
        let drops = stream::unfold(Counted::new(&dripping), |counted| async {
            tokio::time::sleep(Duration::from_millis(50)).await;
            Some((Ok::<_, std::io::Error>(Bytes::from_static(b"x")), counted))
        });
        let mut headers = HeaderMap::new();
        headers.insert("content-disposition", "attachment; filename=\"endless.bin\"".parse().unwrap());
        headers.insert("content-type", "application/octet-stream".parse().unwrap());
        (headers, Body::from_stream(drops)).into_response()
    };
    let flood = move || {
        let water = stream::unfold(Counted::new(&flooding), |counted| async {
            Some((Ok::<_, std::io::Error>(Bytes::from(vec![b'x'; 1 << 16])), counted))
        });
        let mut headers = HeaderMap::new();
        headers.insert("content-disposition", "attachment; filename=\"flood.bin\"".parse().unwrap());
        headers.insert("content-type", "application/octet-stream".parse().unwrap());
        (headers, Body::from_stream(water)).into_response()
    };
    let router = Router::new()
        .route("/calm", get(|| async { page("<h1>Calm</h1><button onclick=\"n.textContent=+n.textContent+1\">Count</button><p id=n>0</p>") }))
        .route("/dialogs", get(|| async { page(
            "<button onclick=\"for(let i=0;i<200;i++)alert('again '+i);n.textContent='through'\">Storm</button>\
             <button onclick=\"c=0;while(!prompt('Who?')&&c++<30);n.textContent='asked'\">Ask</button><p id=n>before</p>",
        ) }))
        .route("/popups", get(|| async { page(
            "<button onclick=\"for(let i=0;i<60;i++)window.open('/popup?'+i,'w'+i)\">Storm</button><p>Base</p>\
             <button onclick=\"Date.now=()=>performance.timeOrigin+(globalThis.n=(globalThis.n??0)+1e6);for(let i=0;i<60;i++)window.open('/popup?'+i,'w'+i)\">Bent</button>\
             <button onclick=\"for(let i=0;i<60;i++){const a=document.createElement('a');a.href='/popup?'+i;a.target='_blank';document.body.append(a);a.click()}\">Links</button>",
        ) }))
        .route("/popup", get(move || async move {
            popping.windows.fetch_add(1, Ordering::SeqCst);
            page("<p>A window</p>")
        }))
        .route("/trap", get(|| async { page(
            "<button onclick=\"n.textContent='armed'\">Arm</button><p id=n>free</p><script>\
             onbeforeunload=(e)=>{e.preventDefault();e.returnValue='stay';return 'stay'};onpagehide=()=>{alert('bye');const t=Date.now();while(Date.now()-t<300);};\
             onunload=()=>{location.href='/trap'}</script>",
        ) }))
        .route("/downloads", get(|| async { page(
            "<a href=/drip>Drip</a> <a href=/flood>Flood</a>\
             <button onclick=\"for(let i=0;i<120;i++){const a=document.createElement('a');a.href='/small?'+i;a.download='f'+i;document.body.append(a);a.click()}\">Many</button>",
        ) }))
        .route("/small", get(|| async { "some bytes" }))
        .route("/drip", get(move || async move { drip() }))
        .route("/flood", get(move || async move { flood() }))
        .route("/spin", get(|| async { page(
            "<button onclick=\"for(;;);\">Spin</button><button onclick=\"(function f(){Promise.resolve().then(f)})()\">Microtasks</button>\
             <button onclick=\"(function f(){requestAnimationFrame(()=>{const t=Date.now();while(Date.now()-t<60);f()})})()\">Heavy frames</button>",
        ) }))
        .route("/spinning", get(|| async { page("<p>never seen</p><script>for(;;);</script>") }))
        .route("/hungry", get(|| async { page(
            "<button onclick=\"const a=[];setTimeout(()=>{for(;;)a.push(new Array(1e6).fill(a.length+Math.random()))},0)\">Eat</button>",
        ) }))
        .route("/round", get(|| async { Redirect::temporary("/round") }))
        .route("/refresh", get(|| async { Html("<meta http-equiv=refresh content=\"0;url=/refresh\"><p>again</p>") }))
        .route("/history", get(|| async { page("<p>pushing</p><script>let i=0;setInterval(()=>history.pushState(0,'','/history?'+i++),1)</script>") }))
        .route("/huge", get(|| async { page(
            "<h1>Huge</h1><script>for(let i=0;i<20000;i++){const b=document.createElement('button');b.textContent='Button '+i;document.body.append(b)}\
             const d=document.createElement('p');d.title='t'.repeat(1e6);d.textContent='word '.repeat(4e5);document.body.append(d)</script>",
        ) }))
        .route("/noise", get(|| async { page("<p>noise</p><script>setInterval(()=>{for(let i=0;i<2000;i++)console.log('line '+i)},10)</script>") }));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    address
}

fn options() -> ChromiumOptions {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap().to_owned();
    let tools = std::env::var_os("WAYFARER_TOOLS").map_or(root.join(".wayfarer"), PathBuf::from);
    let executable = PathBuf::from("/usr/lib/chromium/chromium-headless-shell");
    assert!(
        executable.exists() && tools.join("driver/node").exists(),
        "run scripts/bootstrap.sh (or point WAYFARER_TOOLS at what it made)"
    );
    ChromiumOptions::new(executable, tools.join("driver"))
}

/// Sessions that can reach the hostile pages.
struct Stage {
    supply: ChromiumSupply,
    pages: SocketAddr,
    seen: Arc<Seen>,
}

impl Stage {
    async fn set() -> Self {
        let seen = Arc::<Seen>::default();
        Self { supply: ChromiumSupply::launch(options()).await.unwrap(), pages: trouble(Arc::clone(&seen)).await, seen }
    }

    async fn session(&self) -> Box<dyn BrowserSession> {
        let egress = EgressPolicy { resolve: [("trouble.test".to_owned(), self.pages)].into(), ..EgressPolicy::default() };
        self.supply.acquire(SessionSpec { egress, ..SessionSpec::new(TenantId::default(), "fault-a1") }).await.unwrap()
    }

    async fn at(&self, path: &str) -> (Box<dyn BrowserSession>, Observed) {
        let session = self.session().await;
        let seen = session.open(&format!("{HOST}{path}")).await.unwrap();
        (session, seen)
    }

    /// A session that works as if nothing had happened, and then the end of everything.
    async fn strike(self) {
        let (session, seen) = self.at("/calm").await;
        let (effect, seen) = session.act_and_observe(&press(&seen, "Count")).await.unwrap();
        assert!(effect.changed && text(&seen).contains('1'), "{}", text(&seen));
        session.release().await.unwrap();
        self.supply.shutdown().await;
    }
}

fn press(seen: &Observed, name: &str) -> Action {
    let mark =
        seen.observation.marks.iter().find(|mark| mark.name == name).unwrap_or_else(|| panic!("no {name:?} on {}", seen.observation.url));
    let (x, y) = mark.rect.centre();
    Action::LeftClick { target: Target { mark: Some(mark.id), x, y, label: name.into() } }
}

fn text(seen: &Observed) -> &str {
    &seen.observation.visible_text
}

fn kind_of<T: std::fmt::Debug>(result: Result<T, BrowserError>) -> EnvFailure {
    match result.unwrap_err() {
        BrowserError::Environment { kind, .. } => kind,
        other => panic!("{other:?}"),
    }
}

/// Bounded here too: a test that hangs says so.
async fn within<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, work).await.expect("it is bounded")
}

/// The page is usable: leaving it works.
async fn goes_on(session: &dyn BrowserSession) -> Effect {
    let (effect, seen) = within(session.act_and_observe(&Action::VisitUrl { url: format!("{HOST}/calm") })).await.unwrap();
    assert!(effect.error.is_none() && text(&seen).contains("Calm"), "{:?} {}", effect.error, text(&seen));
    effect
}

#[tokio::test(flavor = "multi_thread")]
async fn storms_of_dialogs_are_answered_and_outlived() {
    let stage = Stage::set().await;
    let (session, seen) = stage.at("/dialogs").await;

    let (effect, after) = within(session.act_and_observe(&press(&seen, "Storm"))).await.unwrap();
    assert!(text(&after).contains("through"), "{}", text(&after));
    assert!((1..=21).contains(&effect.dialogs.len()), "{:?}", effect.dialogs);
    assert_eq!(effect.bounds, [Bound::DialogStorm]);
    let (_, after) = within(session.act_and_observe(&press(&after, "Ask"))).await.unwrap();
    assert!(text(&after).contains("asked"), "{}", text(&after));
    goes_on(session.as_ref()).await;

    session.release().await.unwrap();
    stage.strike().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn storms_of_windows_are_bounded_and_outlived() {
    let stage = Stage::set().await;
    let (session, seen) = stage.at("/popups").await;

    let (effect, after) = within(session.act_and_observe(&press(&seen, "Storm"))).await.unwrap();
    assert!(effect.popup && text(&after).contains("A window"), "{}", text(&after));
    assert_eq!(effect.bounds, [Bound::WindowStorm]);
    goes_on(session.as_ref()).await;
    session.release().await.unwrap();
    let opened = || stage.seen.windows.swap(0, Ordering::SeqCst);
    assert!(opened() <= 8, "more windows than a document may open");

    // a page that has another clock
    let (session, seen) = stage.at("/popups").await;
    within(session.act_and_observe(&press(&seen, "Bent"))).await.unwrap();
    goes_on(session.as_ref()).await;
    session.release().await.unwrap();
    assert!(opened() <= 8, "more windows than a document may open");

    // links are clicked without end, too: nobody counts them in the page
    let (session, seen) = stage.at("/popups").await;
    let (effect, _) = within(session.act_and_observe(&press(&seen, "Links"))).await.unwrap();
    assert_eq!(effect.bounds, [Bound::WindowStorm]);
    goes_on(session.as_ref()).await;
    session.release().await.unwrap();
    stage.strike().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_will_not_be_left_is_left() {
    let stage = Stage::set().await;
    let (session, seen) = stage.at("/trap").await;
    let (_, armed) = within(session.act_and_observe(&press(&seen, "Arm"))).await.unwrap();
    assert!(text(&armed).contains("armed"));

    let effect = goes_on(session.as_ref()).await;
    assert!(effect.dialogs.iter().any(|dialog| dialog.starts_with("beforeunload") && dialog.contains("accepted")), "{:?}", effect.dialogs);
    assert_eq!(effect.bounds, [Bound::LeaveTrap]);
    session.release().await.unwrap();

    let (session, seen) = stage.at("/trap").await;
    within(session.act_and_observe(&press(&seen, "Arm"))).await.unwrap();
    within(session.release()).await.unwrap();
    stage.strike().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn downloads_that_never_end_are_cut_off() {
    let stage = Stage::set().await;
    let (session, seen) = stage.at("/downloads").await;

    let mut bounds = Vec::new();
    for endless in ["Drip", "Flood"] {
        let (effect, _) = within(session.act_and_observe(&press(&seen, endless))).await.unwrap();
        assert_eq!((effect.downloads.len(), effect.files.len()), (1, 0), "{endless}: {effect:?}");
        bounds.extend(effect.bounds);
    }
    eventually("the end of both", || stage.seen.endless.load(Ordering::SeqCst) == 0).await;
    // the browser lets a page begin ten of them a second
    let (mut files, until) = (0, Instant::now() + PATIENCE);
    while !bounds.contains(&Bound::TooManyDownloads) && Instant::now() < until {
        let (effect, _) = within(session.act_and_observe(&press(&seen, "Many"))).await.unwrap();
        files += effect.files.len();
        assert!(effect.downloads.len() <= 21 && files <= 50, "{} names, {files} files", effect.downloads.len());
        bounds.extend(effect.bounds);
    }
    for bound in [Bound::DownloadTooSlow, Bound::DownloadTooLarge, Bound::TooManyDownloads] {
        assert!(bounds.contains(&bound), "{bound:?} is not in {bounds:?}");
    }
    goes_on(session.as_ref()).await;

    within(session.release()).await.unwrap();
    stage.strike().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn loops_of_addresses_end() {
    let stage = Stage::set().await;
    let session = stage.session().await;
    assert_eq!(kind_of(within(session.open(&format!("{HOST}/round"))).await.map(drop)), EnvFailure::Unreachable);

    for restless in ["/refresh", "/history", "/noise", "/huge"] {
        match within(session.open(&format!("{HOST}{restless}"))).await {
            Ok(seen) => {
                let size = serde_json::to_string(&seen.observation).unwrap().len();
                assert!(size < 4_000_000, "{restless}: an observation of {size} bytes");
            }
            Err(BrowserError::Environment { kind, .. }) => assert_eq!(kind, EnvFailure::PageHung, "{restless}"),
            Err(other) => panic!("{restless}: {other:?}"),
        }
        goes_on(session.as_ref()).await;
    }

    within(session.release()).await.unwrap();
    stage.strike().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_spins_is_hung_and_goes_with_its_session() {
    let stage = Stage::set().await;
    let (session, seen) = stage.at("/spin").await;
    let (other, calm) = stage.at("/calm").await;

    assert_eq!(kind_of(within(session.act_and_observe(&press(&seen, "Spin"))).await.map(drop)), EnvFailure::PageHung);
    let (effect, _) = within(other.act_and_observe(&press(&calm, "Count"))).await.unwrap();
    assert!(effect.changed, "another session of the same browser does not notice");
    within(session.release()).await.unwrap();
    eventually("the spinning renderer to be gone", || spinning() == 0).await;

    other.release().await.unwrap();
    stage.strike().await;
}

/// A control group to make groups in, where this machine lets us have one.
fn own_group() -> Option<PathBuf> {
    let parent = ["/sys/fs/cgroup", "/sys/fs/cgroup/memory"].into_iter().map(Path::new);
    let parent = parent.filter(|parent| parent.join("cgroup.procs").exists()).find(|parent| {
        let controllers = std::fs::read_to_string(parent.join("cgroup.subtree_control"));
        controllers.map_or(parent.ends_with("memory"), |controllers| controllers.contains("memory"))
    })?;
    let group = parent.join(format!("wayfarer-test-{}", std::process::id()));
    std::fs::create_dir(&group).ok()?;
    let _ = std::fs::write(group.join("cgroup.subtree_control"), "+memory");
    Some(group)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_that_is_held_to_its_memory_is_killed_for_that_and_says_so() {
    let Some(parent) = own_group() else {
        eprintln!("not tested: this machine lets us make no control group");
        return;
    };
    let limits = Limits { parent: parent.clone(), memory_mib: 400, cpus: 0.0 };
    let stage = Stage {
        supply: ChromiumSupply::launch(ChromiumOptions { limits: Some(limits), ..options() }).await.unwrap(),
        pages: trouble(Arc::default()).await,
        seen: Arc::default(),
    };
    let (session, seen) = stage.at("/hungry").await;
    let mut outcome = within(session.act_and_observe(&press(&seen, "Eat"))).await.map(drop);
    while outcome.is_ok() {
        outcome = within(session.observe()).await.map(drop);
    }
    assert_eq!(kind_of(outcome), EnvFailure::OutOfMemory);
    within(session.release()).await.unwrap();

    stage.strike().await;
    eventually("the groups of all browsers to be gone", || std::fs::remove_dir(&parent).is_ok()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_eats_memory_dies_alone() {
    let stage = Stage::set().await;
    let (session, seen) = stage.at("/hungry").await;
    let (other, calm) = stage.at("/calm").await;

    let mut outcome = within(session.act_and_observe(&press(&seen, "Eat"))).await.map(drop);
    while outcome.is_ok() {
        outcome = within(session.observe()).await.map(drop);
    }
    assert_eq!(kind_of(outcome), EnvFailure::RendererCrashed);
    let (effect, _) = within(other.act_and_observe(&press(&calm, "Count"))).await.unwrap();
    assert!(effect.changed, "another session of the same browser does not notice");

    within(session.release()).await.unwrap();
    other.release().await.unwrap();
    stage.strike().await;
}

async fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let so = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, so).await.unwrap_or_else(|_| panic!("waited for {what}"));
}

/// Renderers below this test that compute without end, as the share of one processor over a moment tells.
fn spinning() -> usize {
    let ticks = || -> HashMap<i32, u64> {
        let own = std::process::id();
        let entries = std::fs::read_dir("/proc").unwrap().flatten();
        let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
        pids.filter(|pid| {
            let command = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            String::from_utf8_lossy(&command).contains("--type=renderer") && descends(*pid, own as i32)
        })
        .filter_map(|pid| {
            let fields = stat(pid)?;
            Some((pid, fields[11].parse::<u64>().ok()? + fields[12].parse::<u64>().ok()?))
        })
        .collect()
    };
    let before = ticks();
    std::thread::sleep(Duration::from_millis(400));
    // a quarter of a processor: on a busy machine a spinning one does not get a whole one
    ticks().iter().filter(|(pid, now)| before.get(pid).is_some_and(|before| **now >= before + 10)).count()
}

fn descends(mut pid: i32, from: i32) -> bool {
    while let Some(parent) = stat(pid).and_then(|fields| fields[1].parse().ok()) {
        if parent == from {
            return true;
        }
        pid = parent;
    }
    false
}

/// The fields of `/proc/<pid>/stat` behind the name.
fn stat(pid: i32) -> Option<Vec<String>> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    Some(text.rsplit_once(')')?.1.split_whitespace().map(str::to_owned).collect())
}

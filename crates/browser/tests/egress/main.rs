//! The way out of a session against a real Chromium: nothing that a page or an agent tries may reach a closed place, and nothing that
//! ordinary sites do may be blocked.
//!
//! `cases/` says what is tried, `site.rs` serves the pages that try it, `canary.rs` are the closed places of this machine, `sockets.rs` asks
//! the kernel about all others, `names.rs` is a resolver that lies.
//! `cargo test -p wayfarer-browser --test egress -- --nocapture` prints the counts.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod canary;
mod driven;
mod names;
mod site;
mod sockets;

use canary::{CONTENT, Canary};
use driven::Driven;
use names::{Names, TestResolver};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use site::{Attack, HOST, OTHER, Site, Vector};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use wayfarer_browser::{BrowserError, BrowserSession, BrowserSupply, ChromiumOptions, ChromiumSupply, Drive, EgressPolicy, SessionSpec};
use wayfarer_core::observation::Viewport;
use wayfarer_core::outcome::EnvFailure;
use wayfarer_core::{Action, TenantId};

/// Frames of one attacking page.
const FRAMES: usize = 10;
/// How long the attempts of a page may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(40);
/// How long an ordinary page may take.
const ORDINARY_LIMIT: Duration = Duration::from_secs(15);
/// Ports where this machine might listen and no page lives.
const WELL_KNOWN: [u16; 10] = [22, 25, 3306, 5432, 6379, 9200, 11211, 27017, 2375, 9222];

#[derive(Deserialize)]
struct Vectors {
    vector: Vec<Vector>,
}

#[derive(Deserialize)]
struct Spellings {
    loopback: Vec<String>,
    elsewhere: Vec<String>,
}

#[derive(Deserialize)]
struct Schemes {
    addresses: Vec<String>,
}

#[derive(Deserialize)]
struct Lists {
    list: Vec<List>,
}

/// What a policy closes and leaves open.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    name: String,
    policy: EgressPolicy,
    #[serde(default)]
    closed: Vec<String>,
    #[serde(default)]
    silent: Vec<String>,
    #[serde(default)]
    visit: Vec<String>,
    #[serde(default)]
    open: Vec<String>,
}

#[derive(Deserialize)]
struct Ordinary {
    case: Vec<OrdinaryCase>,
}

#[derive(Deserialize)]
struct OrdinaryCase {
    name: String,
    script: String,
}

/// What was tried, and what of it got through.
#[derive(Default)]
struct Tally {
    attempts: Vec<String>,
    through: Vec<String>,
}

impl Tally {
    /// Counts an attempt; its id is part of every address that it tries.
    fn attempt(&mut self, name: String) -> String {
        self.attempts.push(name);
        format!("try-{}", self.attempts.len() - 1)
    }

    /// The name of the attempt that has its id in this text.
    fn name_in(&self, text: &str) -> String {
        let number = text.split("try-").nth(1).and_then(|rest| rest.split(|c: char| !c.is_ascii_digit()).next()?.parse::<usize>().ok());
        number.and_then(|number| self.attempts.get(number)).map_or_else(|| "an attempt without a name".to_owned(), Clone::clone)
    }

    fn got_through(&mut self, text: &str, how: &str) {
        let name = self.name_in(text);
        self.through.push(format!("{name}: {how}"));
    }
}

/// Addresses that pages try in some ways, and the way and name of each.
struct Tries(Vec<(String, String, String)>);

impl Tries {
    fn new() -> Self {
        Self(Vec::new())
    }

    /// `url` has `ID` where the attempt's id goes.
    fn add(&mut self, tally: &mut Tally, group: &str, way: &str, url: &str) {
        let id = tally.attempt(format!("{group}: {way} {url}"));
        self.0.push((id.clone(), way.to_owned(), url.replace("ID", &id)));
    }
}

struct World {
    supply: ChromiumSupply,
    site: Site,
    /// Whose sessions try it.
    drive: Drive,
    _turn: tokio::sync::MutexGuard<'static, ()>,
}

impl World {
    async fn start(attacks: Vec<Attack>, resolver: Arc<TestResolver>, drive: Drive) -> Self {
        static TURN: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());
        let turn = TURN.lock().await;
        let site = Site::serve(attacks).await;
        let supply = ChromiumSupply::with_resolver(options(), resolver).await.unwrap();
        Self { supply, site, drive, _turn: turn }
    }

    /// A session of this policy, which can reach the sites besides.
    async fn session(&self, mut policy: EgressPolicy) -> Box<dyn BrowserSession> {
        policy.resolve.extend([HOST, OTHER].map(|host| (host.to_owned(), self.site.address)));
        let spec = SessionSpec {
            viewport: Viewport { width: 800, height: 600 },
            egress: policy,
            drive: self.drive,
            ..SessionSpec::new(TenantId::default(), "egress-a1")
        };
        let session = self.supply.acquire(spec).await.unwrap();
        match self.drive {
            Drive::Actions => session,
            Drive::Cdp => Box::new(Driven::new(session).await),
        }
    }

    /// Lets a page try all of these, a part at a time.
    async fn try_all(&self, session: &dyn BrowserSession, page: &str, tries: &Tries, at_once: usize) {
        for (part, tries) in tries.0.chunks(at_once).enumerate() {
            let page = format!("{page}-{part}");
            self.site.put_tries(&page, tries);
            self.opened(session, &format!("/page/{page}")).await;
            let missing = self.site.all_done(std::slice::from_ref(&page), PATIENCE).await;
            assert!(missing.is_empty(), "the page {page} did not end");
            only_page_again(session, &format!("/page/{page}")).await;
        }
    }

    /// Opens a page of the site. A window that it opens may stand in front by then, and be refused: that the page ran, it tells itself.
    async fn opened(&self, session: &dyn BrowserSession, path: &str) {
        match session.open(&format!("http://{HOST}{path}")).await {
            Ok(_) | Err(BrowserError::Environment { kind: EnvFailure::EgressDenied, .. }) => {}
            Err(error) => panic!("{path}: {error}"),
        }
    }
}

/// Waits until the windows of a page are closed: the next page would be opened in one of them otherwise.
async fn only_page_again(session: &dyn BrowserSession, path: &str) {
    let until = Instant::now() + PATIENCE;
    loop {
        let seen = session.observe().await.unwrap();
        if seen.observation.url.contains(path) {
            return;
        }
        assert!(Instant::now() < until, "a window of {path} stayed open: {}", seen.observation.url);
    }
}

/// Goes to closed addresses as the agent does: each must end in a refusal.
async fn visit(session: &dyn BrowserSession, tally: &mut Tally, group: &str, urls: &[String]) {
    for url in urls {
        let id = tally.attempt(format!("{group}: visit {url}"));
        match session.open(&url.replace("ID", &id)).await {
            Err(BrowserError::Environment { kind: EnvFailure::EgressDenied | EnvFailure::Unreachable, .. }) => {}
            Err(error) => panic!("{url}: {error}"),
            // an error page of the browser itself, which shows nothing
            Ok(seen) if group == "scheme by redirect" && seen.observation.visible_text.is_empty() => {}
            Ok(seen) => {
                let how =
                    format!("opened {} {:?}", seen.observation.url, seen.observation.visible_text.chars().take(80).collect::<String>());
                tally.got_through(&id, &how);
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_attempt_gets_through() {
    let (canary, second) = (Canary::start().await, Canary::start().await);
    let names: Names = cases("names.toml", &[]);
    let resolver = TestResolver::new(&names);
    let mut tally = Tally::default();
    let attacks = attacks(&mut tally, &cases::<Vectors>("vectors.toml", &[]).vector, canary.port);
    let world = World::start(attacks.clone(), Arc::clone(&resolver), Drive::Actions).await;
    let began = Instant::now();
    let mut canaries = vec![canary.clone(), second.clone()];
    // the site's own port at other addresses: where names turn to
    canaries.extend(Canary::on(&canary::PERCHES[1..], world.site.address.port()).await);
    for port in WELL_KNOWN {
        canaries.extend(Canary::on(&canary::PERCHES[..1], port).await);
    }
    let watch =
        sockets::Watch::start(canaries.iter().map(|canary| canary.port).filter(|port| *port != world.site.address.port()).collect());

    let unproven = vectors(&world, &attacks).await;
    let silent = attacks.iter().filter(|attack| attack.name.starts_with("control") && !attack.vector.control).count();
    let all = attacks.iter().filter(|attack| attack.name.starts_with("control")).count();
    println!("{silent} of {all} vectors reach nothing anywhere in this browser; vectors: {:.0} s", began.elapsed().as_secs_f64());
    spellings(&world, &mut tally, canary.port).await;
    println!("spellings: {:.0} s", began.elapsed().as_secs_f64());
    schemes(&world, &mut tally, canary.port).await;
    println!("schemes: {:.0} s", began.elapsed().as_secs_f64());
    resolved(&world, &mut tally, &names, &resolver, canary.port).await;
    println!("names: {:.0} s", began.elapsed().as_secs_f64());
    for canary in &canaries {
        for line in canary.take() {
            tally.got_through(&line, &format!("a canary at port {} heard {line:?}", canary.port));
        }
    }
    // last, for here some of the canaries are open
    let faults = lists(&world, &mut tally, &canary, &second, &canaries).await;
    println!("lists: {:.0} s", began.elapsed().as_secs_f64());

    for (id, text) in world.site.told() {
        // attacks tell all that they read, the pages with many tries only what looks like more than a refusal
        if !id.starts_with("try-") && !text.contains(CONTENT) {
            continue;
        }
        tally.got_through(&attack_name(&attacks, &id).map_or(id, |number| format!("try-{number}")), &format!("a page read {text:?}"));
    }
    let closed_ports = canaries.len();
    world.supply.shutdown().await;
    let (looks, strays) = watch.end();
    // the lists open two canaries by name; what a proxy of ours does there is no stray
    tally.through.extend(strays.into_iter().map(|stray| format!("a socket: {stray}")));
    println!(
        "{} attempts, {} through ({closed_ports} canaries, {looks} looks at all sockets, {:.0} s)",
        tally.attempts.len(),
        tally.through.len(),
        began.elapsed().as_secs_f64()
    );
    assert!(tally.attempts.len() >= 200, "{} attempts are too few", tally.attempts.len());
    assert!(tally.through.is_empty(), "{} got through:\n  - {}", tally.through.len(), tally.through.join("\n  - "));
    assert!(unproven.is_empty(), "these vectors did not reach an open name either, so they prove nothing: {unproven:?}");
    assert!(faults.is_empty(), "lists closed what they leave open:\n  - {}", faults.join("\n  - "));
}

/// The browser that a client drives by itself has no script of ours in its pages, and one browser context, the default one.
#[tokio::test(flavor = "multi_thread")]
async fn no_attempt_of_a_browser_that_its_client_drives_gets_through() {
    let canary = Canary::start().await;
    let resolver = TestResolver::new(&cases("names.toml", &[]));
    let mut tally = Tally::default();
    let vectors_of: Vec<Vector> = cases::<Vectors>("vectors.toml", &[]).vector.into_iter().filter(|vector| !vector.top).collect();
    let attacks = attacks(&mut tally, &vectors_of, canary.port);
    let world = World::start(attacks.clone(), resolver, Drive::Cdp).await;
    let began = Instant::now();
    let watch = sockets::Watch::start([canary.port].into());

    let unproven = vectors(&world, &attacks).await;
    let spellings: Spellings = cases("spellings.toml", &[("PORT", &canary.port.to_string())]);
    let mut tries = Tries::new();
    for host in spellings.loopback.iter().chain(&spellings.elsewhere) {
        for way in ["fetch", "websocket"] {
            tries.add(&mut tally, "spelling", way, &format!("http://{host}/ID"));
        }
    }
    let session = world.session(EgressPolicy::default()).await;
    world.try_all(session.as_ref(), "spelled", &tries, 60).await;
    session.release().await.unwrap();
    for line in canary.take() {
        tally.got_through(&line, &format!("the canary heard {line:?}"));
    }
    for (id, text) in world.site.told().into_iter().filter(|(_, text)| text.contains(CONTENT)) {
        tally.got_through(&attack_name(&attacks, &id).map_or(id, |number| format!("try-{number}")), &format!("a page read {text:?}"));
    }
    world.supply.shutdown().await;
    let (looks, strays) = watch.end();
    tally.through.extend(strays.into_iter().map(|stray| format!("a socket: {stray}")));
    let (attempts, through) = (tally.attempts.len(), tally.through.len());
    println!(
        "driven by its client: {attempts} attempts, {through} through ({looks} looks at all sockets, {:.0} s)",
        began.elapsed().as_secs_f64()
    );
    assert!(tally.through.is_empty(), "{through} got through:\n  - {}", tally.through.join("\n  - "));
    assert!(unproven.is_empty(), "these vectors did not reach an open name either, so they prove nothing: {unproven:?}");
}

/// Each vector three times: to a closed address, by way of a redirect, and to an open name.
fn attacks(tally: &mut Tally, vectors: &[Vector], port: u16) -> Vec<Attack> {
    let mut attacks = Vec::new();
    for vector in vectors {
        let attack = |name: String, target: String, beyond: String| Attack { name, vector: vector.clone(), target, beyond };
        let name = format!("vector: {}", vector.name);
        let id = tally.attempt(name.clone());
        attacks.push(attack(name, format!("http://127.0.0.1:{port}/{id}"), String::new()));
        if vector.control || !vector.name.starts_with("WebRTC") {
            let name = format!("vector by redirect: {}", vector.name);
            let id = tally.attempt(name.clone());
            attacks.push(attack(name, format!("http://{HOST}/to/{}", attacks.len()), format!("http://127.0.0.1:{port}/{id}")));
        }
        attacks.push(attack(format!("control: {}", vector.name), format!("http://{OTHER}/live/{}", attacks.len()), String::new()));
    }
    attacks
}

fn attack_name(attacks: &[Attack], id: &str) -> Option<usize> {
    let attack = attacks.get(id.parse::<usize>().ok()?)?;
    format!("{}{}", attack.target, attack.beyond).split("try-").nth(1)?.parse().ok()
}

/// Runs all vectors in a few sessions; the names of those that were to reach an open name, and did not.
async fn vectors(world: &World, attacks: &[Attack]) -> Vec<String> {
    let numbered = || attacks.iter().enumerate();
    let frames: Vec<String> = numbered().filter(|(_, attack)| !attack.vector.top).map(|(number, _)| number.to_string()).collect();
    let pages: Vec<String> = numbered().filter(|(_, attack)| attack.vector.top).map(|(number, _)| number.to_string()).collect();
    let (first, second) = frames.split_at(frames.len() / 2);
    let of_frames = |part: Vec<String>| async move {
        let session = world.session(EgressPolicy::default()).await;
        for part in part.chunks(FRAMES) {
            world.opened(session.as_ref(), &format!("/frames/{}", part.join(","))).await;
            let missing = world.site.all_done(part, PATIENCE).await;
            let name = |number: &String| attacks[number.parse::<usize>().unwrap()].name.clone();
            only_page_again(session.as_ref(), "/frames/").await;
            assert!(missing.is_empty(), "these did not end: {:?}", missing.iter().map(name).collect::<Vec<_>>());
        }
        session.release().await.unwrap();
    };
    let of_pages = async {
        if world.drive == Drive::Cdp {
            // where these lead, nobody waits for them
            return;
        }
        let session = world.session(EgressPolicy::default()).await;
        for number in &pages {
            // where it leads is refused, or it stays
            let opened = session.open(&format!("http://{HOST}/attack/{number}/")).await;
            if let Ok(seen) = opened {
                assert!(!seen.observation.visible_text.contains(CONTENT), "{}", attacks[number.parse::<usize>().unwrap()].name);
            }
            let _ = session.observe().await;
        }
        session.release().await.unwrap();
    };
    tokio::join!(of_frames(first.to_vec()), of_frames(second.to_vec()), of_pages);
    numbered()
        .filter(|(_, attack)| world.drive == Drive::Actions || !attack.vector.top)
        .filter(|(number, attack)| attack.name.starts_with("control") && attack.vector.control != world.site.arrived(&number.to_string()))
        .map(|(_, attack)| format!("{} (control = {})", attack.name, attack.vector.control))
        .collect()
}

async fn spellings(world: &World, tally: &mut Tally, port: u16) {
    let spellings: Spellings = cases("spellings.toml", &[("PORT", &port.to_string())]);
    let hosts: Vec<String> = spellings.loopback.into_iter().chain(spellings.elsewhere).collect();
    let urls: Vec<String> = hosts.iter().map(|host| format!("http://{host}/ID")).collect();
    let mut tries = Tries::new();
    for way in ["fetch", "redirect", "websocket", "tls"] {
        for url in &urls {
            tries.add(tally, "spelling", way, url);
        }
    }
    let of_pages = async {
        let session = world.session(EgressPolicy::default()).await;
        world.try_all(session.as_ref(), "spelled", &tries, 60).await;
        session.release().await.unwrap();
    };
    let of_agent = async {
        let session = world.session(EgressPolicy::default()).await;
        visit(session.as_ref(), tally, "spelling", &urls).await;
        // and as an action of the agent
        let effect = session.act(&Action::VisitUrl { url: format!("http://127.0.0.1:{port}/act") }).await.unwrap();
        assert!(effect.error.is_some_and(|error| error.contains("not open to this session")));
        session.release().await.unwrap();
    };
    tokio::join!(of_pages, of_agent);
}

async fn schemes(world: &World, tally: &mut Tally, port: u16) {
    let folder = tempfile_folder();
    let file = folder.join("canary.html");
    std::fs::write(&file, format!("self.canaryRan=1;/*{CONTENT}*/")).unwrap();
    let host_port = format!("127.0.0.1:{port}");
    let target = format!("http://{host_port}/ID");
    let filled = [
        ("FILE", file.to_str().unwrap()),
        ("FOLDER", folder.to_str().unwrap()),
        ("HOSTPORT/a", &format!("{host_port}/ID")),
        ("HOSTPORT", &host_port),
    ];
    let schemes: Schemes = cases("schemes.toml", &filled);
    let urls: Vec<String> = schemes.addresses.iter().map(|url| with_target(url, &target)).collect();
    let mut tries = Tries::new();
    for url in &urls {
        for way in
            ["read", "request", "frame", "frame by redirect", "object", "script", "style", "worker", "image", "pop-up", "pop-up that goes"]
        {
            // a page may run its own script as it likes, and show its own text
            let own = url.starts_with("data:") || url.starts_with("javascript:");
            if !(own && matches!(way, "read" | "request" | "style" | "script")) {
                tries.add(tally, "scheme", way, url);
            }
        }
    }
    let of_pages = async {
        let session = world.session(EgressPolicy::default()).await;
        world.try_all(session.as_ref(), "schemed", &tries, 44).await;
        session.release().await.unwrap();
    };
    let of_agent = async {
        let session = world.session(EgressPolicy::default()).await;
        visit(session.as_ref(), tally, "scheme", &urls).await;
        let moved: Vec<String> = urls
            .iter()
            .map(|url| format!("http://{HOST}/away?to={}", url::form_urlencoded::byte_serialize(url.as_bytes()).collect::<String>()))
            .collect();
        visit(session.as_ref(), tally, "scheme by redirect", &moved).await;
        session.release().await.unwrap();
    };
    tokio::join!(of_pages, of_agent);
    std::fs::remove_dir_all(folder).unwrap();
}

/// `T` is a whole word.
fn with_target(url: &str, target: &str) -> String {
    let mut filled = String::new();
    let letters: Vec<char> = url.chars().collect();
    for (at, letter) in letters.iter().enumerate() {
        let beside = |at: Option<usize>| at.and_then(|at| letters.get(at)).is_some_and(char::is_ascii_alphanumeric);
        if *letter == 'T' && !beside(at.checked_sub(1)) && !beside(Some(at + 1)) {
            filled.push_str(target);
        } else {
            filled.push(*letter);
        }
    }
    filled
}

/// Names that lead to closed places, at once or the second time that they are asked for.
async fn resolved(world: &World, tally: &mut Tally, names: &Names, resolver: &TestResolver, port: u16) {
    let opened = names.turning.keys().chain(names.metadata.keys()).cloned().collect();
    let session = world.session(EgressPolicy { allow_hosts: opened, ..EgressPolicy::default() }).await;
    let urls: Vec<String> = names.closed.keys().chain(names.metadata.keys()).map(|name| format!("http://{name}:{port}/ID")).collect();
    let mut tries = Tries::new();
    for url in &urls {
        for way in ["fetch", "redirect", "websocket", "tls", "frame"] {
            tries.add(tally, "name", way, url);
        }
    }
    visit(session.as_ref(), tally, "name", &urls).await;
    world.try_all(session.as_ref(), "named", &tries, 80).await;

    let site = world.site.address.port();
    let mut turned = Tries::new();
    for name in names.turning.keys() {
        session.open(&format!("http://{name}:{site}/quiet")).await.unwrap_or_else(|error| panic!("{name}: {error}"));
        for way in ["fetch", "redirect", "websocket", "tls", "frame", "image"] {
            turned.add(tally, "name that turns", way, &format!("http://{name}:{site}/ID"));
        }
    }
    world.try_all(session.as_ref(), "turned", &turned, 80).await;
    for name in names.turning.keys() {
        assert_eq!(resolver.asked(name), 1, "{name} stands for the address that was judged");
    }
    session.release().await.unwrap();
}

/// Policies that close by host, port and scheme; what they closed although they leave it open.
async fn lists(world: &World, tally: &mut Tally, canary: &Canary, second: &Canary, all: &[Canary]) -> Vec<String> {
    let ports = [("PORT", canary.port.to_string()), ("OTHER", second.port.to_string())];
    let lists: Lists = cases("lists.toml", &ports.each_ref().map(|(name, port)| (*name, port.as_str())));
    let heard = || all.iter().flat_map(Canary::take).collect::<Vec<String>>();
    let mut faults = Vec::new();
    for (number, list) in lists.list.iter().enumerate() {
        let session = world.session(list.policy.clone()).await;
        let group = format!("list, {}", list.name);
        visit(session.as_ref(), tally, &group, &list.visit).await;
        let tries_of = |tally: &mut Tally, group: &str, urls: &[String]| {
            let mut tries = Tries::new();
            for url in urls {
                tries.add(tally, group, if url.starts_with("ws") { "websocket" } else { "fetch" }, &format!("{url}/ID"));
            }
            tries
        };
        let closed = tries_of(tally, &group, &list.closed);
        world.try_all(session.as_ref(), &format!("closed-{number}"), &closed, 80).await;
        for line in heard() {
            tally.got_through(&line, &format!("a canary heard {line:?} under the list {:?}", list.name));
        }
        let silent = tries_of(tally, &group, &list.silent);
        world.try_all(session.as_ref(), &format!("silent-{number}"), &silent, 80).await;
        for line in heard().into_iter().filter(|line| !line.is_empty()) {
            tally.got_through(&line, &format!("a canary heard {line:?} under the list {:?}", list.name));
        }
        // what is open is no attempt
        let mut open = Tally::default();
        let tries = tries_of(&mut open, &group, &list.open);
        world.try_all(session.as_ref(), &format!("open-{number}"), &tries, 80).await;
        let spoke = heard().into_iter().filter(|line| !line.is_empty()).count();
        if spoke < list.open.len() {
            faults.push(format!("{}: {spoke} of {:?} arrived", list.name, list.open));
        }
        session.release().await.unwrap();
    }
    faults
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_ordinary_is_blocked() {
    let began = Instant::now();
    let canary = Canary::start().await;
    let resolver = TestResolver::new(&cases("names.toml", &[]));
    let world = World::start(Vec::new(), resolver, Drive::Actions).await;
    let heard = canary.clone();
    world.site.ask_for_tls(move || heard.heard().iter().any(|line| line.starts_with("TLS")));
    let ordinary: Ordinary = cases("ordinary.toml", &[("PORT", &canary.port.to_string())]);
    let pages: Vec<(String, &OrdinaryCase)> =
        ordinary.case.iter().enumerate().map(|(number, case)| (format!("ordinary-{number}"), case)).collect();
    for (page, case) in &pages {
        world.site.put_ordinary(page, &case.script);
    }

    let run = |part: usize| {
        let (world, pages) = (&world, &pages);
        async move {
            let session = world.session(EgressPolicy { allow_hosts: vec!["open.test".into()], ..EgressPolicy::default() }).await;
            for (page, _) in pages.iter().skip(part).step_by(2) {
                world.opened(session.as_ref(), &format!("/page/{page}")).await;
                // what did not end has not said that it is well
                let _ = world.site.all_done(std::slice::from_ref(page), ORDINARY_LIMIT).await;
            }
            session.release().await.unwrap();
        }
    };
    tokio::join!(run(0), run(1));
    world.supply.shutdown().await;

    let told = world.site.told();
    let blocked: Vec<String> = pages
        .iter()
        .filter_map(|(page, case)| {
            let said = told.iter().find(|(id, _)| id == page).map_or("nothing", |(_, said)| said);
            (said != "true").then(|| format!("{}: {said}", case.name))
        })
        .collect();
    println!("{} ordinary behaviours, {} wrongly blocked ({:.0} s)", pages.len(), blocked.len(), began.elapsed().as_secs_f64());
    assert!(pages.len() >= 40, "{} behaviours are too few", pages.len());
    assert!(blocked.is_empty(), "{} are blocked:\n  - {}", blocked.len(), blocked.join("\n  - "));
}

/// The cases of a file, with words filled in.
fn cases<T: DeserializeOwned>(file: &str, words: &[(&str, &str)]) -> T {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/egress/cases").join(file);
    let mut text = std::fs::read_to_string(&path).unwrap();
    // comments name the words
    text = text.lines().filter(|line| !line.starts_with('#')).collect::<Vec<_>>().join("\n");
    for (word, value) in words {
        text = text.replace(word, value);
    }
    toml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn tempfile_folder() -> PathBuf {
    let folder = std::env::temp_dir().join(format!("wayfarer-egress-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

fn options() -> ChromiumOptions {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap().to_owned();
    let tools = std::env::var_os("WAYFARER_TOOLS").map_or(root.join(".wayfarer"), PathBuf::from);
    let executable = PathBuf::from("/usr/lib/chromium/chromium-headless-shell");
    let driver_dir = tools.join("driver");
    for needed in [&executable, &driver_dir.join("node"), &driver_dir.join("package/cli.js")] {
        assert!(needed.exists(), "{} is missing; run scripts/bootstrap.sh (or point WAYFARER_TOOLS at what it made)", needed.display());
    }
    ChromiumOptions { max_sessions: 3, sessions_per_browser: 3, ..ChromiumOptions::new(executable, driver_dir) }
}

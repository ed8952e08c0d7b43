//! What every action does to a page and what every page shows, one small page a behaviour: `pages/` has the pages, `cases/` says what is
//! done to them and what must come of it, `case.rs` how that is written down, `check.rs` how it is asked, `site.rs` serves the pages.
//!
//! Cases run a few at once, each in a session of its own. Every case that fails is told by name at the end.
//! `WAYFARER_CASES=drag cargo test -p wayfarer-browser --test conformance` runs those whose name holds the word; `WAYFARER_EVERY=1` makes
//! it every one with browsers of others, too.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod case;
mod check;
#[path = "../devtools/mod.rs"]
mod devtools;
#[path = "../playwright/mod.rs"]
mod playwright;
mod site;

use case::{Case, Step};
use devtools::DevToolsBrowser;
use futures::StreamExt;
use playwright::PlaywrightServer;
use site::Site;
use std::path::{Path, PathBuf};
use std::time::Duration;
use wayfarer_browser::{AllowedFile, BrowserSession, BrowserSupply, ChromiumOptions, ChromiumSupply, EgressPolicy, Observed, SessionSpec};
use wayfarer_core::TenantId;
use wayfarer_core::observation::Viewport;

/// Cases at the same time.
const AT_ONCE: usize = 4;
/// Longest case on a busy machine.
const CASE_LIMIT: Duration = Duration::from_secs(60);
/// A suite that has lost some was read wrongly.
const FEWEST: usize = 250;
/// Of all cases, one in so many is played with browsers of others as well.
const EVERY: usize = 8;

#[tokio::test(flavor = "multi_thread")]
async fn every_case_holds() {
    let site = Site::serve(folder().join("pages")).await;
    let supply = ChromiumSupply::launch(options()).await.unwrap();
    let every = case::all(&folder().join("cases")).len();
    assert!(every >= FEWEST, "{every} cases are left");
    play(&site, &supply, wanted(), AT_ONCE).await;
    supply.shutdown().await;
}

/// The same with a browser that somebody else runs, one after another, for nothing tells the site whose a request is: its downloads stay on
/// its machine, and no proxy of ours stands between.
#[tokio::test(flavor = "multi_thread")]
async fn cases_hold_with_a_browser_that_somebody_else_runs() {
    let is_of_ours = |case: &Case| ["download:", "egress:"].iter().any(|kind| case.name.starts_with(kind));
    let cases = some(|_| false).into_iter().filter(|case| !is_of_ours(case)).collect();
    let site = Site::serve(folder().join("pages")).await;
    let other = DevToolsBrowser::start(&options(), site.address).await;
    let supply = ChromiumSupply::launch(other.options(options())).await.unwrap();
    play(&site, &supply, cases, 1).await;
    supply.shutdown().await;
    assert!(other.end().await, "it is not ours to end");
}

/// One in so many cases, and all of a kind.
fn some(is_of_kind: impl Fn(&Case) -> bool) -> Vec<Case> {
    let every = std::env::var("WAYFARER_EVERY").ok().and_then(|every| every.parse().ok()).unwrap_or(EVERY);
    let cases = wanted().into_iter().enumerate().filter(|(place, case)| place % every == 0 || is_of_kind(case));
    cases.map(|(_, case)| case).collect()
}

/// What is in the context's own hands there, the same: one after another, for nothing tells the site whose a request is.
#[tokio::test(flavor = "multi_thread")]
async fn cases_hold_behind_a_playwright_server() {
    // files go their own way there: all of their cases
    let cases = some(|case| case.name.starts_with("file:") || case.name.starts_with("download:"));
    let site = Site::serve(folder().join("pages")).await;
    let server = PlaywrightServer::start(&options(), &[], site.address).await;
    let supply = ChromiumSupply::launch(server.options(options())).await.unwrap();
    play(&site, &supply, cases, 1).await;
    supply.shutdown().await;
    assert!(server.end().await, "it is not ours to end");
}

fn wanted() -> Vec<Case> {
    let wanted = std::env::var("WAYFARER_CASES").unwrap_or_default();
    case::all(&folder().join("cases")).into_iter().filter(|case| case.name.contains(&wanted)).collect()
}

async fn play(site: &Site, supply: &ChromiumSupply, cases: Vec<Case>, at_once: usize) {
    let began = std::time::Instant::now();

    let run = |(index, case): (usize, &Case)| {
        let (key, case) = (format!("case-{index}"), case.clone());
        async move {
            let held = tokio::time::timeout(CASE_LIMIT, run(site, supply, &key, &case)).await;
            let failed = held.unwrap_or_else(|_| Err(format!("not done within {} s", CASE_LIMIT.as_secs()))).err();
            failed.map(|why| format!("{}\n      {}", case.name, why.replace('\n', "\n      ")))
        }
    };
    let results: Vec<Option<String>> = futures::stream::iter(cases.iter().enumerate().map(run)).buffered(at_once).collect().await;

    let failed: Vec<String> = results.into_iter().flatten().collect();
    println!("{} of {} cases hold, in {:.0} s", cases.len() - failed.len(), cases.len(), began.elapsed().as_secs_f64());
    assert!(failed.is_empty(), "{} of {} cases failed:\n  - {}", failed.len(), cases.len(), failed.join("\n  - "));
}

async fn run(site: &Site, supply: &ChromiumSupply, key: &str, case: &Case) -> Result<(), String> {
    let broken = |error: wayfarer_browser::BrowserError| error.to_string();
    site.expect(key);
    let session = supply.acquire(spec(site, key)).await.map_err(broken)?;
    let held = held(site, session.as_ref(), key, case).await;
    session.release().await.map_err(broken)?;
    held
}

async fn held(site: &Site, session: &dyn BrowserSession, key: &str, case: &Case) -> Result<(), String> {
    let broken = |error: wayfarer_browser::BrowserError| error.to_string();
    let first = session.open(&format!("http://{}/{}", site::HOST, case.page)).await.map_err(broken)?;
    check::facts(&case.first, &first.observation, &first.observation).map_err(|why| format!("at first: {why}"))?;
    let mut seen: Observed = first.clone();
    // an element that went out of the list of marks can still be named: that is what the errors of gone elements are for
    let mut known = vec![first.observation.clone()];
    for (number, step) in case.steps.iter().enumerate() {
        let at_step = |why: String| format!("step {}: {why}", number + 1);
        let (effect, after) = act(site, session, key, step, &known).await.map_err(at_step)?;
        check::effect(step, &effect, session).await.map_err(at_step)?;
        known.push(after.observation.clone());
        seen = after;
    }
    check::facts(&case.sees, &seen.observation, &first.observation)?;
    for (expression, expected) in &case.state {
        let state = site.ask(key, &seen.observation.url, expression).await?;
        if state != *expected {
            return Err(format!("{expression}\n  is       {state}\n  and not  {expected}"));
        }
    }
    Ok(())
}

async fn act(
    site: &Site,
    session: &dyn BrowserSession,
    key: &str,
    step: &Step,
    known: &[wayfarer_core::Observation],
) -> Result<(wayfarer_core::action::Effect, Observed), String> {
    let action = match &step.click_js {
        Some(element) => {
            let at = format!("(r => [r.x + r.width / 2, r.y + r.height / 2])({element}.getBoundingClientRect())");
            let at = site.ask(key, &known.last().unwrap().url, &at).await?;
            case::click_at(at[0].as_f64().unwrap(), at[1].as_f64().unwrap())
        }
        None => step.action(known)?,
    };
    session.act_and_observe(&action).await.map_err(|error| error.to_string())
}

fn spec(site: &Site, key: &str) -> SessionSpec {
    let file = |handle: &str, name: &str, content: &'static str| AllowedFile {
        handle: handle.into(),
        name: name.into(),
        content: bytes::Bytes::from_static(content.as_bytes()),
    };
    SessionSpec {
        viewport: Viewport { width: 1000, height: 700 },
        egress: EgressPolicy {
            resolve: site::HOSTS.iter().map(|host| ((*host).to_owned(), site.address)).collect(),
            search_url: format!("http://{}/echo?q={{query}}", site::HOST),
            ..EgressPolicy::default()
        },
        files: vec![file("note", "note.txt", "hello"), file("scan", "scan.pdf", "%PDF-1.4\n")],
        ..SessionSpec::new(TenantId::default(), key)
    }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/conformance")
}

fn options() -> ChromiumOptions {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap().to_owned();
    let tools = std::env::var_os("WAYFARER_TOOLS").map_or(root.join(".wayfarer"), PathBuf::from);
    let executable = PathBuf::from("/usr/lib/chromium/chromium-headless-shell");
    let driver_dir = tools.join("driver");
    for needed in [&executable, &driver_dir.join("node"), &driver_dir.join("package/cli.js")] {
        assert!(needed.exists(), "{} is missing; run scripts/bootstrap.sh (or point WAYFARER_TOOLS at what it made)", needed.display());
    }
    ChromiumOptions { max_sessions: AT_ONCE, sessions_per_browser: AT_ONCE, ..ChromiumOptions::new(executable, driver_dir) }
}

//! Many short lives with deaths among them: what is left afterwards.

use crate::pages::Pages;
use crate::processes::{self, Process};
use crate::stage::Stage;
use anyhow::{Result, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::Mutex;
use wayfarer_browser::{BrowserError, BrowserSession};
use wayfarer_core::Action;

/// How long what ends by itself may take to be gone.
const GONE_LIMIT: Duration = Duration::from_secs(30);
/// Memory is read after every so many sessions.
const SAMPLE_EVERY: u32 = 20;
/// What our memory may grow by over a thousand sessions, in mebibytes: what is told at the end of each session is some hundred bytes, and a
/// leak of a session would be ten times this.
const MOST_GROWTH: f64 = 5.0;
/// Tries of one life to get a session.
const ACQUIRE_TRIES: u32 = 40;

/// What is wanted.
pub(crate) struct Wanted {
    pub(crate) sessions: u32,
    pub(crate) parallel: u32,
    /// Kills for a hundred sessions.
    pub(crate) kills: u32,
    /// Whom; absent, one is drawn each time.
    pub(crate) victim: Option<Victim>,
    pub(crate) seed: u64,
    pub(crate) json: bool,
}

/// Who can be killed.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub(crate) enum Victim {
    Renderer,
    Browser,
    Driver,
}

/// What happened so far.
#[derive(Default)]
struct Tally {
    done: AtomicU32,
    whole: AtomicU32,
    /// Lives that ended by an environment failure, by its kind.
    broken: Mutex<BTreeMap<String, u32>>,
    killed: Mutex<BTreeMap<&'static str, u32>>,
    /// Sessions so far, and our own memory in mebibytes.
    memory: Mutex<Vec<(f64, f64)>>,
}

/// What was there before, to be compared with what is there after.
struct Traces {
    descriptors: usize,
    folders: usize,
}

impl Traces {
    fn now() -> Self {
        Self { descriptors: processes::own_descriptors(), folders: scratch_folders() }
    }
}

pub(crate) async fn measure(wanted: Wanted) -> Result<()> {
    let began = Instant::now();
    // what the program opens once and keeps is open before it counts
    let stage = Stage::set(1, 1).await?;
    live(&stage, 0).await.map_err(|why| anyhow::anyhow!("not even one session lived: {why}"))?;
    stage.strike().await;
    let before = Traces::now();

    let stage = Arc::new(Stage::set(wanted.parallel as usize, wanted.parallel.div_ceil(2) as usize).await?);
    let (tally, random) = (Arc::new(Tally::default()), Arc::new(Mutex::new(StdRng::seed_from_u64(wanted.seed))));
    let next = Arc::new(AtomicU32::new(0));
    let workers: Vec<_> = (0..wanted.parallel)
        .map(|_| {
            let (stage, tally, next, random) = (Arc::clone(&stage), Arc::clone(&tally), Arc::clone(&next), Arc::clone(&random));
            let (sessions, kills, victim) = (wanted.sessions, wanted.kills, wanted.victim);
            tokio::spawn(async move {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= sessions {
                        return;
                    }
                    if random.lock().await.random_range(0..100) < kills {
                        kill_one(&tally, &random, victim).await;
                    }
                    match live(&stage, number).await {
                        Ok(()) => drop(tally.whole.fetch_add(1, Ordering::Relaxed)),
                        Err(why) => *tally.broken.lock().await.entry(why).or_default() += 1,
                    }
                    let done = tally.done.fetch_add(1, Ordering::Relaxed) + 1;
                    if done.is_multiple_of(SAMPLE_EVERY) {
                        tally.memory.lock().await.push((f64::from(done), processes::own_rss_mib()));
                    }
                    if done.is_multiple_of(200) {
                        eprintln!("{done} of {sessions} sessions, {:.0} s", began.elapsed().as_secs_f64());
                    }
                }
            })
        })
        .collect();
    for worker in workers {
        worker.await?;
    }
    let stage = Arc::into_inner(stage).ok_or_else(|| anyhow::anyhow!("somebody still uses the farm"))?;
    stage.strike().await;
    report(&wanted, &tally, &before, began.elapsed()).await
}

/// One life: a page, a few actions, an end. `Err` names the environment failure.
async fn live(stage: &Stage, number: u32) -> std::result::Result<(), String> {
    let mut tries = 0;
    let session = loop {
        match stage.acquire(&format!("soak-{number}-a1")).await {
            Ok(session) => break session,
            Err(error) => match error.downcast_ref::<BrowserError>() {
                Some(BrowserError::Busy { retry_after_ms }) if tries < ACQUIRE_TRIES => {
                    tries += 1;
                    tokio::time::sleep(Duration::from_millis(*retry_after_ms)).await;
                }
                _ => return Err(format!("acquire: {error}").chars().take(80).collect()),
            },
        }
    };
    let lived = act(session.as_ref()).await;
    // a life that broke is given back all the same
    let released = session.release().await;
    lived.and(released).map_err(|error| match error {
        BrowserError::Environment { kind, .. } => format!("{kind:?}"),
        other => other.to_string(),
    })
}

async fn act(session: &dyn BrowserSession) -> std::result::Result<(), BrowserError> {
    session.load(&Pages::named("/list")).await?;
    session.act_and_observe(&Action::Scroll { pixels: -400, target: None }).await?;
    session.act(&Action::VisitUrl { url: Pages::named("/article") }).await?;
    Ok(())
}

/// Kills who is wanted; absent, a renderer, a browser or, seldom, the driver.
async fn kill_one(tally: &Tally, random: &Mutex<StdRng>, victim: Option<Victim>) {
    let below = processes::below();
    let mut random = random.lock().await;
    let drawn = match random.random_range(0..10) {
        0 => Victim::Driver,
        1..=3 => Victim::Browser,
        _ => Victim::Renderer,
    };
    let (what, is_one): (_, fn(&Process) -> bool) = match victim.unwrap_or(drawn) {
        Victim::Driver => ("driver", Process::is_driver),
        Victim::Browser => ("browser", Process::is_browser),
        Victim::Renderer => ("renderer", Process::is_renderer),
    };
    let all: Vec<&Process> = below.iter().filter(|process| is_one(process)).collect();
    if let Some(victim) = all.choose(&mut *random)
        && kill(Pid::from_raw(victim.pid), Signal::SIGKILL).is_ok()
    {
        *tally.killed.lock().await.entry(what).or_default() += 1;
    }
}

/// Folders of browser profiles and downloads that are still there.
fn scratch_folders() -> usize {
    let own = format!("wayfarer-browser-{}-", std::process::id());
    let entries = std::fs::read_dir(std::env::temp_dir()).into_iter().flatten().flatten();
    entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(&own)).count()
}

async fn report(wanted: &Wanted, tally: &Tally, before: &Traces, took: Duration) -> Result<()> {
    let ended = Instant::now();
    let left = loop {
        let left = (processes::below().len(), Traces::now());
        let is_clean = left.0 == 0 && left.1.folders <= before.folders && left.1.descriptors <= before.descriptors;
        if is_clean || ended.elapsed() > GONE_LIMIT {
            break left;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    let (processes_left, after) = left;
    let descriptors = after.descriptors.saturating_sub(before.descriptors);
    let folders = after.folders.saturating_sub(before.folders);
    let memory = tally.memory.lock().await;
    let growth = slope(&memory[memory.len() / 2..]) * 1000.0;
    let last = memory.last().map_or(0.0, |(_, mib)| *mib);
    let (broken, killed) = (tally.broken.lock().await, tally.killed.lock().await);

    if wanted.json {
        let object = json!({
            "sessions": wanted.sessions, "seconds": took.as_secs_f64(), "killed": *killed, "whole": tally.whole.load(Ordering::Relaxed),
            "broken": *broken, "leaked_processes": processes_left, "leaked_descriptors": descriptors, "leaked_folders": folders,
            "rss_mib": last, "rss_growth_mib_per_1000": growth,
        });
        println!("{object}");
    } else {
        println!("{} sessions, {} at once, {:.0} s", wanted.sessions, wanted.parallel, took.as_secs_f64());
        println!("killed meanwhile: {killed:?}");
        println!("lived to their end: {}; ended by the environment: {broken:?}", tally.whole.load(Ordering::Relaxed));
        println!("left afterwards: {processes_left} processes, {descriptors} descriptors, {folders} folders");
        println!("our memory: {last:.0} MiB at the end; over the second half {growth:+.2} MiB for 1,000 sessions");
    }
    ensure!(processes_left == 0 && descriptors == 0 && folders == 0, "something was left behind");
    // a shorter run tells of the allocator, not of us
    ensure!(wanted.sessions < 1000 || growth < MOST_GROWTH, "our memory grows by {growth:.1} MiB for 1,000 sessions");
    Ok(())
}

/// Slope of the least-squares line.
fn slope(points: &[(f64, f64)]) -> f64 {
    let count = points.len().max(1) as f64;
    let mean = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / count;
    let (x, y) = (mean(|point| point.0), mean(|point| point.1));
    let spread: f64 = points.iter().map(|point| (point.0 - x).powi(2)).sum();
    let together: f64 = points.iter().map(|point| (point.0 - x) * (point.1 - y)).sum();
    if spread == 0.0 { 0.0 } else { together / spread }
}

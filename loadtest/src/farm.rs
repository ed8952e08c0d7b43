//! The farm beside its limit: the same work over the raw protocol, in turns within one run.
//!
//! A step is a click on a button that changes the page, and the observation after it. The limit asks the browser for exactly what such a
//! step needs (where the button is, three events of the mouse, two frames that look the same, the look at the page, the picture: seven calls)
//! over a pipe, with no farm, no leases, no driver, no proxy and no gRPC. A life is a session from asking to giving back with one page loaded;
//! its limit makes a context, loads the page and disposes of the context. A hosted life is one of a browser of its own, as clients of the
//! HTTP face get it: from asking until it can be driven, and its end.

use crate::figures::Figures;
use crate::pages::Pages;
use crate::processes;
use crate::raw_cdp::{Raw, RawPage};
use crate::stage::Stage;
use anyhow::{Context, Result, ensure};
use futures::future::try_join_all;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Mutex;
use wayfarer_browser::{BrowserSession, Observed};
use wayfarer_core::Action;
use wayfarer_core::action::Target;
use wayfarer_core::observation::Viewport;

/// Turns that each side has at each number of sessions.
const TURNS: u32 = 4;
/// Lives of each side in one turn, for each that goes on at once.
const LIVES_IN_A_TURN: u32 = 5;
/// Browsers of one's own that are started.
const HOSTED: u32 = 10;
/// Memory for which the number of sessions is computed, in mebibytes.
const EIGHT_GIB: f64 = 8.0 * 1024.0;

/// What is wanted.
pub(crate) struct Wanted {
    pub(crate) sessions: Vec<usize>,
    /// Seconds of steps for each number of sessions, both sides together.
    pub(crate) seconds: u64,
    pub(crate) lives: u32,
    pub(crate) json: bool,
}

/// Figures of one side.
struct Side {
    steps: Figures,
    seconds: f64,
    cpu: f64,
}

impl Side {
    fn new() -> Result<Self> {
        Ok(Self { steps: Figures::new()?, seconds: 0.0, cpu: 0.0 })
    }

    fn rate(&self) -> f64 {
        self.steps.count() as f64 / self.seconds
    }

    fn cpu_ms(&self) -> f64 {
        self.cpu * 1e3 / self.steps.count().max(1) as f64
    }
}

/// Figures at one number of sessions.
struct Level {
    sessions: usize,
    farm: Side,
    raw: Side,
    idle_mib: f64,
    active_mib: f64,
    base_mib: f64,
    lives: Lives,
}

/// Lives of both sides, in milliseconds.
struct Lives {
    farm: Figures,
    raw: Figures,
}

impl Lives {
    fn ratio(&self) -> f64 {
        self.farm.at(0.5) / self.raw.at(0.5)
    }
}

impl Level {
    fn ratio(&self) -> f64 {
        self.farm.rate() / self.raw.rate()
    }
}

pub(crate) async fn measure(wanted: Wanted) -> Result<()> {
    ensure!(!wanted.sessions.is_empty(), "no number of sessions is asked for");
    let mut levels = Vec::new();
    for sessions in &wanted.sessions {
        eprintln!("{sessions} sessions …");
        levels.push(level(*sessions, Duration::from_secs(wanted.seconds), wanted.lives).await?);
    }
    eprintln!("{HOSTED} browsers of one's own …");
    let hosted = hosted().await?;
    match wanted.json {
        true => println!("{}", as_json(&levels, &hosted)),
        false => print_table(&levels, &hosted),
    }
    Ok(())
}

async fn level(sessions: usize, time: Duration, count: u32) -> Result<Level> {
    let stage = Stage::set(sessions, sessions).await?;
    let flags = flags_of_the_farms_browser()?;
    let base_mib = processes::pss_mib(stage_pids());
    let mut opened = Vec::new();
    for number in 0..sessions {
        let session = stage.acquire(&format!("load-{number}-a1")).await?;
        session.load(&Pages::named("/list")).await?;
        opened.push(session);
    }
    let idle_mib = processes::pss_mib(stage_pids());
    let mut working = try_join_all(opened.into_iter().map(Farmed::begin)).await?;
    let active_mib = processes::pss_mib(stage_pids());

    let folder = tempfile::tempdir()?;
    let raw = Raw::launch(&stage.options.executable, &flags, folder.path()).await?;
    let mut pages = Vec::new();
    for _ in 0..sessions {
        pages.push(Bare::begin(&raw, &stage.pages.direct("/list")).await?);
    }

    let (mut farm, mut limit) = (Side::new()?, Side::new()?);
    let turn = time / (2 * TURNS);
    for _ in 0..TURNS {
        work(&mut farm, turn, &mut working).await?;
        work(&mut limit, turn, &mut pages).await?;
    }
    raw.close().await;
    for session in working {
        session.release().await?;
    }
    stage.strike().await;
    let lives = lives(sessions, count).await?;
    Ok(Level { sessions, farm, raw: limit, idle_mib, active_mib, base_mib, lives })
}

/// Somebody who takes one step after another.
trait Steps: Send {
    async fn step(&mut self) -> Result<()>;
}

/// All of them at once, for this long.
async fn work<S: Steps>(side: &mut Side, time: Duration, workers: &mut [S]) -> Result<()> {
    let (began, cpu) = (Instant::now(), processes::cpu_seconds());
    let taken = Arc::new(Mutex::new(Vec::new()));
    try_join_all(workers.iter_mut().map(|worker| {
        let taken = Arc::clone(&taken);
        async move {
            while began.elapsed() < time {
                let started = Instant::now();
                worker.step().await?;
                taken.lock().await.push(started.elapsed().as_secs_f64() * 1e3);
            }
            anyhow::Ok(())
        }
    }))
    .await?;
    side.seconds += began.elapsed().as_secs_f64();
    side.cpu += processes::cpu_seconds() - cpu;
    for ms in taken.lock().await.drain(..) {
        side.steps.take(ms)?;
    }
    Ok(())
}

/// A session of the farm.
pub(crate) struct Farmed {
    session: Box<dyn BrowserSession>,
    seen: Observed,
    number: usize,
}

impl Farmed {
    /// Looks at the page that the session shows.
    pub(crate) async fn begin(session: Box<dyn BrowserSession>) -> Result<Self> {
        let seen = session.observe().await?;
        Ok(Self { session, seen, number: 0 })
    }

    /// Gives the session back.
    pub(crate) async fn release(self) -> Result<()> {
        Ok(self.session.release().await?)
    }

    /// Clicks the next button and looks.
    pub(crate) async fn take_a_step(&mut self) -> Result<()> {
        let buttons: Vec<_> = self.seen.observation.marks.iter().filter(|mark| mark.role == "button" && mark.visible).collect();
        ensure!(!buttons.is_empty(), "the page has no buttons in view");
        let mark = buttons[self.number % buttons.len()];
        let (x, y) = mark.rect.centre();
        let target = Target { mark: Some(mark.id), x, y, label: format!("button {:?}", mark.name) };
        let (effect, seen) = self.session.act_and_observe(&Action::LeftClick { target }).await?;
        ensure!(effect.error.is_none() && effect.changed, "a click did nothing: {:?}", effect.error);
        (self.seen, self.number) = (seen, self.number + 1);
        Ok(())
    }
}

impl Steps for Farmed {
    async fn step(&mut self) -> Result<()> {
        self.take_a_step().await
    }
}

/// A page with nothing around it.
struct Bare {
    page: RawPage,
    seen: Value,
    number: usize,
}

impl Bare {
    async fn begin(raw: &Arc<Raw>, url: &str) -> Result<Self> {
        let Viewport { width, height } = Viewport::default();
        let mut page = raw.open(width, height).await?;
        page.load(url).await?;
        page.prepare().await?;
        let seen = page.look().await?;
        Ok(Self { page, seen, number: 0 })
    }
}

impl Steps for Bare {
    async fn step(&mut self) -> Result<()> {
        let marks = self.seen["marks"].as_array().context("the look has no marks")?;
        let buttons: Vec<&Value> = marks.iter().filter(|mark| mark["role"] == "button" && mark["visible"] == true).collect();
        ensure!(!buttons.is_empty(), "the page has no buttons in view");
        let mark = buttons[self.number % buttons.len()];
        let side = |key: &str| mark["rect"][key].as_f64().unwrap_or_default();
        let centre = (side("x") + side("w") / 2.0, side("y") + side("h") / 2.0);
        self.page.click(mark["id"].as_u64().unwrap_or_default(), &self.seen["token"], centre).await?;
        (self.seen, self.number) = (self.page.look().await?, self.number + 1);
        Ok(())
    }
}

/// Lives of both sides in turns, so many at once and at least so many in all.
async fn lives(at_once: usize, count: u32) -> Result<Lives> {
    // a place more, for what is given back is not gone yet when the next is asked for
    let stage = Stage::set(at_once + 1, at_once + 1).await?;
    let flags = flags_of_the_farms_browser()?;
    let folder = tempfile::tempdir()?;
    let raw = Raw::launch(&stage.options.executable, &flags, folder.path()).await?;
    let mut lives = Lives { farm: Figures::new()?, raw: Figures::new()? };
    let Viewport { width, height } = Viewport::default();
    let mut left = count.div_ceil(at_once as u32);
    // the first ones warm both sides up
    let mut warming = true;
    let (farm_side, raw_side) = (&stage, &raw);
    while left > 0 || warming {
        let turn = if warming { 2 } else { left.min(LIVES_IN_A_TURN) };
        let farm = try_join_all((0..at_once).map(|who| async move {
            let mut taken = Vec::new();
            for number in 0..turn {
                let began = Instant::now();
                let session = farm_side.acquire(&format!("life-{who}-{number}-a1")).await?;
                session.load(&Pages::named("/list")).await?;
                session.release().await?;
                taken.push(began.elapsed().as_secs_f64() * 1e3);
            }
            anyhow::Ok(taken)
        }))
        .await?;
        let limit = try_join_all((0..at_once).map(|_| async {
            let mut taken = Vec::new();
            for _ in 0..turn {
                let began = Instant::now();
                let mut page = raw_side.open(width, height).await?;
                page.load(&farm_side.pages.direct("/list")).await?;
                page.dispose().await?;
                taken.push(began.elapsed().as_secs_f64() * 1e3);
            }
            anyhow::Ok(taken)
        }))
        .await?;
        if std::mem::take(&mut warming) {
            continue;
        }
        left -= turn;
        farm.into_iter().flatten().try_for_each(|ms| lives.farm.take(ms))?;
        limit.into_iter().flatten().try_for_each(|ms| lives.raw.take(ms))?;
    }
    raw.close().await;
    stage.strike().await;
    Ok(lives)
}

/// Browsers of one's own, one after the other: milliseconds until each can be driven.
async fn hosted() -> Result<Figures> {
    let stage = Stage::set(1, 1).await?;
    let mut figures = Figures::new()?;
    for number in 0..HOSTED {
        let began = Instant::now();
        let session = stage.host(&format!("hosted-{number}-a1")).await?;
        figures.take(began.elapsed().as_secs_f64() * 1e3)?;
        session.release().await?;
    }
    stage.strike().await;
    Ok(figures)
}

/// The very flags that the farm's browser runs with, without those that are its own.
fn flags_of_the_farms_browser() -> Result<Vec<String>> {
    let browser = processes::below().into_iter().find(processes::Process::is_browser).context("no browser of the farm is running")?;
    let is_its_own = |flag: &String| flag.starts_with("--user-data-dir") || flag.starts_with("--remote-debugging");
    Ok(browser.arguments.into_iter().skip(1).filter(|flag| flag.starts_with("--") && !is_its_own(flag)).collect())
}

/// The farm's browsers and their driver; not we, who are client, farm and measure in one.
fn stage_pids() -> Vec<i32> {
    processes::below().into_iter().filter(|process| process.is_chromium() || process.is_driver()).map(|process| process.pid).collect()
}

fn per_session(level: &Level, mib: f64) -> f64 {
    (mib - level.base_mib) / level.sessions as f64
}

fn print_table(levels: &[Level], hosted: &Figures) {
    println!("act and observe: a click and the observation after it; milliseconds");
    println!("{:<10} {:<5} {:>9} {:>8} {:>8} {:>8} {:>12} {:>7}", "sessions", "", "steps/s", "p50", "p95", "p99", "CPU ms/step", "ratio");
    for level in levels {
        for (name, side) in [("farm", &level.farm), ("raw", &level.raw)] {
            let ratio = if name == "farm" { format!("{:.2}", level.ratio()) } else { String::new() };
            let (rate, cpu) = (side.rate(), side.cpu_ms());
            println!("{:<10} {name:<5} {rate:>9.1} {} {cpu:>12.1} {ratio:>7}", level.sessions, quantiles(&side.steps));
        }
    }
    println!("\nmemory of browsers and driver (PSS), MiB");
    println!("{:<10} {:>12} {:>18} {:>20} {:>20}", "sessions", "base", "a session, idle", "a session, active", "sessions in 8 GiB");
    for level in levels {
        let (idle, active) = (per_session(level, level.idle_mib), per_session(level, level.active_mib));
        // computed from the slope, not tried
        let fit = ((EIGHT_GIB - level.base_mib) / active).max(0.0);
        println!("{:<10} {:>12.0} {idle:>18.1} {active:>20.1} {fit:>20.0}", level.sessions, level.base_mib);
    }
    println!("\na session's life: acquire, load a page, release; milliseconds");
    println!("{:<10} {:<5} {:>9} {:>8} {:>8} {:>8} {:>7}", "at once", "", "lives", "p50", "p95", "p99", "ratio");
    for level in levels {
        for (name, figures) in [("farm", &level.lives.farm), ("raw", &level.lives.raw)] {
            let ratio = if name == "farm" { format!("{:.2}", level.lives.ratio()) } else { String::new() };
            println!("{:<10} {name:<5} {:>9} {} {ratio:>7}", level.sessions, figures.count(), quantiles(figures));
        }
    }
    println!("\na browser of one's own, from asking until it can be driven; milliseconds");
    println!("{:<10} {:<5} {:>9} {}", "", "", hosted.count(), quantiles(hosted));
}

fn quantiles(figures: &Figures) -> String {
    format!("{:>8.1} {:>8.1} {:>8.1}", figures.at(0.5), figures.at(0.95), figures.at(0.99))
}

/// One object: the level with the lowest ratio of steps, the first one's lives, and all levels.
fn as_json(levels: &[Level], hosted: &Figures) -> Value {
    let lives = |level: &Level| {
        json!({
            "session_life_ms_p50": level.lives.farm.at(0.5),
            "session_life_ms_p95": level.lives.farm.at(0.95),
            "session_life_ms_p99": level.lives.farm.at(0.99),
            "raw_session_life_ms_p50": level.lives.raw.at(0.5),
            "session_life_ratio_to_raw": level.lives.ratio(),
        })
    };
    let row = |level: &Level| {
        let mut row = json!({
            "sessions": level.sessions,
            "act_observe_ratio_to_raw_cdp": level.ratio(),
            "steps_per_s": level.farm.rate(),
            "raw_steps_per_s": level.raw.rate(),
            "step_ms_p50": level.farm.steps.at(0.5), "step_ms_p95": level.farm.steps.at(0.95), "step_ms_p99": level.farm.steps.at(0.99),
            "raw_step_ms_p50": level.raw.steps.at(0.5),
            "cpu_ms_per_step": level.farm.cpu_ms(),
            "raw_cpu_ms_per_step": level.raw.cpu_ms(),
            "pss_mb_per_session": per_session(level, level.active_mib),
            "pss_mb_per_idle_session": per_session(level, level.idle_mib),
        });
        merge(&mut row, lives(level));
        row
    };
    let worst = levels.iter().min_by(|one, other| one.ratio().total_cmp(&other.ratio()));
    let mut object = worst.map(row).unwrap_or_default();
    merge(&mut object, levels.first().map(lives).unwrap_or_default());
    merge(&mut object, json!({"hosted_start_ms_p50": hosted.at(0.5), "levels": levels.iter().map(row).collect::<Vec<_>>()}));
    object
}

/// Puts the fields of one object into another.
fn merge(into: &mut Value, from: Value) {
    if let (Value::Object(into), Value::Object(from)) = (into, from) {
        into.extend(from);
    }
}

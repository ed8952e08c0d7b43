//! The inference pool beside the same client straight at the same engine: what it costs, how it shares, what affinity saves, and what
//! happens to calls when an engine fails. The engines are simulations (`engine.rs`); the pool is the real one.

use crate::engine::{MockEngine, Work};
use crate::figures::Figures;
use crate::windows;
use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use serde_json::json;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;
use wayfarer_actor_native::{Beside, History, Window};
use wayfarer_chat::{ChatRequest, HttpModel, HttpModelOptions, Message, Model, Part, Priority, Scope, Speaker};
use wayfarer_config::Inference;
use wayfarer_core::prompt::ModelRole;
use wayfarer_core::{AttemptId, RunId, TaskId, TenantId};
use wayfarer_inference::Pool;

/// Calls at the same time where cost is measured.
const IN_FLIGHT: usize = 64;
/// Turns in which each side begins.
const TURNS: usize = 4;

/// What a part of the measurement gave.
#[derive(Default)]
struct Told {
    overhead_ms_p50: f64,
    direct_ms_p50: f64,
    throughput_ratio: f64,
    direct_per_s: f64,
    jain: [f64; 2],
    quiet_p99_ms: [f64; 2],
    /// Affinity and hysteresis, affinity alone, hysteresis alone, neither.
    hit_share: [f64; 4],
    /// The same ways on in-process engines, if there was a checkpoint.
    real: Vec<windows::Told>,
    /// Hangs, dies, slows tenfold: the longest call, calls that were lost, calls in all.
    faults: [(f64, u64, u64); 3],
}

/// Measures and prints.
pub(crate) async fn measure(checkpoint: &Path, seconds: u64, is_json: bool) -> Result<()> {
    let turn = Duration::from_secs(seconds);
    let mut told = Told::default();
    eprintln!("cost: {IN_FLIGHT} calls at the same time, three screenshots each …");
    cost(turn, &mut told).await?;
    eprintln!("fairness: one noisy tenant, nine quiet ones …");
    for (place, with_pool) in [true, false].into_iter().enumerate() {
        (told.jain[place], told.quiet_p99_ms[place]) = fairness(turn * 2, with_pool).await?;
    }
    eprintln!("affinity and windows: 24 agents of 40 steps on two engines …");
    let ways = [(true, "hysteresis:3,2"), (true, "slide:3"), (false, "hysteresis:3,2"), (false, "slide:3")];
    for (place, (sticks, window)) in ways.into_iter().enumerate() {
        told.hit_share[place] = affinity(sticks, window).await?;
    }
    if checkpoint.is_dir() {
        eprintln!("affinity and windows: 8 agents of 40 steps on two in-process engines …");
        for (sticks, window) in ways {
            told.real.push(windows::measure(checkpoint, sticks, window).await?);
        }
    } else {
        eprintln!("{} is not here: nothing is measured on in-process engines", checkpoint.display());
    }
    for (place, fault) in [Fault::Hangs, Fault::Dies, Fault::Slows].into_iter().enumerate() {
        eprintln!("an engine {fault:?} …");
        told.faults[place] = faults(fault).await?;
    }
    told.print(is_json);
    Ok(())
}

impl Told {
    fn print(&self, is_json: bool) {
        let Self { overhead_ms_p50, direct_ms_p50, throughput_ratio, direct_per_s, jain, quiet_p99_ms, hit_share, real, faults } = self;
        println!("cost, {IN_FLIGHT} at the same time with three screenshots each, beside the same client straight at the engine");
        println!("  p50 {direct_ms_p50:.1} ms direct, {overhead_ms_p50:+.2} ms through the pool");
        println!("  at saturation {direct_per_s:.0} calls a second direct, {throughput_ratio:.3} of that through the pool");
        println!("fairness, one tenant with 64 calls at a time against nine with 4");
        println!("  Jain's index of served tokens {:.3}, {:.3} without the pool", jain[0], jain[1]);
        println!("  p99 of a quiet tenant's call {:.0} ms, {:.0} ms without the pool", quiet_p99_ms[0], quiet_p99_ms[1]);
        println!("share of prompts that two engines had in memory (their caches are simulated)");
        println!("  {:<22} {:>16} {:>10}", "", "hysteresis:3,2", "slide:3");
        println!("  {:<22} {:>16.2} {:>10.2}", "sessions stay", hit_share[0], hit_share[1]);
        println!("  {:<22} {:>16.2} {:>10.2}", "engines in turn", hit_share[2], hit_share[3]);
        if let [both, slide, turns, neither] = real.as_slice() {
            let way = |told: &windows::Told| format!("{:.2} {:>4.0}/{:>4.0} ms", told.share, told.first_p50_ms, told.first_p95_ms);
            println!("the same on two in-process engines, 8 agents; p50/p95 to the first word");
            println!("  {:<22} {:>20} {:>20}", "", "hysteresis:3,2", "slide:3");
            println!("  {:<22} {:>20} {:>20}", "sessions stay", way(both), way(slide));
            println!("  {:<22} {:>20} {:>20}", "engines in turn", way(turns), way(neither));
        }
        println!("one of two engines fails under 16 calls at a time");
        for (name, (longest, lost, all)) in ["hangs", "dies", "slows tenfold"].into_iter().zip(faults) {
            println!("  {name:<14} longest call {longest:.2} s, {lost} of {all} calls lost");
        }
        if is_json {
            let told = json!({
                "overhead_ms_p50": overhead_ms_p50, "throughput_ratio": throughput_ratio, "jain": jain[0], "jain_without": jain[1],
                "quiet_p99_ms": quiet_p99_ms[0], "quiet_p99_ms_without": quiet_p99_ms[1],
                "cache_hit_share": real.first().map_or(hit_share[0], |told| told.share),
                "cache_hit_shares": real.iter().map(|told| told.share).collect::<Vec<_>>(),
                "first_word_ms_p50": real.iter().map(|told| told.first_p50_ms).collect::<Vec<_>>(),
                "cache_hit_shares_simulated": hit_share,
                "ejection_s": faults[0].0, "lost_requests": faults.iter().map(|fault| fault.1).sum::<u64>(),
            });
            println!("{told}");
        }
    }
}

fn pool(engines: &[&MockEngine], max_in_flight: usize) -> Result<Arc<dyn Model>> {
    let (first, others) = engines.split_first().context("no engine")?;
    let config = Inference {
        base_url: first.url(),
        replicas: others.iter().map(|engine| engine.url()).collect(),
        model: "simulated".into(),
        max_in_flight,
        ..Inference::default()
    };
    Ok(Arc::new(Pool::from_config(&config, |_| None)?))
}

fn direct(engine: &MockEngine) -> Result<Arc<dyn Model>> {
    let options = HttpModelOptions { base_url: engine.url(), model: "simulated".into(), ..HttpModelOptions::default() };
    Ok(Arc::new(HttpModel::new(options)?))
}

pub(crate) fn request(tenant: &str, session: &str, messages: Vec<Message>) -> Result<ChatRequest> {
    let task = TaskId::new(session)?;
    let attempt = AttemptId { task: task.clone(), number: 1 };
    Ok(ChatRequest {
        scope: Scope { tenant: TenantId::new(tenant)?, run: RunId::new("load")?, task: Some(task), attempt: Some(attempt), step: 1 },
        role: ModelRole::Native,
        messages,
        schema: None,
        max_tokens: 0,
        temperature: 0.0,
        stop: Vec::new(),
        extra: Default::default(),
        priority: Priority::Batch,
    })
}

/// A step of an agent with three screenshots, each as large as one of a busy page.
fn three_screenshots() -> Result<Vec<Message>> {
    let noise = |x: u32, y: u32| (x.wrapping_mul(2_654_435_761) ^ y.wrapping_mul(2_246_822_519)) >> 28;
    let picture = image::RgbImage::from_fn(1428, 896, |x, y| {
        let value = if (x / 40 + y / 28) % 5 == 0 { noise(x, y) as u8 * 16 } else { 250 };
        image::Rgb([value, value, value])
    });
    let png = Bytes::from(wayfarer_pixels::encode_png(&picture)?);
    let mut messages = vec![said(Speaker::System, &"You are an agent. ".repeat(300))];
    for _ in 0..3 {
        let parts = vec![Part::Png(png.clone()), Part::Text("Current URL: https://shop.test/\nWhat next?".into())];
        messages.push(Message { speaker: Speaker::User, parts });
        messages.push(said(Speaker::Assistant, "I click."));
    }
    Ok(messages)
}

fn said(speaker: Speaker, text: &str) -> Message {
    Message { speaker, parts: vec![Part::Text(text.to_owned())] }
}

/// Calls without a pause, so many at the same time; how many a second, and how long each took.
async fn flood(model: &Arc<dyn Model>, messages: &[Message], time: Duration, figures: &mut Figures) -> Result<f64> {
    let until = Instant::now() + time;
    let mut callers = JoinSet::new();
    for number in 0..IN_FLIGHT {
        let (model, request) = (Arc::clone(model), request("load", &format!("s{number}"), messages.to_vec())?);
        callers.spawn(async move {
            let mut took = Vec::new();
            while Instant::now() < until {
                let began = Instant::now();
                model.generate(request.clone()).await?;
                took.push(began.elapsed().as_secs_f64() * 1e3);
            }
            anyhow::Ok(took)
        });
    }
    let mut calls = 0;
    while let Some(took) = callers.join_next().await {
        for ms in took?? {
            figures.take(ms)?;
            calls += 1;
        }
    }
    Ok(f64::from(calls) / time.as_secs_f64())
}

async fn cost(turn: Duration, told: &mut Told) -> Result<()> {
    let messages = three_screenshots()?;
    // slow enough that the processor is not what is waited for
    let calm = MockEngine::start(Work { fixed: Duration::from_millis(600), per_token: Duration::ZERO, places: 1000, cache_tokens: 0 })?;
    let at_once = MockEngine::start(Work { fixed: Duration::ZERO, per_token: Duration::ZERO, places: 1000, cache_tokens: 0 })?;
    let (calm_direct, calm_pool) = (direct(&calm)?, pool(&[&calm], IN_FLIGHT)?);
    let (direct, pool) = (direct(&at_once)?, pool(&[&at_once], IN_FLIGHT)?);
    let mut figures = [Figures::new()?, Figures::new()?, Figures::new()?, Figures::new()?];
    let mut rates = [0.0; 2];
    let sides = [[&calm_direct, &calm_pool], [&direct, &pool]];
    for number in 0..TURNS * 2 {
        // each side begins as often as the other
        for side in [number % 2, 1 - number % 2] {
            flood(sides[0][side], &messages, turn, &mut figures[side]).await?;
            rates[side] += flood(sides[1][side], &messages, turn, &mut figures[2 + side]).await?;
        }
    }
    told.direct_ms_p50 = figures[0].at(0.5);
    told.overhead_ms_p50 = figures[1].at(0.5) - figures[0].at(0.5);
    told.direct_per_s = rates[0] / (TURNS * 2) as f64;
    told.throughput_ratio = rates[1] / rates[0].max(1e-9);
    Ok(())
}

/// Jain's index of the tokens that ten tenants were served, and the p99 of quiet ones' calls.
async fn fairness(time: Duration, with_pool: bool) -> Result<(f64, f64)> {
    let work = Work { fixed: Duration::from_millis(10), per_token: Duration::from_micros(20), places: 8, cache_tokens: 0 };
    let engine = MockEngine::start(work)?;
    let model = if with_pool { pool(&[&engine], 8)? } else { direct(&engine)? };
    let until = Instant::now() + time;
    let served: Arc<Vec<AtomicU64>> = Arc::new((0..10).map(|_| AtomicU64::new(0)).collect());
    let mut callers = JoinSet::new();
    for tenant in 0..10_usize {
        // what the noisy one asks is longer, too
        let (calls, words) = if tenant == 0 { (64, 1200) } else { (4, 300) };
        for number in 0..calls {
            let text = format!("{tenant} {number} {}", "word ".repeat(words));
            let request = request(&format!("tenant-{tenant}"), &format!("s{tenant}x{number}"), vec![said(Speaker::User, &text)])?;
            let (model, served) = (Arc::clone(&model), Arc::clone(&served));
            callers.spawn(async move {
                let mut took = Vec::new();
                while Instant::now() < until {
                    let began = Instant::now();
                    let reply = model.generate(request.clone()).await?;
                    // what still waits at the end is no part of it: the noisy one has more of that
                    if Instant::now() < until {
                        served[tenant].fetch_add(reply.usage.prompt_tokens + reply.usage.completion_tokens, Ordering::Relaxed);
                    }
                    took.push(began.elapsed().as_secs_f64() * 1e3);
                }
                anyhow::Ok((tenant, took))
            });
        }
    }
    let mut quiet = Figures::new()?;
    while let Some(done) = callers.join_next().await {
        let (tenant, took) = done??;
        for ms in took.into_iter().filter(|_| tenant > 0) {
            quiet.take(ms)?;
        }
    }
    ensure!(quiet.count() > 0, "no quiet tenant was served");
    let shares: Vec<f64> = served.iter().map(|tokens| tokens.load(Ordering::Relaxed) as f64).collect();
    let sum: f64 = shares.iter().sum();
    let squares: f64 = shares.iter().map(|share| share * share).sum();
    Ok((sum * sum / (shares.len() as f64 * squares), quiet.at(0.99)))
}

/// The share of prompts that engines had in memory, for agents that look at a page, act and look again.
async fn affinity(sticks: bool, window: &str) -> Result<f64> {
    let window: Window = window.parse().map_err(anyhow::Error::msg)?;
    let work = Work { fixed: Duration::from_millis(5), per_token: Duration::from_nanos(2000), places: 8, cache_tokens: 150_000 };
    let engines = [MockEngine::start(work)?, MockEngine::start(work)?];
    let shared = pool(&[&engines[0], &engines[1]], 8)?;
    let straight = [direct(&engines[0])?, direct(&engines[1])?];
    let mut agents = JoinSet::new();
    for agent in 0..24_usize {
        let (shared, straight) = (Arc::clone(&shared), straight.clone());
        agents.spawn(async move {
            let mut history = History::new(window, "What next?".into());
            for step in 0..40_usize {
                let picture = Bytes::from(format!("screenshot {step} of agent {agent}"));
                match step {
                    0 => history.task(picture, &format!("Task {agent}: find a mug.")),
                    _ => history.look(picture, "https://shop.test/", Beside::Nothing),
                }
                let system = "You are an agent. ".repeat(320);
                let request = request("load", &format!("agent-{agent}"), history.messages(&system))?;
                let model = if sticks { &shared } else { &straight[(agent + step) % 2] };
                let reply = model.generate(request).await?;
                history.said(&format!("{} {}", reply.text, "thought ".repeat(40)));
                // the browser's turn
                tokio::time::sleep(Duration::from_millis(60)).await;
            }
            anyhow::Ok(())
        });
    }
    while let Some(done) = agents.join_next().await {
        done??;
    }
    let sum = |of: fn(&MockEngine) -> &AtomicU64| engines.iter().map(|engine| of(engine).load(Ordering::Relaxed)).sum::<u64>() as f64;
    let (cached, read) = (sum(|engine| &engine.inner.cached_tokens), sum(|engine| &engine.inner.read_tokens));
    Ok(cached / (cached + read))
}

/// How an engine fails.
#[derive(Debug, Clone, Copy)]
enum Fault {
    Hangs,
    Dies,
    Slows,
}

/// The longest call in seconds, how many were lost, and how many there were.
async fn faults(fault: Fault) -> Result<(f64, u64, u64)> {
    let work = Work { fixed: Duration::from_millis(150), per_token: Duration::ZERO, places: 8, cache_tokens: 0 };
    let (good, mut bad) = (MockEngine::start(work)?, MockEngine::start(work)?);
    let pool = pool(&[&good, &bad], 8)?;
    let over = Arc::new(AtomicBool::new(false));
    let mut callers = JoinSet::new();
    for number in 0..16 {
        let (pool, over) = (Arc::clone(&pool), Arc::clone(&over));
        let request = request("load", &format!("s{number}"), vec![said(Speaker::User, "go on")])?;
        callers.spawn(async move {
            let (mut longest, mut lost, mut all) = (0.0_f64, 0, 0);
            while !over.load(Ordering::Relaxed) {
                let began = Instant::now();
                lost += u64::from(pool.generate(request.clone()).await.is_err());
                all += 1;
                longest = longest.max(began.elapsed().as_secs_f64());
            }
            (longest, lost, all)
        });
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    match fault {
        Fault::Hangs => bad.inner.hangs.store(true, Ordering::Relaxed),
        Fault::Dies => bad.die(),
        Fault::Slows => bad.inner.slowed.store(10, Ordering::Relaxed),
    }
    tokio::time::sleep(Duration::from_secs(8)).await;
    over.store(true, Ordering::Relaxed);
    let mut told = (0.0_f64, 0, 0);
    while let Some(done) = callers.join_next().await {
        let (longest, lost, all) = done?;
        told = (told.0.max(longest), told.1 + lost, told.2 + all);
    }
    Ok(told)
}

//! Agents that ask the in-process engine at the same time, each with three screens and a long text, as Fara does; transformers afterwards, with
//! the same conversations as one batch.

use crate::peer::{Asked, Peer, SCREEN, Took, endless, median, question, screen};
use anyhow::{Result, ensure};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;
use wayfarer_engine::{Engine, EngineOptions, Finish};

/// Screens of a conversation.
const SCREENS: u32 = 3;
/// Words of it besides; some 1,500 tokens, as many as Fara's instructions have.
const WORDS: usize = 900;
/// Tokens of an answer: a thought and an action.
const NEW: u32 = 64;

/// What is to be measured.
pub(crate) struct Wanted {
    pub(crate) checkpoint: PathBuf,
    pub(crate) python: Option<PathBuf>,
    pub(crate) rounds: u32,
    pub(crate) agents: Vec<u32>,
    /// For keys and values (GiB).
    pub(crate) cache_gib: u64,
    /// Tokens of a step.
    pub(crate) step_tokens: usize,
    pub(crate) cuda: bool,
    pub(crate) json: bool,
}

/// What so many agents met.
#[derive(Default)]
struct Met {
    /// Milliseconds to the first token, of each answer.
    first: Vec<f64>,
    /// Milliseconds of a further token, of each answer.
    further: Vec<f64>,
    /// Tokens a second of all answers together, reading included, of each round.
    written: Vec<f64>,
    /// The same where all was read before: writing alone.
    written_again: Vec<f64>,
    /// Batches of the peer.
    batches: u32,
    /// Tokens of a conversation.
    prompt: u32,
    memory_mib: f64,
}

/// Measures and prints.
pub(crate) async fn measure(wanted: Wanted) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let checkpoint = endless(&wanted.checkpoint, folder.path())?;
    eprintln!("loading {} …", wanted.checkpoint.display());
    let started = Instant::now();
    let most = wanted.agents.iter().copied().max().unwrap_or(1);
    let options = EngineOptions {
        cache_bytes: wanted.cache_gib << 30,
        running: most as usize,
        step_tokens: wanted.step_tokens,
        cuda: wanted.cuda,
        ..EngineOptions::default()
    };
    let engine = Engine::load(&checkpoint, &options)?;
    let loading = started.elapsed();
    eprintln!("loaded in {:.1} s", loading.as_secs_f64());
    let mut ours = Vec::new();
    for agents in &wanted.agents {
        let mut met = Met::default();
        for round in 0..=wanted.rounds {
            eprintln!("engine: {agents} agents, round {round} of {} …", wanted.rounds);
            let asked = questions(*agents, round, folder.path())?;
            let new = ask(&engine, &asked).await?;
            let again = ask(&engine, &asked).await?;
            if round > 0 {
                met.add(new, &again);
            }
        }
        met.memory_mib = if wanted.cuda { gpu_memory().unwrap_or_default() } else { 0.0 };
        // the peer takes long, and may be cut off
        let middle = |values: &[f64]| median(values.iter().copied()).unwrap_or_default();
        let (first, written, again) = (middle(&met.first), middle(&met.written), middle(&met.written_again));
        eprintln!("engine: {agents} agents: first token {first:.0} ms, {written:.1} tokens a second, {again:.1} where all was read before");
        ours.push(met);
    }
    // both do not fit beside each other
    drop(engine);
    let (mut theirs, mut name) = (Vec::new(), None);
    if let Some(python) = &wanted.python {
        eprintln!("loading transformers …");
        let mut peer = Peer::start(python, &checkpoint, folder.path(), wanted.cuda).await?;
        'all: for agents in &wanted.agents {
            let mut met = Met::default();
            for round in 0..=wanted.rounds {
                eprintln!("transformers: {agents} agents, round {round} of {} …", wanted.rounds);
                let asked = questions(*agents, round, folder.path())?;
                let took = match peer.ask(&asked).await {
                    Ok(took) => took,
                    Err(why) => {
                        eprintln!("transformers could not: {why:#}");
                        break 'all;
                    }
                };
                if round > 0 {
                    met.add_batch(took, *agents);
                }
            }
            theirs.push(met);
        }
        name = Some(peer.name.clone());
        peer.end().await?;
    }
    print(&wanted, loading, &ours, &theirs, name.as_deref());
    Ok(())
}

/// Conversations of one length that share nothing but how they begin.
fn questions(agents: u32, round: u32, folder: &Path) -> Result<Vec<Asked>> {
    let mut making = Vec::new();
    for agent in 0..agents {
        let folder = folder.to_path_buf();
        making.push(std::thread::spawn(move || -> Result<Asked> {
            let mut pictures = Vec::new();
            for index in 0..SCREENS {
                let seed = (agents * 100 + round) * 1000 + agent * SCREENS + index;
                let path = folder.join(format!("screen-{seed}.png"));
                if !path.exists() {
                    std::fs::write(&path, wayfarer_pixels::encode_png(&screen(seed))?)?;
                }
                pictures.push(path);
            }
            let text = format!("{:03} {:03} {:03}. {}", agents, round, agent, "Click the button, scroll down. ".repeat(WORDS / 5));
            Ok(Asked { text, pictures, new: NEW })
        }));
    }
    let made = making.into_iter().map(|thread| thread.join().map_err(|_| anyhow::anyhow!("a screen could not be drawn"))?);
    made.collect()
}

/// All of them at the same time; how long that took.
async fn ask(engine: &Engine, asked: &[Asked]) -> Result<(Vec<Finish>, Duration)> {
    let questions = asked.iter().map(question).collect::<Result<Vec<_>>>()?;
    let started = Instant::now();
    let mut answers = JoinSet::new();
    for question in questions {
        let engine = engine.clone();
        answers.spawn(async move { engine.ask(question).await?.whole().await });
    }
    let mut finishes = Vec::new();
    while let Some(answer) = answers.join_next().await {
        let (_, finish) = answer??;
        ensure!(finish.completion_tokens == NEW, "an answer of {} tokens", finish.completion_tokens);
        finishes.push(finish);
    }
    Ok((finishes, started.elapsed()))
}

fn tokens_per_second(answers: usize, took: Duration) -> f64 {
    answers as f64 * f64::from(NEW) / took.as_secs_f64()
}

impl Met {
    fn add(&mut self, (finishes, took): (Vec<Finish>, Duration), (again, took_again): &(Vec<Finish>, Duration)) {
        self.written.push(tokens_per_second(finishes.len(), took));
        self.written_again.push(tokens_per_second(again.len(), *took_again));
        for Finish { first_token, whole, prompt_tokens, .. } in finishes {
            let ms = |time: Duration| time.as_secs_f64() * 1000.0;
            self.first.push(ms(first_token));
            self.further.push(ms(whole.saturating_sub(first_token)) / f64::from(NEW - 1));
            self.prompt = prompt_tokens;
        }
    }

    fn add_batch(&mut self, took: Took, agents: u32) {
        self.first.push(took.first_ms);
        if took.batches == 1 {
            self.further.push((took.whole_ms - took.first_ms) / f64::from(NEW - 1));
        }
        self.written.push(f64::from(agents * NEW) / took.whole_ms * 1000.0);
        (self.prompt, self.memory_mib) = (took.prompt_tokens, self.memory_mib.max(took.memory_mib));
        self.batches = took.batches;
    }
}

/// What all processes have of the first GPU (MiB), as its driver says.
fn gpu_memory() -> Option<f64> {
    let asked = ["--query-gpu=memory.used", "--format=csv,noheader,nounits", "--id=0"];
    let said = std::process::Command::new("nvidia-smi").args(asked).output().ok()?;
    String::from_utf8_lossy(&said.stdout).trim().parse().ok()
}

fn print(wanted: &Wanted, loading: Duration, ours: &[Met], theirs: &[Met], peer: Option<&str>) {
    let with = if wanted.cuda { "GPU, bf16" } else { "f32" };
    let prompt = ours.first().map_or(0, |met| met.prompt);
    println!(
        "{}, {with}: conversations of {prompt} tokens with {SCREENS} screens of {} × {}, answers of {NEW}; medians of {} rounds",
        wanted.checkpoint.display(),
        SCREEN.0,
        SCREEN.1,
        wanted.rounds
    );
    println!("  loaded in {:.1} s", loading.as_secs_f64());
    let heads = ["first token, ms", "further token, ms", "tokens a second", "read before", "memory, GiB"];
    println!("  {:>6}  {:<26} {:>15} {:>18} {:>16} {:>12} {:>12}", "agents", "", heads[0], heads[1], heads[2], heads[3], heads[4]);
    let mut told = Vec::new();
    let middle = |values: &[f64]| median(values.iter().copied()).unwrap_or_default();
    for (index, agents) in wanted.agents.iter().enumerate() {
        for (name, met) in [("engine", ours.get(index)), ("transformers", theirs.get(index))] {
            let Some(met) = met else { continue };
            let (first, written, memory) = (middle(&met.first), middle(&met.written), met.memory_mib / 1024.0);
            let (further, again) = (median(met.further.iter().copied()), median(met.written_again.iter().copied()));
            let shown = |value: Option<f64>| value.map_or_else(|| "-".into(), |value| format!("{value:.2}"));
            let name = if met.batches > 1 { format!("{name}, {} batches", met.batches) } else { name.to_owned() };
            let (further_shown, again_shown) = (shown(further), shown(again));
            println!("  {agents:>6}  {name:<26} {first:>15.0} {further_shown:>18} {written:>16.1} {again_shown:>12} {memory:>12.1}");
            told.push(json!({
                "agents": agents, "of": name, "first_ms": first, "further_ms": further, "tokens_per_s": written,
                "tokens_per_s_read_before": again, "memory_gib": memory,
            }));
        }
        if let (Some(ours), Some(theirs)) = (ours.get(index), theirs.get(index)) {
            let (first, written) = (middle(&theirs.first) / middle(&ours.first), middle(&ours.written) / middle(&theirs.written));
            println!("  {:>6}  {:<26} {first:>15.2} {:>18} {written:>16.2}", "", "times", "");
        }
    }
    if let Some(peer) = peer {
        println!("  peer: {peer}, the same conversations as one batch where they fit; reading pictures is not in its times");
    }
    if wanted.json {
        println!("{}", json!({ "loaded_s": loading.as_secs_f64(), "prompt_tokens": prompt, "figures": told }));
    }
}

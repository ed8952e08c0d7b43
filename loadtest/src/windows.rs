//! Agents on two in-process engines: what affinity and the window of screenshots leave to be read, and how long the first word takes.

use crate::figures::Figures;
use crate::pool::request;
use anyhow::Result;
use bytes::Bytes;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use wayfarer_actor_native::{Beside, History, Window};
use wayfarer_chat::{ChatReply, ChatRequest, Model, Prices};
use wayfarer_config::{EngineSettings, Inference};
use wayfarer_engine::{Engine, EngineOptions, LocalModel};
use wayfarer_inference::Pool;

const AGENTS: usize = 8;
const STEPS: usize = 40;
/// Screens (pixels): a picture is about as long as the instructions, as Fara's are.
const SCREEN: (u32, u32) = (448, 280);
/// Each engine has room for what half of the agents have read, and some more.
const CACHE_MIB: u64 = 4;
/// The longest that an answer may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// Tokens of an answer.
const NEW: u32 = 8;
/// Words of the instructions.
const SYSTEM_WORDS: usize = 120;
/// What the agent is taken to have understood.
const SAID: &str = "I click the button. {\"action\": \"left_click\", \"coordinate\": [123, 456]}";

/// What a way gave.
pub(crate) struct Told {
    /// Share of prompts that was still there.
    pub(crate) share: f64,
    /// From the question to the first word (ms).
    pub(crate) first_p50_ms: f64,
    pub(crate) first_p95_ms: f64,
}

/// 8 agents of 40 steps each.
pub(crate) async fn measure(checkpoint: &Path, sticks: bool, window: &str) -> Result<Told> {
    let window: Window = window.parse().map_err(anyhow::Error::msg)?;
    let checkpoint = std::fs::canonicalize(checkpoint)?;
    let models: Vec<Arc<dyn Model>> = if sticks {
        let address = format!("file://{}", checkpoint.display());
        let config = Inference {
            base_url: address.clone(),
            replicas: vec![address],
            model: "small".into(),
            engine: EngineSettings { cache_mib: CACHE_MIB, ..EngineSettings::default() },
            ..Inference::default()
        };
        vec![Arc::new(Pool::from_config(&config, |_| None)?)]
    } else {
        let options = EngineOptions { cache_bytes: CACHE_MIB << 20, ..EngineOptions::default() };
        let engine = || anyhow::Ok(LocalModel::new(Engine::load(&checkpoint, &options)?, "small", "small", Prices::default(), PATIENCE));
        vec![Arc::new(engine()?), Arc::new(engine()?)]
    };
    let mut agents = JoinSet::new();
    for agent in 0..AGENTS {
        agents.spawn(work(models.clone(), window, agent));
    }
    let (mut cached, mut all, mut firsts) = (0, 0, Figures::new()?);
    while let Some(done) = agents.join_next().await {
        for (first, reply) in done?? {
            firsts.take(first.as_secs_f64() * 1e3)?;
            cached += reply.usage.cached_tokens;
            all += reply.usage.prompt_tokens;
        }
    }
    Ok(Told { share: cached as f64 / all as f64, first_p50_ms: firsts.at(0.5), first_p95_ms: firsts.at(0.95) })
}

async fn work(models: Vec<Arc<dyn Model>>, window: Window, agent: usize) -> Result<Vec<(Duration, ChatReply)>> {
    let mut history = History::new(window, "What next?".into());
    let mut answers = Vec::new();
    for step in 0..STEPS {
        let picture = screen(agent, step)?;
        match step {
            0 => history.task(picture, &format!("Task {agent}: find a mug.")),
            _ => history.look(picture, "https://shop.test/", Beside::Nothing),
        }
        let request = request("load", &format!("agent-{agent}"), history.messages(&"You are an agent. ".repeat(SYSTEM_WORDS / 4)))?;
        let model = &models[(agent + step) % models.len()];
        answers.push(ask(model.as_ref(), ChatRequest { max_tokens: NEW, ..request }).await?);
        history.said(SAID);
        // the browser's turn
        tokio::time::sleep(Duration::from_millis(60)).await;
    }
    Ok(answers)
}

/// The time to the first word, and the answer.
async fn ask(model: &dyn Model, request: ChatRequest) -> Result<(Duration, ChatReply)> {
    let asked = Instant::now();
    let (words, mut said) = mpsc::channel(64);
    let first = async {
        said.recv().await;
        let first = asked.elapsed();
        while said.recv().await.is_some() {}
        first
    };
    let (reply, first) = tokio::join!(model.stream(request, words), first);
    Ok((first, reply?))
}

fn screen(agent: usize, step: usize) -> Result<Bytes> {
    let seed = (agent * STEPS + step) as u32;
    let picture = image::RgbImage::from_fn(SCREEN.0, SCREEN.1, |x, y| {
        let block = (x / 32).wrapping_mul(31).wrapping_add((y / 14).wrapping_mul(17)).wrapping_add(seed.wrapping_mul(97));
        image::Rgb([(block * 37) as u8, (block * 11) as u8, seed as u8])
    });
    Ok(Bytes::from(wayfarer_pixels::encode_png(&picture)?))
}

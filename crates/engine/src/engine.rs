//! The engine as its callers see it.

use crate::checkpoint::Checkpoint;
use crate::error::EngineError;
use crate::model::Cache;
use crate::picture::Darkroom;
use crate::prompt::{Prompt, Writer};
use crate::sampler::Sampling;
use crate::scheduler::{Scheduler, Work};
use candle_core::{DType, Device};
use serde_json::{Map, Value};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::time::Duration;
use tokio::sync::{Semaphore, mpsc};
use wayfarer_chat::Message;

/// Pieces of an answer that wait for whoever reads it; more are put together to one.
const EVENTS: usize = 64;
/// Conversations that are made ready at the same time: pictures are decoded and resized, words become tokens.
const PREPARED_AT_A_TIME: usize = 4;
/// Tokens of an answer whose length nobody bounds.
const USUAL_TOKENS: u32 = 2048;

/// How an engine is set up.
#[derive(Debug, Clone, PartialEq)]
pub struct EngineOptions {
    /// Memory for keys and values (bytes).
    pub cache_bytes: u64,
    /// Memory for what the vision tower made of pictures, and as much for pictures that are ready for it (bytes).
    pub picture_bytes: u64,
    /// Tokens of a step: answers take one each, pieces of prompts share the rest.
    pub step_tokens: usize,
    /// Answers that are written at the same time.
    pub running: usize,
    /// Questions that may wait.
    pub waiting: usize,
    /// Whether a GPU is to be used; the build has to know them (feature `cuda`).
    pub cuda: bool,
}

impl Default for EngineOptions {
    /// 4 GiB of keys and values, 1 GiB for pictures.
    fn default() -> Self {
        Self { cache_bytes: 4 << 30, picture_bytes: 1 << 30, step_tokens: 2048, running: 32, waiting: 256, cuda: false }
    }
}

/// What an engine is asked.
#[derive(Debug, Clone, PartialEq)]
pub struct Question {
    /// The conversation.
    pub messages: Vec<Message>,
    /// Further values for the chat template.
    pub template: Map<String, Value>,
    /// Bound of the answer in tokens; 0 leaves it to the engine.
    pub max_tokens: u32,
    /// How tokens are drawn.
    pub sampling: Sampling,
    /// Texts that end the answer; they are not part of it.
    pub stop: Vec<String>,
    /// Only questions with the same salt share what was read already: whose questions these are.
    pub salt: String,
    /// Somebody waits for the answer: it is begun before those for which nobody does.
    pub is_live: bool,
}

/// Why an answer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// The model ended it, or a text did that was to end it.
    Stop,
    /// It has as many tokens as it may have.
    Length,
}

/// A whole answer's account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Finish {
    /// Why it ended.
    pub why: Why,
    /// Tokens of the conversation.
    pub prompt_tokens: u32,
    /// Of them, those whose keys and values were still there.
    pub cached_tokens: u32,
    /// Of them, those of pictures.
    pub picture_tokens: u32,
    /// Tokens of the answer, the one that ended it included.
    pub completion_tokens: u32,
    /// From the question to the first token.
    pub first_token: Duration,
    /// From the question to the last one.
    pub whole: Duration,
}

/// What an answer consists of.
#[derive(Debug)]
pub enum Event {
    /// More of it.
    Words(String),
    /// It is complete; the last event.
    Done(Finish),
    /// It will not be complete; the last event.
    Failed(EngineError),
}

/// An answer that is coming; whoever drops it ends it.
#[derive(Debug)]
pub struct Answer {
    events: mpsc::Receiver<Event>,
}

impl Answer {
    /// The next event; none after the last one.
    pub async fn next(&mut self) -> Option<Event> {
        self.events.recv().await
    }

    /// Everything that is said, and the account.
    pub async fn whole(mut self) -> Result<(String, Finish), EngineError> {
        let mut text = String::new();
        while let Some(event) = self.next().await {
            match event {
                Event::Words(words) => text.push_str(&words),
                Event::Done(finish) => return Ok((text, finish)),
                Event::Failed(error) => return Err(error),
            }
        }
        Err(EngineError::Failed("it ended before the answer did".into()))
    }
}

/// An engine with its own thread, which ends when the last handle is gone.
#[derive(Clone)]
pub struct Engine {
    work: SyncSender<Work>,
    preparing: Arc<Preparing>,
    tokens: Arc<AtomicU64>,
}

/// What makes a question ready, on any thread.
struct Preparing {
    writer: Writer,
    darkroom: Darkroom,
    places: Semaphore,
    /// Tokens that a conversation may have, its answer included.
    most_tokens: usize,
    running: u64,
    waiting: u64,
    /// Questions that were handed over and not answered.
    open: AtomicU64,
}

/// Counts a question until it is answered or given up.
pub(crate) struct Open(Arc<Preparing>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Engine {
    /// Loads a checkpoint: a folder with `config.json`, `tokenizer.json`, a chat template and `model*.safetensors`. Takes as long as reading
    /// the weights does.
    pub fn load(folder: &Path, options: &EngineOptions) -> Result<Self, EngineError> {
        let checkpoint = Checkpoint::open(folder)?;
        let writer = Writer::load(&checkpoint)?;
        let device = device(options.cuda)?;
        // products of halves are for GPUs
        let dtype = if device.is_cpu() { DType::F32 } else { checkpoint.config.dtype };
        let (vision, text) = checkpoint.load(dtype, &device)?;
        let config = &checkpoint.config;
        let block = Cache::bytes_per_token(&config.text, dtype) * crate::blocks::BLOCK;
        let context = config.text.max_position_embeddings;
        // more than all answers together can take is never used
        let most = (context * options.running.max(1)).div_ceil(crate::blocks::BLOCK);
        let blocks = usize::try_from(options.cache_bytes / block as u64).unwrap_or(usize::MAX).min(most);
        if blocks < 2 {
            return Err(EngineError::Checkpoint(format!(
                "{} bytes for keys and values are not enough for two blocks of {block} bytes; raise engine.cache_mib",
                options.cache_bytes
            )));
        }
        let cache = Cache::new(&config.text, blocks * crate::blocks::BLOCK, dtype, &device)?;
        #[cfg(feature = "cuda")]
        crate::kernels::gpu::keep_memory(&device)?;
        let preparing = Arc::new(Preparing {
            darkroom: Darkroom::new(checkpoint.processor.clone(), &config.vision, options.picture_bytes),
            places: Semaphore::new(PREPARED_AT_A_TIME),
            most_tokens: context.min(blocks * crate::blocks::BLOCK),
            running: options.running as u64,
            waiting: options.waiting as u64,
            open: AtomicU64::new(0),
            writer,
        });
        let tokens = Arc::new(AtomicU64::new(0));
        let (work, incoming) = sync_channel(options.waiting + options.running);
        let scheduler = Scheduler::new(vision, text, cache, blocks, checkpoint.ends, options.clone(), Arc::clone(&tokens));
        let tools = Arc::clone(&preparing);
        std::thread::Builder::new()
            .name("engine".into())
            .spawn(move || scheduler.run(&incoming, tools.writer.tokenizer(), &tools.darkroom))
            .map_err(|error| EngineError::Failed(format!("its thread cannot be started: {error}")))?;
        Ok(Self { work, preparing, tokens })
    }

    /// Asks; the answer comes as it is written.
    pub async fn ask(&self, question: Question) -> Result<Answer, EngineError> {
        let asked = std::time::Instant::now();
        let preparing = &self.preparing;
        let most = preparing.running + preparing.waiting;
        let open = preparing.open.fetch_add(1, Ordering::Relaxed);
        let open_question = Open(Arc::clone(preparing));
        if open >= most {
            return Err(EngineError::Full { waiting: preparing.waiting as usize });
        }
        let place = preparing.places.acquire().await.map_err(|error| EngineError::Failed(error.to_string()))?;
        let tools = Arc::clone(preparing);
        let Question { messages, template, max_tokens, sampling, stop, salt, is_live } = question;
        let written = tokio::task::spawn_blocking(move || tools.writer.write(&messages, &template, &tools.darkroom));
        let prompt = written.await.map_err(|error| EngineError::Failed(error.to_string()))??;
        drop(place);
        let max_tokens = preparing.room(&prompt, max_tokens)?;
        let (events, answer) = mpsc::channel(EVENTS);
        let work = Work { prompt, max_tokens, sampling, stop, salt, is_live, asked, events, _open: open_question };
        self.work.try_send(work).map_err(|error| match error {
            TrySendError::Full(_) => EngineError::Full { waiting: preparing.waiting as usize },
            TrySendError::Disconnected(_) => EngineError::Failed("it has ended".into()),
        })?;
        Ok(Answer { events: answer })
    }

    /// Tokens that were read and written since the start.
    pub fn tokens(&self) -> u64 {
        self.tokens.load(Ordering::Relaxed)
    }
}

impl Preparing {
    /// Tokens that the answer may have.
    fn room(&self, prompt: &Prompt, asked: u32) -> Result<usize, EngineError> {
        let (length, most) = (prompt.tokens.len(), self.most_tokens);
        let wanted = if asked == 0 { USUAL_TOKENS.min((most.saturating_sub(length)) as u32).max(1) } else { asked } as usize;
        if length == 0 {
            return Err(EngineError::Unfit("the conversation is empty".into()));
        }
        if length + wanted > most {
            return Err(EngineError::Unfit(format!(
                "a conversation of {length} tokens with an answer of up to {wanted} does not fit: the engine holds {most} \
                 (the model's context, or engine.cache_mib)"
            )));
        }
        Ok(wanted)
    }
}

fn device(cuda: bool) -> Result<Device, EngineError> {
    if !cuda {
        return Ok(Device::Cpu);
    }
    if !cfg!(feature = "cuda") {
        return Err(EngineError::Device(
            "this binary was built without GPUs; build it with `--features cuda`, or set inference.engine.cuda = false".into(),
        ));
    }
    #[cfg(feature = "cuda")]
    crate::kernels::gpu::find_libraries().map_err(EngineError::Device)?;
    Device::new_cuda(0).map_err(|error| EngineError::Device(error.to_string()))
}

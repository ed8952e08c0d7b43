//! The thread that owns the weights: who is begun, what a step consists of, what comes of it.

use crate::blocks::{self, BLOCK, Blocks, Chain};
use crate::engine::{EngineOptions, Event, Finish, Open, Why};
use crate::error::EngineError;
use crate::model::{Cache, Span, Text, Vision};
use crate::picture::{Darkroom, PictureId};
use crate::prompt::Prompt;
use crate::sampler::{Next, Sampler, Sampling};
use crate::words::Words;
use candle_core::{D, Tensor};
use quick_cache::Weighter;
use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::Receiver;
use std::time::Instant;
use tokenizers::Tokenizer;
use tokio::sync::mpsc;

/// Places of an answer's channel that are kept for its end: the last words and the account.
const KEPT_FOR_THE_END: usize = 2;
/// Pictures that are expected to be remembered; the cache's tables are made for so many.
const EXPECTED_PICTURES: usize = 64;

/// A question that is ready.
pub(crate) struct Work {
    pub(crate) prompt: Prompt,
    pub(crate) max_tokens: usize,
    pub(crate) sampling: Sampling,
    pub(crate) stop: Vec<String>,
    pub(crate) salt: String,
    pub(crate) is_live: bool,
    pub(crate) asked: Instant,
    pub(crate) events: mpsc::Sender<Event>,
    pub(crate) _open: Open,
}

/// A question for which there was no room yet.
struct Waiting {
    work: Work,
    /// Of its whole blocks.
    chains: Vec<Chain>,
}

/// An answer that is being written.
struct Running {
    work: Work,
    sampler: Sampler,
    words: Words,
    /// The conversation, and what was written.
    tokens: Vec<u32>,
    positions: Vec<[u32; 3]>,
    next_position: u32,
    /// Tokens whose keys and values are in the cache.
    done: usize,
    /// Of them, those that were there already.
    cached: usize,
    blocks: Vec<u32>,
    chains: Vec<Chain>,
    /// What the vision tower made of the pictures that are being read.
    seen: Vec<Option<Tensor>>,
    /// Words that their reader was too slow for.
    pending: String,
    first_token: Option<Instant>,
}

/// Tokens of one answer in a step.
struct Piece {
    running: usize,
    tokens: Range<usize>,
}

/// Weight of what was made of a picture (bytes).
#[derive(Clone)]
struct Bytes;

impl Weighter<PictureId, Tensor> for Bytes {
    fn weight(&self, _: &PictureId, tensor: &Tensor) -> u64 {
        (tensor.elem_count() * tensor.dtype().size_in_bytes()).max(1) as u64
    }
}

/// The thread's state.
pub(crate) struct Scheduler {
    vision: Vision,
    text: Text,
    cache: Cache,
    blocks: Blocks,
    pictures: quick_cache::unsync::Cache<PictureId, Tensor, Bytes>,
    /// Tokens that end an answer.
    ends: Vec<u32>,
    options: EngineOptions,
    /// That were read and written.
    tokens: Arc<AtomicU64>,
    /// Those for whom somebody waits, and the others.
    waiting: [VecDeque<Waiting>; 2],
    running: Vec<Running>,
}

impl Scheduler {
    pub(crate) fn new(
        vision: Vision,
        text: Text,
        cache: Cache,
        blocks: usize,
        ends: Vec<u32>,
        options: EngineOptions,
        tokens: Arc<AtomicU64>,
    ) -> Self {
        let pictures = quick_cache::unsync::Cache::with_weighter(EXPECTED_PICTURES, options.picture_bytes, Bytes);
        let (waiting, running) = (Default::default(), Vec::new());
        Self { vision, text, cache, blocks: Blocks::new(blocks), pictures, ends, options, tokens, waiting, running }
    }

    /// Works until nobody can ask any more.
    pub(crate) fn run(mut self, incoming: &Receiver<Work>, tokenizer: &Tokenizer, darkroom: &Darkroom) {
        loop {
            if self.running.is_empty() && self.waiting.iter().all(VecDeque::is_empty) {
                let Ok(work) = incoming.recv() else { return };
                self.take(work);
            }
            while let Ok(work) = incoming.try_recv() {
                self.take(work);
            }
            self.forget_the_gone();
            self.admit();
            let pieces = self.plan();
            if pieces.is_empty() {
                continue;
            }
            match self.step(&pieces, darkroom) {
                Ok(nexts) => self.read(&pieces, nexts, tokenizer),
                Err(error) => self.give_up(&pieces, &error, tokenizer),
            }
        }
    }

    fn take(&mut self, work: Work) {
        let prompt = &work.prompt;
        let mut chains = Vec::with_capacity(prompt.tokens.len() / BLOCK);
        let mut chain = blocks::root(&work.salt);
        for block in 0..prompt.tokens.len() / BLOCK {
            chain = link(&chain, &prompt.tokens, prompt, block);
            chains.push(chain);
        }
        self.waiting[usize::from(!work.is_live)].push_back(Waiting { work, chains });
    }

    /// Whoever does not listen any more gets no more work done.
    fn forget_the_gone(&mut self) {
        for line in &mut self.waiting {
            line.retain(|waiting| !waiting.work.events.is_closed());
        }
        let (stay, gone): (Vec<_>, Vec<_>) = std::mem::take(&mut self.running).into_iter().partition(|run| !run.work.events.is_closed());
        self.running = stay;
        for run in gone {
            self.blocks.let_go(&run.blocks);
        }
    }

    /// Begins as many as there is room for. All room that an answer can need is held from the beginning: what is begun is never broken off.
    fn admit(&mut self) {
        while self.running.len() < self.options.running.max(1) {
            let Some(line) = self.waiting.iter().position(|line| !line.is_empty()) else { return };
            let Some(Waiting { work, chains }) = self.waiting[line].pop_front() else { return };
            let length = work.prompt.tokens.len();
            // the last token is always read: its logits are what the answer begins with
            let known = chains.iter().take((length - 1) / BLOCK).copied();
            let mut held = self.blocks.hold_known(known);
            let cached = held.len() * BLOCK;
            match self.blocks.hold_new((length + work.max_tokens).div_ceil(BLOCK) - held.len()) {
                Some(new) => held.extend(new),
                None => {
                    self.blocks.let_go(&held);
                    self.waiting[line].push_front(Waiting { work, chains });
                    return;
                }
            }
            self.running.push(Running {
                sampler: Sampler::new(work.sampling),
                words: Words::new(work.stop.clone()),
                tokens: work.prompt.tokens.clone(),
                positions: work.prompt.positions.all.clone(),
                next_position: work.prompt.positions.next,
                done: cached,
                cached,
                blocks: held,
                chains: chains[..cached / BLOCK].to_vec(),
                seen: vec![None; work.prompt.pictures.len()],
                pending: String::new(),
                first_token: None,
                work,
            });
        }
    }

    /// What the next step consists of: a token of every answer that is being written, then pieces of prompts in the order in which they were
    /// begun. The vision tower looks at one new picture a step, so that answers do not stand still for longer.
    fn plan(&self) -> Vec<Piece> {
        let mut left = self.options.step_tokens.max(self.options.running).max(1);
        let mut looks = 1;
        let mut pieces = Vec::new();
        let one_left = |run: &Running| run.tokens.len() - run.done == 1;
        let writing = self.running.iter().enumerate().filter(|(_, run)| one_left(run));
        let reading = self.running.iter().enumerate().filter(|(_, run)| !one_left(run));
        for (running, run) in writing.chain(reading) {
            let mut end = run.tokens.len().min(run.done + left);
            for (placed, seen) in run.work.prompt.pictures.iter().zip(&run.seen) {
                let is_met = placed.start < end && placed.start + placed.tokens > run.done;
                if !is_met || seen.is_some() || self.pictures.peek(&placed.picture.id).is_some() {
                    continue;
                }
                if looks == 0 {
                    end = placed.start.max(run.done);
                    break;
                }
                looks -= 1;
            }
            if end > run.done {
                left -= end - run.done;
                pieces.push(Piece { running, tokens: run.done..end });
            }
        }
        pieces
    }

    /// Reads the pieces; what comes after each piece that ends its conversation.
    fn step(&mut self, pieces: &[Piece], darkroom: &Darkroom) -> candle_core::Result<Vec<Next>> {
        let (mut inputs, mut words) = (Vec::new(), Vec::new());
        let (mut positions, mut spans, mut rows, mut row) = (Vec::new(), Vec::new(), Vec::new(), 0);
        let mut are_greedy = true;
        for piece in pieces {
            self.embed(piece, darkroom, &mut inputs, &mut words)?;
            let run = &self.running[piece.running];
            positions.extend_from_slice(&run.positions[piece.tokens.clone()]);
            spans.push(Span { tokens: piece.tokens.len(), slots: blocks::slots(&run.blocks, piece.tokens.end) });
            row += piece.tokens.len() as u32;
            if piece.tokens.end == run.tokens.len() {
                rows.push(row - 1);
                are_greedy &= run.sampler.is_greedy();
            }
        }
        if !words.is_empty() {
            inputs.push(self.text.embed(&words)?);
        }
        let input = if inputs.len() == 1 { inputs.remove(0) } else { Tensor::cat(&inputs, 0)? };
        let hidden = self.text.forward(input, &positions, &spans, &self.cache)?;
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        let logits = self.text.logits(&hidden, &rows)?;
        if are_greedy && !logits.device().is_cpu() {
            // a number for each answer comes back instead of a vocabulary
            return Ok(logits.argmax(D::Minus1)?.to_vec1()?.into_iter().map(Next::Likeliest).collect());
        }
        Ok(logits.to_vec2()?.into_iter().map(Next::Logits).collect())
    }

    /// What stands for a piece: words and parts of pictures by turns. Words wait in `words` until a picture comes, those of several pieces
    /// together.
    fn embed(&mut self, piece: &Piece, darkroom: &Darkroom, inputs: &mut Vec<Tensor>, words: &mut Vec<u32>) -> candle_core::Result<()> {
        let run = &mut self.running[piece.running];
        let mut at = piece.tokens.start;
        for (placed, seen) in run.work.prompt.pictures.iter().zip(&mut run.seen) {
            let shown = placed.start.max(at)..(placed.start + placed.tokens).min(piece.tokens.end);
            if shown.is_empty() {
                continue;
            }
            words.extend_from_slice(&run.tokens[at..shown.start]);
            if !words.is_empty() {
                inputs.push(self.text.embed(words)?);
                words.clear();
            }
            let tokens = match seen {
                Some(tokens) => tokens,
                None => {
                    let id = placed.picture.id;
                    let known = self.pictures.get(&id).cloned();
                    let looked = match known {
                        Some(known) => known,
                        None => {
                            let new = self.vision.forward(darkroom.patches(&placed.picture), placed.picture.grid)?;
                            self.pictures.insert(id, new.clone());
                            new
                        }
                    };
                    seen.insert(looked)
                }
            };
            inputs.push(tokens.narrow(0, shown.start - placed.start, shown.len())?);
            at = shown.end;
        }
        words.extend_from_slice(&run.tokens[at..piece.tokens.end]);
        Ok(())
    }

    /// Takes in what a step has brought: full blocks are known from now on, answers grow, and some are complete.
    fn read(&mut self, pieces: &[Piece], nexts: Vec<Next>, tokenizer: &Tokenizer) {
        let mut nexts = nexts.into_iter();
        let mut complete = Vec::new();
        for piece in pieces {
            let run = &mut self.running[piece.running];
            run.done = piece.tokens.end;
            self.tokens.fetch_add(piece.tokens.len() as u64, Ordering::Relaxed);
            while run.chains.len() < run.done / BLOCK {
                let block = run.chains.len();
                let before = run.chains.last().copied().unwrap_or_else(|| blocks::root(&run.work.salt));
                let chain = link(&before, &run.tokens, &run.work.prompt, block);
                run.chains.push(chain);
                self.blocks.publish(run.blocks[block], chain);
            }
            if run.done < run.tokens.len() {
                continue;
            }
            run.seen.fill(None);
            let Some(next) = nexts.next() else { continue };
            match run.write(&next, &self.ends, tokenizer) {
                Ok(None) => {}
                Ok(Some(why)) => complete.push((piece.running, Ok(why))),
                Err(error) => complete.push((piece.running, Err(error))),
            }
        }
        complete.sort_unstable_by_key(|(running, _)| std::cmp::Reverse(*running));
        for (running, end) in complete {
            self.end(running, end, tokenizer);
        }
    }

    /// A step failed, and with it everything that had a part in it.
    fn give_up(&mut self, pieces: &[Piece], error: &candle_core::Error, tokenizer: &Tokenizer) {
        tracing::error!(%error, "a step of the in-process engine failed");
        let mut failed: Vec<usize> = pieces.iter().map(|piece| piece.running).collect();
        failed.sort_unstable_by_key(|running| std::cmp::Reverse(*running));
        for running in failed {
            self.end(running, Err(EngineError::Failed(error.to_string())), tokenizer);
        }
    }

    fn end(&mut self, running: usize, end: Result<Why, EngineError>, tokenizer: &Tokenizer) {
        let mut run = self.running.remove(running);
        self.blocks.let_go(&run.blocks);
        let event = match end {
            Ok(why) => {
                run.pending.push_str(&run.words.rest(tokenizer));
                Event::Done(run.finish(why))
            }
            Err(error) => Event::Failed(error),
        };
        if !run.pending.is_empty() {
            // there is room for both; if there is nobody, nobody misses them
            let _ = run.work.events.try_send(Event::Words(std::mem::take(&mut run.pending)));
        }
        let _ = run.work.events.try_send(event);
    }
}

impl Running {
    /// The next token; why the answer is complete with it, if it is.
    fn write(&mut self, next: &Next, ends: &[u32], tokenizer: &Tokenizer) -> Result<Option<Why>, EngineError> {
        let token = self.sampler.draw(next);
        self.first_token.get_or_insert_with(Instant::now);
        self.tokens.push(token);
        self.positions.push([self.next_position; 3]);
        self.next_position += 1;
        if ends.contains(&token) {
            return Ok(Some(Why::Stop));
        }
        let said = self.words.take(tokenizer, token)?;
        self.pending.push_str(&said.words);
        if said.is_over {
            // nothing of what was held back is said: it is the text that ends the answer
            self.words = Words::default();
            return Ok(Some(Why::Stop));
        }
        if self.written() >= self.work.max_tokens {
            return Ok(Some(Why::Length));
        }
        if !self.pending.is_empty() && self.work.events.capacity() > KEPT_FOR_THE_END {
            let words = std::mem::take(&mut self.pending);
            let _ = self.work.events.try_send(Event::Words(words));
        }
        Ok(None)
    }

    fn written(&self) -> usize {
        self.tokens.len() - self.work.prompt.tokens.len()
    }

    fn finish(&self, why: Why) -> Finish {
        let prompt = &self.work.prompt;
        let whole = self.work.asked.elapsed();
        let first_token = self.first_token.map_or(whole, |at| at.duration_since(self.work.asked));
        Finish {
            why,
            prompt_tokens: prompt.tokens.len() as u32,
            cached_tokens: self.cached as u32,
            picture_tokens: prompt.pictures.iter().map(|placed| placed.tokens as u32).sum(),
            completion_tokens: self.written() as u32,
            first_token,
            whole,
        }
    }
}

/// The chain of a block of a conversation.
fn link(before: &Chain, tokens: &[u32], prompt: &Prompt, block: usize) -> Chain {
    let range = block * BLOCK..(block + 1) * BLOCK;
    let shown = |token: usize| {
        let after = prompt.pictures.partition_point(|placed| placed.start <= token);
        let placed = &prompt.pictures[after.checked_sub(1)?];
        (token < placed.start + placed.tokens).then(|| (placed.picture.id, token - placed.start))
    };
    blocks::link(before, &tokens[range.clone()], range.map(shown))
}

//! The decoder, over a cache whose rows belong to whoever holds their block.

use super::layers::{FeedForward, Linear, Norm};
use super::ops::{self, Heads, Kept, Looks, Turns, Writes};
use super::positions::{Rotary, frequencies};
use crate::checkpoint::TextConfig;
use crate::kernels::attention::Look;
use candle_core::{DType, Device, Result, Tensor};
use candle_nn::VarBuilder;
use std::ops::Range;

struct Layer {
    norm_1: Norm,
    norm_2: Norm,
    qkv: Linear,
    out: Linear,
    feed_forward: FeedForward,
}

/// The decoder.
pub(crate) struct Text {
    embedding: Tensor,
    layers: Vec<Layer>,
    norm: Norm,
    head: Linear,
    heads: Heads,
    rotary: Rotary,
}

/// Keys and values of all layers, one row for each slot.
pub(crate) struct Cache {
    layers: Vec<(Tensor, Tensor)>,
}

/// New tokens of one conversation.
#[derive(Debug, Clone)]
pub(crate) struct Span {
    /// How many.
    pub(crate) tokens: usize,
    /// Slots of all its tokens up to and including the new ones, in their order; the last `tokens` are written.
    pub(crate) slots: Vec<Range<usize>>,
}

impl Cache {
    /// Room for so many tokens.
    pub(crate) fn new(config: &TextConfig, slots: usize, dtype: DType, device: &Device) -> Result<Self> {
        let width = config.heads().kv_width();
        let layer = |_| Ok((Tensor::zeros((slots, width), dtype, device)?, Tensor::zeros((slots, width), dtype, device)?));
        Ok(Self { layers: (0..config.num_hidden_layers).map(layer).collect::<Result<_>>()? })
    }

    /// Bytes that a token takes.
    pub(crate) fn bytes_per_token(config: &TextConfig, dtype: DType) -> usize {
        2 * config.num_hidden_layers * config.heads().kv_width() * dtype.size_in_bytes()
    }
}

impl Text {
    /// Its weights: `weights` holds the decoder, `head` the map to words.
    pub(crate) fn load(config: &TextConfig, weights: &VarBuilder<'_>, head: VarBuilder<'_>) -> Result<Self> {
        let (size, heads) = (config.hidden_size, config.heads());
        let (wide, narrow) = (heads.query * heads.dim, heads.kv_width());
        let embedding = weights.get((config.vocab_size, size), "embed_tokens.weight")?;
        let layer = |index: usize| {
            let weights = weights.pp("layers").pp(index);
            let attention = weights.pp("self_attn");
            let qkv = [("q_proj", wide), ("k_proj", narrow), ("v_proj", narrow)]
                .map(|(name, to)| Linear::load(size, to, true, attention.pp(name)))
                .into_iter()
                .collect::<Result<Vec<_>>>()?;
            Ok(Layer {
                norm_1: Norm::load(size, config.rms_norm_eps, weights.pp("input_layernorm"))?,
                norm_2: Norm::load(size, config.rms_norm_eps, weights.pp("post_attention_layernorm"))?,
                qkv: Linear::joined(&qkv)?,
                out: Linear::load(wide, size, false, attention.pp("o_proj"))?,
                feed_forward: FeedForward::load(size, config.intermediate_size, false, &weights.pp("mlp"))?,
            })
        };
        let head = if config.tie_word_embeddings {
            Linear::of(embedding.clone(), None)?
        } else {
            Linear::load(size, config.vocab_size, false, head)?
        };
        let sections = config.rope.mrope_section.iter().enumerate();
        Ok(Self {
            layers: (0..config.num_hidden_layers).map(layer).collect::<Result<_>>()?,
            norm: Norm::load(size, config.rms_norm_eps, weights.pp("norm"))?,
            head,
            heads,
            rotary: Rotary {
                frequencies: frequencies(config.rope.rope_theta as f32, heads.dim),
                axes: sections.flat_map(|(axis, pairs)| std::iter::repeat_n(axis, *pairs)).collect(),
            },
            embedding,
        })
    }

    /// What stands for these words.
    pub(crate) fn embed(&self, tokens: &[u32]) -> Result<Tensor> {
        self.embedding.index_select(&Tensor::new(tokens, self.embedding.device())?, 0)
    }

    /// New tokens of several conversations, one after another: pieces of prompts and single words mixed. Products run over all of them;
    /// only attention keeps conversations apart. Keys and values are written into the cache. What comes out is normed.
    pub(crate) fn forward(&self, mut x: Tensor, positions: &[[u32; 3]], spans: &[Span], cache: &Cache) -> Result<Tensor> {
        let (mut row, mut looks, mut writes) = (0, Vec::new(), Vec::new());
        for span in spans {
            writes.extend(written(span, row));
            looks.push(Look { rows: row..row + span.tokens, keys: span.slots.clone(), is_causal: true });
            row += span.tokens;
        }
        let turns = Turns::new(&self.rotary, positions, &x, self.heads)?;
        let (looks, writes) = (Looks::new(looks, &x, self.heads)?, Writes::new(writes, &x)?);
        for (layer, (keys, values)) in self.layers.iter().zip(&cache.layers) {
            let kept = Kept { keys, values, writes: &writes };
            let projected = ops::project(&layer.qkv, &layer.norm_1.forward(&x)?, self.heads, &turns, Some(kept))?;
            let seen = ops::attend_to(&projected, kept, self.heads, &looks)?;
            x = layer.out.add_to(&x, &seen)?;
            x = layer.feed_forward.add_to(&x, &layer.norm_2.forward(&x)?)?;
        }
        self.norm.forward(&x)
    }

    /// Logits over the vocabulary for these rows, as f32.
    pub(crate) fn logits(&self, hidden: &Tensor, rows: &[u32]) -> Result<Tensor> {
        let rows = Tensor::new(rows, hidden.device())?;
        self.head.forward(&hidden.index_select(&rows, 0)?)?.to_dtype(DType::F32)
    }
}

/// The slots that a span's new tokens go to: where a run of them begins, and the rows that go there.
fn written(span: &Span, first_row: usize) -> Vec<(usize, Range<usize>)> {
    let all: usize = span.slots.iter().map(Range::len).sum();
    let (mut before, mut writes) = (0, Vec::new());
    let old = all - span.tokens;
    for run in &span.slots {
        let skipped = old.saturating_sub(before).min(run.len());
        if skipped < run.len() {
            let row = first_row + before + skipped - old;
            writes.push((run.start + skipped, row..row + run.len() - skipped));
        }
        before += run.len();
    }
    writes
}

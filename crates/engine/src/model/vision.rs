//! The vision tower: patches of one picture to tokens of the language model.

use super::layers::{FeedForward, Linear, Norm};
use super::ops::{self, Heads, Looks, Turns};
use super::positions::{Grid, Rotary, frequencies};
use crate::checkpoint::VisionConfig;
use crate::kernels::attention::Look;
use candle_core::{DType, Device, Result, Tensor};
use candle_nn::VarBuilder;

/// Of the norms of this tower (transformers, `Qwen2_5_VLVisionBlock`).
const EPSILON: f64 = 1e-6;
/// Base of the frequencies of rows and columns (transformers, `Qwen2_5_VisionRotaryEmbedding`).
const ROTARY_BASE: f32 = 10_000.0;

struct Block {
    norm_1: Norm,
    norm_2: Norm,
    qkv: Linear,
    out: Linear,
    feed_forward: FeedForward,
    /// Looks at the whole picture and not only at its window.
    sees_all: bool,
}

/// The tower.
pub(crate) struct Vision {
    config: VisionConfig,
    patch: Linear,
    blocks: Vec<Block>,
    norm: Norm,
    merge_in: Linear,
    merge_out: Linear,
    device: Device,
    dtype: DType,
}

impl Vision {
    /// Its weights.
    pub(crate) fn load(config: &VisionConfig, weights: &VarBuilder<'_>) -> Result<Self> {
        let size = config.hidden_size;
        // a picture stands still for all frames of a patch: their weights are added once, and not their products each time
        let shape = (size, 3, config.temporal_patch_size, config.patch_size, config.patch_size);
        let patch = weights.get(shape, "patch_embed.proj.weight")?.sum(2)?;
        let block = |index: usize| {
            let weights = weights.pp("blocks").pp(index);
            Ok(Block {
                norm_1: Norm::load(size, EPSILON, weights.pp("norm1"))?,
                norm_2: Norm::load(size, EPSILON, weights.pp("norm2"))?,
                qkv: Linear::load(size, 3 * size, true, weights.pp("attn.qkv"))?,
                out: Linear::load(size, size, true, weights.pp("attn.proj"))?,
                feed_forward: FeedForward::load(size, config.intermediate_size, true, &weights.pp("mlp"))?,
                sees_all: config.fullatt_block_indexes.contains(&index),
            })
        };
        let merged = config.spatial_merge_size.pow(2) * size;
        Ok(Self {
            patch: Linear::of(patch.reshape((size, config.patch_values()))?, None)?,
            blocks: (0..config.depth).map(block).collect::<Result<_>>()?,
            norm: Norm::load(size, EPSILON, weights.pp("merger.ln_q"))?,
            merge_in: Linear::load(merged, merged, true, weights.pp("merger.mlp.0"))?,
            merge_out: Linear::load(merged, config.out_hidden_size, true, weights.pp("merger.mlp.2"))?,
            config: config.clone(),
            device: weights.device().clone(),
            dtype: weights.dtype(),
        })
    }

    /// Tokens of one picture, `[tokens, hidden size of the language model]`, from its patches in the order of the processor.
    pub(crate) fn forward(&self, patches: Vec<f32>, grid: Grid) -> Result<Tensor> {
        let config = &self.config;
        let heads = Heads { query: config.num_heads, kv: config.num_heads, dim: config.hidden_size / config.num_heads };
        let (count, merge) = (grid.patches(), config.spatial_merge_size);
        let unit = merge * merge;
        let windows = self.windows(grid);
        let order: Vec<u32> = windows.concat();
        let patches = Tensor::from_vec(patches, (count, config.patch_values()), &self.device)?.to_dtype(self.dtype)?;
        let x = self.patch.forward(&patches)?.reshape((count / unit, unit * config.hidden_size))?;
        let mut x = x.index_select(&Tensor::new(order.as_slice(), &self.device)?, 0)?.reshape((count, config.hidden_size))?;
        let turns = Turns::new(&rotary(heads.dim), &self.positions(&order, grid), &x, heads)?;
        let in_windows = Looks::new(looks(windows.iter().map(|window| window.len() * unit)), &x, heads)?;
        let in_all = Looks::new(looks([count]), &x, heads)?;
        for block in &self.blocks {
            let projected = ops::project(&block.qkv, &block.norm_1.forward(&x)?, heads, &turns, None)?;
            let seen = ops::attend_within(&projected, heads, if block.sees_all { &in_all } else { &in_windows })?;
            x = block.out.add_to(&x, &seen)?;
            x = block.feed_forward.add_to(&x, &block.norm_2.forward(&x)?)?;
        }
        let merged = self.norm.forward(&x)?.reshape((count / unit, unit * config.hidden_size))?;
        let tokens = self.merge_out.forward(&self.merge_in.forward(&merged)?.gelu_erf()?)?;
        let mut back = vec![0_u32; order.len()];
        for (place, token) in (0_u32..).zip(&order) {
            back[*token as usize] = place;
        }
        tokens.index_select(&Tensor::new(back, &self.device)?, 0)
    }

    /// Tokens by window. The order inside of a window is that of the picture; that of windows is free, since they only meet where all of
    /// them do.
    fn windows(&self, grid: Grid) -> Vec<Vec<u32>> {
        let merge = self.config.spatial_merge_size;
        let side = (self.config.window_size / merge / self.config.patch_size).max(1);
        let (rows, columns) = (grid.rows / merge, grid.columns / merge);
        let mut windows = Vec::new();
        for top in (0..rows).step_by(side) {
            for left in (0..columns).step_by(side) {
                let inside = (top..(top + side).min(rows))
                    .flat_map(|row| (left..(left + side).min(columns)).map(move |column| (row * columns + column) as u32));
                windows.push(inside.collect());
            }
        }
        windows
    }

    /// Row and column of each patch in the order of `order`, which counts groups of patches that are merged later.
    fn positions(&self, order: &[u32], grid: Grid) -> Vec<[u32; 3]> {
        let merge = self.config.spatial_merge_size as u32;
        let columns = grid.columns as u32 / merge;
        let of = |token: &u32| {
            let (row, column) = (token / columns * merge, token % columns * merge);
            (0..merge * merge).map(move |patch| [row + patch / merge, column + patch % merge, 0])
        };
        order.iter().flat_map(of).collect()
    }
}

/// The first half of the pairs follows the row, the other one the column.
fn rotary(dim: usize) -> Rotary {
    let half = frequencies(ROTARY_BASE, dim / 2);
    let axes = [0, 1].into_iter().flat_map(|axis| std::iter::repeat_n(axis, half.len())).collect();
    Rotary { frequencies: half.repeat(2), axes }
}

/// Rows that look at themselves, in runs of these lengths.
fn looks(lengths: impl IntoIterator<Item = usize>) -> Vec<Look> {
    let mut at = 0;
    let mut look = |length| {
        at += length;
        Look { rows: at - length..at, keys: std::iter::once(at - length..at).collect(), is_causal: false }
    };
    lengths.into_iter().map(&mut look).collect()
}

//! Attention in tiles: scores of a few rows against a block of keys, an online softmax, weights against the values. Scores never lie in
//! memory as a whole, and keys and values are read where the cache has them.

use super::gemm::{Matrix, multiply};
use super::lanes;
use candle_core::{CpuStorage, CustomOp3, Layout, Result, Shape, bail};
use rayon::prelude::*;
use std::ops::Range;

/// Query rows of a tile.
const TILE: usize = 128;
/// Products below which one core is done before another one is awake.
const WORTH_SHARING: usize = 1 << 17;
/// Keys of a block.
const BLOCK: usize = 256;

/// Rows that look at the same keys.
#[derive(Debug, Clone)]
pub(crate) struct Look {
    /// Of the queries, and of what comes out.
    pub(crate) rows: Range<usize>,
    /// Of keys and values, in their order.
    pub(crate) keys: Vec<Range<usize>>,
    /// Whether the last row looks at all keys, the one before at all but the last, and so on.
    pub(crate) is_causal: bool,
}

impl Look {
    /// How many keys there are.
    pub(crate) fn span(&self) -> usize {
        self.keys.iter().map(Range::len).sum()
    }
}

/// Where in a row the heads begin.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Columns {
    /// Elements from a row to the next.
    pub(crate) row: usize,
    /// The first element of the first head.
    pub(crate) first: usize,
}

/// Attention over rows of three tensors (which may be the same one): queries, keys, values; `[rows, heads × dim]` comes out. The looks
/// follow each other and cover all rows that come out.
pub(crate) struct Attend<'a> {
    pub(crate) looks: &'a [Look],
    pub(crate) heads: usize,
    /// Heads of keys and values; each serves `heads / kv_heads` heads of queries.
    pub(crate) kv_heads: usize,
    pub(crate) dim: usize,
    pub(crate) q: Columns,
    pub(crate) k: Columns,
    pub(crate) v: Columns,
}

/// A part of what comes out that lies in one piece.
struct Tile<'a> {
    look: &'a Look,
    /// Rows, counted from the first of the look.
    rows: Range<usize>,
    heads: Range<usize>,
    out: &'a mut [f32],
}

impl Attend<'_> {
    fn tiles<'a>(&'a self, mut out: &'a mut [f32]) -> Vec<Tile<'a>> {
        let mut tiles = Vec::new();
        for look in self.looks {
            let count = look.rows.len();
            if count == 1 {
                // one row against a long past: its heads are shared out
                for head in 0..self.heads {
                    let (piece, rest) = out.split_at_mut(self.dim);
                    out = rest;
                    tiles.push(Tile { look, rows: 0..1, heads: head..head + 1, out: piece });
                }
                continue;
            }
            for start in (0..count).step_by(TILE) {
                let rows = start..(start + TILE).min(count);
                let (piece, rest) = out.split_at_mut(rows.len() * self.heads * self.dim);
                out = rest;
                tiles.push(Tile { look, rows, heads: 0..self.heads, out: piece });
            }
        }
        tiles
    }

    fn fill(&self, tile: Tile<'_>, [q, k, v]: [&[f32]; 3]) {
        let Tile { look, rows, heads, out } = tile;
        let (dim, count, width) = (self.dim, rows.len(), heads.len() * self.dim);
        let scale = 1.0 / (dim as f32).sqrt();
        // keys that the first row of the look sees; every further row sees one more
        let seen_first = look.span() + 1 - look.rows.len().min(look.span());
        let mut scores = vec![0.0; count * BLOCK];
        for head in heads.clone() {
            let first = (head - heads.start) * dim;
            let kv = head / (self.heads / self.kv_heads);
            let mut maxima = vec![f32::NEG_INFINITY; count];
            let mut sums = vec![0.0; count];
            let queries = Matrix {
                data: &q[(look.rows.start + rows.start) * self.q.row + self.q.first + head * dim..],
                rows: count,
                columns: dim,
                row_stride: self.q.row,
                column_stride: 1,
            };
            let blocks = look.keys.iter().flat_map(|run| run.clone().step_by(BLOCK).map(|at| at..(at + BLOCK).min(run.end)));
            let mut before = 0;
            for block in blocks {
                if look.is_causal && before >= seen_first + rows.end - 1 {
                    break;
                }
                let keys = block.len();
                let part = |data, columns: Columns| Matrix {
                    data: &<[f32]>::as_ref(data)[block.start * columns.row + columns.first + kv * dim..],
                    rows: keys,
                    columns: dim,
                    row_stride: columns.row,
                    column_stride: 1,
                };
                let (key, value) = (part(k, self.k), part(v, self.v));
                let key = Matrix { rows: dim, columns: keys, row_stride: 1, column_stride: self.k.row, ..key };
                multiply(&mut scores, keys, false, queries, key, scale);
                for (row, scores) in scores.chunks_exact_mut(keys).take(count).enumerate() {
                    if look.is_causal {
                        let seen = (seen_first + rows.start + row).saturating_sub(before).min(keys);
                        scores[seen..].fill(f32::NEG_INFINITY);
                    }
                    let factor = lanes::softmax_step(scores, &mut maxima[row], &mut sums[row]);
                    if factor != 1.0 {
                        lanes::scale(&mut out[row * width + first..][..dim], factor);
                    }
                }
                let weights = Matrix { data: &scores, rows: count, columns: keys, row_stride: keys, column_stride: 1 };
                multiply(&mut out[first..], width, true, weights, value, 1.0);
                before += keys;
            }
            for (row, sum) in sums.iter().enumerate() {
                lanes::scale(&mut out[row * width + first..][..dim], 1.0 / sum);
            }
        }
    }
}

impl CustomOp3 for Attend<'_> {
    fn name(&self) -> &'static str {
        "attend"
    }

    fn cpu_fwd(
        &self,
        q: &CpuStorage,
        q_layout: &Layout,
        k: &CpuStorage,
        k_layout: &Layout,
        v: &CpuStorage,
        v_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let inputs = [part(q, q_layout)?, part(k, k_layout)?, part(v, v_layout)?];
        let rows: usize = self.looks.iter().map(|look| look.rows.len()).sum();
        let mut out = vec![0.0; rows * self.heads * self.dim];
        let work: usize = self.looks.iter().map(|look| look.rows.len() * look.span()).sum::<usize>() * self.heads * self.dim;
        let tiles = self.tiles(&mut out);
        if work < WORTH_SHARING {
            tiles.into_iter().for_each(|tile| self.fill(tile, inputs));
        } else {
            tiles.into_par_iter().for_each(|tile| self.fill(tile, inputs));
        }
        Ok((CpuStorage::F32(out), Shape::from((rows, self.heads * self.dim))))
    }
}

/// What a contiguous tensor holds.
pub(crate) fn part<'a>(storage: &'a CpuStorage, layout: &Layout) -> Result<&'a [f32]> {
    match (storage, layout.contiguous_offsets()) {
        (CpuStorage::F32(data), Some((start, end))) => Ok(&data[start..end]),
        _ => bail!("the kernel takes contiguous f32 only"),
    }
}

//! Work on rows that is shared out to all cores.

use super::attention::part;
use super::lanes;
use candle_core::{CpuStorage, CustomOp1, InplaceOp1, Layout, Result, Shape, bail};
use rayon::prelude::*;

/// Rows that one core takes at a time.
const ROWS: usize = 16;

/// Turns the first heads of each row by the row's position, in place.
pub(crate) struct Rotate<'a> {
    /// Elements of a row.
    pub(crate) row: usize,
    /// Heads that are turned: those of queries and keys, which come first.
    pub(crate) heads: usize,
    pub(crate) dim: usize,
    /// `[rows, dim / 2]`.
    pub(crate) cos: &'a [f32],
    /// The same shape.
    pub(crate) sin: &'a [f32],
}

impl InplaceOp1 for Rotate<'_> {
    fn name(&self) -> &'static str {
        "rotate"
    }

    fn cpu_fwd(&self, storage: &mut CpuStorage, layout: &Layout) -> Result<()> {
        let (CpuStorage::F32(data), Some((start, end))) = (storage, layout.contiguous_offsets()) else {
            bail!("the kernel takes contiguous f32 only")
        };
        let half = self.dim / 2;
        let rows = data[start..end].par_chunks_exact_mut(self.row);
        rows.zip(self.cos.par_chunks_exact(half)).zip(self.sin.par_chunks_exact(half)).with_min_len(ROWS).for_each(|((row, cos), sin)| {
            for head in row[..self.heads * self.dim].chunks_exact_mut(self.dim) {
                lanes::rotate(head, cos, sin);
            }
        });
        Ok(())
    }
}

/// `silu(gate) × up` of rows `[gate, up]`.
pub(crate) struct Gated;

impl CustomOp1 for Gated {
    fn name(&self) -> &'static str {
        "gated"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let (rows, row) = layout.shape().dims2()?;
        let mut out = vec![0.0; rows * row / 2];
        let data = part(storage, layout)?;
        out.par_chunks_exact_mut(row / 2).zip(data.par_chunks_exact(row)).with_min_len(ROWS).for_each(|(out, row)| lanes::gated(row, out));
        Ok((CpuStorage::F32(out), Shape::from((rows, row / 2))))
    }
}

//! Work on rows that is shared out to all cores.

use super::attention::part;
use super::gemm::{Matrix, multiply};
use super::lanes;
use candle_core::{CpuStorage, CustomOp1, CustomOp2, CustomOp3, InplaceOp1, Layout, Result, Shape, bail};
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

/// `x Wᵀ + b`, with one element of `b` for each column of the weights, or none; with a third tensor, added to its rows.
pub(crate) struct Product<'a> {
    pub(crate) bias: Option<&'a [f32]>,
}

/// Rows up to which weights are read by all cores and only once; the library's product gives few rows to one core.
const FEW: usize = 24;
/// Products that one core should have at the least, so that waking it pays.
const WORTH_A_CORE: usize = 1 << 15;

impl Product<'_> {
    fn few(x: &[f32], weight: &[f32], [rows, columns, size]: [usize; 3]) -> Vec<f32> {
        let mut products = vec![0.0; columns * rows];
        let share = (WORTH_A_CORE / (rows * size)).max(columns.div_ceil(4 * rayon::current_num_threads())).next_multiple_of(4);
        if share >= columns {
            lanes::dots(weight, x, size, &mut products);
        } else {
            let shares = weight.par_chunks(share * size).zip(products.par_chunks_mut(share * rows));
            shares.for_each(|(weight, products)| lanes::dots(weight, x, size, products));
        }
        if rows == 1 {
            return products;
        }
        (0..rows).flat_map(|row| products[row..].iter().step_by(rows).copied()).collect()
    }

    /// What the products are added to, if anything.
    fn ground(&self, other: Option<&[f32]>, [rows, columns, _]: [usize; 3]) -> Option<Vec<f32>> {
        let Some(other) = other else { return self.bias.map(|bias| bias.repeat(rows)) };
        let mut ground = other.to_vec();
        if let Some(bias) = self.bias {
            ground.chunks_exact_mut(columns).for_each(|row| add(row, bias));
        }
        Some(ground)
    }

    fn many(ground: Option<Vec<f32>>, x: &[f32], weight: &[f32], [rows, columns, size]: [usize; 3]) -> Vec<f32> {
        let adds = ground.is_some();
        let mut out = ground.unwrap_or_else(|| vec![0.0; rows * columns]);
        let weight = Matrix { data: weight, rows: size, columns, row_stride: 1, column_stride: size };
        let share = rows.div_ceil(rayon::current_num_threads());
        out.par_chunks_mut(share * columns).zip(x.par_chunks(share * size)).for_each(|(out, x)| {
            let x = Matrix { data: x, rows: x.len() / size, columns: size, row_stride: size, column_stride: 1 };
            multiply(out, columns, adds, x, weight, 1.0);
        });
        out
    }

    fn onto(&self, other: Option<&[f32]>, [x, weight]: [(&CpuStorage, &Layout); 2]) -> Result<(CpuStorage, Shape)> {
        let ((rows, size), (columns, inner)) = (x.1.shape().dims2()?, weight.1.shape().dims2()?);
        let (bias, others) = (self.bias.map_or(columns, <[f32]>::len), other.map_or(rows * columns, <[f32]>::len));
        if size != inner || rows * columns * size == 0 || bias != columns || others != rows * columns {
            bail!("{rows} rows of {size}, weights of {columns} times {inner}, their bias and what they are added to do not fit");
        }
        let (x, weight, sides) = (part(x.0, x.1)?, part(weight.0, weight.1)?, [rows, columns, size]);
        let ground = self.ground(other, sides);
        let out = if rows > FEW {
            Self::many(ground, x, weight, sides)
        } else {
            let mut out = Self::few(x, weight, sides);
            if let Some(ground) = ground {
                add(&mut out, &ground);
            }
            out
        };
        Ok((CpuStorage::F32(out), Shape::from((rows, columns))))
    }
}

fn add(values: &mut [f32], others: &[f32]) {
    values.iter_mut().zip(others).for_each(|(value, other)| *value += other);
}

impl CustomOp2 for Product<'_> {
    fn name(&self) -> &'static str {
        "product"
    }

    fn cpu_fwd(&self, x: &CpuStorage, x_layout: &Layout, weight: &CpuStorage, weight_layout: &Layout) -> Result<(CpuStorage, Shape)> {
        self.onto(None, [(x, x_layout), (weight, weight_layout)])
    }
}

impl CustomOp3 for Product<'_> {
    fn name(&self) -> &'static str {
        "product"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        weight: &CpuStorage,
        weight_layout: &Layout,
        other: &CpuStorage,
        other_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        self.onto(Some(part(other, other_layout)?), [(x, x_layout), (weight, weight_layout)])
    }
}

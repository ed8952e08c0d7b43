//! What a layer does besides products: on the CPU by the kernels, elsewhere by candle's own operations.

use super::positions::Turns;
use crate::kernels::attention::{Attend, Columns, Look};
use crate::kernels::rows::{Gated, Rotate};
use candle_core::{D, DType, Device, Result, Tensor};

/// Query rows whose scores lie in memory at the same time, where they do so at all.
const TILE: usize = 1024;

/// Heads of an attention layer, as they lie in a row: queries, keys, values.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Heads {
    pub(crate) query: usize,
    pub(crate) kv: usize,
    pub(crate) dim: usize,
}

impl Heads {
    /// Values of all heads of keys (or of values).
    pub(crate) fn kv_width(self) -> usize {
        self.kv * self.dim
    }

    fn query_width(self) -> usize {
        self.query * self.dim
    }
}

/// Whether the kernels do the work.
pub(crate) fn has_kernels(x: &Tensor) -> bool {
    matches!(x.device(), Device::Cpu) && x.dtype() == DType::F32
}

/// Queries (turned), keys (turned), values, out of rows that hold all of them.
pub(crate) struct Projected {
    pub(crate) q: Tensor,
    pub(crate) k: Tensor,
    pub(crate) v: Tensor,
    /// On the CPU all three are this tensor.
    joined: Option<Tensor>,
}

/// Cuts rows of `[queries, keys, values]` and turns queries and keys.
pub(crate) fn project(qkv: Tensor, heads: Heads, turns: &Turns) -> Result<Projected> {
    let (rows, row) = qkv.dims2()?;
    let (wide, narrow) = (heads.query_width(), heads.kv_width());
    let is_joined = has_kernels(&qkv);
    if is_joined {
        let Turns { cos, sin } = turns;
        qkv.inplace_op1(&Rotate { row, heads: heads.query + heads.kv, dim: heads.dim, cos, sin })?;
    }
    let (q, k, v) = (qkv.narrow(1, 0, wide)?, qkv.narrow(1, wide, narrow)?, qkv.narrow(1, wide + narrow, narrow)?);
    if is_joined {
        return Ok(Projected { q, k, v, joined: Some(qkv) });
    }
    let table = |of: &[f32]| Tensor::from_slice(of, (rows, heads.dim / 2), qkv.device())?.to_dtype(qkv.dtype());
    let (cos, sin) = (table(&turns.cos)?, table(&turns.sin)?);
    let turn = |x: &Tensor, count: usize| {
        let x = x.contiguous()?.reshape((1, rows, count, heads.dim))?;
        candle_nn::rotary_emb::rope_thd(&x, &cos, &sin)?.reshape((rows, count * heads.dim))
    };
    Ok(Projected { q: turn(&q, heads.query)?, k: turn(&k, heads.kv)?, v: v.contiguous()?, joined: None })
}

/// Attention of rows to rows of the same tensor.
pub(crate) fn attend_within(projected: &Projected, heads: Heads, looks: &[Look]) -> Result<Tensor> {
    let Some(joined) = &projected.joined else { return attend_by_products(&projected.q, &projected.k, &projected.v, heads, looks) };
    let row = joined.dim(1)?;
    let columns = |first| Columns { row, first };
    let (q, k, v) = (columns(0), columns(heads.query_width()), columns(heads.query_width() + heads.kv_width()));
    joined.apply_op3_no_bwd(joined, joined, &attend(heads, looks, q, k, v))
}

/// Attention of rows to rows of a cache, `[slots, heads × dim]` each for keys and values.
pub(crate) fn attend_to(projected: &Projected, keys: &Tensor, values: &Tensor, heads: Heads, looks: &[Look]) -> Result<Tensor> {
    let Some(joined) = &projected.joined else { return attend_by_products(&projected.q, keys, values, heads, looks) };
    let cache = Columns { row: heads.kv_width(), first: 0 };
    joined.apply_op3_no_bwd(keys, values, &attend(heads, looks, Columns { row: joined.dim(1)?, first: 0 }, cache, cache))
}

fn attend(heads: Heads, looks: &[Look], q: Columns, k: Columns, v: Columns) -> Attend<'_> {
    Attend { looks, heads: heads.query, kv_heads: heads.kv, dim: heads.dim, q, k, v }
}

/// The same out of products and softmax: keys and values of a look are gathered, and its scores lie in memory, a tile of rows at a time.
pub(crate) fn attend_by_products(q: &Tensor, keys: &Tensor, values: &Tensor, heads: Heads, looks: &[Look]) -> Result<Tensor> {
    let groups = heads.query / heads.kv;
    let scale = 1.0 / (heads.dim as f64).sqrt();
    let mut out = Vec::new();
    for look in looks {
        let span = look.span();
        let gather = |from: &Tensor| -> Result<Tensor> {
            let runs = look.keys.iter().map(|run| from.narrow(0, run.start, run.len())).collect::<Result<Vec<_>>>()?;
            Tensor::cat(&runs, 0)?.reshape((span, heads.kv, heads.dim))?.transpose(0, 1)?.contiguous()
        };
        let (keys, values) = (gather(keys)?.transpose(1, 2)?.contiguous()?, gather(values)?);
        for start in (0..look.rows.len()).step_by(TILE) {
            let rows = TILE.min(look.rows.len() - start);
            let q = q.narrow(0, look.rows.start + start, rows)?.contiguous()?.reshape((rows, heads.kv, groups, heads.dim))?;
            let q = q.permute((1, 2, 0, 3))?.contiguous()?.reshape((heads.kv, groups * rows, heads.dim))?;
            let mut scores = (q.matmul(&keys)? * scale)?;
            if look.is_causal {
                let first = span - look.rows.len() + start;
                let mask: Vec<f32> =
                    (0..rows).flat_map(|row| (0..span).map(move |key| if key > first + row { f32::NEG_INFINITY } else { 0.0 })).collect();
                let mask = Tensor::from_vec(mask, (1, 1, rows, span), q.device())?.to_dtype(q.dtype())?;
                scores = scores.reshape((heads.kv, groups, rows, span))?.broadcast_add(&mask)?.reshape((heads.kv, groups * rows, span))?;
            }
            let seen = candle_nn::ops::softmax_last_dim(&scores)?.matmul(&values)?;
            let seen = seen.reshape((heads.kv, groups, rows, heads.dim))?.permute((2, 0, 1, 3))?.contiguous()?;
            out.push(seen.reshape((rows, heads.query_width()))?);
        }
    }
    Tensor::cat(&out, 0)
}

/// `silu(gate) × up` of rows `[gate, up]`.
pub(crate) fn gated(x: &Tensor) -> Result<Tensor> {
    if has_kernels(x) {
        return x.apply_op1_no_bwd(&Gated);
    }
    let halves = x.chunk(2, D::Minus1)?;
    halves[0].silu()? * &halves[1]
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn difference(a: &Tensor, b: &Tensor) -> f32 {
        (a - b).unwrap().abs().unwrap().max_all().unwrap().to_scalar().unwrap()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        /// The kernels against candle's own operations, on caches that lie in pieces.
        #[test]
        fn kernels_do_what_products_do(
            group in 1_usize..4, kv in 1_usize..3, dim in prop::sample::select(vec![8_usize, 16, 40]),
            looks in prop::collection::vec((1_usize..90, 0_usize..700, any::<bool>()), 1..4),
        ) {
            let heads = Heads { query: group * kv, kv, dim };
            let slots = 4096;
            let mut row = 0;
            let looks: Vec<Look> = looks.into_iter().enumerate().map(|(index, (rows, past, is_causal))| {
                let (span, at) = (rows + past, index * 1000);
                let cut = span / 3;
                let keys = [at + 200..at + 200 + cut, at..at + (span - cut).min(200), at + 900..at + 900 + (span - cut).saturating_sub(200)];
                row += rows;
                Look { rows: row - rows..row, keys: keys.into_iter().filter(|run| !run.is_empty()).collect(), is_causal }
            }).collect();
            let random = |rows: usize, width: usize| Tensor::randn(0.0_f32, 1.0, (rows, width), &Device::Cpu).unwrap();
            let qkv = random(row, heads.query_width() + 2 * heads.kv_width());
            let (keys, values) = (random(slots, heads.kv_width()), random(slots, heads.kv_width()));
            let turns = Turns::of((0..row * dim / 2).map(|index| index as f32 * 0.37));
            let exact = qkv.copy().unwrap().to_dtype(DType::F64).unwrap();
            let ours = project(qkv, heads, &turns).unwrap();
            let theirs = project(exact, heads, &turns).unwrap();
            let narrow = |tensor: &Tensor| tensor.to_dtype(DType::F32).unwrap();
            for (ours, theirs) in [(&ours.q, &theirs.q), (&ours.k, &theirs.k), (&ours.v, &theirs.v)] {
                prop_assert!(difference(&ours.contiguous().unwrap(), &narrow(theirs)) < 1e-5);
            }
            let wide = |tensor: &Tensor| tensor.to_dtype(DType::F64).unwrap();
            let exact = attend_by_products(&theirs.q, &wide(&keys), &wide(&values), heads, &looks).unwrap();
            prop_assert!(difference(&attend_to(&ours, &keys, &values, heads, &looks).unwrap(), &narrow(&exact)) < 2e-5);

            let within: Vec<Look> = looks.iter().map(|look| Look { keys: vec![look.rows.clone()], ..look.clone() }).collect();
            let exact = attend_within(&theirs, heads, &within).unwrap();
            prop_assert!(difference(&attend_within(&ours, heads, &within).unwrap(), &narrow(&exact)) < 2e-5);
        }
    }

    #[test]
    fn a_gate_is_a_gate() {
        let x = Tensor::randn(0.0_f32, 3.0, (33, 70), &Device::Cpu).unwrap();
        let halves = x.chunk(2, 1).unwrap();
        let exact = (halves[0].silu().unwrap() * &halves[1]).unwrap();
        assert!(difference(&gated(&x).unwrap(), &exact) < 1e-5);
    }
}

//! What a layer does besides products: on the CPU by the kernels, elsewhere by candle's own operations.

use super::layers::Linear;
use super::positions::{Rotary, Tables};
use crate::kernels::attention::{Attend, Columns, Look};
#[cfg(feature = "cuda")]
use crate::kernels::gpu;
use crate::kernels::rows::{Gated, Rotate};
use candle_core::{D, DType, Device, Result, Tensor};
use std::ops::Range;

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

/// Whether the kernels of the CPU do the work.
pub(crate) fn has_kernels(x: &Tensor) -> bool {
    matches!(x.device(), Device::Cpu) && x.dtype() == DType::F32
}

/// Whether those of the GPU do.
#[cfg(feature = "cuda")]
pub(crate) fn has_gpu_kernels(x: &Tensor) -> bool {
    x.device().is_cuda() && x.dtype() == DType::BF16
}

/// Where the rows of a step are, as those want it who turn by it.
pub(crate) enum Turns {
    Tables(Tables),
    #[cfg(feature = "cuda")]
    Gpu(gpu::Turns),
}

impl Turns {
    pub(crate) fn new(rotary: &Rotary, positions: &[[u32; 3]], like: &Tensor, heads: Heads) -> Result<Self> {
        #[cfg(feature = "cuda")]
        if gpu::has_kernels(like.device(), like.dtype(), heads) {
            return Ok(Self::Gpu(gpu::Turns::new(positions, &rotary.frequencies, &rotary.axes, like.device())?));
        }
        let _ = (like, heads);
        Ok(Self::Tables(rotary.tables(positions)))
    }
}

/// What the rows of a step look at, and how the device shares that out.
pub(crate) struct Looks {
    looks: Vec<Look>,
    #[cfg(feature = "cuda")]
    plan: Option<gpu::Plan>,
}

impl Looks {
    /// `like` is of the kind of what comes.
    pub(crate) fn new(looks: Vec<Look>, like: &Tensor, heads: Heads) -> Result<Self> {
        #[cfg(feature = "cuda")]
        let plan =
            gpu::has_kernels(like.device(), like.dtype(), heads).then(|| gpu::Plan::new(&looks, heads, like.device())).transpose()?;
        let _ = (like, heads);
        Ok(Self {
            looks,
            #[cfg(feature = "cuda")]
            plan,
        })
    }
}

/// Where in the cache the rows of a step go.
pub(crate) struct Writes {
    /// Where a run of slots begins, and the rows that go there.
    runs: Vec<(usize, Range<usize>)>,
    #[cfg(feature = "cuda")]
    slots: Option<Tensor>,
}

impl Writes {
    /// `like` is of the kind of what is written. The runs cover all rows.
    pub(crate) fn new(runs: Vec<(usize, Range<usize>)>, like: &Tensor) -> Result<Self> {
        #[cfg(feature = "cuda")]
        let slots = if has_gpu_kernels(like) {
            let slots: Vec<u32> = runs.iter().flat_map(|(slot, rows)| (0..rows.len()).map(move |row| (slot + row) as u32)).collect();
            Some(Tensor::new(slots, like.device())?)
        } else {
            None
        };
        let _ = like;
        Ok(Self {
            runs,
            #[cfg(feature = "cuda")]
            slots,
        })
    }
}

/// Keys and values of one layer that later rows look at, `[slots, heads × dim]` each, and where this step's go.
#[derive(Clone, Copy)]
pub(crate) struct Kept<'a> {
    pub(crate) keys: &'a Tensor,
    pub(crate) values: &'a Tensor,
    pub(crate) writes: &'a Writes,
}

/// Queries (turned), keys (turned), values, out of rows that hold all of them.
pub(crate) struct Projected {
    pub(crate) q: Tensor,
    pub(crate) k: Tensor,
    pub(crate) v: Tensor,
    /// Where kernels do the work, all three are this tensor.
    joined: Option<Tensor>,
}

/// Rows of `[queries, keys, values]`, queries and keys turned; keys and values are kept if there is a place for them.
pub(crate) fn project(map: &Linear, x: &Tensor, heads: Heads, turns: &Turns, kept: Option<Kept<'_>>) -> Result<Projected> {
    match turns {
        Turns::Tables(tables) => {
            let projected = turn(map.forward(x)?, heads, tables)?;
            if let Some(Kept { keys, values, writes }) = kept {
                for (slot, rows) in &writes.runs {
                    keys.slice_set(&projected.k.narrow(0, rows.start, rows.len())?.contiguous()?, 0, *slot)?;
                    values.slice_set(&projected.v.narrow(0, rows.start, rows.len())?.contiguous()?, 0, *slot)?;
                }
            }
            Ok(projected)
        }
        #[cfg(feature = "cuda")]
        Turns::Gpu(turns) => {
            let joined = map.product(x)?;
            let kept = kept.and_then(|Kept { keys, values, writes }| Some(gpu::Kept { slots: writes.slots.as_ref()?, keys, values }));
            joined.inplace_op1(&gpu::Turn { heads, bias: map.bias(), turns, kept })?;
            Projected::joined(joined, heads)
        }
    }
}

impl Projected {
    /// The parts of rows that hold all of them.
    pub(crate) fn joined(joined: Tensor, heads: Heads) -> Result<Self> {
        let (wide, narrow) = (heads.query_width(), heads.kv_width());
        let (q, k, v) = (joined.narrow(1, 0, wide)?, joined.narrow(1, wide, narrow)?, joined.narrow(1, wide + narrow, narrow)?);
        Ok(Self { q, k, v, joined: Some(joined) })
    }
}

/// Cuts rows of `[queries, keys, values]` and turns queries and keys.
fn turn(qkv: Tensor, heads: Heads, Tables { cos, sin }: &Tables) -> Result<Projected> {
    let (rows, row) = qkv.dims2()?;
    if has_kernels(&qkv) {
        qkv.inplace_op1(&Rotate { row, heads: heads.query + heads.kv, dim: heads.dim, cos, sin })?;
        return Projected::joined(qkv, heads);
    }
    let Projected { q, k, v, .. } = Projected::joined(qkv, heads)?;
    let table = |of: &[f32]| Tensor::from_slice(of, (rows, heads.dim / 2), q.device())?.to_dtype(q.dtype());
    let (cos, sin) = (table(cos)?, table(sin)?);
    let turn = |x: &Tensor, count: usize| {
        let x = x.contiguous()?.reshape((1, rows, count, heads.dim))?;
        candle_nn::rotary_emb::rope_thd(&x, &cos, &sin)?.reshape((rows, count * heads.dim))
    };
    Ok(Projected { q: turn(&q, heads.query)?, k: turn(&k, heads.kv)?, v: v.contiguous()?, joined: None })
}

/// Attention of rows to rows of the same tensor.
pub(crate) fn attend_within(projected: &Projected, heads: Heads, looks: &Looks) -> Result<Tensor> {
    let Some(joined) = &projected.joined else {
        return attend_by_products(&projected.q, &projected.k, &projected.v, heads, &looks.looks);
    };
    let row = joined.dim(1)?;
    let columns = |first| Columns { row, first };
    let (q, k, v) = (columns(0), columns(heads.query_width()), columns(heads.query_width() + heads.kv_width()));
    attend([joined, joined, joined], heads, looks, [q, k, v])
}

/// Attention of rows to those that are kept.
pub(crate) fn attend_to(projected: &Projected, kept: Kept<'_>, heads: Heads, looks: &Looks) -> Result<Tensor> {
    let Kept { keys, values, .. } = kept;
    let Some(joined) = &projected.joined else { return attend_by_products(&projected.q, keys, values, heads, &looks.looks) };
    let cache = Columns { row: heads.kv_width(), first: 0 };
    attend([joined, keys, values], heads, looks, [Columns { row: joined.dim(1)?, first: 0 }, cache, cache])
}

fn attend([queries, keys, values]: [&Tensor; 3], heads: Heads, looks: &Looks, [q, k, v]: [Columns; 3]) -> Result<Tensor> {
    #[cfg(feature = "cuda")]
    if let Some(plan) = &looks.plan {
        return queries.apply_op3_no_bwd(keys, values, &gpu::Attend { plan, heads, q, k, v });
    }
    let attend = Attend { looks: &looks.looks, heads: heads.query, kv_heads: heads.kv, dim: heads.dim, q, k, v };
    queries.apply_op3_no_bwd(keys, values, &attend)
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

/// `silu(gate) × up` of rows `[gate, up]`, which `map` makes.
pub(crate) fn gated_by(map: &Linear, x: &Tensor) -> Result<Tensor> {
    #[cfg(feature = "cuda")]
    if has_gpu_kernels(x) {
        return map.product(x)?.apply_op1_no_bwd(&gpu::Gate { bias: map.bias() });
    }
    gated(&map.forward(x)?)
}

fn gated(x: &Tensor) -> Result<Tensor> {
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
            let (sin, cos) = (0..row * dim / 2).map(|index| (index as f32 * 0.37).sin_cos()).unzip();
            let tables = Tables { cos, sin };
            let exact = qkv.copy().unwrap().to_dtype(DType::F64).unwrap();
            let ours = turn(qkv, heads, &tables).unwrap();
            let theirs = turn(exact, heads, &tables).unwrap();
            let narrow = |tensor: &Tensor| tensor.to_dtype(DType::F32).unwrap();
            for (ours, theirs) in [(&ours.q, &theirs.q), (&ours.k, &theirs.k), (&ours.v, &theirs.v)] {
                prop_assert!(difference(&ours.contiguous().unwrap(), &narrow(theirs)) < 1e-5);
            }
            let wide = |tensor: &Tensor| tensor.to_dtype(DType::F64).unwrap();
            let exact = attend_by_products(&theirs.q, &wide(&keys), &wide(&values), heads, &looks).unwrap();
            let of = |looks: &[Look]| Looks::new(looks.to_vec(), &keys, heads).unwrap();
            let writes = Writes::new(Vec::new(), &keys).unwrap();
            let kept = Kept { keys: &keys, values: &values, writes: &writes };
            prop_assert!(difference(&attend_to(&ours, kept, heads, &of(&looks)).unwrap(), &narrow(&exact)) < 2e-5);

            let within: Vec<Look> = looks.iter().map(|look| Look { keys: vec![look.rows.clone()], ..look.clone() }).collect();
            let exact = attend_within(&theirs, heads, &of(&within)).unwrap();
            prop_assert!(difference(&attend_within(&ours, heads, &of(&within)).unwrap(), &narrow(&exact)) < 2e-5);
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

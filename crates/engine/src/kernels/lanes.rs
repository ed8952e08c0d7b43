//! Loops over floats, compiled for several widths of vectors; the widest that the machine has is taken when they run.
//!
//! Sums run side by side in the lanes of a vector, so their last bits depend on its width.

#![allow(clippy::needless_lifetimes, reason = "the macro of the library wants lifetimes to have names")]

use pulp::{Arch, Simd};

/// Rows of weights that are read side by side.
const ROWS: usize = 4;

/// `exp(x)` for each lane, right to about 2 units in the last place, and 0 below -60: beside a weight of 1 that is nothing, and smaller
/// weights would give products so small that the processor takes a hundred times as long for them.
#[inline(always)]
fn exp<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
    /// Adding it moves a whole number into the lowest bits.
    const MAGIC: f32 = 12_582_912.0;
    /// ln 2 in two parts, the first of few bits.
    const LN2: [f32; 2] = [0.693_359_4, -2.121_944_4e-4];
    /// The polynomial of Cephes' expf.
    const FACTORS: [f32; 6] = [1.987_569_1e-4, 1.398_199_9e-3, 8.333_452e-3, 4.166_579_6e-2, 0.166_666_66, 0.5];
    let all = |value: f32| simd.splat_f32s(value);
    let is_nothing = simd.less_than_f32s(x, all(-60.0));
    let x = simd.max_f32s(simd.min_f32s(x, all(88.0)), all(-60.0));
    let shifted = simd.mul_add_e_f32s(x, all(std::f32::consts::LOG2_E), all(MAGIC));
    let whole = simd.sub_f32s(shifted, all(MAGIC));
    let rest = simd.mul_add_e_f32s(whole, all(-LN2[0]), x);
    let rest = simd.mul_add_e_f32s(whole, all(-LN2[1]), rest);
    let mut sum = all(FACTORS[0]);
    for factor in &FACTORS[1..] {
        sum = simd.mul_add_e_f32s(sum, rest, all(*factor));
    }
    let sum = simd.add_f32s(simd.mul_add_e_f32s(sum, simd.mul_f32s(rest, rest), rest), all(1.0));
    let exponent = simd.add_u32s(simd.transmute_u32s_f32s(shifted), simd.splat_u32s(127_u32.wrapping_sub(MAGIC.to_bits())));
    let power = simd.wrapping_dyn_shl_u32s(exponent, simd.splat_u32s(23));
    simd.select_f32s(is_nothing, all(0.0), simd.mul_f32s(sum, simd.transmute_f32s_u32s(power)))
}

/// The same for one value.
#[inline(always)]
fn exp_of<S: Simd>(simd: S, x: f32) -> f32 {
    let lanes = exp(simd, simd.splat_f32s(x));
    pulp::bytemuck::cast_slice::<S::f32s, f32>(std::slice::from_ref(&lanes)).first().copied().unwrap_or_default()
}

/// One row of scores of an online softmax: they become weights against the largest score so far, and what the sums before have to be
/// multiplied with comes out. `sum` grows by the weights.
#[pulp::with_simd(softmax_step = Arch::new())]
#[inline(always)]
pub(crate) fn softmax_step_on<'a, S: Simd>(simd: S, scores: &'a mut [f32], maximum: &'a mut f32, sum: &'a mut f32) -> f32 {
    let (vectors, rest) = S::as_mut_simd_f32s(scores);
    let mut largest = simd.splat_f32s(*maximum);
    for vector in vectors.iter() {
        largest = simd.max_f32s(largest, *vector);
    }
    let new = rest.iter().copied().fold(simd.reduce_max_f32s(largest), f32::max);
    if new == f32::NEG_INFINITY {
        scores.fill(0.0);
        return 1.0;
    }
    let (minus, mut sums) = (simd.splat_f32s(new), simd.splat_f32s(0.0));
    for vector in vectors.iter_mut() {
        *vector = exp(simd, simd.sub_f32s(*vector, minus));
        sums = simd.add_f32s(sums, *vector);
    }
    let mut added = simd.reduce_sum_f32s(sums);
    for value in rest.iter_mut() {
        *value = exp_of(simd, *value - new);
        added += *value;
    }
    let before = exp_of(simd, *maximum - new);
    *sum = *sum * before + added;
    *maximum = new;
    before
}

/// Every value times a factor.
#[pulp::with_simd(scale = Arch::new())]
#[inline(always)]
pub(crate) fn scale_on<'a, S: Simd>(_simd: S, values: &'a mut [f32], factor: f32) {
    values.iter_mut().for_each(|value| *value *= factor);
}

/// `silu(gate) × up`, for a row that holds the gate first and what goes up after it.
#[pulp::with_simd(gated = Arch::new())]
#[inline(always)]
pub(crate) fn gated_on<'a, S: Simd>(simd: S, row: &'a [f32], out: &'a mut [f32]) {
    let (gate, up) = row.split_at(out.len());
    let ((gate, gate_rest), (up, up_rest)) = (S::as_simd_f32s(gate), S::as_simd_f32s(up));
    let (out, out_rest) = S::as_mut_simd_f32s(out);
    let one = simd.splat_f32s(1.0);
    for ((out, gate), up) in out.iter_mut().zip(gate).zip(up) {
        let slope = simd.add_f32s(one, exp(simd, simd.neg_f32s(*gate)));
        *out = simd.mul_f32s(simd.div_f32s(*gate, slope), *up);
    }
    for ((out, gate), up) in out_rest.iter_mut().zip(gate_rest).zip(up_rest) {
        *out = *gate / (1.0 + exp_of(simd, -*gate)) * *up;
    }
}

/// A head turned by its position: halves are the two coordinates (`rotate_half`).
#[pulp::with_simd(rotate = Arch::new())]
#[inline(always)]
pub(crate) fn rotate_on<'a, S: Simd>(_simd: S, head: &'a mut [f32], cos: &'a [f32], sin: &'a [f32]) {
    let (left, right) = head.split_at_mut(cos.len());
    for (((x, y), cos), sin) in left.iter_mut().zip(right.iter_mut()).zip(cos).zip(sin) {
        (*x, *y) = (*x * cos - *y * sin, *y * cos + *x * sin);
    }
}

/// Products of each row of weights with each of a few rows: `out[weight][row]`. All rows are `size` long.
#[pulp::with_simd(dots = Arch::new())]
#[inline(always)]
pub(crate) fn dots_on<'a, S: Simd>(simd: S, weights: &'a [f32], rows: &'a [f32], size: usize, out: &'a mut [f32]) {
    let count = rows.len() / size;
    for (weights, out) in weights.chunks(ROWS * size).zip(out.chunks_mut(ROWS * count)) {
        let weight = |index: usize| weights.get(index * size..(index + 1) * size);
        // the last few rows of weights: one is taken more than once, and what is too much is dropped
        let Some(first) = weight(0) else { continue };
        let weights = [first, weight(1).unwrap_or(first), weight(2).unwrap_or(first), weight(3).unwrap_or(first)];
        let mut at = 0;
        while at < count {
            let row = |index: usize| &rows[(at + index) * size..(at + index + 1) * size];
            let taken = match count - at {
                1 => block(simd, weights, [row(0)], at, count, out),
                2 | 3 => block(simd, weights, [row(0), row(1)], at, count, out),
                _ => block(simd, weights, [row(0), row(1), row(2), row(3)], at, count, out),
            };
            at += taken;
        }
    }
}

/// Products of a few rows of weights with `N` rows from the one at `at` of `count`; how many rows these were.
#[inline(always)]
fn block<S: Simd, const N: usize>(simd: S, weights: [&[f32]; ROWS], rows: [&[f32]; N], at: usize, count: usize, out: &mut [f32]) -> usize {
    let (weights, weight_tails) = split::<S, ROWS>(weights);
    let (rows, row_tails) = split::<S, N>(rows);
    let mut sums = [[simd.splat_f32s(0.0); N]; ROWS];
    for step in 0..weights[0].len() {
        let values = rows.map(|row| row[step]);
        for (sums, weights) in sums.iter_mut().zip(weights) {
            let weight = weights[step];
            for (sum, value) in sums.iter_mut().zip(values) {
                *sum = simd.mul_add_e_f32s(weight, value, *sum);
            }
        }
    }
    for ((out, sums), tail) in out.chunks_mut(count).zip(sums).zip(weight_tails) {
        for ((out, sum), row) in out[at..].iter_mut().zip(sums).zip(row_tails) {
            let rest: f32 = tail.iter().zip(row).map(|(a, b)| a * b).sum();
            *out = simd.reduce_sum_f32s(sum) + rest;
        }
    }
    N
}

/// Rows of the same length as vectors, and what is left of each.
#[inline(always)]
fn split<S: Simd, const N: usize>(rows: [&[f32]; N]) -> ([&[S::f32s]; N], [&[f32]; N]) {
    let length = rows.first().map_or(0, |row| row.len());
    let split = rows.map(|row| S::as_simd_f32s(&row[..length]));
    let vectors = split[0].0.len();
    (split.map(|(head, _)| &head[..vectors]), split.map(|(_, tail)| tail))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn exp_is_exp(x in -60.0_f32..0.0) {
            let ours = {
                let (mut maximum, mut sum) = (0.0, 0.0);
                let mut scores = [x; 21];
                softmax_step(&mut scores, &mut maximum, &mut sum);
                prop_assert!(scores.iter().all(|score| *score == scores[0]));
                f64::from(scores[0])
            };
            let exact = f64::from(x).exp();
            prop_assert!((ours / exact - 1.0).abs() < 3e-7, "exp({x}) = {ours}, not {exact}");
        }

        /// However the scores are cut into blocks.
        #[test]
        fn softmax_in_steps_is_softmax(scores in prop::collection::vec(-30.0_f32..30.0, 1..100), cut in 1_usize..40) {
            let (mut maximum, mut sum, mut weights) = (f32::NEG_INFINITY, 0.0, Vec::new());
            for block in scores.chunks(cut) {
                let mut block = block.to_vec();
                let before = softmax_step(&mut block, &mut maximum, &mut sum);
                scale(&mut weights, before);
                weights.extend(block);
            }
            let largest = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            let exact: Vec<f64> = scores.iter().map(|score| f64::from(score - largest).exp()).collect();
            let total: f64 = exact.iter().sum();
            for (weight, exact) in weights.iter().zip(exact) {
                prop_assert!((f64::from(weight / sum) - exact / total).abs() < 1e-6);
            }
        }
    }

    proptest! {
        #[test]
        fn dots_are_products(weights in 1_usize..11, rows in 1_usize..11, size in 1_usize..70, seed in any::<u64>()) {
            let value = |index: usize| ((index as u64).wrapping_mul(seed | 1) >> 40) as f32 / (1 << 23) as f32 - 1.0;
            let a: Vec<f32> = (0..weights * size).map(value).collect();
            let b: Vec<f32> = (0..rows * size).map(|index| value(index + 7777)).collect();
            let mut out = vec![f32::NAN; weights * rows];
            dots(&a, &b, size, &mut out);
            for (weight, out) in out.chunks(rows).enumerate() {
                for (row, ours) in out.iter().enumerate() {
                    let exact: f64 = (0..size).map(|at| f64::from(a[weight * size + at]) * f64::from(b[row * size + at])).sum();
                    prop_assert!((f64::from(*ours) - exact).abs() < 1e-5, "{ours} {exact}");
                }
            }
        }
    }

    #[test]
    fn what_is_masked_weighs_nothing() {
        let (mut maximum, mut sum) = (f32::NEG_INFINITY, 0.0);
        let mut all = [f32::NEG_INFINITY; 5];
        assert_eq!((softmax_step(&mut all, &mut maximum, &mut sum), all, sum), (1.0, [0.0; 5], 0.0));
        let mut some = [f32::NEG_INFINITY, 2.0];
        softmax_step(&mut some, &mut maximum, &mut sum);
        assert_eq!((some, sum), ([0.0, 1.0], 1.0));
    }
}

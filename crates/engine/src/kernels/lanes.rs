//! Loops over floats that the compiler turns into the widest vectors which the machine has.
//!
//! They are plain loops: [`pulp`] compiles each for several widths and takes the fitting one when it runs. Sums go over a fixed number of
//! lanes, so their order, and with it their last bit, does not depend on the machine.

use pulp::Arch;

/// Sums that run side by side.
const LANES: usize = 16;

/// `exp(x)`, right to about 2 units in the last place; 0 below -87.
#[inline(always)]
fn exp(x: f32) -> f32 {
    /// Adding it moves a whole number into the lowest bits.
    const MAGIC: f32 = 12_582_912.0;
    const LN2_HIGH: f32 = 0.693_359_4;
    const LN2_LOW: f32 = -2.121_944_4e-4;
    let is_zero = x < -87.0;
    let x = x.clamp(-87.0, 88.0);
    let shifted = x * std::f32::consts::LOG2_E + MAGIC;
    let whole = shifted - MAGIC;
    let rest = x - whole * LN2_HIGH - whole * LN2_LOW;
    // the polynomial of Cephes' expf
    let mut sum = 1.987_569_1e-4;
    for factor in [1.398_199_9e-3, 8.333_452e-3, 4.166_579_6e-2, 0.166_666_66, 0.5] {
        sum = sum * rest + factor;
    }
    let sum = sum * rest * rest + rest + 1.0;
    let power = f32::from_bits(shifted.to_bits().wrapping_sub(MAGIC.to_bits()).wrapping_add(127) << 23);
    if is_zero { 0.0 } else { sum * power }
}

#[inline(always)]
fn reduce(values: &[f32], start: f32, step: impl Fn(f32, f32) -> f32) -> f32 {
    let mut lanes = [start; LANES];
    let mut chunks = values.chunks_exact(LANES);
    for chunk in &mut chunks {
        for (lane, value) in lanes.iter_mut().zip(chunk) {
            *lane = step(*lane, *value);
        }
    }
    for (lane, value) in lanes.iter_mut().zip(chunks.remainder()) {
        *lane = step(*lane, *value);
    }
    lanes.into_iter().fold(start, step)
}

/// The largest.
#[inline(always)]
fn largest(values: &[f32]) -> f32 {
    reduce(values, f32::NEG_INFINITY, f32::max)
}

/// One row of scores of an online softmax: they become weights against the largest score so far, which is told with the factor that
/// what was summed before has to be multiplied with. `sum` grows by the weights.
pub(crate) fn softmax_step(scores: &mut [f32], maximum: &mut f32, sum: &mut f32) -> f32 {
    Arch::new().dispatch(
        #[inline(always)]
        || {
            let new = largest(scores).max(*maximum);
            if new == f32::NEG_INFINITY {
                scores.fill(0.0);
                return 1.0;
            }
            for score in scores.iter_mut() {
                *score = exp(*score - new);
            }
            let before = exp(*maximum - new);
            *sum = *sum * before + reduce(scores, 0.0, |a, b| a + b);
            *maximum = new;
            before
        },
    )
}

/// Every value times a factor.
pub(crate) fn scale(values: &mut [f32], factor: f32) {
    Arch::new().dispatch(
        #[inline(always)]
        || values.iter_mut().for_each(|value| *value *= factor),
    );
}

/// `silu(gate) × up`, for a row that holds the gate first and what goes up after it.
pub(crate) fn gated(row: &[f32], out: &mut [f32]) {
    let (gate, up) = row.split_at(out.len());
    Arch::new().dispatch(
        #[inline(always)]
        || {
            for ((out, gate), up) in out.iter_mut().zip(gate).zip(up) {
                *out = *gate / (1.0 + exp(-*gate)) * *up;
            }
        },
    );
}

/// A head turned by its position: halves are the two coordinates (`rotate_half`).
pub(crate) fn rotate(head: &mut [f32], cos: &[f32], sin: &[f32]) {
    let (left, right) = head.split_at_mut(cos.len());
    Arch::new().dispatch(
        #[inline(always)]
        || {
            for (((x, y), cos), sin) in left.iter_mut().zip(right.iter_mut()).zip(cos).zip(sin) {
                (*x, *y) = (*x * cos - *y * sin, *y * cos + *x * sin);
            }
        },
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn exp_is_exp(x in -86.0_f32..80.0) {
            let (ours, exact) = (f64::from(exp(x)), f64::from(x).exp());
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

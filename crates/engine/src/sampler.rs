//! Which token comes next.

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

/// How a token is drawn.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sampling {
    /// 0 takes the likeliest token always.
    pub temperature: f32,
    /// Tokens are drawn of the likeliest ones that have this much of the chance together, above 0 and at most 1.
    pub top_p: f32,
    /// Tokens are drawn of so many likeliest ones; 0 is no bound.
    pub top_k: usize,
    /// The same seed draws the same tokens.
    pub seed: u64,
}

impl Default for Sampling {
    /// The likeliest token always.
    fn default() -> Self {
        Self { temperature: 0.0, top_p: 1.0, top_k: 0, seed: 0 }
    }
}

/// What a step says of the token that comes next.
#[derive(Debug)]
pub(crate) enum Next {
    /// Logits over the vocabulary.
    Logits(Vec<f32>),
    /// The likeliest one, where nothing else was asked for: the device has looked by itself.
    Likeliest(u32),
}

/// Draws the tokens of one answer.
#[derive(Debug)]
pub(crate) struct Sampler {
    sampling: Sampling,
    chance: StdRng,
}

impl Sampler {
    pub(crate) fn new(sampling: Sampling) -> Self {
        Self { chance: StdRng::seed_from_u64(sampling.seed), sampling }
    }

    /// Whether the likeliest token is all that is wanted.
    pub(crate) fn is_greedy(&self) -> bool {
        self.sampling.temperature <= 0.0
    }

    /// The next token.
    pub(crate) fn draw(&mut self, next: &Next) -> u32 {
        let logits = match next {
            Next::Logits(logits) => logits,
            Next::Likeliest(token) => return *token,
        };
        let Sampling { temperature, top_p, top_k, .. } = self.sampling;
        if self.is_greedy() {
            return likeliest(logits);
        }
        let mut order: Vec<u32> = (0..logits.len() as u32).collect();
        let by_chance = |a: &u32, b: &u32| logits[*b as usize].total_cmp(&logits[*a as usize]).then(a.cmp(b));
        if top_k > 0 && top_k < order.len() {
            order.select_nth_unstable_by(top_k - 1, by_chance);
            order.truncate(top_k);
        }
        order.sort_unstable_by(by_chance);
        let Some(first) = order.first() else { return 0 };
        let largest = logits[*first as usize];
        let weights: Vec<f32> = order.iter().map(|token| ((logits[*token as usize] - largest) / temperature).exp()).collect();
        let total: f32 = weights.iter().sum();
        let (mut sum, mut count) = (0.0, 0);
        while count < weights.len() && (count == 0 || sum < top_p * total) {
            sum += weights[count];
            count += 1;
        }
        let mut drawn = self.chance.random::<f32>() * sum;
        for (token, weight) in order.iter().zip(&weights).take(count) {
            drawn -= weight;
            if drawn <= 0.0 {
                return *token;
            }
        }
        order[count - 1]
    }
}

/// The first of the largest, as transformers takes it.
fn likeliest(logits: &[f32]) -> u32 {
    let better = |best: (u32, f32), (token, logit): (u32, f32)| if logit > best.1 { (token, logit) } else { best };
    (0_u32..).zip(logits.iter().copied()).fold((0, f32::NEG_INFINITY), better).0
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn draws(sampling: Sampling, logits: &[f32], count: usize) -> Vec<u32> {
        let mut sampler = Sampler::new(sampling);
        let next = Next::Logits(logits.to_vec());
        (0..count).map(|_| sampler.draw(&next)).collect()
    }

    #[test]
    fn chances_are_those_of_the_softmax() {
        let logits = [0.0, 2.0_f32.ln(), f32::NEG_INFINITY, 5.0_f32.ln()];
        let drawn = draws(Sampling { temperature: 1.0, ..Sampling::default() }, &logits, 8000);
        let share = |token| drawn.iter().filter(|other| **other == token).count() as f32 / 8000.0;
        for (token, exact) in [(0, 1.0 / 8.0), (1, 2.0 / 8.0), (2, 0.0), (3, 5.0 / 8.0)] {
            assert!((share(token) - exact).abs() < 0.03, "{token}: {}", share(token));
        }
    }

    #[test]
    fn bounds_leave_the_likeliest() {
        let logits = [1.0, 3.0, 2.0, -1.0];
        let sampling = Sampling { temperature: 2.0, ..Sampling::default() };
        assert!(draws(Sampling { top_k: 2, ..sampling }, &logits, 200).iter().all(|token| [1, 2].contains(token)));
        assert!(draws(Sampling { top_p: 0.1, ..sampling }, &logits, 50).iter().all(|token| *token == 1));
        assert_eq!(draws(Sampling::default(), &[2.0, 5.0, 5.0], 1), [1]);
    }

    proptest! {
        /// Whatever the logits are, also none and no numbers: a token of the vocabulary, and with the same seed the same.
        #[test]
        fn the_same_seed_draws_the_same(logits in prop::collection::vec(prop::num::f32::ANY, 0..40), seed in any::<u64>(), top_k in 0_usize..9) {
            let sampling = Sampling { temperature: 0.7, top_p: 0.9, top_k, seed };
            let drawn = draws(sampling, &logits, 20);
            prop_assert!(drawn.iter().all(|token| (*token as usize) < logits.len().max(1)));
            prop_assert_eq!(drawn, draws(sampling, &logits, 20));
        }
    }
}

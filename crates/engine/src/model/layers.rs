//! Linear maps and norms.

use candle_core::{Result, Tensor};
use candle_nn::VarBuilder;

/// `x Wᵀ + b` for `x` of two dimensions.
pub(crate) struct Linear {
    weight: Tensor,
    bias: Option<Tensor>,
}

impl Linear {
    /// A map from `from` to `to` values.
    pub(crate) fn load(from: usize, to: usize, has_bias: bool, weights: VarBuilder<'_>) -> Result<Self> {
        let bias = has_bias.then(|| weights.get(to, "bias")).transpose()?;
        Ok(Self { weight: weights.get((to, from), "weight")?, bias })
    }

    /// Several maps of the same values as one: their results lie one after another.
    pub(crate) fn joined(parts: &[Self]) -> Result<Self> {
        let weights: Vec<&Tensor> = parts.iter().map(|part| &part.weight).collect();
        let biases: Vec<&Tensor> = parts.iter().filter_map(|part| part.bias.as_ref()).collect();
        let bias = (biases.len() == parts.len()).then(|| Tensor::cat(&biases, 0)).transpose()?;
        Ok(Self { weight: Tensor::cat(&weights, 0)?, bias })
    }

    /// A map without bias whose weights are given.
    pub(crate) fn tied(weight: Tensor) -> Self {
        Self { weight, bias: None }
    }

    pub(crate) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let y = x.matmul(&self.weight.t()?)?;
        match &self.bias {
            Some(bias) => y.broadcast_add(bias),
            None => Ok(y),
        }
    }
}

/// Division by the root of the mean square.
pub(crate) struct Norm {
    weight: Tensor,
    epsilon: f32,
}

impl Norm {
    pub(crate) fn load(size: usize, epsilon: f64, weights: VarBuilder<'_>) -> Result<Self> {
        Ok(Self { weight: weights.get(size, "weight")?, epsilon: epsilon as f32 })
    }

    pub(crate) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        candle_nn::ops::rms_norm(x, &self.weight, self.epsilon)
    }
}

/// The gated feed-forward network: gate and what goes up in one product.
pub(crate) struct FeedForward {
    gate_up: Linear,
    down: Linear,
}

impl FeedForward {
    pub(crate) fn load(size: usize, inner: usize, has_bias: bool, weights: &VarBuilder<'_>) -> Result<Self> {
        let gate = Linear::load(size, inner, has_bias, weights.pp("gate_proj"))?;
        let up = Linear::load(size, inner, has_bias, weights.pp("up_proj"))?;
        let down = Linear::load(inner, size, has_bias, weights.pp("down_proj"))?;
        Ok(Self { gate_up: Linear::joined(&[gate, up])?, down })
    }

    pub(crate) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        self.down.forward(&super::ops::gated(&self.gate_up.forward(x)?)?)
    }
}

//! Linear maps and norms.

use super::ops;
use crate::kernels::rows::Product;
use candle_core::{Result, Tensor};
use candle_nn::VarBuilder;

/// Rows that a feed-forward network takes at a time on the CPU: what lies between its products stays in the cache.
const ROWS: usize = 1024;

/// `x Wᵀ + b` for `x` of two dimensions.
pub(crate) struct Linear {
    weight: Tensor,
    bias: Option<Tensor>,
    /// The same, where the kernels need it.
    values: Option<Vec<f32>>,
}

impl Linear {
    /// A map from `from` to `to` values.
    pub(crate) fn load(from: usize, to: usize, has_bias: bool, weights: VarBuilder<'_>) -> Result<Self> {
        Self::of(weights.get((to, from), "weight")?, has_bias.then(|| weights.get(to, "bias")).transpose()?)
    }

    /// Several maps of the same values as one: their results lie one after another.
    pub(crate) fn joined(parts: &[Self]) -> Result<Self> {
        let weights: Vec<&Tensor> = parts.iter().map(|part| &part.weight).collect();
        let biases: Vec<&Tensor> = parts.iter().filter_map(|part| part.bias.as_ref()).collect();
        let bias = (biases.len() == parts.len()).then(|| Tensor::cat(&biases, 0)).transpose()?;
        Self::of(Tensor::cat(&weights, 0)?, bias)
    }

    /// Of these weights.
    pub(crate) fn of(weight: Tensor, bias: Option<Tensor>) -> Result<Self> {
        let weight = weight.contiguous()?;
        let values = bias.as_ref().filter(|bias| ops::has_kernels(bias)).map(Tensor::to_vec1).transpose()?;
        Ok(Self { weight, bias, values })
    }

    pub(crate) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        if ops::has_kernels(x) {
            return x.contiguous()?.apply_op2_no_bwd(&self.weight, &Product { bias: self.values.as_deref() });
        }
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
        let part = |x: &Tensor| self.down.forward(&ops::gated(&self.gate_up.forward(x)?)?);
        let rows = x.dim(0)?;
        if !ops::has_kernels(x) || rows <= ROWS {
            return part(x);
        }
        let parts = (0..rows).step_by(ROWS).map(|start| part(&x.narrow(0, start, ROWS.min(rows - start))?));
        Tensor::cat(&parts.collect::<Result<Vec<_>>>()?, 0)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;
    use candle_core::{DType, Device};

    #[test]
    fn kernels_give_what_candle_gives() {
        let random = |shape: &[usize]| Tensor::randn(0.0_f32, 1.0, shape, &Device::Cpu).unwrap();
        let wide = |tensor: &Tensor| tensor.to_dtype(DType::F64).unwrap();
        for (rows, has_bias) in [(1, true), (2, false), (7, true), (24, true), (25, false), (1025, true)] {
            let (weight, bias, x) = (random(&[131, 70]), has_bias.then(|| random(&[131])), random(&[rows, 70]));
            let exact = Linear::of(wide(&weight), bias.as_ref().map(wide)).unwrap().forward(&wide(&x)).unwrap();
            let ours = Linear::of(weight, bias).unwrap().forward(&x).unwrap();
            let away: f64 = (wide(&ours) - exact).unwrap().abs().unwrap().max_all().unwrap().to_scalar().unwrap();
            assert!(away < 1e-4, "{rows} rows: {away}");
        }
    }
}

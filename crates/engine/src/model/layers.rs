//! Linear maps and norms.

use super::ops;
use crate::kernels::rows::Product;
use candle_core::{Result, Tensor};
use candle_nn::VarBuilder;

/// Rows that a feed-forward network takes at a time on the CPU: what lies between its products stays in the cache.
const ROWS: usize = 1024;
/// Sizes of a feed-forward network on the GPU are multiples of it.
const GPU_MULTIPLE: usize = 64;

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

    /// The same with zeros: for more values that come out (0) or go in (1).
    fn with_more(self, dimension: usize, more: usize) -> Result<Self> {
        let bias = self.bias.map(|bias| if dimension == 0 { bias.pad_with_zeros(0, 0, more) } else { Ok(bias) }).transpose()?;
        Self::of(self.weight.pad_with_zeros(dimension, 0, more)?, bias)
    }

    /// Of these weights.
    pub(crate) fn of(weight: Tensor, bias: Option<Tensor>) -> Result<Self> {
        let weight = weight.contiguous()?;
        let values = bias.as_ref().filter(|bias| ops::has_kernels(bias)).map(Tensor::to_vec1).transpose()?;
        Ok(Self { weight, bias, values })
    }

    /// `x Wᵀ`.
    pub(crate) fn product(&self, x: &Tensor) -> Result<Tensor> {
        x.matmul(&self.weight.t()?)
    }

    /// What is added to it.
    #[cfg(feature = "cuda")]
    pub(crate) fn bias(&self) -> Option<&Tensor> {
        self.bias.as_ref()
    }

    /// `x Wᵀ + b` added to other rows.
    pub(crate) fn add_to(&self, rows: &Tensor, x: &Tensor) -> Result<Tensor> {
        #[cfg(feature = "cuda")]
        if ops::has_gpu_kernels(x) {
            let sum = self.product(x)?;
            sum.inplace_op1(&crate::kernels::gpu::Add { bias: self.bias(), other: Some(rows) })?;
            return Ok(sum);
        }
        if ops::has_kernels(x) {
            let product = Product { bias: self.values.as_deref() };
            return x.contiguous()?.apply_op3_no_bwd(&self.weight, &rows.contiguous()?, &product);
        }
        rows + self.forward(x)?
    }

    pub(crate) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        if ops::has_kernels(x) {
            return x.contiguous()?.apply_op2_no_bwd(&self.weight, &Product { bias: self.values.as_deref() });
        }
        let y = self.product(x)?;
        #[cfg(feature = "cuda")]
        if ops::has_gpu_kernels(x) && self.bias.is_some() {
            y.inplace_op1(&crate::kernels::gpu::Add { bias: self.bias(), other: None })?;
            return Ok(y);
        }
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
        let mut gate = Linear::load(size, inner, has_bias, weights.pp("gate_proj"))?;
        let mut up = Linear::load(size, inner, has_bias, weights.pp("up_proj"))?;
        let mut down = Linear::load(inner, size, has_bias, weights.pp("down_proj"))?;
        if weights.device().is_cuda() {
            // zeros change nothing, and products of odd sizes are slow there
            let more = inner.next_multiple_of(GPU_MULTIPLE) - inner;
            (gate, up, down) = (gate.with_more(0, more)?, up.with_more(0, more)?, down.with_more(1, more)?);
        }
        Ok(Self { gate_up: Linear::joined(&[gate, up])?, down })
    }

    /// What it makes of `x`, added to other rows.
    pub(crate) fn add_to(&self, rows: &Tensor, x: &Tensor) -> Result<Tensor> {
        let part = |rows: &Tensor, x: &Tensor| self.down.add_to(rows, &ops::gated_by(&self.gate_up, x)?);
        let count = x.dim(0)?;
        if !ops::has_kernels(x) || count <= ROWS {
            return part(rows, x);
        }
        let parts = (0..count).step_by(ROWS).map(|start| {
            let some = |of: &Tensor| of.narrow(0, start, ROWS.min(count - start));
            part(&some(rows)?, &some(x)?)
        });
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
            let map = Linear::of(weight, bias).unwrap();
            let ours = map.forward(&x).unwrap();
            let away = |ours: &Tensor, exact: &Tensor| -> f64 {
                (wide(ours) - exact).unwrap().abs().unwrap().max_all().unwrap().to_scalar().unwrap()
            };
            assert!(away(&ours, &exact) < 1e-4, "{rows} rows: {}", away(&ours, &exact));
            let onto = random(&[rows, 131]);
            let (ours, exact) = (map.add_to(&onto, &x).unwrap(), (exact + wide(&onto)).unwrap());
            assert!(away(&ours, &exact) < 1e-4, "{rows} rows added to others: {}", away(&ours, &exact));
        }
    }
}

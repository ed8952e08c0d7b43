//! Arithmetic on the CPU where candle's own is a fraction of what the machine can do: attention, rotary positions, the gate of the
//! feed-forward network, norms. On a GPU candle's are used (`model/ops.rs`).

pub(crate) mod attention;
mod gemm;
mod lanes;
pub(crate) mod rows;

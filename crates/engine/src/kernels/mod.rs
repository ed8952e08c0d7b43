//! What the engine computes by itself: on the CPU in f32, on NVIDIA GPUs in bf16 (feature `cuda`).

pub(crate) mod attention;
#[cfg(test)]
mod emulated;
mod gemm;
#[cfg(feature = "cuda")]
pub(crate) mod gpu;
mod lanes;
pub(crate) mod rows;
#[cfg(any(test, feature = "cuda"))]
pub(crate) mod tiles;

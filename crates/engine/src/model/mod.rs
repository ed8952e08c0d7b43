//! Qwen2.5-VL: a vision tower with window attention, a decoder with three-axis rotary positions over a cache in blocks.
//!
//! The prototype's 300 lines matched transformers to 8e-6 (spec/inference.md 2); this one is checked against numbers that transformers
//! gave (`tests/parity.rs`).

mod layers;
mod ops;
mod positions;
mod text;
mod vision;

pub(crate) use ops::Heads;
#[cfg(test)]
pub(crate) use ops::attend_by_products;
#[cfg(all(test, feature = "cuda"))]
pub(crate) use ops::{Kept, Looks, Projected, Writes, attend_to};
pub(crate) use positions::{Grid, Positions};
pub(crate) use text::{Cache, Span, Text};
pub(crate) use vision::Vision;

//! Figures of one kind, in milliseconds.

use anyhow::Result;
use hdrhistogram::Histogram;

/// A histogram from a microsecond to two minutes.
pub(crate) struct Figures(Histogram<u64>);

impl Figures {
    pub(crate) fn new() -> Result<Self> {
        Ok(Self(Histogram::new_with_bounds(1, 120_000_000, 3)?))
    }

    pub(crate) fn take(&mut self, ms: f64) -> Result<()> {
        Ok(self.0.record((ms.max(0.001) * 1e3) as u64)?)
    }

    pub(crate) fn at(&self, quantile: f64) -> f64 {
        self.0.value_at_quantile(quantile) as f64 / 1e3
    }

    pub(crate) fn count(&self) -> u64 {
        self.0.len()
    }
}

//! What tokens cost.

use wayfarer_core::Usage;

/// US dollars per million tokens.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Prices {
    /// Sent.
    pub sent: f64,
    /// Of them, those that the model's server still had in memory; as for others if absent.
    pub cached: Option<f64>,
    /// Received.
    pub received: f64,
}

impl Prices {
    /// What one answered request used and cost. No more than all tokens that were sent can have been in memory.
    pub fn usage(&self, sent: u64, cached: u64, received: u64) -> Usage {
        let cached = cached.min(sent);
        let millionths = |count: u64, price: f64| count as f64 * price / 1e6;
        let kept = millionths(cached, self.cached.unwrap_or(self.sent));
        Usage {
            model_calls: 1,
            prompt_tokens: sent,
            completion_tokens: received,
            cost_usd: millionths(sent - cached, self.sent) + kept + millionths(received, self.received),
            cached_tokens: cached,
        }
    }
}

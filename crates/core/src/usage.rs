//! What model calls cost.

use serde::{Deserialize, Serialize};
use std::ops::AddAssign;

/// Calls, tokens and money.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Usage {
    /// Requests that a model answered.
    pub model_calls: u64,
    /// Tokens sent, as the model's server counted them.
    pub prompt_tokens: u64,
    /// Tokens received, as the model's server counted them.
    pub completion_tokens: u64,
    /// US dollars by the price list.
    pub cost_usd: f64,
    /// Of the tokens sent, those that the server still had in memory.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub cached_tokens: u64,
}

fn is_zero(tokens: &u64) -> bool {
    *tokens == 0
}

impl Usage {
    /// Models answered, but no price is known: the dollars say nothing.
    pub fn is_unpriced(&self) -> bool {
        self.cost_usd == 0.0 && self.prompt_tokens + self.completion_tokens > 0
    }
}

impl AddAssign for Usage {
    fn add_assign(&mut self, other: Self) {
        self.model_calls += other.model_calls;
        self.prompt_tokens += other.prompt_tokens;
        self.completion_tokens += other.completion_tokens;
        self.cost_usd += other.cost_usd;
        self.cached_tokens += other.cached_tokens;
    }
}

//! Who may still spend. Calls are admitted by what is spent already, so a budget can be passed by what is in flight, and by no more.

use async_trait::async_trait;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use tokio::time::{Duration, Instant};
use wayfarer_chat::{ModelError, Scope};
use wayfarer_core::Usage;

/// Accounts that are kept before idle ones are forgotten.
const MOST_ACCOUNTS: usize = 20_000;
/// An account that nobody used for so long may be forgotten: no attempt lives that long.
const IDLE: Duration = Duration::from_secs(24 * 3600);

/// Something that knows what was spent and what may be: in one process, or in Redis for all replicas.
#[async_trait]
pub trait SpendingBudget: Send + Sync {
    /// Whether the scope may make a call; [`ModelError::BudgetSpent`] if not.
    async fn admit(&self, scope: &Scope) -> Result<(), ModelError>;

    /// What a call cost.
    async fn spend(&self, scope: &Scope, usage: Usage);
}

/// No bounds: the Orchestrator's own budgets of an attempt are all there is.
#[derive(Debug, Clone, Copy, Default)]
pub struct Unlimited;

#[async_trait]
impl SpendingBudget for Unlimited {
    async fn admit(&self, _scope: &Scope) -> Result<(), ModelError> {
        Ok(())
    }

    async fn spend(&self, _scope: &Scope, _usage: Usage) {}
}

/// Bounds of one account.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limits {
    /// Prompt and completion tokens together.
    pub tokens: u64,
    /// US dollars.
    pub cost_usd: f64,
}

impl Limits {
    /// No bounds.
    pub const NONE: Self = Self { tokens: u64::MAX, cost_usd: f64::INFINITY };

    fn spent(&self, usage: &Usage) -> Option<&'static str> {
        if usage.prompt_tokens + usage.completion_tokens >= self.tokens {
            Some("tokens")
        } else if usage.cost_usd >= self.cost_usd {
            Some("money")
        } else {
            None
        }
    }
}

/// Budgets of runs and attempts in the memory of one process.
#[derive(Debug)]
pub struct MemoryBudget {
    per_run: Limits,
    per_attempt: Limits,
    accounts: Mutex<HashMap<String, (Usage, Instant)>>,
}

impl MemoryBudget {
    /// Nothing is spent yet.
    pub fn new(per_run: Limits, per_attempt: Limits) -> Self {
        Self { per_run, per_attempt, accounts: Mutex::default() }
    }

    fn accounts_of(&self, scope: &Scope) -> Vec<(String, Limits)> {
        let run = (format!("run {} of {}", scope.run, scope.tenant), self.per_run);
        let attempt = scope.attempt.as_ref().map(|attempt| (format!("attempt {attempt} of run {}", scope.run), self.per_attempt));
        std::iter::once(run).chain(attempt).collect()
    }
}

#[async_trait]
impl SpendingBudget for MemoryBudget {
    async fn admit(&self, scope: &Scope) -> Result<(), ModelError> {
        let accounts = self.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        for (name, limits) in self.accounts_of(scope) {
            let usage = accounts.get(&name).map(|(usage, _)| *usage).unwrap_or_default();
            if let Some(what) = limits.spent(&usage) {
                return Err(ModelError::BudgetSpent { what: format!("{what} of {name}") });
            }
        }
        Ok(())
    }

    async fn spend(&self, scope: &Scope, usage: Usage) {
        let now = Instant::now();
        let mut accounts = self.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        // looked through seldom: it takes as long as there are accounts
        if accounts.len() >= MOST_ACCOUNTS && accounts.len().is_multiple_of(1024) {
            accounts.retain(|_, (_, used)| now.duration_since(*used) < IDLE);
        }
        for (name, _) in self.accounts_of(scope) {
            let (spent, used) = accounts.entry(name).or_insert((Usage::default(), now));
            *spent += usage;
            *used = now;
        }
    }
}

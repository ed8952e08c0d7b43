//! Budgets in Redis: one truth for all replicas of the pool.

use crate::budget::{ByTenant, SpendingBudget};
use async_trait::async_trait;
use wayfarer_chat::{ModelError, Scope};
use wayfarer_core::Usage;
use wayfarer_lease::{Budget, LeaseError};

/// Budgets of tenants, runs and attempts in Redis. While Redis cannot be asked nobody is admitted: an unknown budget is no budget.
#[derive(Debug, Clone)]
pub struct SharedBudget {
    per_run: Budget,
    per_attempt: Budget,
    per_tenant: ByTenant<Budget>,
}

impl SharedBudget {
    /// Each run spends from `per_run`, each attempt from `per_attempt` too.
    pub fn new(per_run: Budget, per_attempt: Budget) -> Self {
        Self { per_run, per_attempt, per_tenant: ByTenant::default() }
    }

    /// And each tenant from its own.
    #[must_use]
    pub fn with_tenants(self, per_tenant: ByTenant<Budget>) -> Self {
        Self { per_tenant, ..self }
    }

    fn accounts_of<'a>(&'a self, scope: &Scope) -> impl Iterator<Item = (String, &'a Budget)> + use<'a> {
        let tenant = self.per_tenant.of(&scope.tenant).map(|budget| (format!("tenant:{}", scope.tenant), budget));
        let run = (format!("run:{}:{}", scope.tenant, scope.run), &self.per_run);
        let attempt = scope.attempt.as_ref();
        let attempt = attempt.map(|attempt| (format!("attempt:{}:{}:{attempt}", scope.tenant, scope.run), &self.per_attempt));
        tenant.into_iter().chain([run]).chain(attempt)
    }
}

#[async_trait]
impl SpendingBudget for SharedBudget {
    async fn admit(&self, scope: &Scope) -> Result<(), ModelError> {
        for (key, budget) in self.accounts_of(scope) {
            let left = budget.left(&key).await.map_err(|error| unknown(&error))?;
            let spent = match (left.tokens, left.micro_usd) {
                (0, _) => "tokens",
                (_, 0) => "money",
                _ => continue,
            };
            let (period, retry_after_ms) = match left.renews_in {
                Some(renews_in) => (" for today (UTC)", Some(renews_in.as_millis() as u64)),
                None => ("", None),
            };
            return Err(ModelError::BudgetSpent { what: format!("{spent} of {key}{period}"), retry_after_ms });
        }
        Ok(())
    }

    async fn spend(&self, scope: &Scope, usage: Usage) {
        let tokens = usage.prompt_tokens + usage.completion_tokens;
        // rounded up: many small calls must not come to nothing
        let micro_usd = (usage.cost_usd.max(0.0) * 1e6).ceil() as u64;
        for (key, budget) in self.accounts_of(scope) {
            if let Err(error) = budget.record(&key, tokens, micro_usd).await {
                tracing::error!(key, tokens, micro_usd, %error, "spending could not be recorded");
            }
        }
    }
}

fn unknown(error: &LeaseError) -> ModelError {
    ModelError::ServiceDown { why: format!("budgets cannot be read: {error}") }
}

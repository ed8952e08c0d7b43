//! Who may still spend. Calls are admitted by what is spent already, so a budget can be passed by what is in flight, and by no more.

use async_trait::async_trait;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use time::OffsetDateTime;
use tokio::time::{Duration, Instant};
use wayfarer_chat::{ModelError, Scope};
use wayfarer_core::{TenantId, Usage};

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

/// What each tenant has: the same for all, but for those that are named. `None` is no bound.
#[derive(Debug, Clone)]
pub struct ByTenant<T> {
    each: Option<T>,
    named: HashMap<TenantId, Option<T>>,
}

impl<T> Default for ByTenant<T> {
    /// Nobody is bounded.
    fn default() -> Self {
        Self { each: None, named: HashMap::new() }
    }
}

impl<T> ByTenant<T> {
    /// `each` for every tenant that is not named.
    pub fn new(each: Option<T>, named: impl IntoIterator<Item = (TenantId, Option<T>)>) -> Self {
        Self { each, named: named.into_iter().collect() }
    }

    /// Whether nobody is bounded.
    pub fn is_unbounded(&self) -> bool {
        self.each.is_none() && self.named.values().all(Option::is_none)
    }

    pub(crate) fn of(&self, tenant: &TenantId) -> Option<&T> {
        self.named.get(tenant).map_or(self.each.as_ref(), Option::as_ref)
    }
}

/// One account that a scope spends from.
struct Account {
    name: String,
    limits: Limits,
    /// Milliseconds until it may be spent anew.
    renews_in_ms: Option<u64>,
}

/// Budgets of tenants (by day, UTC), runs and attempts in the memory of one process.
#[derive(Debug)]
pub struct MemoryBudget {
    per_run: Limits,
    per_attempt: Limits,
    per_tenant_and_day: ByTenant<Limits>,
    clock: fn() -> OffsetDateTime,
    accounts: Mutex<HashMap<String, (Usage, Instant)>>,
}

impl MemoryBudget {
    /// Nothing is spent yet.
    pub fn new(per_run: Limits, per_attempt: Limits) -> Self {
        let (per_tenant_and_day, clock) = (ByTenant::default(), OffsetDateTime::now_utc as fn() -> OffsetDateTime);
        Self { per_run, per_attempt, per_tenant_and_day, clock, accounts: Mutex::default() }
    }

    /// What each tenant may spend a day (UTC), by this clock.
    #[must_use]
    pub fn with_tenants(self, per_tenant_and_day: ByTenant<Limits>, clock: fn() -> OffsetDateTime) -> Self {
        Self { per_tenant_and_day, clock, ..self }
    }

    fn accounts_of(&self, scope: &Scope) -> Vec<Account> {
        let Scope { tenant, run, attempt, .. } = scope;
        let daily = self.per_tenant_and_day.of(tenant).map(|limits| {
            let now = (self.clock)().to_offset(time::UtcOffset::UTC);
            let name = format!("tenant {tenant} for {} (UTC)", now.date());
            let left = time::Duration::DAY - (now.time() - time::Time::MIDNIGHT);
            Account { name, limits: *limits, renews_in_ms: u64::try_from(left.whole_milliseconds()).ok() }
        });
        let lasting = |name: String, limits| Account { name, limits, renews_in_ms: None };
        let of_run = lasting(format!("run {run} of {tenant}"), self.per_run);
        let of_attempt = attempt.as_ref().map(|attempt| lasting(format!("attempt {attempt} of run {run}"), self.per_attempt));
        daily.into_iter().chain([of_run]).chain(of_attempt).collect()
    }
}

#[async_trait]
impl SpendingBudget for MemoryBudget {
    async fn admit(&self, scope: &Scope) -> Result<(), ModelError> {
        let accounts = self.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        for Account { name, limits, renews_in_ms } in self.accounts_of(scope) {
            let usage = accounts.get(&name).map(|(usage, _)| *usage).unwrap_or_default();
            if let Some(what) = limits.spent(&usage) {
                return Err(ModelError::BudgetSpent { what: format!("{what} of {name}"), retry_after_ms: renews_in_ms });
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
        for Account { name, .. } in self.accounts_of(scope) {
            let (spent, used) = accounts.entry(name).or_insert((Usage::default(), now));
            *spent += usage;
            *used = now;
        }
    }
}

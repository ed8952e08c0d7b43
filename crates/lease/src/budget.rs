//! Budgets: tokens and money, shared by all who spend from them, once or anew each day.

use crate::{LeaseError, Redis, names};
use redis::Script;
use std::sync::LazyLock;
use std::time::Duration;

/// How long a budget is remembered after the last spending.
const MEMORY: Duration = Duration::from_secs(30 * 24 * 60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

// KEYS budget; ARGV tokens, micro dollars, ceiling tokens, ceiling micro dollars, must fit (1) or record anyway (0), memory s, period s
// (0: what was spent counts for ever). The server's clock says which period it is, so that replicas agree on its end.
// -> {taken, spent tokens, spent micro dollars, seconds left of the period}
static SPEND: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "local period, left = tonumber(ARGV[7]), 0
         if period > 0 then
           local now = tonumber(redis.call('TIME')[1])
           local number = math.floor(now / period)
           left = (number + 1) * period - now
           if redis.call('HGET', KEYS[1], 'period') ~= string.format('%.0f', number) then
             redis.call('DEL', KEYS[1])
             redis.call('HSET', KEYS[1], 'period', string.format('%.0f', number))
             redis.call('EXPIRE', KEYS[1], ARGV[6])
           end
         end
         local tokens = tonumber(redis.call('HGET', KEYS[1], 'tokens') or '0')
         local money = tonumber(redis.call('HGET', KEYS[1], 'micro_usd') or '0')
         if ARGV[5] == '1' and (tokens + ARGV[1] > tonumber(ARGV[3]) or money + ARGV[2] > tonumber(ARGV[4])) then
           return {0, tokens, money, left}
         end
         redis.call('EXPIRE', KEYS[1], ARGV[6])
         tokens = redis.call('HINCRBY', KEYS[1], 'tokens', ARGV[1])
         money = redis.call('HINCRBY', KEYS[1], 'micro_usd', ARGV[2])
         redis.call('EXPIRE', KEYS[1], ARGV[6])
         return {1, tokens, money, left}",
    )
});

/// What may be spent at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ceilings {
    /// Prompt and completion tokens together.
    pub tokens: u64,
    /// Millionths of a US dollar.
    pub micro_usd: u64,
}

/// What is left to spend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Left {
    /// Tokens.
    pub tokens: u64,
    /// Millionths of a US dollar.
    pub micro_usd: u64,
    /// Until all may be spent again; absent if that never comes.
    pub renews_in: Option<Duration>,
}

/// Budgets of one kind: each key (a run, a tenant) may spend up to the same ceilings.
#[derive(Debug, Clone)]
pub struct Budget {
    redis: Redis,
    ceilings: Ceilings,
    /// What was spent is forgotten at its end.
    period: Option<Duration>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Overdraft {
    Refused,
    Recorded,
}

impl Budget {
    /// Over this connection.
    pub fn new(redis: Redis, ceilings: Ceilings) -> Self {
        Self { redis, ceilings, period: None }
    }

    /// The same, to be spent anew each day (UTC).
    pub fn daily(redis: Redis, ceilings: Ceilings) -> Self {
        Self { redis, ceilings, period: Some(DAY) }
    }

    /// Spends, if it fits; otherwise nothing is spent, and the error is [`LeaseError::Spent`].
    pub async fn spend(&self, key: &str, tokens: u64, micro_usd: u64) -> Result<Left, LeaseError> {
        self.take(key, tokens, micro_usd, Overdraft::Refused).await
    }

    /// Records what was spent already, beyond the ceiling too: what a model call cost is known only after it.
    pub async fn record(&self, key: &str, tokens: u64, micro_usd: u64) -> Result<Left, LeaseError> {
        self.take(key, tokens, micro_usd, Overdraft::Recorded).await
    }

    /// What is left.
    pub async fn left(&self, key: &str) -> Result<Left, LeaseError> {
        self.take(key, 0, 0, Overdraft::Recorded).await
    }

    async fn take(&self, key: &str, tokens: u64, micro_usd: u64, overdraft: Overdraft) -> Result<Left, LeaseError> {
        let must_fit = u8::from(overdraft == Overdraft::Refused);
        let mut script = SPEND.prepare_invoke();
        script.key(names::budget(key)).arg(tokens).arg(micro_usd).arg(self.ceilings.tokens).arg(self.ceilings.micro_usd);
        let memory = self.period.map_or(MEMORY, |period| period * 2);
        script.arg(must_fit).arg(memory.as_secs()).arg(self.period.map_or(0, |period| period.as_secs()));
        let (taken, spent_tokens, spent_money, left_of_period): (bool, u64, u64, u64) =
            self.redis.run(&script, format!("spending from {key}")).await?;
        let left = Left {
            tokens: self.ceilings.tokens.saturating_sub(spent_tokens),
            micro_usd: self.ceilings.micro_usd.saturating_sub(spent_money),
            renews_in: self.period.map(|_| Duration::from_secs(left_of_period)),
        };
        if taken {
            return Ok(left);
        }
        Err(LeaseError::Spent { key: key.to_owned(), left_tokens: left.tokens, left_usd: left.micro_usd as f64 / 1e6 })
    }
}

//! Leases: one holder at a time, for a while, with a fencing token.
//!
//! A holder that was stopped for longer than its lease does not know that it lost it. So every lease carries a number that is larger
//! than any before it on the same resource; whoever guards the resource refuses a smaller number than the largest it has seen.
//!
//! Nobody holds one yet: attempts are fenced by the event log, and the sessions of a farm by that farm, in its memory. A second farm
//! knows nothing of them; the attempt's lease here is what fences its older owner there.

use crate::connection::millis;
use crate::{LeaseError, Redis, names};
use redis::Script;
use std::sync::LazyLock;
use std::time::Duration;

/// How long a token's number is remembered after the last lease. Older numbers are smaller anyway: they begin at the clock.
const FENCE_MEMORY: Duration = Duration::from_secs(7 * 24 * 60 * 60);

// KEYS lease, fence; ARGV holder, ttl ms, memory ms -> the token, or 0 if somebody holds it.
// The token is at least the time in milliseconds, so that it grows even over a Redis that forgot everything.
static ACQUIRE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
         local time = redis.call('TIME')
         local now = time[1] * 1000 + math.floor(time[2] / 1000)
         local last = tonumber(redis.call('GET', KEYS[2]) or '0')
         local token = math.max(last + 1, now)
         redis.call('SET', KEYS[2], string.format('%.0f', token), 'PX', ARGV[3])
         redis.call('SET', KEYS[1], ARGV[1] .. '|' .. string.format('%.0f', token), 'PX', ARGV[2])
         return token",
    )
});

// KEYS lease; ARGV holder|token, ttl ms -> 1 if it is still held.
static RENEW: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
         return redis.call('PEXPIRE', KEYS[1], ARGV[2])",
    )
});

// KEYS lease; ARGV holder|token -> 1 if it was still held.
static RELEASE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
         return redis.call('DEL', KEYS[1])",
    )
});

/// A lease that was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeaseToken {
    /// What is held.
    pub resource: String,
    /// By whom.
    pub holder: String,
    /// Larger than that of any earlier lease on the same resource.
    pub fence: u64,
}

impl LeaseToken {
    fn value(&self) -> String {
        format!("{}|{}", self.holder, self.fence)
    }
}

/// Gives and takes leases.
#[derive(Debug, Clone)]
pub struct Leases {
    redis: Redis,
}

impl Leases {
    /// Over this connection.
    pub fn new(redis: Redis) -> Self {
        Self { redis }
    }

    /// Takes a lease, if nobody holds one on the resource.
    pub async fn acquire(&self, resource: &str, holder: &str, ttl: Duration) -> Result<Option<LeaseToken>, LeaseError> {
        let mut script = ACQUIRE.prepare_invoke();
        script.key(names::lease(resource)).key(names::fence(resource)).arg(holder).arg(millis(ttl)).arg(millis(FENCE_MEMORY));
        let fence: u64 = self.redis.run(&script, format!("taking the lease on {resource}")).await?;
        let token = LeaseToken { resource: resource.to_owned(), holder: holder.to_owned(), fence };
        Ok((fence > 0).then_some(token))
    }

    /// Longer life for a lease; [`LeaseError::Lost`] if it ran out.
    pub async fn renew(&self, token: &LeaseToken, ttl: Duration) -> Result<(), LeaseError> {
        let mut script = RENEW.prepare_invoke();
        script.key(names::lease(&token.resource)).arg(token.value()).arg(millis(ttl));
        let held: bool = self.redis.run(&script, format!("renewing the lease on {}", token.resource)).await?;
        if held { Ok(()) } else { Err(LeaseError::Lost { resource: token.resource.clone() }) }
    }

    /// Gives a lease back; one that ran out is left to whoever holds it now.
    pub async fn release(&self, token: &LeaseToken) -> Result<(), LeaseError> {
        let mut script = RELEASE.prepare_invoke();
        script.key(names::lease(&token.resource)).arg(token.value());
        let _was_held: bool = self.redis.run(&script, format!("giving back the lease on {}", token.resource)).await?;
        Ok(())
    }
}

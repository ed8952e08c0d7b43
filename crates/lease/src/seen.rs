//! What a run has seen: so that two proposers do not both propose the same.
//!
//! A list a run, in the order of claims. Whether two claims mean the same is for the claimer to say (near-duplicates are no matter of
//! equal keys), so a claim names how many it knows, and is taken only if there are no others: it has then been compared with all.

use crate::{LeaseError, Redis, names};
use redis::Script;
use std::sync::LazyLock;
use std::time::Duration;
use wayfarer_core::RunId;

/// Longer than any run.
const MEMORY: Duration = Duration::from_secs(30 * 24 * 60 * 60);

// KEYS list; ARGV known, claim, memory s -> {how many there are, those behind the known}; the claim is appended if known is all there is
static CLAIM: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "local count, known = redis.call('LLEN', KEYS[1]), tonumber(ARGV[1])
         if count ~= known then return {count, redis.call('LRANGE', KEYS[1], known, -1)} end
         redis.call('RPUSH', KEYS[1], ARGV[2])
         redis.call('EXPIRE', KEYS[1], ARGV[3])
         return {count, {}}",
    )
});

/// What became of a claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claimed {
    /// It stands behind those that were known.
    Yes,
    /// There are more: compare with them, and claim again.
    Behind(Vec<String>),
    /// Redis lost its memory: there are fewer than were known. Begin at none.
    Forgotten,
}

/// Claims, by run.
#[derive(Debug, Clone)]
pub struct Seen {
    redis: Redis,
}

impl Seen {
    /// Over this connection.
    pub fn new(redis: Redis) -> Self {
        Self { redis }
    }

    /// Claims something for a run, if the first `known` claims are all that there are.
    pub async fn claim(&self, run: &RunId, known: usize, claim: &str) -> Result<Claimed, LeaseError> {
        let mut script = CLAIM.prepare_invoke();
        script.key(names::seen(run.as_str())).arg(known).arg(claim).arg(MEMORY.as_secs());
        let (count, behind): (usize, Vec<String>) = self.redis.run(&script, format!("claiming a proposal of run {run}")).await?;
        Ok(match count.cmp(&known) {
            std::cmp::Ordering::Equal => Claimed::Yes,
            std::cmp::Ordering::Greater => Claimed::Behind(behind),
            std::cmp::Ordering::Less => Claimed::Forgotten,
        })
    }
}

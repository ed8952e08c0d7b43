//! What a run has seen: so that two proposers do not both propose the same.

use crate::{LeaseError, Redis, names};
use std::time::Duration;
use wayfarer_core::RunId;

/// Longer than any run.
const MEMORY: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// Keys that were claimed, by run.
#[derive(Debug, Clone)]
pub struct Seen {
    redis: Redis,
}

impl Seen {
    /// Over this connection.
    pub fn new(redis: Redis) -> Self {
        Self { redis }
    }

    /// Claims a key for a run: true for the first who asks, false for everybody after.
    pub async fn claim(&self, run: &RunId, key: &str) -> Result<bool, LeaseError> {
        let mut command = redis::cmd("SET");
        command.arg(names::seen(run.as_str(), key)).arg(1).arg("NX").arg("EX").arg(MEMORY.as_secs());
        let what = format!("claiming a proposal of run {run}");
        let set: Option<String> = command.query_async(&mut self.redis.manager.clone()).await.map_err(LeaseError::redis(what))?;
        Ok(set.is_some())
    }
}

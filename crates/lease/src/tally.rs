//! Tallies: sums by name, of all replicas together, kept for a while.

use crate::{LeaseError, Redis, names};
use std::collections::BTreeMap;
use std::time::Duration;

/// Sums by name; each tally has a key.
#[derive(Debug, Clone)]
pub struct Tally {
    redis: Redis,
    memory: Duration,
}

impl Tally {
    /// Over this connection; a tally is remembered for so long after it grew last.
    pub fn new(redis: Redis, memory: Duration) -> Self {
        Self { redis, memory }
    }

    /// Adds to sums, all or none.
    pub async fn add(&self, key: &str, sums: &[(String, u64)]) -> Result<(), LeaseError> {
        let name = names::tally(key);
        let mut pipe = redis::pipe();
        pipe.atomic();
        for (field, sum) in sums {
            pipe.hincr(&name, field, *sum).ignore();
        }
        pipe.cmd("EXPIRE").arg(&name).arg(self.memory.as_secs()).ignore();
        pipe.query_async(&mut self.redis.manager.clone()).await.map_err(LeaseError::redis(format!("adding to the tally {key}")))
    }

    /// All sums; none if the tally is not known.
    pub async fn read(&self, key: &str) -> Result<BTreeMap<String, u64>, LeaseError> {
        let mut command = redis::cmd("HGETALL");
        command.arg(names::tally(key));
        command.query_async(&mut self.redis.manager.clone()).await.map_err(LeaseError::redis(format!("reading the tally {key}")))
    }
}

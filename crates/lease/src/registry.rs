//! Who serves what, and where: addresses that live as long as their owners' heartbeats.

use crate::connection::millis;
use crate::{LeaseError, Redis, names};
use redis::Script;
use std::sync::LazyLock;
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};

/// How long an address is believed without a heartbeat; a heartbeat comes every third of it.
pub const SERVICE_TTL: Duration = Duration::from_secs(10);

// A sorted set a role, address by the time until which it is believed: one key, no scan.
// KEYS role; ARGV address, ttl ms
static HEARTBEAT: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "local time = redis.call('TIME')
         local now = time[1] * 1000 + math.floor(time[2] / 1000)
         redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[1])
         if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[2]) then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
         return 1",
    )
});

// KEYS role -> addresses
static RESOLVE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "local time = redis.call('TIME')
         local now = time[1] * 1000 + math.floor(time[2] / 1000)
         return redis.call('ZRANGEBYSCORE', KEYS[1], '(' .. string.format('%.0f', now), '+inf')",
    )
});

/// Finds services.
#[derive(Debug, Clone)]
pub struct Registry {
    redis: Redis,
}

/// A service is found while this lives.
#[must_use = "the service is found only while this lives"]
#[derive(Debug)]
pub struct Registration {
    redis: Redis,
    role: String,
    address: String,
    stop: DropGuard,
    heartbeat: JoinHandle<()>,
}

impl Registry {
    /// Over this connection.
    pub fn new(redis: Redis) -> Self {
        Self { redis }
    }

    /// Makes a service known, and keeps it known by heartbeats until the registration is dropped (it is believed for at most `ttl`
    /// more then) or ended with [`Registration::leave`].
    pub async fn register(&self, role: &str, address: &str, ttl: Duration) -> Result<Registration, LeaseError> {
        heartbeat(&self.redis, role, address, ttl).await?;
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        let (redis, to_tell, at) = (self.redis.clone(), role.to_owned(), address.to_owned());
        let heartbeat = tokio::spawn(async move {
            let mut ticks = tokio::time::interval(ttl / 3);
            loop {
                tokio::select! {
                    () = stopped.cancelled() => return,
                    _ = ticks.tick() => {}
                }
                if let Err(error) = heartbeat(&redis, &to_tell, &at, ttl).await {
                    tracing::warn!(role = to_tell, %error, "a heartbeat was lost; the next one follows");
                }
            }
        });
        let (role, address) = (role.to_owned(), address.to_owned());
        Ok(Registration { redis: self.redis.clone(), role, address, stop: stop.drop_guard(), heartbeat })
    }

    /// The addresses of a role, sorted by how long they will be believed.
    pub async fn resolve(&self, role: &str) -> Result<Vec<String>, LeaseError> {
        let mut script = RESOLVE.prepare_invoke();
        script.key(names::service(role));
        self.redis.run(&script, format!("looking for {role}")).await
    }
}

impl Registration {
    /// Makes the service unknown at once: first thing of a drain.
    pub async fn leave(self) -> Result<(), LeaseError> {
        let Self { redis, role, address, stop, heartbeat } = self;
        drop(stop);
        // one that is on its way would make the service known again
        let _ = heartbeat.await;
        let mut command = redis::cmd("ZREM");
        command.arg(names::service(&role)).arg(&address);
        command.query_async::<()>(&mut redis.manager.clone()).await.map_err(LeaseError::redis(format!("leaving {role}")))
    }
}

async fn heartbeat(redis: &Redis, role: &str, address: &str, ttl: Duration) -> Result<(), LeaseError> {
    let mut script = HEARTBEAT.prepare_invoke();
    script.key(names::service(role)).arg(address).arg(millis(ttl));
    redis.run::<i64>(&script, format!("registering {role} at {address}")).await.map(|_| ())
}

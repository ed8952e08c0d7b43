//! The connection to Redis, and what can go wrong with it.

use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{Client, FromRedisValue, ScriptInvocation};
use std::time::Duration;

const CONNECT_BOUND: Duration = Duration::from_secs(3);
const ANSWER_BOUND: Duration = Duration::from_secs(2);
const RECONNECT_DELAY_CAP: Duration = Duration::from_millis(500);
const RECONNECTS: usize = 6;

/// Why Redis did not do something.
#[derive(Debug, thiserror::Error)]
pub enum LeaseError {
    /// Nobody answers at the address.
    #[error(
        "connecting to Redis at {url} failed: {why}; is a redis-server running there? `wayfarer generate` starts one by itself when no address is given"
    )]
    Connect {
        /// The address, without its secrets.
        url: String,
        /// What was met.
        why: String,
    },
    /// Redis broke down on the way, or did not answer in time.
    #[error("{what} failed: {why}")]
    Redis {
        /// What was tried.
        what: String,
        /// What was met.
        why: String,
    },
    /// The lease ran out, and somebody else may hold it now: stop what it was for.
    #[error("the lease on {resource} is lost")]
    Lost {
        /// What was held.
        resource: String,
    },
    /// It would cost more than there is left; nothing was spent.
    #[error("the budget {key} is spent: {left_tokens} tokens and {left_usd:.6} US dollars are left; raise it, or end the work")]
    Spent {
        /// Whose budget.
        key: String,
        /// Tokens left.
        left_tokens: u64,
        /// US dollars left.
        left_usd: f64,
    },
}

impl LeaseError {
    /// For `map_err`: what was tried, and what Redis said to it.
    pub(crate) fn redis(what: impl Into<String>) -> impl FnOnce(redis::RedisError) -> Self {
        let what = what.into();
        move |error| Self::Redis { what, why: error.to_string() }
    }
}

/// Redis: one connection that comes back by itself, cheap to clone.
#[derive(Clone)]
pub struct Redis {
    pub(crate) manager: ConnectionManager,
}

impl std::fmt::Debug for Redis {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Redis")
    }
}

impl Redis {
    /// Connects.
    pub async fn connect(url: &str) -> Result<Self, LeaseError> {
        let shown = without_secrets(url);
        let failed = |why: String| LeaseError::Connect { url: shown.clone(), why };
        let client = Client::open(url).map_err(|error| failed(error.to_string()))?;
        let config = ConnectionManagerConfig::new()
            .set_connection_timeout(Some(CONNECT_BOUND))
            .set_response_timeout(Some(ANSWER_BOUND))
            .set_max_delay(RECONNECT_DELAY_CAP)
            .set_number_of_retries(RECONNECTS);
        let manager = ConnectionManager::new_with_config(client, config).await.map_err(|error| failed(error.to_string()))?;
        Ok(Self { manager })
    }

    /// Whether the server answers: for readiness.
    pub async fn check(&self) -> Result<(), LeaseError> {
        redis::cmd("PING").query_async(&mut self.manager.clone()).await.map_err(LeaseError::redis("asking Redis whether it is there"))
    }

    pub(crate) async fn run<T: FromRedisValue>(&self, script: &ScriptInvocation<'_>, what: impl Into<String>) -> Result<T, LeaseError> {
        script.invoke_async(&mut self.manager.clone()).await.map_err(LeaseError::redis(what))
    }
}

/// `redis://user:secret@host/` → `redis://***@host/`
fn without_secrets(url: &str) -> String {
    match (url.find("://"), url.rfind('@')) {
        (Some(scheme), Some(at)) if at > scheme => format!("{}://***{}", &url[..scheme], &url[at..]),
        _ => url.to_owned(),
    }
}

/// Milliseconds for Redis, which takes no time of nothing.
pub(crate) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX).max(1)
}

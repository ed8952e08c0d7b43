//! The connection to NATS.

use crate::BusError;
use async_nats::connection::State;
use async_nats::jetstream::{self, context::ContextBuilder};
use async_nats::{Client, ConnectOptions, HeaderMap, ServerAddr};
use std::sync::Arc;
use std::time::Duration;

const OLDEST: (i64, i64, i64) = (2, 12, 0);
const CONNECT_BOUND: Duration = Duration::from_secs(5);
/// async-nats would wait up to 4 s between tries; a server that restarts is back in well under one.
const RECONNECT_DELAY_STEP: Duration = Duration::from_millis(50);
const RECONNECT_DELAY_CAP: Duration = Duration::from_millis(500);
/// One request to JetStream; whoever must get through tries again (`publish`).
pub(crate) const ANSWER_BOUND: Duration = Duration::from_secs(3);

/// Gives the W3C `traceparent` of what is being done at the moment, if there is one.
pub type Traceparent = Arc<dyn Fn() -> Option<String> + Send + Sync>;

/// How to connect.
#[derive(Clone)]
pub struct BusOptions {
    /// For the server's list of connections: the role and the host.
    pub name: String,
    /// How long a delivery may go without a sign of life before it is given to somebody else. Well above the five seconds that a
    /// cluster needs to elect a leader.
    pub ack_wait: Duration,
    /// The longest that [`crate::Delivery::keep_alive`] keeps a delivery.
    pub longest_work: Duration,
    /// How long an item may lose to what all work shares being away ([`crate::Delivery::wait_out`]).
    pub outage_patience: Duration,
    /// How long the id of a message is remembered, so that the same one is taken once.
    pub dedup_window: Duration,
    /// Copies of each stream.
    pub replicas: usize,
    /// Travels with work and orders.
    pub traceparent: Traceparent,
}

impl Default for BusOptions {
    fn default() -> Self {
        Self {
            name: "wayfarer".into(),
            ack_wait: Duration::from_secs(30),
            longest_work: Duration::from_secs(60 * 60),
            outage_patience: Duration::from_secs(600),
            dedup_window: Duration::from_secs(10 * 60),
            replicas: 1,
            traceparent: Arc::new(|| None),
        }
    }
}

impl std::fmt::Debug for BusOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BusOptions").field("name", &self.name).field("ack_wait", &self.ack_wait).finish_non_exhaustive()
    }
}

/// NATS: cheap to clone.
#[derive(Clone)]
pub struct Bus {
    pub(crate) client: Client,
    pub(crate) jetstream: jetstream::Context,
    pub(crate) options: Arc<BusOptions>,
}

impl std::fmt::Debug for Bus {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bus").field("options", &self.options).finish_non_exhaustive()
    }
}

impl Bus {
    /// Connects to a server, or to any of several (addresses separated by commas), and refuses one that is too old.
    pub async fn connect(url: &str, options: BusOptions) -> Result<Self, BusError> {
        let shown = without_secrets(url);
        let failed = |why: String| BusError::Connect { url: shown.clone(), why };
        let mut addresses: Vec<ServerAddr> = Vec::new();
        for address in url.split(',') {
            addresses.push(address.trim().parse().map_err(|error: std::io::Error| failed(error.to_string()))?);
        }
        let name = options.name.clone();
        let connect = ConnectOptions::new()
            .name(&name)
            .connection_timeout(CONNECT_BOUND)
            .reconnect_delay_callback(reconnect_delay)
            .event_callback(move |event| {
                let name = name.clone();
                async move { tracing::info!(connection = name, %event, "nats") }
            })
            .connect(addresses);
        let client = connect.await.map_err(|error| failed(error.to_string()))?;
        let (major, minor, patch) = OLDEST;
        if !client.is_server_compatible(major, minor, patch) {
            return Err(BusError::TooOld { url: shown, found: client.server_info().version });
        }
        let jetstream = ContextBuilder::new().timeout(ANSWER_BOUND).ack_timeout(ANSWER_BOUND).build(client.clone());
        Ok(Self { client, jetstream, options: Arc::new(options) })
    }

    /// How long work waits for what it shares with all other work.
    pub fn outage_patience(&self) -> Duration {
        self.options.outage_patience
    }

    /// Sends what is still in the client's buffer: last thing before a process ends.
    pub async fn flush(&self) -> Result<(), BusError> {
        let what = "flushing to NATS";
        tokio::time::timeout(ANSWER_BOUND, self.client.flush())
            .await
            .map_err(|_| BusError::Timeout { what: what.into(), bound: ANSWER_BOUND })?
            .map_err(BusError::nats(what))
    }

    /// Whether the server answers and has JetStream: for readiness.
    pub async fn check(&self) -> Result<(), BusError> {
        self.jetstream.query_account().await.map(|_| ()).map_err(BusError::nats("asking NATS whether it is there"))
    }

    /// Whether there is a connection at this moment.
    pub fn is_connected(&self) -> bool {
        self.client.connection_state() == State::Connected
    }

    pub(crate) fn trace_headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        if let Some(traceparent) = (self.options.traceparent)() {
            headers.insert(crate::names::TRACEPARENT, traceparent.as_str());
        }
        headers
    }
}

pub(crate) fn traceparent_of(headers: Option<&HeaderMap>) -> Option<String> {
    headers?.get(crate::names::TRACEPARENT).map(|value| value.as_str().to_owned())
}

fn reconnect_delay(tries: usize) -> Duration {
    let tries = u32::try_from(tries).unwrap_or(u32::MAX);
    RECONNECT_DELAY_STEP.saturating_mul(tries).min(RECONNECT_DELAY_CAP)
}

/// `nats://user:secret@host:4222` → `nats://***@host:4222`, for each address.
fn without_secrets(url: &str) -> String {
    let mut shown = Vec::new();
    for address in url.split(',') {
        shown.push(match (address.find("://"), address.rfind('@')) {
            (Some(scheme), Some(at)) if at > scheme => format!("{}://***{}", &address[..scheme], &address[at..]),
            (None, Some(at)) => format!("***{}", &address[at..]),
            _ => address.to_owned(),
        });
    }
    shown.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_in_addresses_are_not_shown() {
        assert_eq!(without_secrets("nats://me:secret@a:4222,b:4222,t0ken@c"), "nats://***@a:4222,b:4222,***@c");
    }

    #[test]
    fn tries_to_reconnect_are_never_far_apart() {
        assert!(reconnect_delay(1) < RECONNECT_DELAY_CAP);
        assert_eq!(reconnect_delay(usize::MAX), RECONNECT_DELAY_CAP);
        assert!(crate::errors::OLDEST_SERVER.starts_with(&format!("{}.{}", OLDEST.0, OLDEST.1)));
    }
}

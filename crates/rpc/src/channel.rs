//! Where the replicas of a service are, and connections to them.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tonic::transport::{Channel, Endpoint};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
const KEEP_ALIVE: Duration = Duration::from_secs(15);
const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(10);
/// Flow-control windows: a screenshot should fit without waiting for an update.
const WINDOW: u32 = 4 * 1024 * 1024;

/// The replicas of a service: a fixed list, or whatever a resolver says at the moment (DNS of a headless service, a registry).
#[derive(Clone)]
pub struct Endpoints(Arc<dyn Fn() -> Vec<String> + Send + Sync>);

impl Endpoints {
    /// A list that does not change: `http://host:port`, or just `host:port`.
    pub fn fixed(addresses: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let addresses: Vec<String> = addresses.into_iter().map(Into::into).collect();
        Self::resolved(move || addresses.clone())
    }

    /// Asked at every call: it must be quick, so a resolver that uses the network keeps its last answer.
    pub fn resolved(resolve: impl Fn() -> Vec<String> + Send + Sync + 'static) -> Self {
        Self(Arc::new(resolve))
    }
}

impl fmt::Debug for Endpoints {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Endpoints").field(&(self.0)()).finish()
    }
}

/// Connections to the replicas, made when they are first used and again when they broke.
#[derive(Debug)]
pub struct Channels {
    endpoints: Endpoints,
    open: Mutex<HashMap<String, Channel>>,
    turn: AtomicUsize,
}

impl Channels {
    /// Nothing is connected yet.
    pub fn new(endpoints: Endpoints) -> Self {
        Self { endpoints, open: Mutex::default(), turn: AtomicUsize::new(0) }
    }

    /// All replicas, each time beginning with the next one; `Err` says why there is none.
    pub fn in_turn(&self) -> Result<Vec<Channel>, String> {
        let addresses = self.known()?;
        let mut channels: Vec<Channel> = self.to(addresses)?.into_iter().map(|(_, channel)| channel).collect();
        let first = self.turn.fetch_add(1, Ordering::Relaxed) % channels.len();
        channels.rotate_left(first);
        Ok(channels)
    }

    /// All replicas with their addresses, in the order that `order` makes of them; `Err` says why there is none.
    pub fn ordered(&self, order: impl FnOnce(Vec<String>) -> Vec<String>) -> Result<Vec<(String, Channel)>, String> {
        let mut addresses = self.known()?;
        let first = self.turn.fetch_add(1, Ordering::Relaxed) % addresses.len();
        addresses.rotate_left(first);
        self.to(order(addresses))
    }

    fn known(&self) -> Result<Vec<String>, String> {
        let addresses = (self.endpoints.0)();
        if addresses.is_empty() { Err("no address is known".into()) } else { Ok(addresses) }
    }

    fn to(&self, addresses: Vec<String>) -> Result<Vec<(String, Channel)>, String> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.retain(|address, _| addresses.contains(address));
        let mut channels = Vec::with_capacity(addresses.len());
        for address in addresses {
            let channel = match open.get(&address) {
                Some(channel) => channel.clone(),
                None => connect(&address)?,
            };
            channels.push((address.clone(), channel.clone()));
            open.insert(address, channel);
        }
        Ok(channels)
    }
}

fn connect(address: &str) -> Result<Channel, String> {
    let url = if address.contains("://") { address.to_owned() } else { format!("http://{address}") };
    let endpoint = Endpoint::from_shared(url).map_err(|error| format!("address {address} is wrong: {error}"))?;
    Ok(endpoint
        .connect_timeout(CONNECT_TIMEOUT)
        .http2_keep_alive_interval(KEEP_ALIVE)
        .keep_alive_timeout(KEEP_ALIVE_TIMEOUT)
        .keep_alive_while_idle(true)
        .initial_stream_window_size(WINDOW)
        .initial_connection_window_size(WINDOW)
        .tcp_nodelay(true)
        .connect_lazy())
}

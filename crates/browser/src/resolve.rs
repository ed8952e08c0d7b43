//! Names to addresses: asked once for each name of a session, judged, and kept.
//!
//! A name that answers differently the second time (rebinding) is not asked a second time. Only when none of its addresses can be reached
//! any more is it asked anew, and the answer is judged anew.

use crate::tab::lock;
use async_trait::async_trait;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Mutex;

/// Names that are kept; more are asked for each connection, and judged each time.
const MAX_PINS: usize = 4096;

/// Finds the addresses of names for the way out of sessions.
#[async_trait]
pub trait Resolver: Send + Sync {
    /// Addresses of a name that is no literal address; bounded in time by the caller.
    async fn addresses(&self, name: &str) -> std::io::Result<Vec<IpAddr>>;
}

/// The resolver of this machine; `localhost` and all below it is loopback, whatever it says.
#[derive(Debug, Default, Clone, Copy)]
pub struct SystemResolver;

#[async_trait]
impl Resolver for SystemResolver {
    async fn addresses(&self, name: &str) -> std::io::Result<Vec<IpAddr>> {
        if name == "localhost" || name.ends_with(".localhost") {
            return Ok(vec![Ipv4Addr::LOCALHOST.into()]);
        }
        Ok(tokio::net::lookup_host((name, 0)).await?.map(|address| address.ip()).collect())
    }
}

/// What the names of a session resolved to when they were judged.
#[derive(Default)]
pub(crate) struct Pins(Mutex<HashMap<String, Vec<IpAddr>>>);

impl Pins {
    pub(crate) fn of(&self, name: &str) -> Option<Vec<IpAddr>> {
        lock(&self.0).get(name).cloned()
    }

    pub(crate) fn keep(&self, name: &str, addresses: &[IpAddr]) {
        let mut pins = lock(&self.0);
        if pins.len() < MAX_PINS || pins.contains_key(name) {
            pins.insert(name.to_owned(), addresses.to_vec());
        }
    }
}

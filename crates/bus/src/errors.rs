//! What can go wrong with NATS.

use crate::conversions::DocumentError;
use std::time::Duration;

/// The oldest server that does what we ask.
pub const OLDEST_SERVER: &str = "2.12.0";

/// Why the bus did not do something.
#[derive(Debug, thiserror::Error)]
pub enum BusError {
    /// Nobody answers at the address.
    #[error(
        "connecting to NATS at {url} failed: {why}; is a nats-server running there? `wayfarer generate` starts one by itself when no address is given"
    )]
    Connect {
        /// The address, without its secrets.
        url: String,
        /// What was met.
        why: String,
    },
    /// The server would take what we ask and silently not do it.
    #[error(
        "the nats-server at {url} is version {found}, but {OLDEST_SERVER} or newer is needed; run scripts/bootstrap.sh, which fetches one"
    )]
    TooOld {
        /// The address, without its secrets.
        url: String,
        /// Its version.
        found: String,
    },
    /// Nobody listens on the subject.
    #[error("nobody answers on {subject}")]
    NoResponders {
        /// The subject.
        subject: String,
    },
    /// Somebody listens, but the answer did not come in time.
    #[error("{what} got no answer within {bound:?}")]
    Timeout {
        /// What was tried.
        what: String,
        /// How long we waited.
        bound: Duration,
    },
    /// NATS said no, or broke down on the way.
    #[error("{what} failed: {why}")]
    Nats {
        /// What was tried.
        what: String,
        /// What was met.
        why: String,
    },
    /// A message that cannot be read.
    #[error("{what} cannot be read: {why}")]
    Malformed {
        /// Which message.
        what: String,
        /// Why.
        why: String,
    },
    /// A document that cannot be read or written.
    #[error(transparent)]
    Document(#[from] DocumentError),
    /// The event log.
    #[error(transparent)]
    Log(#[from] crate::log::LogError),
}

impl BusError {
    /// For `map_err`: what was tried, and whatever NATS said to it.
    pub(crate) fn nats<E: std::fmt::Display>(what: impl Into<String>) -> impl FnOnce(E) -> Self {
        let what = what.into();
        move |error| Self::Nats { what, why: error.to_string() }
    }
}

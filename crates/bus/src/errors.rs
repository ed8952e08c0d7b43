//! What can go wrong with NATS.

use crate::conversions::DocumentError;
use crate::log::LogError;
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
    Log(#[from] LogError),
}

/// Whether NATS being away is among the causes of an error.
pub fn is_outage(error: &(dyn std::error::Error + 'static)) -> bool {
    std::iter::successors(Some(error), |&error| error.source()).any(|cause| {
        cause.downcast_ref::<BusError>().is_some_and(BusError::is_outage)
            || cause.downcast_ref::<LogError>().is_some_and(LogError::is_outage)
    })
}

impl BusError {
    /// Whether it says that NATS is away or does not answer, which passes by itself, and not what is wrong with a message.
    pub fn is_outage(&self) -> bool {
        match self {
            Self::Connect { .. } | Self::NoResponders { .. } | Self::Timeout { .. } | Self::Nats { .. } => true,
            Self::Log(error) => error.is_outage(),
            Self::TooOld { .. } | Self::Malformed { .. } | Self::Document(_) => false,
        }
    }

    /// For `map_err`: what was tried, and whatever NATS said to it.
    pub(crate) fn nats<E: std::fmt::Display>(what: impl Into<String>) -> impl FnOnce(E) -> Self {
        let what = what.into();
        move |error| Self::Nats { what, why: error.to_string() }
    }
}

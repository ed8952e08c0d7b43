//! The event log of a run: one subject per task and seed, optimistic `expected last sequence`, so that a stale owner cannot write.

use crate::DocumentError;
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use std::time::Duration;
use wayfarer_core::event::{About, RunEvent};
use wayfarer_core::{Epoch, RunId};

/// How often whoever works on a run looks whether it was cancelled.
const CANCELLED_LOOK_EVERY: Duration = Duration::from_secs(1);

/// An event and where it stands in the stream.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Logged {
    /// Sequence in the stream: grows over the whole cluster.
    pub sequence: u64,
    /// Milliseconds since the epoch (UTC).
    pub at_unix_ms: u64,
    /// The event.
    pub event: RunEvent,
}

/// Events as a file keeps them: one JSON object a line.
pub fn to_lines<'a>(events: impl IntoIterator<Item = &'a Logged>) -> Result<String, DocumentError> {
    let mut lines = String::new();
    for logged in events {
        let line = serde_json::to_string(logged);
        lines.push_str(&line.map_err(|error| DocumentError::Unwritable { kind: "Logged", why: error.to_string() })?);
        lines.push('\n');
    }
    Ok(lines)
}

/// Reads what [`to_lines`] wrote.
pub fn from_lines(text: &str) -> Result<Vec<Logged>, DocumentError> {
    let mut events = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let logged = serde_json::from_str(line);
        events.push(logged.map_err(|error| DocumentError::Unreadable { kind: "Logged", why: format!("line {}: {error}", index + 1) })?);
    }
    Ok(events)
}

/// Why an event was not written or read.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// Somebody else wrote to the subject meanwhile: this owner is fenced and must stop, without giving the work back.
    #[error("another owner wrote to {subject} after sequence {expected}")]
    Fenced {
        /// The subject.
        subject: String,
        /// The sequence that this owner knew as the last.
        expected: u64,
    },
    /// NATS did not take or give it within the bound.
    #[error("the event log did not answer: {why}")]
    Unavailable {
        /// What was met.
        why: String,
    },
}

impl LogError {
    /// Whether the log itself is away.
    pub fn is_outage(&self) -> bool {
        matches!(self, Self::Unavailable { .. })
    }
}

/// The log, as actors see it.
#[async_trait]
pub trait EventLog: Send + Sync {
    /// All events about one thing, in order.
    async fn read(&self, run: &RunId, about: &About) -> Result<Vec<Logged>, LogError>;

    /// Appends, if the last event about the same thing still has this sequence (0: there is none). Returns the new sequence.
    async fn append(&self, run: &RunId, event: &RunEvent, expected_last: u64) -> Result<u64, LogError>;

    /// Whether the run was cancelled.
    async fn is_cancelled(&self, run: &RunId) -> Result<bool, LogError> {
        Ok(self.read(run, &About::Run).await?.iter().any(|logged| matches!(logged.event, RunEvent::Cancelled { .. })))
    }

    /// Returns when the run is cancelled, or soon after; a log that cannot be read is asked again.
    async fn cancelled(&self, run: &RunId) {
        while !self.is_cancelled(run).await.unwrap_or(false) {
            tokio::time::sleep(CANCELLED_LOOK_EVERY).await;
        }
    }
}

/// The fencing token that follows from the sequence of [`RunEvent::AttemptStarted`].
pub fn epoch_of(sequence: u64) -> Epoch {
    Epoch(sequence)
}

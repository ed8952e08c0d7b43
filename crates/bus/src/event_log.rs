//! The event log over JetStream: the server itself is the fence.
//!
//! Every append says which sequence it knows as the last of its subject, and the server refuses it if that is another one. No lock can
//! be lost and no clock can be wrong: an owner that was stopped and woke up again cannot write between the events of its successor.

use crate::publish::Refused;
use crate::{Bus, EventLog, LogError, Logged, document, names, read_document};
use async_nats::HeaderMap;
use async_nats::header::NATS_MESSAGE_ID;
use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::stream::{DirectGetErrorKind, RawMessageErrorKind};
use async_trait::async_trait;
use prost::Message;
use std::time::{SystemTime, UNIX_EPOCH};
use wayfarer_core::RunId;
use wayfarer_core::event::{About, RunEvent};
use wayfarer_proto::v1::Event;

/// [`EventLog`] over NATS: cheap to clone.
#[derive(Debug, Clone)]
pub struct NatsEventLog {
    bus: Bus,
}

impl NatsEventLog {
    /// Over this connection.
    pub fn new(bus: Bus) -> Self {
        Self { bus }
    }

    /// Whether the last event of the subject is the very one that carries this id, and if so, its sequence: an append whose
    /// acknowledgement was lost, and that was tried again.
    async fn is_own(&self, subject: &str, id: &str) -> Result<Option<u64>, LogError> {
        let stream = self.bus.stream(names::EVENT_STREAM).await.map_err(|error| unavailable(&error))?;
        match stream.get_last_raw_message_by_subject(subject).await {
            Ok(last) if message_id(&last.headers) == Some(id) => Ok(Some(last.sequence)),
            Ok(_) => Ok(None),
            Err(error) if error.kind() == RawMessageErrorKind::NoMessageFound => Ok(None),
            Err(error) => Err(unavailable(&error)),
        }
    }
}

#[async_trait]
impl EventLog for NatsEventLog {
    async fn read(&self, run: &RunId, about: &About) -> Result<Vec<Logged>, LogError> {
        let subject = names::event(run, about);
        let stream = self.bus.stream(names::EVENT_STREAM).await.map_err(|error| unavailable(&error))?;
        let mut events: Vec<Logged> = Vec::new();
        loop {
            let after = events.last().map_or(0, |event| event.sequence);
            match stream.direct_get_next_for_subject(subject.as_str(), Some(after + 1)).await {
                Ok(message) => events.push(read_logged(message.sequence, &message.payload)?),
                Err(error) if error.kind() == DirectGetErrorKind::NotFound => return Ok(events),
                Err(error) => return Err(unavailable(&error)),
            }
        }
    }

    async fn append(&self, run: &RunId, event: &RunEvent, expected_last: u64) -> Result<u64, LogError> {
        let subject = names::event(run, &event.about());
        let document = document(event).map_err(|error| unavailable(&error))?;
        let kept = Event { at_unix_ms: now_unix_ms(), event: Some(document) };
        let id = uuid::Uuid::now_v7().to_string();
        let message = PublishMessage::build()
            .headers(self.bus.trace_headers())
            .payload(kept.encode_to_vec().into())
            .message_id(&id)
            .expected_last_subject_sequence(expected_last);

        match self.bus.publish(&subject, message).await {
            Ok(ack) => Ok(ack.sequence),
            Err(Refused::Failed(error)) => Err(unavailable(&error)),
            Err(Refused::WrongSequence) => match self.is_own(&subject, &id).await? {
                Some(sequence) => Ok(sequence),
                None => Err(LogError::Fenced { subject, expected: expected_last }),
            },
        }
    }
}

/// Reads an event as it is kept.
pub(crate) fn read_logged(sequence: u64, payload: &[u8]) -> Result<Logged, LogError> {
    let unreadable = |why: String| LogError::Unavailable { why: format!("event {sequence} cannot be read: {why}") };
    let kept = Event::decode(payload).map_err(|error| unreadable(error.to_string()))?;
    let document = kept.event.ok_or_else(|| unreadable("it is empty".into()))?;
    let event: RunEvent = read_document(&document).map_err(|error| unreadable(error.to_string()))?;
    Ok(Logged { sequence, at_unix_ms: kept.at_unix_ms, event })
}

pub(crate) fn now_unix_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

fn message_id(headers: &HeaderMap) -> Option<&str> {
    headers.get(NATS_MESSAGE_ID).map(|value| value.as_str())
}

fn unavailable(error: &impl std::fmt::Display) -> LogError {
    LogError::Unavailable { why: error.to_string() }
}

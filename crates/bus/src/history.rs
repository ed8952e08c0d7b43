//! Reading what a stream holds now, and following it.

use crate::event_log::read_logged;
use crate::{Bus, BusError, LogError, Logged, names};
use async_nats::jetstream::consumer::{DeliverPolicy, pull};
use async_nats::jetstream::stream::DirectGetErrorKind;
use bytes::Bytes;
use futures::stream::{BoxStream, StreamExt};
use std::time::Duration;
use wayfarer_core::RunId;

/// Between two messages of a history that is known to go on.
const NEXT_BOUND: Duration = Duration::from_secs(10);
/// Messages that are got one by one, at a tenth of a millisecond each, before a consumer is made for the rest.
const ONE_BY_ONE: usize = 64;

/// A message as it is kept.
pub(crate) struct Kept {
    pub(crate) sequence: u64,
    pub(crate) subject: String,
    pub(crate) payload: Bytes,
}

impl Bus {
    /// All events of a run that are in the stream now, in order.
    pub async fn events_of(&self, run: &RunId) -> Result<Vec<Logged>, BusError> {
        self.events_after(run, 0).await
    }

    /// The events of a run behind this sequence that are in the stream now, in order.
    pub async fn events_after(&self, run: &RunId, sequence: u64) -> Result<Vec<Logged>, BusError> {
        let mut events = Vec::new();
        for kept in self.history_of(names::EVENT_STREAM, &names::events_of_run(run), sequence).await? {
            events.push(read_logged(kept.sequence, &kept.payload)?);
        }
        Ok(events)
    }

    /// The events of a run from its first, and then each as it happens. Ends never by itself.
    pub async fn watch(&self, run: &RunId) -> Result<BoxStream<'static, Result<Logged, LogError>>, BusError> {
        let messages = self.follow(names::EVENT_STREAM, &names::events_of_run(run), 0).await?;
        let events = messages.map(|message| {
            let kept = message.map_err(|why| LogError::Unavailable { why })?;
            read_logged(kept.sequence, &kept.payload)
        });
        Ok(events.boxed())
    }

    /// What a stream holds under a subject (wildcards allowed) behind a sequence, up to what is the last now.
    ///
    /// Mostly somebody asks for the few that came since he asked last: those are got one by one. A long history comes by a consumer,
    /// which costs more to make and much less a message.
    pub(crate) async fn history_of(&self, stream: &str, subject: &str, after: u64) -> Result<Vec<Kept>, BusError> {
        let handle = self.stream(stream).await?;
        let mut history: Vec<Kept> = Vec::new();
        while history.len() < ONE_BY_ONE {
            let last = history.last().map_or(after, |kept| kept.sequence);
            match handle.direct_get_next_for_subject(subject, Some(last + 1)).await {
                Ok(message) => {
                    let (sequence, subject) = (message.sequence, message.subject.to_string());
                    history.push(Kept { sequence, subject, payload: message.payload });
                }
                Err(error) if error.kind() == DirectGetErrorKind::NotFound => return Ok(history),
                Err(error) => return Err(BusError::nats(format!("reading {subject}"))(error)),
            }
        }
        self.read_rest(stream, subject, &mut history).await?;
        Ok(history)
    }

    /// Adds what comes behind a history, up to what is the last now.
    async fn read_rest(&self, stream: &str, subject: &str, history: &mut Vec<Kept>) -> Result<(), BusError> {
        let what = || format!("reading {subject}");
        let after = history.last().map_or(0, |kept| kept.sequence);
        let last = self.stream(stream).await?.get_last_raw_message_by_subject(subject).await;
        let last = last.map_err(BusError::nats(what()))?.sequence;
        if last <= after {
            return Ok(());
        }
        let mut messages = self.follow(stream, subject, after).await?;
        loop {
            let next = tokio::time::timeout(NEXT_BOUND, messages.next()).await;
            let next = next.map_err(|_| BusError::Timeout { what: what(), bound: NEXT_BOUND })?;
            let kept = match next {
                Some(Ok(kept)) => kept,
                Some(Err(why)) => return Err(BusError::Nats { what: what(), why }),
                None => return Err(BusError::Nats { what: what(), why: "it broke off".into() }),
            };
            let is_last = kept.sequence >= last;
            history.push(kept);
            if is_last {
                return Ok(());
            }
        }
    }

    /// What a stream holds under a subject behind a sequence, and then what comes: an ordered consumer, which begins anew by itself
    /// where it missed something.
    async fn follow(&self, stream: &str, subject: &str, after: u64) -> Result<BoxStream<'static, Result<Kept, String>>, BusError> {
        let what = format!("following {subject}");
        let deliver_policy = match after {
            0 => DeliverPolicy::All,
            _ => DeliverPolicy::ByStartSequence { start_sequence: after + 1 },
        };
        let config = pull::OrderedConfig { filter_subject: subject.to_owned(), deliver_policy, ..pull::OrderedConfig::default() };
        let consumer = self.stream(stream).await?.create_consumer(config).await.map_err(BusError::nats(what.clone()))?;
        let messages = consumer.messages().await.map_err(BusError::nats(what))?;
        let kept = messages.map(|message| {
            let message = message.map_err(|error| error.to_string())?;
            let sequence = message.info().map_err(|error| error.to_string())?.stream_sequence;
            Ok(Kept { sequence, subject: message.subject.to_string(), payload: message.payload.clone() })
        });
        Ok(kept.boxed())
    }
}

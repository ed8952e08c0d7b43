//! Work that is given up: the dead letters, and poison.
//!
//! An item whose five deliveries are used up stays in a JetStream work queue for ever and is never delivered again: that is by design of
//! the server, which only notes the fact. The notes are captured in a stream of their own; sweeping turns each into a dead letter.
//!
//! ```text
//!   note ──▶ copy to DEAD ──▶ (caller counts it in the event log) ──▶ remove from WORK ──▶ note acknowledged
//! ```
//! A sweeper that dies in between leaves the note behind, and the next one does it again: each part may happen twice.

use crate::publish::Refused;
use crate::{Bus, BusError, Queue, names};
use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::stream::{DeleteMessageErrorKind, RawMessageErrorKind};
use futures::StreamExt;
use prost::Message;
use serde::Deserialize;
use std::time::Duration;
use wayfarer_proto::v1::{DeadLetter, WorkItem};

/// Notes taken at once.
const SWEEP_BATCH: usize = 64;
const SWEEP_BOUND: Duration = Duration::from_secs(5);

/// An item whose deliveries are used up: copied to the dead letters, not yet removed from the work.
pub struct Poison {
    /// The queue it was in.
    pub queue: Queue,
    /// What was to be done.
    pub item: WorkItem,
    /// Why it was given up.
    pub reason: String,
    bus: Bus,
    sequence: u64,
    note: async_nats::jetstream::Message,
}

impl Poison {
    /// Removes it from the work: call it once the event log has counted it.
    pub async fn settle(&self) -> Result<(), BusError> {
        let what = format!("removing item {} from the work", self.sequence);
        let work = self.bus.stream(names::WORK_STREAM).await?;
        match work.delete_message(self.sequence).await {
            Ok(_) => {}
            // Gone already: removed by a sweeper that died before it acknowledged the note, or done after all.
            Err(error) if matches!(error.kind(), DeleteMessageErrorKind::JetStream(_)) => {
                tracing::debug!(%error, what, "nothing to remove")
            }
            Err(error) => return Err(BusError::nats(what)(error)),
        }
        self.note.double_ack().await.map_err(BusError::nats(what))
    }
}

/// The server's note, as far as we need it.
#[derive(Deserialize)]
struct LastDelivery {
    stream_seq: u64,
    consumer: String,
    deliveries: u64,
}

impl Bus {
    /// Items whose deliveries are used up. The caller counts each in the event log and then settles it; one that is not settled comes
    /// again.
    pub async fn poison(&self) -> Result<Vec<Poison>, BusError> {
        let what = "sweeping poison";
        let notes = self.stream(names::POISON_STREAM).await?;
        let consumer: async_nats::jetstream::consumer::PullConsumer =
            notes.get_consumer(names::POISON_CONSUMER).await.map_err(BusError::nats(what))?;
        let mut batch = consumer.fetch().max_messages(SWEEP_BATCH).messages().await.map_err(BusError::nats(what))?;

        let mut found = Vec::new();
        let until = tokio::time::Instant::now() + SWEEP_BOUND;
        while let Ok(Some(note)) = tokio::time::timeout_at(until, batch.next()).await {
            found.extend(self.read_note(note.map_err(BusError::nats(what))?).await?);
        }
        Ok(found)
    }

    async fn read_note(&self, note: async_nats::jetstream::Message) -> Result<Option<Poison>, BusError> {
        let done = |note: async_nats::jetstream::Message| async move {
            note.double_ack().await.map_err(BusError::nats("acknowledging a note of poison")).map(|()| None)
        };
        let Ok(last) = serde_json::from_slice::<LastDelivery>(&note.payload) else { return done(note).await };
        let Some(queue) = Queue::named(&last.consumer) else { return done(note).await };
        let work = self.stream(names::WORK_STREAM).await?;
        let message = match work.get_raw_message(last.stream_seq).await {
            Ok(message) => message,
            Err(error) if error.kind() == RawMessageErrorKind::NoMessageFound => return done(note).await,
            Err(error) => return Err(BusError::nats("reading a poisoned item")(error)),
        };
        let reason = format!("delivered {} times without an end", last.deliveries);
        let item = WorkItem::decode(message.payload).unwrap_or_default();
        self.keep_dead_letter(queue, last.stream_seq, item.clone(), &reason).await?;
        Ok(Some(Poison { queue, item, reason, bus: self.clone(), sequence: last.stream_seq, note }))
    }

    /// All dead letters, oldest first, with the queues they were in.
    pub async fn dead_letters(&self) -> Result<Vec<(Queue, DeadLetter)>, BusError> {
        let mut letters = Vec::new();
        for message in self.history_of(names::DEAD_STREAM, names::DEAD_SUBJECTS, 0).await? {
            let Some(queue) = message.subject.rsplit('.').next().and_then(Queue::named) else { continue };
            let what = || format!("dead letter {}", message.sequence);
            let letter = DeadLetter::decode(message.payload.clone());
            letters.push((queue, letter.map_err(|error| BusError::Malformed { what: what(), why: error.to_string() })?));
        }
        Ok(letters)
    }

    /// Copies an item to the dead letters; the same item twice is kept once.
    pub(crate) async fn keep_dead_letter(&self, queue: Queue, sequence: u64, item: WorkItem, reason: &str) -> Result<(), BusError> {
        let letter = DeadLetter { item: Some(item), reason: reason.to_owned(), at_unix_ms: crate::event_log::now_unix_ms() };
        let message = PublishMessage::build().payload(letter.encode_to_vec().into()).message_id(format!("dead:{queue}:{sequence}"));
        match self.publish(&names::dead(queue), message).await {
            Ok(_) => Ok(()),
            Err(Refused::Failed(error)) => Err(error),
            Err(Refused::WrongSequence) => Err(BusError::Nats { what: "keeping a dead letter".into(), why: "wrong sequence".into() }),
        }
    }
}

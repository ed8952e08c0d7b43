//! An item of work in the hands of a worker.

use crate::connection::{ANSWER_BOUND, traceparent_of};
use crate::publish::PUBLISH_BOUND;
use crate::{Bus, BusError, Queue};
use async_nats::jetstream::AckKind;
use async_nats::jetstream::message::{Acker, Message as JetStreamMessage};
use prost::Message;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::{CancellationToken, DropGuard};
use wayfarer_proto::v1::WorkItem;

/// An item of work. It ends with [`Delivery::ack`], [`Delivery::retry_after`] or [`Delivery::dead_letter`]; one that is dropped without
/// comes back after the ack wait, as if its worker had died.
pub struct Delivery {
    /// What is to be done.
    pub item: WorkItem,
    /// How often it was delivered, this time included: from 1.
    pub delivered: u64,
    /// The trace that it belongs to.
    pub traceparent: Option<String>,
    bus: Bus,
    queue: Queue,
    sequence: u64,
    acker: Arc<Acker>,
    /// Ends the heartbeats once the item was ended: a sign of life after giving it back would take it back.
    settled: CancellationToken,
}

impl std::fmt::Debug for Delivery {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { item, delivered, queue, sequence, .. } = self;
        f.debug_struct("Delivery")
            .field("queue", queue)
            .field("sequence", sequence)
            .field("delivered", delivered)
            .field("item", item)
            .finish()
    }
}

/// Keeps a delivery until it is dropped.
#[must_use = "the delivery is kept only while this lives"]
pub struct KeepAlive {
    _stop: DropGuard,
}

impl Delivery {
    /// Reads a message; one that cannot be read is a dead letter at once.
    pub(crate) async fn read(bus: &Bus, queue: Queue, message: JetStreamMessage) -> Result<Option<Self>, BusError> {
        let info = message.info().map_err(BusError::nats("reading where a message stands"))?;
        let (delivered, sequence) = (u64::try_from(info.delivered).unwrap_or(1), info.stream_sequence);
        let traceparent = traceparent_of(message.message.headers.as_ref());
        let (message, acker) = message.split();
        let item = WorkItem::decode(message.payload.clone());
        let (item, fault) = match item {
            Ok(item) => (item, None),
            Err(error) => (WorkItem::default(), Some(error)),
        };
        let settled = CancellationToken::new();
        let delivery = Self { item, delivered, traceparent, bus: bus.clone(), queue, sequence, acker: Arc::new(acker), settled };
        match fault {
            None => Ok(Some(delivery)),
            Some(fault) => {
                delivery.dead_letter(&format!("not a work item: {fault}")).await?;
                Ok(None)
            }
        }
    }

    /// The queue it came from.
    pub fn queue(&self) -> Queue {
        self.queue
    }

    /// One sign of life: the ack wait begins anew.
    pub async fn progress(&self) -> Result<(), BusError> {
        self.acker.ack_with(AckKind::Progress).await.map_err(BusError::nats(self.what("keeping")))
    }

    /// Signs of life every third of the ack wait, until the guard is dropped, the delivery is ended, or the longest time that work may
    /// take is over.
    pub fn keep_alive(&self) -> KeepAlive {
        let stop = self.settled.child_token();
        let (acker, what, options) = (Arc::clone(&self.acker), self.what("keeping"), Arc::clone(&self.bus.options));
        let stopped = stop.clone();
        tokio::spawn(async move {
            let beats = async {
                let mut ticks = tokio::time::interval(options.ack_wait / 3);
                ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
                loop {
                    ticks.tick().await;
                    if let Err(error) = acker.ack_with(AckKind::Progress).await {
                        tracing::warn!(%error, what, "a sign of life was not sent");
                    }
                }
            };
            tokio::select! {
                () = stopped.cancelled() => {}
                () = tokio::time::sleep(options.longest_work) => tracing::error!(what, after = ?options.longest_work, "no longer kept"),
                () = beats => {}
            }
        });
        KeepAlive { _stop: stop.drop_guard() }
    }

    /// Ends it: done. Returns when the server has confirmed it, so call it after everything that follows from the work is published.
    pub async fn ack(&self) -> Result<(), BusError> {
        self.end(AckKind::Ack, "acknowledging").await
    }

    /// Ends it for now: it comes back after the delay, here or elsewhere. Each time uses up one of five deliveries.
    pub async fn retry_after(&self, delay: Duration) -> Result<(), BusError> {
        self.settled.cancel();
        // A delay of nothing would be sent as a delay, which the server refuses.
        let delay = (!delay.is_zero()).then_some(delay);
        // If this is lost, the item comes back after the ack wait anyway.
        self.acker.ack_with(AckKind::Nak(delay)).await.map_err(BusError::nats(self.what("giving back")))?;
        self.bus.flush().await
    }

    /// Ends it: given up, for this reason. The copy among the dead letters comes first, so it cannot vanish.
    pub async fn dead_letter(&self, reason: &str) -> Result<(), BusError> {
        self.bus.keep_dead_letter(self.queue, self.sequence, self.item.clone(), reason).await?;
        self.end(AckKind::Term, "ending").await
    }

    /// Until the server confirms: ending something twice does no harm.
    async fn end(&self, kind: AckKind, doing: &str) -> Result<(), BusError> {
        self.settled.cancel();
        let confirmed = async {
            loop {
                match tokio::time::timeout(ANSWER_BOUND, self.acker.double_ack_with(kind)).await {
                    Ok(Ok(())) => return,
                    Ok(Err(error)) => tracing::debug!(%error, "{} is tried again", self.what(doing)),
                    Err(_) => {}
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        };
        let what = self.what(doing);
        tokio::time::timeout(PUBLISH_BOUND, confirmed).await.map_err(|_| BusError::Timeout { what, bound: PUBLISH_BOUND })
    }

    fn what(&self, doing: &str) -> String {
        format!("{doing} item {} of {}", self.sequence, self.queue)
    }
}

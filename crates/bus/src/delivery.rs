//! An item of work in the hands of a worker.

use crate::connection::{ANSWER_BOUND, traceparent_of};
use crate::publish::PUBLISH_BOUND;
use crate::publish::Refused;
use crate::{Bus, BusError, Queue, names};
use async_nats::HeaderMap;
use async_nats::jetstream::AckKind;
use async_nats::jetstream::message::{Acker, Message as JetStreamMessage, PublishMessage};
use prost::Message;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio_util::sync::{CancellationToken, DropGuard};
use wayfarer_proto::v1::WorkItem;

/// First pause of [`Delivery::wait_out`]; doubled each time.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// Its longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// Of the work that an outage cut off no more than this counts as lost to it: most of it may have gone well.
const MOST_LOST: Duration = Duration::from_secs(120);

/// What an item has lost to outages.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Outages {
    times: u32,
    lost: Duration,
}

impl Outages {
    fn read(headers: Option<&HeaderMap>) -> Self {
        let number = |name| headers?.get(name)?.as_str().parse::<u64>().ok();
        let times = number(names::OUTAGE_TIMES).and_then(|times| u32::try_from(times).ok()).unwrap_or_default();
        Self { times, lost: Duration::from_millis(number(names::OUTAGE_MS).unwrap_or_default()) }
    }

    fn write(self, headers: &mut HeaderMap) {
        headers.insert(names::OUTAGE_TIMES, self.times.to_string());
        headers.insert(names::OUTAGE_MS, self.lost.as_millis().to_string());
    }

    fn pause(self) -> Duration {
        FIRST_PAUSE.saturating_mul(1 << self.times.min(16)).min(LONGEST_PAUSE)
    }
}

/// An item of work. It ends with [`Delivery::ack`], [`Delivery::retry_after`], [`Delivery::give_back`], [`Delivery::wait_out`] or
/// [`Delivery::dead_letter`]; one that is dropped without comes back after the ack wait, as if its worker had died. A clone is another
/// handle to the same delivery.
#[derive(Clone)]
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
    taken_at: Instant,
    outages: Outages,
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
        let headers = message.message.headers.as_ref();
        let (traceparent, outages) = (traceparent_of(headers), Outages::read(headers));
        let (message, acker) = message.split();
        let item = WorkItem::decode(message.payload.clone());
        let (item, fault) = match item {
            Ok(item) => (item, None),
            Err(error) => (WorkItem::default(), Some(error)),
        };
        let (acker, settled) = (Arc::new(acker), CancellationToken::new());
        let (bus, taken_at) = (bus.clone(), Instant::now());
        let delivery = Self { item, delivered, traceparent, bus, queue, sequence, acker, taken_at, outages, settled };
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

    /// Ends it for now, because it failed: it comes back after the delay, here or elsewhere. Each time uses up one of five deliveries.
    pub async fn retry_after(&self, delay: Duration) -> Result<(), BusError> {
        self.settled.cancel();
        // A delay of nothing would be sent as a delay, which the server refuses.
        let delay = (!delay.is_zero()).then_some(delay);
        // If this is lost, the item comes back after the ack wait anyway.
        self.acker.ack_with(AckKind::Nak(delay)).await.map_err(BusError::nats(self.what("giving back")))?;
        self.bus.flush().await
    }

    /// Ends it for now because this process stops: queued anew, so that no delivery is counted.
    pub async fn give_back(&self) -> Result<(), BusError> {
        self.queue_anew(self.outages).await
    }

    /// For work that cannot go on because something is away that all work shares (a model, the store): keeps it for a pause that grows
    /// from time to time, then queues it anew, so that no delivery is counted. The pause ends early with `stop`. `false`, at once and
    /// with nothing done, when the item has lost more than [`outage_patience`](crate::BusOptions::outage_patience) in this way.
    pub async fn wait_out(&self, stop: impl Future<Output = ()>) -> Result<bool, BusError> {
        let Outages { times, lost } = self.outages;
        let lost = lost + self.taken_at.elapsed().min(MOST_LOST);
        let patience = self.bus.options.outage_patience;
        if lost >= patience {
            return Ok(false);
        }
        let pause = self.outages.pause().min(patience - lost);
        let (_alive, began) = (self.keep_alive(), Instant::now());
        tokio::select! {
            () = stop => {}
            () = tokio::time::sleep(pause) => {}
        }
        self.queue_anew(Outages { times: times + 1, lost: lost + began.elapsed() }).await.map(|()| true)
    }

    /// Puts a copy into the queue, then ends this one. Killed in between it comes again beside its copy, which costs work and loses none.
    async fn queue_anew(&self, outages: Outages) -> Result<(), BusError> {
        let mut headers = HeaderMap::new();
        if let Some(traceparent) = &self.traceparent {
            headers.insert(names::TRACEPARENT, traceparent.as_str());
        }
        outages.write(&mut headers);
        // one copy of each item, however often this is tried
        let id = format!("{}:again:{}", self.queue, self.sequence);
        let message = PublishMessage::build().headers(headers).payload(self.item.encode_to_vec().into()).message_id(id);
        match self.bus.publish(&names::work(self.queue, &self.item.tenant), message).await {
            Ok(_) => self.end(AckKind::Ack, "giving back").await,
            Err(Refused::Failed(error)) => Err(error),
            Err(Refused::WrongSequence) => Err(BusError::Nats { what: self.what("giving back"), why: "wrong sequence".into() }),
        }
    }

    /// Whether it was ended.
    pub(crate) fn is_settled(&self) -> bool {
        self.settled.is_cancelled()
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

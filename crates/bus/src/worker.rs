//! Taking work off a queue.

use crate::{Bus, BusError, Delivery, Queue, names};
use async_nats::jetstream::consumer::{Consumer, pull};
use futures::StreamExt;
use std::time::Duration;
use tokio::sync::oneshot;

/// How long a fetch waits for the first item. Fetching in turns, with what can start now as the batch: a stream of batches of one
/// stalls for many seconds (spec/cluster.md 2.3), and larger batches hoard work whose time is running.
const FETCH_WAIT: Duration = Duration::from_secs(2);
/// For a server that does not answer at all.
const FETCH_BOUND: Duration = Duration::from_secs(10);

/// What waits in a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct QueueDepth {
    /// Not delivered yet.
    pub waiting: u64,
    /// Delivered and not ended.
    pub in_flight: u64,
}

/// One process's access to a queue.
#[derive(Clone)]
pub struct Worker {
    bus: Bus,
    queue: Queue,
    consumer: Consumer<pull::Config>,
}

impl Bus {
    /// Access to a queue; [`Bus::provision`] must have been called by somebody.
    pub async fn worker(&self, queue: Queue) -> Result<Worker, BusError> {
        let stream = self.stream(names::WORK_STREAM).await?;
        let consumer = stream.get_consumer(queue.as_str()).await.map_err(BusError::nats(format!("opening the queue {queue}")))?;
        Ok(Worker { bus: self.clone(), queue, consumer })
    }

    /// What waits in a queue.
    pub async fn queue_depth(&self, queue: Queue) -> Result<QueueDepth, BusError> {
        let stream = self.stream(names::WORK_STREAM).await?;
        let info = stream.consumer_info(queue.as_str()).await.map_err(BusError::nats(format!("asking for the depth of {queue}")))?;
        Ok(QueueDepth { waiting: info.num_pending, in_flight: info.num_ack_pending as u64 })
    }

    /// Whether somebody waits for work of a queue at this moment.
    pub async fn has_workers(&self, queue: Queue) -> Result<bool, BusError> {
        let stream = self.stream(names::WORK_STREAM).await?;
        let info = stream.consumer_info(queue.as_str()).await.map_err(BusError::nats(format!("asking who works off {queue}")))?;
        Ok(info.num_waiting > 0)
    }
}

impl Worker {
    /// The queue.
    pub fn queue(&self) -> Queue {
        self.queue
    }

    /// Takes at most `max` items: what is there, or the first that comes within two seconds. Empty means that nothing came.
    ///
    /// Cancel safe: what arrives for a fetch that nobody waits for any more is given back at once.
    pub async fn fetch(&self, max: usize) -> Result<Vec<Delivery>, BusError> {
        let (hand_over, taken) = oneshot::channel();
        let worker = self.clone();
        // Ends within `FETCH_BOUND` and a little: a task of its own, so that dropping the fetch does not drop what is on its way.
        tokio::spawn(async move {
            let fetched = worker.fetch_now(max).await;
            if let Err(Ok(deliveries)) = hand_over.send(fetched) {
                give_back(deliveries).await;
            }
        });
        taken.await.map_err(|_| BusError::Nats { what: self.what(), why: "the runtime is ending".into() })?
    }

    async fn fetch_now(&self, max: usize) -> Result<Vec<Delivery>, BusError> {
        let request = self.consumer.fetch().max_messages(max.max(1)).expires(FETCH_WAIT).messages();
        let bound = || BusError::Timeout { what: self.what(), bound: FETCH_BOUND };
        let mut batch = tokio::time::timeout(FETCH_BOUND, request).await.map_err(|_| bound())?.map_err(BusError::nats(self.what()))?;

        let mut deliveries = Vec::new();
        let until = tokio::time::Instant::now() + FETCH_BOUND;
        while let Ok(Some(next)) = tokio::time::timeout_at(until, batch.next()).await {
            match next {
                Ok(message) => deliveries.extend(Delivery::read(&self.bus, self.queue, message).await?),
                // What came before the fault is good.
                Err(error) if !deliveries.is_empty() => {
                    tracing::warn!(queue = %self.queue, %error, "a fetch broke off");
                    break;
                }
                Err(error) => return Err(BusError::nats(self.what())(error)),
            }
        }
        Ok(deliveries)
    }

    fn what(&self) -> String {
        format!("fetching from {}", self.queue)
    }
}

async fn give_back(deliveries: Vec<Delivery>) {
    for delivery in deliveries {
        if let Err(error) = delivery.give_back().await {
            tracing::warn!(%error, "an item could not be given back; it comes back by itself after the ack wait");
        }
    }
}

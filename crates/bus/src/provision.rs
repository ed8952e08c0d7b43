//! Makes what the bus needs; running it again changes nothing.

use crate::{Bus, BusError, Queue, names};
use async_nats::jetstream::consumer::{AckPolicy, pull};
use async_nats::jetstream::stream::{Config, RetentionPolicy, StorageType};
use async_nats::jetstream::{kv, stream};

/// Deliveries of one item of work; each one used up means that its worker died or gave it back.
pub const MAX_DELIVER: i64 = 5;
/// Unacknowledged deliveries of a queue, over all workers: above the sum of their slots.
const MAX_ACK_PENDING: i64 = 1024;

impl Bus {
    /// Makes streams, consumers and the bucket where they are not there yet.
    pub async fn provision(&self) -> Result<(), BusError> {
        let base = Config {
            storage: StorageType::File,
            num_replicas: self.options.replicas,
            duplicate_window: self.options.dedup_window,
            allow_direct: true,
            ..Config::default()
        };
        let named = |name: &str, subjects: &str| Config { name: name.into(), subjects: vec![subjects.into()], ..base.clone() };
        let streams = [
            Config { retention: RetentionPolicy::WorkQueue, ..named(names::WORK_STREAM, names::WORK_SUBJECTS) },
            named(names::EVENT_STREAM, names::EVENT_SUBJECTS),
            named(names::DEAD_STREAM, names::DEAD_SUBJECTS),
            Config { retention: RetentionPolicy::WorkQueue, ..named(names::POISON_STREAM, names::POISON_SUBJECTS) },
        ];
        for config in streams {
            let what = format!("making the stream {}", config.name);
            self.jetstream.create_or_update_stream(config).await.map_err(BusError::nats(what))?;
        }
        self.make_consumers().await?;
        let bucket =
            kv::Config { bucket: names::RUNS_BUCKET.into(), history: 1, num_replicas: self.options.replicas, ..kv::Config::default() };
        self.jetstream.create_or_update_key_value(bucket).await.map_err(BusError::nats("making the bucket of runs"))?;
        Ok(())
    }

    /// Makes the queues' consumers anew, so that work which a dead process had taken comes back at once and not after the ack wait.
    /// Only for a process that is alone on its cluster, at its start: whoever holds a delivery loses it.
    pub async fn reset_consumers(&self) -> Result<(), BusError> {
        let work = self.stream(names::WORK_STREAM).await?;
        for queue in Queue::ALL {
            match work.delete_consumer(queue.as_str()).await {
                Ok(_) => {}
                Err(error) if is_missing(&error) => {}
                Err(error) => return Err(BusError::nats(format!("removing the consumer {queue}"))(error)),
            }
        }
        self.make_consumers().await
    }

    async fn make_consumers(&self) -> Result<(), BusError> {
        let work = self.stream(names::WORK_STREAM).await?;
        for queue in Queue::ALL {
            let config = pull::Config {
                durable_name: Some(queue.as_str().into()),
                filter_subject: names::work_of_queue(queue),
                ack_policy: AckPolicy::Explicit,
                ack_wait: self.options.ack_wait,
                max_deliver: MAX_DELIVER,
                max_ack_pending: MAX_ACK_PENDING,
                ..pull::Config::default()
            };
            work.create_consumer(config).await.map_err(BusError::nats(format!("making the consumer {queue}")))?;
        }
        let sweeper = pull::Config {
            durable_name: Some(names::POISON_CONSUMER.into()),
            ack_policy: AckPolicy::Explicit,
            ack_wait: self.options.ack_wait,
            ..pull::Config::default()
        };
        let poison = self.stream(names::POISON_STREAM).await?;
        poison.create_consumer(sweeper).await.map_err(BusError::nats("making the consumer of poison"))?;
        Ok(())
    }

    /// A handle to a stream; asks the server for nothing.
    pub(crate) async fn stream(&self, name: &str) -> Result<stream::Stream<()>, BusError> {
        self.jetstream.get_stream_no_info(name).await.map_err(BusError::nats(format!("opening the stream {name}")))
    }
}

fn is_missing(error: &stream::ConsumerError) -> bool {
    use async_nats::jetstream::ErrorCode;
    matches!(error.kind(), stream::ConsumerErrorKind::JetStream(inner) if inner.error_code() == ErrorCode::CONSUMER_NOT_FOUND)
}

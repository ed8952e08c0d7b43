//! Publishing what must arrive: acknowledged by the server, tried again while a leader is elected or a server restarts.

use crate::connection::ANSWER_BOUND;
use crate::{Bus, BusError, Queue, names};
use async_nats::jetstream::context::PublishErrorKind;
use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::publish::PublishAck;
use prost::Message;
use std::time::Duration;
use tokio::time::Instant;
use wayfarer_proto::v1::WorkItem;

/// A cluster without a leader stops for five seconds (spec/cluster.md 2.2); three times that.
pub(crate) const PUBLISH_BOUND: Duration = Duration::from_secs(15);
const RETRY_DELAY: Duration = Duration::from_millis(100);

/// What the server said to a message that it did not take.
pub(crate) enum Refused {
    /// The subject's last sequence is another one.
    WrongSequence,
    /// Anything else, tried until the bound.
    Failed(BusError),
}

impl Bus {
    /// Queues work. The id is remembered for ten minutes: within them the same id is taken once, whatever became of the first; so
    /// work that is queued *again* needs an id that says so (`<task>-after-2`).
    pub async fn publish_work(&self, queue: Queue, id: &str, item: &WorkItem) -> Result<(), BusError> {
        let message = PublishMessage::build().headers(self.trace_headers()).payload(item.encode_to_vec().into());
        let message = message.message_id(format!("{queue}:{id}"));
        match self.publish(&names::work(queue, &item.tenant), message).await {
            Ok(_) => Ok(()),
            Err(Refused::Failed(error)) => Err(error),
            Err(Refused::WrongSequence) => Err(BusError::Nats { what: format!("queueing {id} for {queue}"), why: "wrong sequence".into() }),
        }
    }

    /// Publishes until it is acknowledged or the bound is over. The message must carry a message id, or it may be stored twice.
    pub(crate) async fn publish(&self, subject: &str, message: PublishMessage) -> Result<PublishAck, Refused> {
        let until = Instant::now() + PUBLISH_BOUND;
        loop {
            let sent = async { self.jetstream.send_publish(subject.to_owned(), message.clone()).await?.await };
            let error = match tokio::time::timeout(ANSWER_BOUND, sent).await {
                Ok(Ok(ack)) => return Ok(ack),
                Ok(Err(error)) if is_wrong_sequence(&error) => return Err(Refused::WrongSequence),
                Ok(Err(error)) if !may_pass(error.kind()) => {
                    return Err(Refused::Failed(BusError::nats(format!("publishing to {subject}"))(error)));
                }
                Ok(Err(error)) => error.to_string(),
                Err(_) => "no answer".into(),
            };
            if Instant::now() + RETRY_DELAY >= until {
                tracing::warn!(subject, error, "publishing was given up");
                return Err(Refused::Failed(BusError::Timeout { what: format!("publishing to {subject}"), bound: PUBLISH_BOUND }));
            }
            tokio::time::sleep(RETRY_DELAY).await;
        }
    }
}

/// Faults that a restart or an election cures.
fn may_pass(kind: PublishErrorKind) -> bool {
    match kind {
        PublishErrorKind::TimedOut | PublishErrorKind::BrokenPipe | PublishErrorKind::StreamNotFound | PublishErrorKind::MaxAckPending => {
            true
        }
        PublishErrorKind::WrongLastMessageId
        | PublishErrorKind::WrongLastSequence
        | PublishErrorKind::MaxPayloadExceeded
        | PublishErrorKind::Other => false,
    }
}

/// 10071, and 10164 (the same in a cluster that is still applying the write that came first).
fn is_wrong_sequence(error: &async_nats::jetstream::context::PublishError) -> bool {
    use async_nats::jetstream::{Error, ErrorCode};
    let code = std::error::Error::source(error).and_then(|source| source.downcast_ref::<Error>()).map(Error::error_code);
    error.kind() == PublishErrorKind::WrongLastSequence || code == Some(ErrorCode::STREAM_WRONG_LAST_SEQUENCE_CONSTANT)
}

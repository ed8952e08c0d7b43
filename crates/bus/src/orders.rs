//! Orders between Orchestrator and WebSurfer: NATS request and reply, with no address to know.

use crate::connection::traceparent_of;
use crate::{Bus, BusError};
use async_nats::client::RequestErrorKind;
use async_nats::{Client, Request, Subject, Subscriber};
use futures::Stream;
use prost::Message;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use wayfarer_proto::v1::{SurfReply, SurfRequest};

/// An order that came in.
#[derive(Debug)]
pub struct Incoming {
    /// What is asked.
    pub request: SurfRequest,
    /// The trace that it belongs to.
    pub traceparent: Option<String>,
    client: Client,
    reply_to: Subject,
}

impl Incoming {
    /// Answers.
    pub async fn respond(&self, reply: SurfReply) -> Result<(), BusError> {
        let sent = self.client.publish(self.reply_to.clone(), reply.encode_to_vec().into()).await;
        sent.map_err(BusError::nats("answering an order"))
    }
}

/// Orders as they come in; ends when it is dropped. An order that cannot be read, or that wants no answer, is passed over.
pub struct Orders {
    client: Client,
    subscriber: Subscriber,
}

impl Orders {
    /// Takes no more orders; those that are here already still come, and then the stream ends.
    pub async fn stop(&mut self) -> Result<(), BusError> {
        self.subscriber.drain().await.map_err(BusError::nats("taking no more orders"))
    }
}

impl Stream for Orders {
    type Item = Incoming;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Incoming>> {
        loop {
            let message = match Pin::new(&mut self.subscriber).poll_next(context) {
                Poll::Ready(Some(message)) => message,
                Poll::Ready(None) => return Poll::Ready(None),
                Poll::Pending => return Poll::Pending,
            };
            let traceparent = traceparent_of(message.headers.as_ref());
            match (SurfRequest::decode(message.payload), message.reply) {
                (Ok(request), Some(reply_to)) => {
                    return Poll::Ready(Some(Incoming { request, traceparent, client: self.client.clone(), reply_to }));
                }
                (Err(error), _) => tracing::warn!(subject = %message.subject, %error, "an order cannot be read"),
                (_, None) => tracing::warn!(subject = %message.subject, "an order wants no answer"),
            }
        }
    }
}

impl Bus {
    /// Asks, and waits for the answer.
    pub async fn request(&self, subject: &str, request: SurfRequest, timeout: Duration) -> Result<SurfReply, BusError> {
        let order = Request::new().headers(self.trace_headers()).payload(request.encode_to_vec().into()).timeout(Some(timeout));
        let answer = self.client.send_request(subject.to_owned(), order).await.map_err(|error| match error.kind() {
            RequestErrorKind::NoResponders => BusError::NoResponders { subject: subject.to_owned() },
            RequestErrorKind::TimedOut => BusError::Timeout { what: format!("an order to {subject}"), bound: timeout },
            _ => BusError::nats(format!("an order to {subject}"))(error),
        })?;
        let malformed =
            |error: prost::DecodeError| BusError::Malformed { what: format!("the answer from {subject}"), why: error.to_string() };
        SurfReply::decode(answer.payload).map_err(malformed)
    }

    /// Serves a subject together with others: each order goes to one of the group.
    pub async fn serve_queue(&self, subject: &str, queue_group: &str) -> Result<Orders, BusError> {
        let subscribed = self.client.queue_subscribe(subject.to_owned(), queue_group.to_owned()).await;
        self.orders(subject, subscribed.map_err(BusError::nats(format!("serving {subject}")))?).await
    }

    /// Serves a subject alone.
    pub async fn serve(&self, subject: &str) -> Result<Orders, BusError> {
        let subscribed = self.client.subscribe(subject.to_owned()).await;
        self.orders(subject, subscribed.map_err(BusError::nats(format!("serving {subject}")))?).await
    }

    /// The subscription leaves before anything that is published after this returns: whoever learns of the subject by a message from
    /// here does not meet "no responders".
    async fn orders(&self, subject: &str, subscriber: Subscriber) -> Result<Orders, BusError> {
        self.client.flush().await.map_err(BusError::nats(format!("serving {subject}")))?;
        Ok(Orders { client: self.client.clone(), subscriber })
    }
}

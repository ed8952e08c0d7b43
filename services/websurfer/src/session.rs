//! An open session and the orders to it, as long as it has an owner: until it is closed, its task has a newer owner, its owner shows no
//! life any more, or this process stops.

use crate::{answer, carry_out, reject};
use futures::StreamExt;
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;
use wayfarer_bus::{Bus, Incoming, Orders, document};
use wayfarer_core::Usage;
use wayfarer_core::outcome::EnvFailure;
use wayfarer_core::surf::{ALIVE_EVERY, SurfReport};
use wayfarer_hands::SurferHandle;
use wayfarer_proto::v1::{SurfReply, surf_reply::Reply, surf_request::Order};

/// How long a step may go on in a process that stops: less than it takes to drain.
const FINISH_WITHIN: Duration = Duration::from_secs(15);
/// How long a session that ended with its process is still answered for: its owner learns of it by its next sign of life.
const GOODBYE_BOUND: Duration = Duration::from_secs(ALIVE_EVERY.as_secs() + 2);

/// What came of an order to step.
enum Stepped {
    Reported(SurfReport),
    /// The owner wants no more of it.
    Closed(Incoming),
    /// Nobody waits for it.
    Alone,
}

pub(crate) struct Session {
    pub(crate) handle: SurferHandle,
    pub(crate) orders: Orders,
    pub(crate) silence: Silence,
    pub(crate) stop: CancellationToken,
}

impl Session {
    /// Serves it to its end, then gives it back.
    pub(crate) async fn serve(mut self, superseded: impl Future<Output = ()>) {
        tokio::pin!(superseded);
        self.silence.broken();
        loop {
            let order = tokio::select! {
                biased;
                () = &mut superseded => {
                    tracing::info!("the task has a newer owner; the session is ended");
                    break;
                }
                () = self.stop.cancelled() => return self.say_goodbye().await,
                order = self.orders.next() => match order { Some(order) => order, None => break },
                () = self.silence.lasts() => break,
            };
            self.silence.broken();
            match &order.request.order {
                Some(Order::Step(step)) => {
                    let stepping = carry_out(&self.handle, step, order.traceparent.as_deref());
                    match step_out(stepping, &mut superseded, &mut self.orders, &mut self.silence, &self.stop).await {
                        Stepped::Reported(report) => {
                            let is_over = matches!(report, SurfReport::Fenced);
                            answer(&order, SurfReply { reply: document(&report).ok().map(Reply::Report) }).await;
                            if is_over {
                                break;
                            }
                        }
                        Stepped::Closed(close) => return self.close(&close).await,
                        Stepped::Alone => break,
                    }
                    self.silence.broken();
                }
                Some(Order::Close(_)) => return self.close(&order).await,
                Some(Order::Alive(_)) => answer(&order, SurfReply { reply: Some(Reply::Alive(true)) }).await,
                _ => reject(&order, "this attempt is open already").await,
            }
        }
        self.handle.close().await;
    }

    async fn close(self, order: &Incoming) {
        self.handle.close().await;
        answer(order, SurfReply { reply: Some(Reply::Closed(true)) }).await;
    }

    /// Gives the session back and tells its owner that this is no fault of the task.
    async fn say_goodbye(mut self) {
        let answering = async {
            while let Some(order) = self.orders.next().await {
                let reply = match &order.request.order {
                    Some(Order::Alive(_)) => Reply::Alive(false),
                    Some(Order::Close(_)) => {
                        answer(&order, SurfReply { reply: Some(Reply::Closed(true)) }).await;
                        return;
                    }
                    _ => match document(&stops()) {
                        Ok(report) => Reply::Report(report),
                        Err(_) => continue,
                    },
                };
                answer(&order, SurfReply { reply: Some(reply) }).await;
            }
        };
        let _ = tokio::join!(self.handle.close(), tokio::time::timeout(GOODBYE_BOUND, answering));
    }
}

/// Carries out a step while somebody waits for it.
async fn step_out(
    stepping: impl Future<Output = SurfReport>,
    mut superseded: impl Future<Output = ()> + Unpin,
    orders: &mut Orders,
    silence: &mut Silence,
    stop: &CancellationToken,
) -> Stepped {
    let overdue = async {
        stop.cancelled().await;
        tokio::time::sleep(FINISH_WITHIN).await;
    };
    tokio::pin!(stepping, overdue);
    loop {
        let order = tokio::select! {
            biased;
            () = &mut superseded => return Stepped::Reported(SurfReport::Fenced),
            report = &mut stepping => return Stepped::Reported(report),
            () = &mut overdue => return Stepped::Reported(stops()),
            order = orders.next() => match order { Some(order) => order, None => return Stepped::Alone },
            () = silence.lasts() => return Stepped::Alone,
        };
        silence.broken();
        match &order.request.order {
            Some(Order::Alive(_)) => answer(&order, SurfReply { reply: Some(Reply::Alive(true)) }).await,
            Some(Order::Close(_)) => return Stepped::Closed(order),
            _ => reject(&order, "this attempt takes a step already").await,
        }
    }
}

/// The browser goes with the process, which is nothing that the task has done.
fn stops() -> SurfReport {
    let detail = "the websurfer of this attempt is being stopped".into();
    SurfReport::Failed { kind: EnvFailure::NoBrowser, detail, usage: Usage::default() }
}

/// How long the owner of a session has shown no life.
pub(crate) struct Silence {
    bus: Bus,
    limit: Duration,
    since: Instant,
}

impl Silence {
    pub(crate) fn new(bus: Bus, limit: Duration) -> Self {
        Self { bus, limit, since: Instant::now() }
    }

    /// The owner showed life.
    fn broken(&mut self) {
        self.since = Instant::now();
    }

    /// Returns when it has lasted for too long. While NATS is away nobody can be heard, which says nothing about the owner.
    async fn lasts(&mut self) {
        loop {
            tokio::time::sleep(self.limit / 20).await;
            // asked for half of the time, so that a NATS that has just come back is no proof
            let is_doubtful = self.since.elapsed() >= self.limit / 2;
            if !self.bus.is_connected() || is_doubtful && self.bus.check().await.is_err() {
                self.since = Instant::now();
            } else if self.since.elapsed() >= self.limit {
                tracing::warn!("the owner has shown no life for {} s; the session is ended", self.limit.as_secs());
                return;
            }
        }
    }
}

//! The surfer of an attempt, over NATS request/reply: opening goes to whichever websurfer is free, every later order to the attempt's own
//! subject, so no address needs to be known. As a step may take long, the two tell each other all the while that they are there.

use async_trait::async_trait;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio_util::sync::{CancellationToken, DropGuard};
use wayfarer_actor_orchestrator::SurferPort;
use wayfarer_bus::{Bus, BusError, document, names, read_document};
use wayfarer_core::critical_point::GateDecision;
use wayfarer_core::outcome::EnvFailure;
use wayfarer_core::surf::{ALIVE_EVERY, SurfOpen, SurfOpened, SurfOrder, SurfReport};
use wayfarer_core::{AttemptId, Usage};
use wayfarer_proto::v1::{SurfReply, SurfRequest, surf_reply::Reply, surf_request::Order};
use wayfarer_telemetry::{Counted, metrics};

/// How long a free place is waited for: full websurfers are no fault but a queue, and its first place comes free when an attempt's time
/// (15 minutes) is over, at the latest.
const BUSY_BOUND: Duration = Duration::from_secs(20 * 60);
/// Closing is a courtesy: the surfer gives the session back by itself when orders stay away.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(10);

/// A surfer is gone when nobody serves its subject so often in a row: once may be a connection that is made again.
const GONE_AFTER: u32 = 2;

pub(crate) struct NatsSurfer {
    bus: Bus,
    attempt: AttemptId,
    step_timeout: Duration,
    /// Counts the critical point in front of which the surfer waits for its next order.
    held: Mutex<Option<Counted>>,
    /// Cancelled when the surfer is gone.
    gone: CancellationToken,
    /// Cancelled when it says that its process stops.
    stops: CancellationToken,
    /// Ends the signs of life.
    stop: CancellationToken,
    _stop_when_dropped: DropGuard,
}

impl NatsSurfer {
    pub(crate) fn new(bus: Bus, attempt: AttemptId, step_timeout: Duration) -> Self {
        let stop = CancellationToken::new();
        let (gone, stops) = (CancellationToken::new(), CancellationToken::new());
        Self { bus, attempt, step_timeout, held: Mutex::default(), gone, stops, stop: stop.clone(), _stop_when_dropped: stop.drop_guard() }
    }

    /// Why there is no report.
    fn lost(&self, detail: &str) -> SurfReport {
        let (kind, detail) = match self.stops.is_cancelled() {
            true => (EnvFailure::NoBrowser, "the websurfer of this attempt was stopped"),
            false => (EnvFailure::SurferLost, detail),
        };
        SurfReport::Failed { kind, detail: detail.to_owned(), usage: Usage::default() }
    }

    /// Takes note of whether a critical point waits for a decision from now on.
    fn wait_for_decision(&self, is_held: bool) {
        let held = is_held.then(|| metrics().critical_point_held());
        *self.held.lock().unwrap_or_else(PoisonError::into_inner) = held;
    }

    async fn ask(&self, subject: &str, order: Order, timeout: Duration) -> Result<SurfReply, BusError> {
        self.bus.request(subject, SurfRequest { order: Some(order) }, timeout).await
    }
}

#[async_trait]
impl SurferPort for NatsSurfer {
    async fn open(&self, open: SurfOpen) -> SurfOpened {
        let failed = |kind, detail| SurfOpened::Failed { kind, detail };
        let order = match document(&open) {
            Ok(document) => Order::Open(document),
            Err(error) => return failed(EnvFailure::SurferLost, error.to_string()),
        };
        let until = Instant::now() + BUSY_BOUND;
        loop {
            let opened = match self.ask(names::SURF_OPEN, order.clone(), self.step_timeout).await {
                Ok(SurfReply { reply: Some(Reply::Opened(opened)) }) => {
                    read_document(&opened).unwrap_or_else(|error| failed(EnvFailure::SurferLost, error.to_string()))
                }
                Ok(_) => failed(EnvFailure::SurferLost, "the websurfer's reply holds nothing".into()),
                Err(BusError::NoResponders { .. }) => {
                    failed(EnvFailure::NoBrowser, "no websurfer answers; is the role `websurfer` running?".into())
                }
                Err(error) => failed(EnvFailure::SurferLost, error.to_string()),
            };
            match opened {
                SurfOpened::Busy { retry_after_ms } if Instant::now() < until => {
                    tokio::time::sleep(Duration::from_millis(retry_after_ms.clamp(20, 5000))).await;
                }
                SurfOpened::Busy { .. } => {
                    let minutes = BUSY_BOUND.as_secs() / 60;
                    let detail = format!("all websurfers were full for {minutes} minutes; start more of them, or raise solver.slots there");
                    return failed(EnvFailure::NoBrowser, detail);
                }
                opened => {
                    if let SurfOpened::Ready { .. } = &opened {
                        let (gone, stops, stop) = (self.gone.clone(), self.stops.clone(), self.stop.clone());
                        tokio::spawn(show_life(self.bus.clone(), names::surf_attempt(&self.attempt), gone, stops, stop));
                    }
                    return opened;
                }
            }
        }
    }

    async fn step(&self, order: SurfOrder) -> SurfReport {
        self.wait_for_decision(false);
        let failed = |kind, detail| SurfReport::Failed { kind, detail, usage: Usage::default() };
        let order = match document(&order) {
            Ok(document) => Order::Step(document),
            Err(error) => return failed(EnvFailure::SurferLost, error.to_string()),
        };
        let subject = names::surf_attempt(&self.attempt);
        let reply = tokio::select! {
            reply = self.ask(&subject, order, self.step_timeout) => reply,
            () = self.gone.cancelled() => return self.lost("the websurfer of this attempt is gone"),
        };
        match reply {
            Ok(SurfReply { reply: Some(Reply::Report(report)) }) => {
                let report = read_document(&report).unwrap_or_else(|error| failed(EnvFailure::SurferLost, error.to_string()));
                self.wait_for_decision(matches!(&report, SurfReport::Stepped { step } if matches!(step.gate, GateDecision::Held { .. })));
                report
            }
            Ok(_) => failed(EnvFailure::SurferLost, "the websurfer's reply holds nothing".into()),
            Err(BusError::NoResponders { .. }) => self.lost("the websurfer of this attempt is gone"),
            Err(error) => self.lost(&error.to_string()),
        }
    }

    async fn close(&self) {
        self.wait_for_decision(false);
        self.stop.cancel();
        if let Err(error) = self.ask(&names::surf_attempt(&self.attempt), Order::Close(true), CLOSE_TIMEOUT).await {
            tracing::debug!(%error, "the surfer was gone already");
        }
    }
}

/// Keeps the surfer from giving its session back while the orchestrator thinks, and looks whether somebody still serves the attempt.
async fn show_life(bus: Bus, subject: String, gone: CancellationToken, stops: CancellationToken, stop: CancellationToken) {
    let mut ticks = tokio::time::interval(ALIVE_EVERY);
    let mut unserved = 0;
    while unserved < GONE_AFTER {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = ticks.tick() => {}
        }
        let request = SurfRequest { order: Some(Order::Alive(true)) };
        match bus.request(&subject, request, ALIVE_EVERY).await {
            Err(BusError::NoResponders { .. }) => unserved += 1,
            Ok(SurfReply { reply: Some(Reply::Alive(false)) }) => {
                stops.cancel();
                break;
            }
            _ => unserved = 0,
        }
    }
    gone.cancel();
}

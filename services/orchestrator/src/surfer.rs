//! The surfer of an attempt, over NATS request/reply: opening goes to whichever websurfer is free, every later order to the attempt's own
//! subject, so no address needs to be known.

use async_trait::async_trait;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use wayfarer_actor_orchestrator::SurferPort;
use wayfarer_bus::{Bus, BusError, document, names, read_document};
use wayfarer_core::critical_point::GateDecision;
use wayfarer_core::outcome::EnvFailure;
use wayfarer_core::surf::{SurfOpen, SurfOpened, SurfOrder, SurfReport};
use wayfarer_core::{AttemptId, Usage};
use wayfarer_proto::v1::{SurfReply, SurfRequest, surf_reply::Reply, surf_request::Order};
use wayfarer_telemetry::{Counted, metrics};

/// How long a free place is waited for: full websurfers are no fault but a queue, and its first place comes free when an attempt's time
/// (15 minutes) is over, at the latest.
const BUSY_BOUND: Duration = Duration::from_secs(20 * 60);
/// Closing is a courtesy: the surfer gives the session back by itself when orders stay away.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(10);

pub(crate) struct NatsSurfer {
    bus: Bus,
    attempt: AttemptId,
    step_timeout: Duration,
    /// Counts the critical point in front of which the surfer waits for its next order.
    held: Mutex<Option<Counted>>,
}

impl NatsSurfer {
    pub(crate) fn new(bus: Bus, attempt: AttemptId, step_timeout: Duration) -> Self {
        Self { bus, attempt, step_timeout, held: Mutex::default() }
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
                opened => return opened,
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
        match self.ask(&names::surf_attempt(&self.attempt), order, self.step_timeout).await {
            Ok(SurfReply { reply: Some(Reply::Report(report)) }) => {
                let report = read_document(&report).unwrap_or_else(|error| failed(EnvFailure::SurferLost, error.to_string()));
                self.wait_for_decision(matches!(&report, SurfReport::Stepped { step } if matches!(step.gate, GateDecision::Held { .. })));
                report
            }
            Ok(_) => failed(EnvFailure::SurferLost, "the websurfer's reply holds nothing".into()),
            Err(BusError::NoResponders { .. }) => failed(EnvFailure::SurferLost, "the websurfer of this attempt is gone".into()),
            Err(error) => failed(EnvFailure::SurferLost, error.to_string()),
        }
    }

    async fn close(&self) {
        self.wait_for_decision(false);
        if let Err(error) = self.ask(&names::surf_attempt(&self.attempt), Order::Close(true), CLOSE_TIMEOUT).await {
            tracing::debug!(%error, "the surfer was gone already");
        }
    }
}

//! The surfer of an attempt, over NATS request/reply: opening goes to whichever websurfer is free, every later order to the attempt's own
//! subject, so no address needs to be known.

use async_trait::async_trait;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use wayfarer_actor_orchestrator::SurferPort;
use wayfarer_bus::{Bus, BusError, document, names, read_document};
use wayfarer_core::critical_point::GateDecision;
use wayfarer_core::outcome::EnvFailure;
use wayfarer_core::surf::{SurfOpen, SurfOpened, SurfOrder, SurfReport};
use wayfarer_core::{AttemptId, Usage};
use wayfarer_proto::v1::{SurfReply, SurfRequest, surf_reply::Reply, surf_request::Order};
use wayfarer_telemetry::{Counted, metrics};

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

    async fn ask(&self, subject: &str, order: Order, timeout: Duration) -> Result<SurfReply, (EnvFailure, String)> {
        self.bus.request(subject, SurfRequest { order: Some(order) }, timeout).await.map_err(|error| match error {
            BusError::NoResponders { .. } => (EnvFailure::SurferLost, "no websurfer answers; is the role `websurfer` running?".to_owned()),
            other => (EnvFailure::SurferLost, other.to_string()),
        })
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
        match self.ask(names::SURF_OPEN, order, self.step_timeout).await {
            Ok(SurfReply { reply: Some(Reply::Opened(opened)) }) => {
                read_document(&opened).unwrap_or_else(|error| failed(EnvFailure::SurferLost, error.to_string()))
            }
            Ok(_) => failed(EnvFailure::SurferLost, "the websurfer's reply holds nothing".into()),
            Err((kind, detail)) => failed(kind, detail),
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
            Err((kind, detail)) => failed(kind, detail),
        }
    }

    async fn close(&self) {
        self.wait_for_decision(false);
        if let Err((_, detail)) = self.ask(&names::surf_attempt(&self.attempt), Order::Close(true), CLOSE_TIMEOUT).await {
            tracing::debug!(detail, "the surfer was gone already");
        }
    }
}

//! The websurfer role: answers "open" for any attempt (queue group), then serves that attempt's own subject until it is closed or its
//! orders stay away.

use anyhow::Result;
use futures::StreamExt;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::Instrument;
use wayfarer_actor_websurfer::{SurferDeps, SurferHandle};
use wayfarer_browser::{BrowserSupply, EgressPolicy};
use wayfarer_bus::{Bus, Incoming, document, names, read_document};
use wayfarer_chat::Model;
use wayfarer_core::critical_point::GateDecision;
use wayfarer_core::outcome::EnvFailure;
use wayfarer_core::surf::{SurfOpen, SurfOpened, SurfOrder, SurfReport, SurfedStep};
use wayfarer_core::{AttemptId, Usage};
use wayfarer_proto::v1::{SurfReply, surf_reply::Reply, surf_request::Order};
use wayfarer_store::Stores;
use wayfarer_telemetry::metrics;

pub use wayfarer_actor_websurfer::longest_order;

/// A surfer whose orchestrator is gone gives its session back after this long without an order or a sign of life.
const IDLE_LIMIT: Duration = Duration::from_secs(300);

/// What the role needs.
#[derive(Clone)]
pub struct WebSurferService {
    /// NATS.
    pub bus: Bus,
    /// Every model call.
    pub model: Arc<dyn Model>,
    /// Browser sessions.
    pub browsers: Arc<dyn BrowserSupply>,
    /// Where screenshots are kept.
    pub stores: Stores,
    /// What the sessions may reach.
    pub egress: EgressPolicy,
    /// Sessions at once.
    pub slots: usize,
}

impl WebSurferService {
    /// Serves until the token is cancelled; open sessions are then closed.
    pub async fn run(self, token: CancellationToken) -> Result<()> {
        let mut openings = self.bus.serve_queue(names::SURF_OPEN, names::SURF_GROUP).await?;
        let slots = Arc::new(Semaphore::new(self.slots));
        let surfers = TaskTracker::new();
        loop {
            let incoming = tokio::select! {
                () = token.cancelled() => break,
                incoming = openings.next() => match incoming { Some(incoming) => incoming, None => break },
            };
            let (service, slots, token) = (self.clone(), slots.clone(), token.clone());
            surfers.spawn(async move {
                let Ok(_slot) = slots.try_acquire_owned() else {
                    answer(&incoming, opened(&SurfOpened::Failed { kind: EnvFailure::NoBrowser, detail: "this websurfer is full".into() }))
                        .await;
                    return;
                };
                service.serve_attempt(incoming, token).await;
            });
        }
        surfers.close();
        surfers.wait().await;
        Ok(())
    }

    async fn serve_attempt(&self, incoming: Incoming, token: CancellationToken) {
        let open: SurfOpen = match &incoming.request.order {
            Some(Order::Open(open)) => match read_document(open) {
                Ok(open) => open,
                Err(error) => return reject(&incoming, &format!("unreadable order: {error}")).await,
            },
            _ => return reject(&incoming, "not an order to open").await,
        };
        let attempt = open.attempt.clone();
        let span = tracing::info_span!("surf", run = %open.run, task = %attempt.task, attempt = %attempt);
        if let Some(parent) = &incoming.traceparent {
            wayfarer_telemetry::propagate::set_parent(&span, parent);
        }
        self.open_and_serve(incoming, open, attempt, token).instrument(span).await;
    }

    async fn open_and_serve(&self, incoming: Incoming, open: SurfOpen, attempt: AttemptId, token: CancellationToken) {
        let store = match self.stores.of(&open.run) {
            Ok(store) => store,
            Err(error) => {
                return answer(&incoming, opened(&SurfOpened::Failed { kind: EnvFailure::Store, detail: error.to_string() })).await;
            }
        };
        // the subject is served before the reply leaves, so the first order cannot meet "no responders"
        let mut orders = match self.bus.serve(&names::surf_attempt(&attempt)).await {
            Ok(orders) => orders,
            Err(error) => return reject(&incoming, &error.to_string()).await,
        };
        let deps = SurferDeps { model: self.model.clone(), browsers: self.browsers.clone(), store, egress: self.egress.clone() };
        let (reply, handle) = SurferHandle::open(deps, open).await;
        answer(&incoming, opened(&reply)).await;
        let Some(handle) = handle else { return };
        loop {
            let order = tokio::select! {
                () = token.cancelled() => break,
                () = tokio::time::sleep(IDLE_LIMIT) => {
                    tracing::warn!("no order for {} s; the session is given back", IDLE_LIMIT.as_secs());
                    break;
                }
                order = orders.next() => match order { Some(order) => order, None => break },
            };
            match &order.request.order {
                Some(Order::Step(step)) => {
                    let report = match read_document::<SurfOrder>(step) {
                        Ok(step) => {
                            let span = tracing::info_span!("step", step = step.step.0);
                            // for the log the step is part of the session, for the trace of the order that asked for it
                            if let Some(parent) = &order.traceparent {
                                wayfarer_telemetry::set_parent(&span, parent);
                            }
                            handle.step(step).instrument(span).await
                        }
                        Err(error) => {
                            SurfReport::Failed { kind: EnvFailure::SurferLost, detail: error.to_string(), usage: Usage::default() }
                        }
                    };
                    if let SurfReport::Stepped { step } = &report
                        && let Some(overhead) = overhead(step)
                    {
                        metrics().step_overhead(overhead);
                    }
                    let reply = document(&report).ok().map(Reply::Report);
                    answer(&order, SurfReply { reply }).await;
                }
                Some(Order::Close(_)) => {
                    handle.close().await;
                    answer(&order, SurfReply { reply: Some(Reply::Closed(true)) }).await;
                    return;
                }
                // also what came in during a step
                Some(Order::Alive(_)) => answer(&order, SurfReply { reply: Some(Reply::Alive(true)) }).await,
                _ => reject(&order, "this attempt is open already").await,
            }
        }
        handle.close().await;
    }
}

/// What is left of a step besides the model's and the page's own time; none for steps that did not touch the page, as they have no
/// settling of their own.
fn overhead(step: &SurfedStep) -> Option<Duration> {
    let is_held = matches!(step.gate, GateDecision::Held { .. });
    let ms = step.total_ms - step.model_ms - step.observation.settle.ms;
    (step.action.touches_page() && !is_held).then(|| Duration::from_secs_f64(ms.max(0.0) / 1e3))
}

fn opened(reply: &SurfOpened) -> SurfReply {
    SurfReply { reply: document(reply).ok().map(Reply::Opened) }
}

async fn reject(incoming: &Incoming, detail: &str) {
    answer(incoming, opened(&SurfOpened::Failed { kind: EnvFailure::SurferLost, detail: detail.to_owned() })).await;
}

async fn answer(incoming: &Incoming, reply: SurfReply) {
    if let Err(error) = incoming.respond(reply).await {
        tracing::warn!(%error, "a reply to the orchestrator was lost");
    }
}

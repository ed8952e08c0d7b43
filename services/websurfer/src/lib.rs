//! The websurfer role: answers "open" for any attempt (queue group), then serves that attempt's own subject until it is closed, its task
//! has a newer owner, or its owner shows no life any more.
//!
//! ```text
//!  order to open ──▶ every websurfer: a session of an older owner of the task ends
//!              └───▶ one of them: owner still the newest? ──▶ place free? ──▶ session, served
//!                                        └ no: fenced            └ no: busy, the orchestrator asks again
//! ```

mod owners;
mod session;

use anyhow::Result;
use futures::StreamExt;
use owners::Owners;
use session::{Session, Silence};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::Instrument;
use wayfarer_actor_native::{NativeDeps, Profile, Prompts, Window};
use wayfarer_actor_websurfer::SurferDeps;
use wayfarer_browser::{BrowserSupply, EgressPolicy};
use wayfarer_bus::{Bus, Incoming, document, names, read_document};
use wayfarer_chat::Model;
use wayfarer_core::critical_point::GateDecision;
use wayfarer_core::outcome::EnvFailure;
use wayfarer_core::run::Solver;
use wayfarer_core::surf::{SurfOpen, SurfOpened, SurfOrder, SurfReport, SurfedStep};
use wayfarer_core::{AttemptId, Usage};
use wayfarer_hands::{HandsOptions, SurferHandle};
use wayfarer_proto::v1::{Document, SurfReply, surf_reply::Reply, surf_request::Order};
use wayfarer_store::Stores;
use wayfarer_telemetry::metrics;

pub use wayfarer_actor_websurfer::longest_order;

/// How long a websurfer that ends answers those that have asked it already.
const GOODBYE_BOUND: Duration = Duration::from_secs(2);
/// When asking a full websurfer again makes sense.
const RETRY_AFTER_MS: u64 = 500;

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
    /// Whether attempts' sessions are recorded.
    pub record: bool,
    /// Sessions at once.
    pub slots: usize,
    /// How long the owner of a session may show no life before the session is ended.
    pub owner_silence: Duration,
    /// What native agents are given beside their profile.
    pub native: NativeWords,
}

/// What native agents are given beside their profile.
#[derive(Debug, Clone, Default)]
pub struct NativeWords {
    /// The words that the model was trained with; ours if absent.
    pub prompts: Option<Prompts>,
    /// Screenshots that the model sees; the profile's if absent.
    pub window: Option<Window>,
}

impl WebSurferService {
    /// Serves until the token is cancelled; open sessions are then closed.
    pub async fn run(self, token: CancellationToken) -> Result<()> {
        // every websurfer hears of every opening, and one of them answers it; who would hear before anybody answers would swallow it
        let mut openings = self.bus.serve_queue(names::SURF_OPEN, names::SURF_GROUP).await?;
        let mut heard = self.bus.serve(names::SURF_OPEN).await?;
        let slots = Arc::new(Semaphore::new(self.slots));
        let owners = Arc::new(Owners::default());
        let surfers = TaskTracker::new();
        loop {
            let incoming = tokio::select! {
                // what was heard before an opening counts before it
                biased;
                () = token.cancelled() => break,
                incoming = heard.next() => match incoming {
                    Some(incoming) => {
                        if let Ok(open) = read_open(&incoming) {
                            owners.admit(&open.task_ref(), open.epoch);
                        }
                        continue;
                    }
                    None => break,
                },
                incoming = openings.next() => match incoming { Some(incoming) => incoming, None => break },
            };
            let (service, slots, owners, token) = (self.clone(), slots.clone(), owners.clone(), token.clone());
            surfers.spawn(async move { service.serve_attempt(incoming, &slots, &owners, token).await });
        }
        // whoever asked meanwhile asks again, and meets another websurfer or none
        drop(heard);
        let answer_the_rest = async {
            openings.stop().await?;
            while let Some(incoming) = openings.next().await {
                answer(&incoming, opened(&busy())).await;
            }
            anyhow::Ok(())
        };
        if !matches!(tokio::time::timeout(GOODBYE_BOUND, answer_the_rest).await, Ok(Ok(()))) {
            tracing::warn!("some orders to open may have no answer");
        }
        surfers.close();
        surfers.wait().await;
        Ok(())
    }

    async fn serve_attempt(&self, incoming: Incoming, slots: &Semaphore, owners: &Owners, token: CancellationToken) {
        let open = match read_open(&incoming) {
            Ok(open) => open,
            Err(why) => return reject(&incoming, &why).await,
        };
        let attempt = open.attempt.clone();
        let span = tracing::info_span!("surf", run = %open.run, task = %attempt.task, attempt = %attempt);
        if let Some(parent) = &incoming.traceparent {
            wayfarer_telemetry::propagate::set_parent(&span, parent);
        }
        let (task, epoch) = (open.task_ref(), open.epoch);
        async {
            if !owners.admit(&task, epoch) {
                return answer(&incoming, opened(&SurfOpened::Fenced)).await;
            }
            let Ok(_slot) = slots.try_acquire() else {
                return answer(&incoming, opened(&busy())).await;
            };
            self.open_and_serve(incoming, open, attempt, owners.superseded(&task, epoch), token).await;
        }
        .instrument(span)
        .await;
    }

    async fn open_and_serve(
        &self,
        incoming: Incoming,
        open: SurfOpen,
        attempt: AttemptId,
        superseded: impl Future<Output = ()>,
        token: CancellationToken,
    ) {
        tokio::pin!(superseded);
        let store = match self.stores.of(&open.run) {
            Ok(store) => store,
            Err(error) => {
                return answer(&incoming, opened(&SurfOpened::Failed { kind: EnvFailure::Store, detail: error.to_string() })).await;
            }
        };
        // the subject is served before the reply leaves, so the first order cannot meet "no responders"
        let orders = match self.bus.serve(&names::surf_attempt(&attempt)).await {
            Ok(orders) => orders,
            Err(error) => return reject(&incoming, &error.to_string()).await,
        };
        let tools = HandsOptions {
            browsers: self.browsers.clone(),
            store,
            egress: self.egress.clone(),
            record: self.record,
            replay: None,
            viewport: None,
        };
        let (reply, handle) = tokio::select! {
            () = &mut superseded => (SurfOpened::Fenced, None),
            () = token.cancelled() => (busy(), None),
            open = self.open_session(tools, open) => open,
        };
        answer(&incoming, opened(&reply)).await;
        let Some(handle) = handle else { return };
        let silence = Silence::new(self.bus.clone(), self.owner_silence);
        Session { handle, orders, silence, stop: token }.serve(superseded).await;
    }
}

impl WebSurferService {
    /// Opens the session for whoever decides in it.
    async fn open_session(&self, tools: HandsOptions, open: SurfOpen) -> (SurfOpened, Option<SurferHandle>) {
        let model = self.model.clone();
        let profile = match open.solver.parse() {
            Ok(Solver::Ledger) => return wayfarer_actor_websurfer::open(SurferDeps { model, tools }, open).await,
            Ok(Solver::Native { profile }) => Profile::named(&profile).map_err(|error| error.to_string()),
            Err(why) => Err(why),
        };
        let mut profile = match profile {
            Ok(profile) => profile,
            // another websurfer, of another version, may know it
            Err(detail) => return (SurfOpened::Failed { kind: EnvFailure::SurferLost, detail }, None),
        };
        profile.window = self.native.window.unwrap_or(profile.window);
        let prompts = self.native.prompts.clone().unwrap_or_else(|| Prompts::ours(&profile.name));
        let deps = NativeDeps { model, tools, profile: Arc::new(profile), prompts: Arc::new(prompts) };
        wayfarer_actor_native::open(deps, open).await
    }
}

/// One step, in the session's log and in the trace of the order that asked for it.
async fn carry_out(handle: &SurferHandle, order: &Document, traceparent: Option<&str>) -> SurfReport {
    let order: SurfOrder = match read_document(order) {
        Ok(order) => order,
        Err(error) => return SurfReport::Failed { kind: EnvFailure::SurferLost, detail: error.to_string(), usage: Usage::default() },
    };
    let span = tracing::info_span!("step", step = order.step.0);
    if let Some(parent) = traceparent {
        wayfarer_telemetry::set_parent(&span, parent);
    }
    let report = handle.step(order).instrument(span).await;
    if let SurfReport::Stepped { step } = &report
        && let Some(overhead) = overhead(step)
    {
        metrics().step_overhead(overhead);
    }
    report
}

/// What is left of a step besides the model's and the page's own time; none for steps that did not touch the page, as they have no
/// settling of their own.
fn overhead(step: &SurfedStep) -> Option<Duration> {
    let is_held = matches!(step.gate, GateDecision::Held { .. });
    let ms = step.total_ms - step.model_ms - step.observation.settle.ms;
    (step.action.touches_page() && !is_held).then(|| Duration::from_secs_f64(ms.max(0.0) / 1e3))
}

fn read_open(incoming: &Incoming) -> Result<SurfOpen, String> {
    match &incoming.request.order {
        Some(Order::Open(open)) => read_document(open).map_err(|error| format!("unreadable order: {error}")),
        _ => Err("not an order to open".into()),
    }
}

fn busy() -> SurfOpened {
    SurfOpened::Busy { retry_after_ms: RETRY_AFTER_MS }
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

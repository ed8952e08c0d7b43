//! The actor of one attempt's session, and the handle to it.

use crate::act::{CALL_TRIES, Surf};
use ractor::{Actor, ActorProcessingErr, ActorRef, RpcReplyPort};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;
use wayfarer_browser::{BrowserError, BrowserSession, BrowserSupply, EgressPolicy, SessionSpec};
use wayfarer_chat::Model;
use wayfarer_chat::ask::TURNS;
use wayfarer_core::Usage;
use wayfarer_core::outcome::EnvFailure;
use wayfarer_core::surf::{SurfOpen, SurfOpened, SurfOrder, SurfReport};
use wayfarer_store::Store;

/// How long a free session is waited for.
const ACQUIRE_BOUND: Duration = Duration::from_secs(120);
/// How long closing may take before the actor is killed; the session is then closed in the background.
const CLOSE_BOUND: Duration = Duration::from_secs(10);

/// For what takes time in a step beside the model and the browser: the picture, the store.
const AROUND_A_STEP: Duration = Duration::from_secs(10);

/// How long an order may take when everything is as slow as it may be: opening waits for a session and its page, a step for its questions
/// with their error turns and for the page. Who gives the order must wait longer than that.
pub fn longest_order(model_call: Duration, browser_call: Duration) -> Duration {
    let opening = ACQUIRE_BOUND + browser_call * 2;
    let step = model_call * (CALL_TRIES * TURNS) + browser_call;
    opening.max(step) + AROUND_A_STEP
}

/// What a surfer works with.
#[derive(Clone)]
pub struct SurferDeps {
    /// Decides.
    pub model: Arc<dyn Model>,
    /// Gives browser sessions.
    pub browsers: Arc<dyn BrowserSupply>,
    /// Keeps screenshots.
    pub store: Store,
    /// What the session may reach.
    pub egress: EgressPolicy,
    /// Whether what its pages ask for and say is kept (`attempts/<attempt>/session.har`).
    pub record: bool,
}

/// The surfer of one attempt. Cheap to clone; the session lives until [`SurferHandle::close`] or until the last handle is gone.
#[derive(Clone)]
pub struct SurferHandle {
    inner: Arc<Inner>,
}

struct Inner {
    actor: ActorRef<Message>,
    cancel: CancellationToken,
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.cancel.cancel();
        self.actor.stop(None);
    }
}

impl SurferHandle {
    /// Acquires a session, opens the start page and looks at it.
    pub async fn open(deps: SurferDeps, order: SurfOpen) -> (SurfOpened, Option<Self>) {
        match Self::try_open(deps, order).await {
            Ok((opened, handle)) => (opened, Some(handle)),
            Err(refused) => (refused, None),
        }
    }

    async fn try_open(deps: SurferDeps, order: SurfOpen) -> Result<(SurfOpened, Self), SurfOpened> {
        let session = acquire(&deps, &order).await.map_err(refused)?;
        let page = match session.open(order.task.start_url.as_str()).await {
            Ok(page) => page,
            Err(error) => {
                release(session).await;
                return Err(refused(error));
            }
        };
        if let Err(error) = deps.store.put_blob(page.screenshot.clone()).await {
            release(session).await;
            return Err(SurfOpened::Failed { kind: EnvFailure::Store, detail: error.to_string() });
        }
        let opened = SurfOpened::Ready { observation: Box::new(page.observation.clone()) };
        let cancel = CancellationToken::new();
        let arguments = (Surf::new(deps, order, session, page), cancel.clone());
        let lost = |error: ractor::SpawnErr| SurfOpened::Failed { kind: EnvFailure::SurferLost, detail: error.to_string() };
        let (actor, _) = Actor::spawn(None, WebSurfer, arguments).await.map_err(lost)?;
        Ok((opened, Self { inner: Arc::new(Inner { actor, cancel }) }))
    }

    /// One step. An actor that is gone answers [`EnvFailure::SurferLost`].
    pub async fn step(&self, order: SurfOrder) -> SurfReport {
        match self.inner.actor.call(|reply| Message::Step(Box::new(order), reply), None).await {
            Ok(ractor::rpc::CallResult::Success(report)) => report,
            _ => lost(),
        }
    }

    /// Gives the session back; a step in flight is abandoned.
    pub async fn close(&self) {
        self.inner.cancel.cancel();
        let asked = self.inner.actor.stop_and_wait(None, Some(ractor::concurrency::Duration::from_secs(CLOSE_BOUND.as_secs()))).await;
        if asked.is_err() {
            self.inner.actor.kill();
        }
    }
}

fn lost() -> SurfReport {
    SurfReport::Failed { kind: EnvFailure::SurferLost, detail: "the surfer of this attempt is gone".into(), usage: Usage::default() }
}

fn refused(error: BrowserError) -> SurfOpened {
    match error {
        BrowserError::Environment { kind, detail } => SurfOpened::Failed { kind, detail },
        BrowserError::Fenced => SurfOpened::Fenced,
        BrowserError::Busy { .. } => SurfOpened::Failed { kind: EnvFailure::NoBrowser, detail: error.to_string() },
    }
}

/// Asks for a session until one is free, as often as the supply says that it makes sense.
async fn acquire(deps: &SurferDeps, order: &SurfOpen) -> Result<Box<dyn BrowserSession>, BrowserError> {
    let spec = SessionSpec {
        task: Some(order.task_ref()),
        epoch: order.epoch,
        egress: deps.egress.clone(),
        gated: true,
        record: deps.record,
        ..SessionSpec::new(order.tenant.clone(), order.attempt.to_string())
    };
    let until = Instant::now() + ACQUIRE_BOUND;
    loop {
        match deps.browsers.acquire(spec.clone()).await {
            Err(BrowserError::Busy { retry_after_ms }) if Instant::now() < until => {
                tokio::time::sleep(Duration::from_millis(retry_after_ms.clamp(20, 5000))).await;
            }
            other => return other,
        }
    }
}

async fn release(session: Box<dyn BrowserSession>) {
    if let Err(error) = session.release().await {
        tracing::debug!(%error, "a session could not be given back in order");
    }
}

enum Message {
    Step(Box<SurfOrder>, RpcReplyPort<SurfReport>),
}

struct WebSurfer;

/// What the actor holds: the surfer's memory, and the token that ends a step in flight.
struct State {
    surf: Surf,
    cancel: CancellationToken,
}

#[async_trait::async_trait]
impl Actor for WebSurfer {
    type Msg = Message;
    type State = State;
    type Arguments = (Surf, CancellationToken);

    async fn pre_start(&self, _: ActorRef<Message>, (surf, cancel): Self::Arguments) -> Result<State, ActorProcessingErr> {
        Ok(State { surf, cancel })
    }

    async fn handle(&self, _: ActorRef<Message>, message: Message, state: &mut State) -> Result<(), ActorProcessingErr> {
        let Message::Step(order, reply) = message;
        if state.surf.is_stale(order.epoch) {
            let _ = reply.send(SurfReport::Fenced);
            return Ok(());
        }
        let cancel = state.cancel.clone();
        let report = tokio::select! {
            report = state.surf.step(*order) => report,
            () = cancel.cancelled() => lost(),
        };
        // the asker may be gone; the step is then lost with its attempt
        let _ = reply.send(report);
        Ok(())
    }

    async fn post_stop(&self, _: ActorRef<Message>, state: &mut State) -> Result<(), ActorProcessingErr> {
        state.surf.keep_recording().await;
        if let Some(session) = state.surf.take_session() {
            release(session).await;
        }
        Ok(())
    }
}

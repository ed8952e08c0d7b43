//! The actor of one attempt's session, and the handle to it.

use crate::hands::{Hands, HandsOptions, Stopped};
use async_trait::async_trait;
use ractor::{Actor, ActorProcessingErr, ActorRef, RpcReplyPort};
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use wayfarer_core::outcome::EnvFailure;
use wayfarer_core::surf::{SurfOpen, SurfOpened, SurfOrder, SurfReport, SurfedStep};
use wayfarer_core::{Epoch, Usage};

/// How long a free session is waited for.
pub const ACQUIRE_BOUND: Duration = Duration::from_secs(120);
/// How long closing may take before the actor is killed; the session is then closed in the background.
const CLOSE_BOUND: Duration = Duration::from_secs(10);

/// Decides what the hands do, one order at a time.
#[async_trait]
pub trait Surfing: Send {
    /// One step; what it cost is told also where it fails.
    async fn step(&mut self, order: SurfOrder, spent: &mut Spent) -> Result<SurfedStep, Stopped>;
    /// What it works with.
    fn hands(&mut self) -> &mut Hands;
}

/// What a step has cost so far.
#[derive(Debug, Clone, Copy, Default)]
pub struct Spent {
    /// Of the model.
    pub usage: Usage,
    /// Milliseconds spent waiting for the model.
    pub model_ms: f64,
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
    /// Acquires a session, opens the start page and gives both to whoever decides.
    pub async fn open(
        tools: &HandsOptions,
        order: SurfOpen,
        decide: impl FnOnce(Hands, SurfOpen) -> Box<dyn Surfing>,
    ) -> (SurfOpened, Option<Self>) {
        let hands = match Hands::take(tools, &order).await {
            Ok(hands) => hands,
            Err(stopped) => return (stopped.opened(), None),
        };
        let opened = SurfOpened::Ready { observation: Box::new(hands.page().observation.clone()) };
        let cancel = CancellationToken::new();
        let state = State { epoch: order.epoch, surfing: decide(hands, order), cancel: cancel.clone() };
        match Actor::spawn(None, Surfer, state).await {
            Ok((actor, _)) => (opened, Some(Self { inner: Arc::new(Inner { actor, cancel }) })),
            Err(error) => (SurfOpened::Failed { kind: EnvFailure::SurferLost, detail: error.to_string() }, None),
        }
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

enum Message {
    Step(Box<SurfOrder>, RpcReplyPort<SurfReport>),
}

struct Surfer;

/// What the actor holds: whoever decides, and the token that ends a step in flight.
struct State {
    epoch: Epoch,
    surfing: Box<dyn Surfing>,
    cancel: CancellationToken,
}

#[async_trait]
impl Actor for Surfer {
    type Msg = Message;
    type State = State;
    type Arguments = State;

    async fn pre_start(&self, _: ActorRef<Message>, state: State) -> Result<State, ActorProcessingErr> {
        Ok(state)
    }

    async fn handle(&self, _: ActorRef<Message>, message: Message, state: &mut State) -> Result<(), ActorProcessingErr> {
        let Message::Step(order, reply) = message;
        if order.epoch < state.epoch {
            let _ = reply.send(SurfReport::Fenced);
            return Ok(());
        }
        let cancel = state.cancel.clone();
        let mut spent = Spent::default();
        let stepped = tokio::select! {
            stepped = state.surfing.step(*order, &mut spent) => Some(stepped),
            () = cancel.cancelled() => None,
        };
        let report = match stepped {
            Some(Ok(step)) => SurfReport::Stepped { step: Box::new(step) },
            Some(Err(stopped)) => stopped.report(spent.usage),
            None => lost(),
        };
        // the asker may be gone; the step is then lost with its attempt
        let _ = reply.send(report);
        Ok(())
    }

    async fn post_stop(&self, _: ActorRef<Message>, state: &mut State) -> Result<(), ActorProcessingErr> {
        state.surfing.hands().let_go().await;
        Ok(())
    }
}

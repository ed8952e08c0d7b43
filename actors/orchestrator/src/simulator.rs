//! The UserSimulator as an actor of the attempt's tree: asked at critical points and after a success, gone with its Orchestrator.

use crate::attempt::Person;
use crate::user::{self, UserAnswer};
use ractor::rpc::CallResult;
use ractor::{Actor, ActorCell, ActorProcessingErr, ActorRef, RpcReplyPort, SpawnErr};
use std::sync::Arc;
use wayfarer_chat::{Model, Scope};
use wayfarer_core::critical_point::{CriticalPoint, Grant, UserDecision};
use wayfarer_core::run::RunSpec;
use wayfarer_core::{Observation, Task, Usage};

/// A moment at which the user is turned to.
pub(crate) struct Moment {
    pub(crate) scope: Scope,
    /// What the user asked for.
    pub(crate) intent: String,
    /// What the agent has before it.
    pub(crate) page: Observation,
}

/// What the user says at a critical point.
pub(crate) struct Consent {
    pub(crate) decision: UserDecision,
    pub(crate) message: String,
    pub(crate) grant: Option<Grant>,
    pub(crate) usage: Usage,
}

enum Message {
    MayI(Box<(Moment, CriticalPoint)>, RpcReplyPort<Consent>),
    AnythingElse(Box<(Moment, String)>, RpcReplyPort<(Option<String>, Usage)>),
    Answer(String, RpcReplyPort<String>),
}

struct UserSimulator;

struct State {
    /// Who is asked in the simulation's place.
    person: Option<Arc<dyn Person>>,
    model: Arc<dyn Model>,
    spec: RunSpec,
    task: Task,
}

#[async_trait::async_trait]
impl Actor for UserSimulator {
    type Msg = Message;
    type State = State;
    type Arguments = State;

    async fn pre_start(&self, _: ActorRef<Message>, state: State) -> Result<State, ActorProcessingErr> {
        Ok(state)
    }

    async fn handle(&self, _: ActorRef<Message>, message: Message, state: &mut State) -> Result<(), ActorProcessingErr> {
        // whoever asked may be gone; the answer is lost with its attempt
        match message {
            Message::MayI(asked, reply) => drop(reply.send(state.consent(&asked.0, &asked.1).await)),
            Message::Answer(question, reply) => drop(reply.send(state.answer(&question).await)),
            Message::AnythingElse(asked, reply) => drop(reply.send(state.follow_up(&asked.0, &asked.1).await)),
        }
        Ok(())
    }
}

impl State {
    async fn consent(&self, moment: &Moment, point: &CriticalPoint) -> Consent {
        if let Some(person) = &self.person {
            let (decision, message) = person.may_i(point, &moment.page).await;
            return Consent { decision, message, grant: user::grant(point, decision, Default::default()), usage: Usage::default() };
        }
        let decision = user::decide(&self.spec, &self.task, point, &moment.page);
        let persona = user::persona(&self.spec, &self.task);
        let UserAnswer { message, data, usage } =
            user::answer(self.model.as_ref(), &moment.scope, &moment.intent, point, &moment.page, decision, &persona).await;
        Consent { decision, message, grant: user::grant(point, decision, data), usage }
    }

    async fn follow_up(&self, moment: &Moment, answer: &str) -> (Option<String>, Usage) {
        if let Some(person) = &self.person {
            return (person.anything_else(answer).await, Usage::default());
        }
        if !user::wants_follow_up(&self.spec, &self.task) {
            return (None, Usage::default());
        }
        user::follow_up(self.model.as_ref(), &moment.scope, &moment.intent, answer, &moment.page).await
    }
}

impl State {
    async fn answer(&self, question: &str) -> String {
        match &self.person {
            Some(person) => person.answer(question).await,
            None => user::NO_ANSWER.to_owned(),
        }
    }
}

/// The UserSimulator of an attempt, as its Orchestrator knows it.
pub(crate) struct User(ActorRef<Message>);

impl User {
    /// Starts one that ends with its supervisor.
    pub(crate) async fn spawn(
        model: Arc<dyn Model>,
        person: Option<Arc<dyn Person>>,
        spec: RunSpec,
        task: Task,
        supervisor: ActorCell,
    ) -> Result<Self, SpawnErr> {
        let (actor, _) = Actor::spawn_linked(None, UserSimulator, State { person, model, spec, task }, supervisor).await?;
        Ok(Self(actor))
    }

    /// Asks for permission; `None` if nobody is there to give it.
    pub(crate) async fn may_i(&self, moment: Moment, point: CriticalPoint) -> Option<Consent> {
        answered(self.0.call(|reply| Message::MayI(Box::new((moment, point)), reply), None).await.ok()?)
    }

    /// The answer to a question of the agent.
    pub(crate) async fn answer(&self, question: String) -> String {
        let called = self.0.call(|reply| Message::Answer(question, reply), None).await;
        called.ok().and_then(answered).unwrap_or_else(|| user::NO_ANSWER.to_owned())
    }

    /// A further task after this answer, if the user has one, and what asking cost.
    pub(crate) async fn anything_else(&self, moment: Moment, answer: String) -> (Option<String>, Usage) {
        let called = self.0.call(|reply| Message::AnythingElse(Box::new((moment, answer)), reply), None).await;
        called.ok().and_then(answered).unwrap_or_default()
    }
}

fn answered<T>(call: CallResult<T>) -> Option<T> {
    match call {
        CallResult::Success(answer) => Some(answer),
        CallResult::Timeout | CallResult::SenderError => None,
    }
}

//! The actor of one attempt, with the UserSimulator as its child. It dies with its attempt: retrying is the queue's job, not the actor tree's.

use crate::attempt::{AttemptEnd, AttemptJob, OrchestratorDeps};
use crate::simulator::User;
use crate::solve::Solving;
use ractor::{Actor, ActorProcessingErr, ActorRef, RpcReplyPort, SupervisionEvent};

struct Orchestrator;

enum Message {
    Run(RpcReplyPort<AttemptEnd>),
}

#[async_trait::async_trait]
impl Actor for Orchestrator {
    type Msg = Message;
    type State = Option<Box<(OrchestratorDeps, AttemptJob)>>;
    type Arguments = (OrchestratorDeps, AttemptJob);

    async fn pre_start(&self, _: ActorRef<Message>, arguments: Self::Arguments) -> Result<Self::State, ActorProcessingErr> {
        Ok(Some(Box::new(arguments)))
    }

    async fn handle(&self, myself: ActorRef<Message>, message: Message, state: &mut Self::State) -> Result<(), ActorProcessingErr> {
        let Message::Run(reply) = message;
        if let Some(attempt) = state.take() {
            let (deps, job) = *attempt;
            let (cancel, surfer) = (job.cancel.clone(), deps.surfer.clone());
            let user = User::spawn(deps.model.clone(), deps.person.clone(), job.spec.clone(), job.task.clone(), myself.get_cell()).await?;
            let end = tokio::select! {
                end = Solving::run(deps, job, user) => end,
                () = cancel.cancelled() => AttemptEnd::Cancelled,
            };
            surfer.close().await;
            let _ = reply.send(end);
        }
        myself.stop(None);
        Ok(())
    }

    /// The default would end this actor with any child.
    async fn handle_supervisor_evt(
        &self,
        _: ActorRef<Message>,
        event: SupervisionEvent,
        _: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        tracing::debug!(%event, "a child of an attempt ended");
        Ok(())
    }
}

pub(crate) async fn run(deps: OrchestratorDeps, job: AttemptJob) -> AttemptEnd {
    let surfer = deps.surfer.clone();
    let gone = |why: String| AttemptEnd::Broken(format!("the attempt's actor ended: {why}"));
    let (actor, _) = match Actor::spawn(None, Orchestrator, (deps, job)).await {
        Ok(spawned) => spawned,
        Err(error) => return gone(error.to_string()),
    };
    match actor.call(Message::Run, None).await {
        Ok(ractor::rpc::CallResult::Success(end)) => end,
        _ => {
            surfer.close().await;
            gone("it panicked; its log line says where".into())
        }
    }
}

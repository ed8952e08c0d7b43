//! The one trait through which every model call goes.

use crate::served::Served;
use async_trait::async_trait;
use bytes::Bytes;
use serde_json::{Map, Value};
use tokio::sync::mpsc;
use wayfarer_core::prompt::ModelRole;
use wayfarer_core::{AttemptId, RunId, TaskId, TenantId, Usage};

/// Who asks: for budgets, accounting and logs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    /// Who pays.
    pub tenant: TenantId,
    /// The campaign.
    pub run: RunId,
    /// The task, if the call belongs to one.
    pub task: Option<TaskId>,
    /// The attempt, if the call belongs to one.
    pub attempt: Option<AttemptId>,
    /// The step, from 1; 0 outside a step.
    pub step: u32,
}

/// Who says a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Speaker {
    /// Instructions.
    System,
    /// Questions.
    User,
    /// Earlier replies of the model.
    Assistant,
}

/// A piece of a message.
#[derive(Debug, Clone, PartialEq)]
pub enum Part {
    /// Words.
    Text(String),
    /// A PNG picture.
    Png(Bytes),
}

/// A message of a conversation.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    /// Who says it.
    pub speaker: Speaker,
    /// What is said, in order.
    pub parts: Vec<Part>,
}

/// The JSON schema of the wanted reply.
#[derive(Debug, Clone, PartialEq)]
pub struct ReplySchema {
    /// Its name, `[a-zA-Z0-9_-]`.
    pub name: String,
    /// The schema.
    pub json: String,
}

/// A question to whichever model is routed for the role.
#[derive(Debug, Clone, PartialEq)]
pub struct ChatRequest {
    /// Who asks.
    pub scope: Scope,
    /// The role that is routed.
    pub role: ModelRole,
    /// The conversation.
    pub messages: Vec<Message>,
    /// The schema of the reply; `None` for free text.
    pub schema: Option<ReplySchema>,
    /// Bound of the reply in tokens; 0 leaves it to the server.
    pub max_tokens: u32,
    /// 0 is greedy.
    pub temperature: f32,
    /// Texts that end the reply; they are not part of it.
    pub stop: Vec<String>,
    /// Further fields of the request that the model's server knows (`chat_template_kwargs`).
    pub extra: Map<String, Value>,
    /// How urgent it is.
    pub priority: Priority,
}

/// How urgent a question is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Priority {
    /// Somebody waits for the answer.
    Live,
    /// It belongs to a campaign.
    #[default]
    Batch,
}

/// A call of a function, as OpenAI's `tool_calls` has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FunctionCall {
    /// Name of the function.
    pub name: String,
    /// Its arguments, JSON as text.
    pub arguments: String,
}

/// The reply.
#[derive(Debug, Clone, PartialEq)]
pub struct ChatReply {
    /// What the model said.
    pub text: String,
    /// Calls of functions that its server handed over apart from the text.
    pub calls: Vec<FunctionCall>,
    /// What it cost (one or more calls, if there were retries).
    pub usage: Usage,
    /// The name of the model, as its server gives it.
    pub model: String,
    /// Requests that were sent.
    pub tries: u32,
    /// Milliseconds until the reply was complete, waiting in queues included.
    pub latency_ms: f64,
}

/// Why there is no reply.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ModelError {
    /// The endpoint cannot be reached, after retries.
    #[error("model endpoint {endpoint} cannot be reached ({why}); start it, or give another with --model")]
    Down {
        /// Its base URL.
        endpoint: String,
        /// What was met.
        why: String,
    },
    /// The endpoint did not answer in time, after retries.
    #[error("model endpoint {endpoint} gave no answer within {seconds} s; raise inference.timeout_seconds or use a faster model")]
    Slow {
        /// Its base URL.
        endpoint: String,
        /// The bound.
        seconds: u64,
    },
    /// There is too much to do.
    #[error("the models are busy; ask again in {retry_after_ms} ms")]
    Busy {
        /// When asking again makes sense.
        retry_after_ms: u64,
    },
    /// The endpoint refused the request (4xx) or answered something that is no chat completion.
    #[error("model endpoint {endpoint} answered {what}; check its base URL, model name and key")]
    Nonsense {
        /// Its base URL.
        endpoint: String,
        /// The beginning of what it said, secrets removed.
        what: String,
    },
    /// The budget of the run, tenant or attempt is spent.
    #[error("budget spent: {what}")]
    BudgetSpent {
        /// Which one.
        what: String,
        /// Milliseconds until it may be spent anew; absent if that never comes.
        retry_after_ms: Option<u64>,
    },
    /// The inference service itself cannot be reached.
    #[error("the inference service cannot be reached ({why}); is the role `inference` running?")]
    ServiceDown {
        /// What was met.
        why: String,
    },
}

impl ModelError {
    /// Whether no model answers at all, which passes by itself and is nobody's fault who asked.
    pub fn is_outage(&self) -> bool {
        match self {
            Self::Down { .. } | Self::Slow { .. } | Self::Busy { .. } | Self::ServiceDown { .. } => true,
            Self::Nonsense { .. } | Self::BudgetSpent { .. } => false,
        }
    }
}

/// Something that answers chat requests: an endpoint, the pool, or the pool over gRPC.
#[async_trait]
pub trait Model: Send + Sync {
    /// One reply to one conversation.
    async fn generate(&self, request: ChatRequest) -> Result<ChatReply, ModelError>;

    /// The same, and the words go there as they come. What cannot stream sends them in one piece. Nothing is tried a second time once
    /// words have been sent.
    async fn stream(&self, request: ChatRequest, words: mpsc::Sender<String>) -> Result<ChatReply, ModelError> {
        let reply = self.generate(request).await?;
        // whoever listened may have gone: the reply is theirs who called
        let _ = words.send(reply.text.clone()).await;
        Ok(reply)
    }

    /// Whether it can be reached now, as cheaply as can be found out: for readiness. What has no cheap question is taken to be there.
    async fn reach(&self) -> Result<(), ModelError> {
        Ok(())
    }

    /// What it says that it serves now, without a question to the model; an error if it cannot be reached. What cannot change says nothing.
    async fn identify(&self) -> Result<Served, ModelError> {
        Ok(Served::default())
    }
}

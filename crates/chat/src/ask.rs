//! Typed questions: a prompt file rendered with a typed input, a reply read into its type, repaired where it can be, and an error turn
//! where not.

use crate::model::{ChatRequest, Message, Model, ModelError, Part, Priority, ReplySchema, Scope, Speaker};
use crate::{prompt, read};
use bytes::Bytes;
use wayfarer_core::Usage;
use wayfarer_core::outcome::EnvFailure;
use wayfarer_core::prompt::Ask;

/// Replies that are tried to be read before a question fails: as many calls a question may take.
pub const TURNS: u32 = 3;
/// Bound of a reply; the longest ones (a rubric's scores with evidence) need about a third.
const MAX_REPLY_TOKENS: u32 = 4096;
/// Warmth of the turns after a failure: greedy decoding would repeat it.
const RETRY_TEMPERATURE: f32 = 0.3;
/// Characters of an unreadable reply that are shown back to the model.
const SHOWN_BACK: usize = 4000;

/// A prompt file: the system text, a line of three dashes, and the user text with `{{ data }}` where the input goes.
#[derive(Debug, Clone, Copy)]
pub struct PromptFile(pub &'static str);

/// A reply that was understood.
#[derive(Debug, Clone)]
pub struct Answer<R> {
    /// The reply.
    pub reply: R,
    /// What it cost, error turns included.
    pub usage: Usage,
    /// The model that answered.
    pub model: String,
    /// Milliseconds spent waiting for the model.
    pub latency_ms: f64,
    /// The last reply as it came.
    pub raw: String,
}

/// Why there is no reply.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// No reply came.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// Replies came, but none could be read, after repair and error turns.
    #[error(
        "the model's reply to {prompt} could not be read after {turns} turns: {why}; use a model that keeps to JSON, or set json_schema = \"on\" for its endpoint"
    )]
    Unreadable {
        /// The prompt.
        prompt: &'static str,
        /// Turns that were tried.
        turns: u32,
        /// What was wrong with the last one.
        why: String,
        /// What the turns cost.
        usage: Usage,
    },
    /// The prompt file is wrong.
    #[error("prompt {prompt} cannot be rendered: {why}")]
    Prompt {
        /// The prompt.
        prompt: &'static str,
        /// Why.
        why: String,
    },
}

impl AskError {
    /// Whether no model answers at all.
    pub fn is_outage(&self) -> bool {
        matches!(self, Self::Model(error) if error.is_outage())
    }

    /// What it is in an attempt.
    pub fn env_failure(&self) -> EnvFailure {
        if self.is_outage() { EnvFailure::ModelDown } else { EnvFailure::Model }
    }
}

/// Asks: renders `file` with `input` (pictures behind the text, in order), and reads the reply as `A::Reply`.
pub async fn ask<A: Ask>(
    model: &dyn Model,
    scope: &Scope,
    file: PromptFile,
    input: &A,
    pictures: &[Bytes],
) -> Result<Answer<A::Reply>, AskError> {
    let wrong_prompt = |why: String| AskError::Prompt { prompt: A::PROMPT, why };
    let rendered = prompt::render(file.0, input).map_err(wrong_prompt)?;
    let schema = ReplySchema { name: A::PROMPT.replace('.', "_"), json: prompt::reply_schema::<A>().map_err(wrong_prompt)? };

    let mut question = vec![Part::Text(rendered.user)];
    question.extend(pictures.iter().cloned().map(Part::Png));
    let conversation = vec![
        Message { speaker: Speaker::System, parts: vec![Part::Text(rendered.system)] },
        Message { speaker: Speaker::User, parts: question },
    ];
    let mut request = ChatRequest {
        scope: scope.clone(),
        role: A::ROLE,
        messages: conversation,
        schema: Some(schema),
        max_tokens: MAX_REPLY_TOKENS,
        temperature: 0.0,
        stop: Vec::new(),
        extra: serde_json::Map::new(),
        priority: Priority::default(),
    };

    let mut usage = Usage::default();
    let mut latency_ms = 0.0;
    let mut turn = 1;
    loop {
        let said = model.generate(request.clone()).await?;
        usage += said.usage;
        latency_ms += said.latency_ms;
        let why = match read::read_reply(&said.text) {
            Ok(reply) => return Ok(Answer { reply, usage, model: said.model, latency_ms, raw: said.text }),
            Err(why) => why,
        };
        tracing::warn!(prompt = A::PROMPT, turn, why, "a reply could not be read");
        if turn == TURNS {
            return Err(AskError::Unreadable { prompt: A::PROMPT, turns: turn, why, usage });
        }
        turn += 1;
        request.messages.push(words(Speaker::Assistant, said.text.chars().take(SHOWN_BACK).collect()));
        request.messages.push(words(Speaker::User, format!("Your reply could not be read: {why}. Answer with one JSON object only.")));
        request.temperature = RETRY_TEMPERATURE;
    }
}

fn words(speaker: Speaker, text: String) -> Message {
    Message { speaker, parts: vec![Part::Text(text)] }
}

//! The engine as a model like any other.

use crate::engine::{Engine, Event, Finish, Question};
use crate::error::EngineError;
use crate::prompt::any_seed;
use crate::sampler::Sampling;
use async_trait::async_trait;
use serde_json::{Map, Value};
use std::time::Duration;
use tokio::sync::mpsc;
use wayfarer_chat::{ChatReply, ChatRequest, Model, ModelError, Prices, Priority};

/// When asking again makes sense, if as many wait as may.
const RETRY_AFTER_MS: u64 = 1000;

/// An engine in this process, by the name under which it serves.
#[derive(Clone)]
pub struct LocalModel {
    engine: Engine,
    name: String,
    shown: String,
    prices: Prices,
    timeout: Duration,
}

impl LocalModel {
    /// `name` is what its replies are signed with, `shown` where it is, for errors; no answer may take longer than `timeout`.
    pub fn new(engine: Engine, name: impl Into<String>, shown: impl Into<String>, prices: Prices, timeout: Duration) -> Self {
        Self { engine, name: name.into(), shown: shown.into(), prices, timeout }
    }

    /// Whoever is too slow is given up: the answer is dropped, and with it its room in the engine.
    async fn answer_in_time(&self, request: ChatRequest, words: Option<mpsc::Sender<String>>) -> Result<ChatReply, ModelError> {
        let slow = |_| Err(ModelError::Slow { endpoint: self.shown.clone(), seconds: self.timeout.as_secs() });
        tokio::time::timeout(self.timeout, self.answer(request, words)).await.unwrap_or_else(slow)
    }

    async fn answer(&self, request: ChatRequest, words: Option<mpsc::Sender<String>>) -> Result<ChatReply, ModelError> {
        let asked = std::time::Instant::now();
        let mut answer = self.engine.ask(question(request)).await.map_err(|error| self.told(error))?;
        let mut text = String::new();
        loop {
            match answer.next().await {
                Some(Event::Words(new)) => {
                    text.push_str(&new);
                    if let Some(words) = &words {
                        // whoever listened may have gone: the reply is theirs who called
                        let _ = words.send(new).await;
                    }
                }
                Some(Event::Done(finish)) => return Ok(self.reply(text, &finish, asked.elapsed().as_secs_f64() * 1000.0)),
                Some(Event::Failed(error)) => return Err(self.told(error)),
                None => return Err(self.told(EngineError::Failed("it ended before the answer did".into()))),
            }
        }
    }

    fn reply(&self, text: String, finish: &Finish, latency_ms: f64) -> ChatReply {
        let Finish { prompt_tokens, cached_tokens, completion_tokens, .. } = *finish;
        let usage = self.prices.usage(prompt_tokens.into(), cached_tokens.into(), completion_tokens.into());
        ChatReply { text, calls: Vec::new(), usage, model: self.name.clone(), tries: 1, latency_ms }
    }

    fn told(&self, error: EngineError) -> ModelError {
        let endpoint = self.shown.clone();
        match error {
            EngineError::Full { .. } => ModelError::Busy { retry_after_ms: RETRY_AFTER_MS },
            EngineError::Failed(why) => ModelError::Down { endpoint, why },
            error => ModelError::Nonsense { endpoint, what: error.to_string() },
        }
    }
}

#[async_trait]
impl Model for LocalModel {
    async fn generate(&self, request: ChatRequest) -> Result<ChatReply, ModelError> {
        self.answer_in_time(request, None).await
    }

    async fn stream(&self, request: ChatRequest, words: mpsc::Sender<String>) -> Result<ChatReply, ModelError> {
        self.answer_in_time(request, Some(words)).await
    }
}

/// OpenAI's fields and those that other servers add (`top_k`, `chat_template_kwargs`) mean what they mean there.
fn question(request: ChatRequest) -> Question {
    let extra = &request.extra;
    let number = |name: &str| extra.get(name).and_then(Value::as_f64);
    let whole = |name: &str| extra.get(name).and_then(Value::as_u64);
    let template = extra.get("chat_template_kwargs").and_then(Value::as_object).cloned();
    Question {
        sampling: Sampling {
            temperature: request.temperature,
            top_p: number("top_p").unwrap_or(1.0) as f32,
            top_k: whole("top_k").unwrap_or(0) as usize,
            seed: whole("seed").unwrap_or_else(any_seed),
        },
        template: template.unwrap_or_else(Map::new),
        max_tokens: request.max_tokens,
        salt: request.scope.tenant.to_string(),
        is_live: request.priority == Priority::Live,
        stop: request.stop,
        messages: request.messages,
    }
}

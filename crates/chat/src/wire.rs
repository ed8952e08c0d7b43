//! The OpenAI chat-completions wire: request bodies and replies, without any I/O.

use crate::dialect::{Bound, Dialect, Format, Temperature};
use crate::estimate;
use crate::model::{ChatRequest, FunctionCall, Message, Part, Speaker};
use crate::prices::Prices;
use base64::Engine;
use serde::Deserialize;
use serde_json::{Value, json};
use wayfarer_core::Usage;

/// Room for thoughts under `max_completion_tokens`: servers that want it count what a reasoning model thinks as part of its reply, and a
/// bound that only fits the answer would cut it off before it begins.
const TOKENS_FOR_THOUGHTS: u32 = 12_288;

/// The request body, as the endpoint wants it.
pub(crate) fn body(model: &str, request: &ChatRequest, dialect: Dialect) -> Value {
    let mut body = json!({
        "model": model,
        "messages": request.messages.iter().map(message).collect::<Vec<_>>(),
    });
    match dialect.bound {
        _ if request.max_tokens == 0 => {}
        Bound::MaxTokens => body["max_tokens"] = json!(request.max_tokens),
        Bound::MaxCompletionTokens => body["max_completion_tokens"] = json!(request.max_tokens.saturating_add(TOKENS_FOR_THOUGHTS)),
    }
    if dialect.temperature == Temperature::Asked {
        body["temperature"] = json!(request.temperature);
    }
    if !request.stop.is_empty() {
        body["stop"] = json!(request.stop);
    }
    for (name, value) in &request.extra {
        body[name] = value.clone();
    }
    if let Some(schema) = &request.schema {
        match (dialect.format, serde_json::from_str::<Value>(&schema.json)) {
            (Format::JsonSchema, Ok(parsed)) => {
                body["response_format"] = json!({"type": "json_schema", "json_schema": {"name": schema.name, "schema": parsed}});
            }
            (Format::JsonObject, _) => body["response_format"] = json!({"type": "json_object"}),
            _ => {}
        }
    }
    body
}

fn message(message: &Message) -> Value {
    let role = match message.speaker {
        Speaker::System => "system",
        Speaker::User => "user",
        Speaker::Assistant => "assistant",
    };
    // plain words as a plain string: servers without vision know no other form
    if let [Part::Text(text)] = message.parts.as_slice() {
        return json!({"role": role, "content": text});
    }
    let content: Vec<Value> = message
        .parts
        .iter()
        .map(|part| match part {
            Part::Text(text) => json!({"type": "text", "text": text}),
            Part::Png(bytes) => {
                let data = base64::engine::general_purpose::STANDARD.encode(bytes);
                json!({"type": "image_url", "image_url": {"url": format!("data:image/png;base64,{data}")}})
            }
        })
        .collect();
    json!({"role": role, "content": content})
}

/// What is used of a completion.
#[derive(Debug, Deserialize)]
pub(crate) struct Completion {
    #[serde(default)]
    pub model: Option<String>,
    /// Of the model and all that it runs on, if the server gives one.
    #[serde(default)]
    pub system_fingerprint: Option<String>,
    choices: Vec<Choice>,
    #[serde(default)]
    usage: Option<Tokens>,
}

#[derive(Debug, Deserialize)]
struct Choice {
    message: Said,
}

#[derive(Debug, Deserialize)]
struct Said {
    #[serde(default)]
    content: Option<Content>,
    #[serde(default)]
    tool_calls: Option<Vec<ToolCall>>,
}

#[derive(Debug, Deserialize)]
struct ToolCall {
    #[serde(default)]
    function: Option<Function>,
}

#[derive(Debug, Deserialize)]
struct Function {
    #[serde(default)]
    name: String,
    #[serde(default)]
    arguments: Value,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Content {
    Text(String),
    Parts(Vec<TextPart>),
}

#[derive(Debug, Deserialize)]
struct TextPart {
    #[serde(default)]
    text: String,
}

#[derive(Debug, Clone, Copy, Deserialize)]
pub(crate) struct Tokens {
    prompt_tokens: u64,
    #[serde(default)]
    completion_tokens: u64,
    #[serde(default)]
    prompt_tokens_details: Option<PromptTokens>,
}

/// What the count of sent tokens is made of.
#[derive(Debug, Clone, Copy, Deserialize)]
struct PromptTokens {
    #[serde(default)]
    cached_tokens: Option<u64>,
}

impl Completion {
    /// One that came in pieces.
    pub(crate) fn of(model: Option<String>, text: String, calls: Vec<FunctionCall>, usage: Option<Tokens>) -> Self {
        let called = |call: FunctionCall| ToolCall { function: Some(Function { name: call.name, arguments: call.arguments.into() }) };
        let message = Said { content: Some(Content::Text(text)), tool_calls: Some(calls.into_iter().map(called).collect()) };
        Self { model, system_fingerprint: None, choices: vec![Choice { message }], usage }
    }

    /// The text of the first choice; empty if the model said nothing, which is for the reader of the reply to complain about.
    pub(crate) fn text(&self) -> Option<String> {
        Some(match &self.choices.first()?.message.content {
            Some(Content::Text(text)) => text.clone(),
            Some(Content::Parts(parts)) => parts.iter().map(|part| part.text.as_str()).collect(),
            None => String::new(),
        })
    }

    /// Calls that stand beside the text.
    pub(crate) fn calls(&self) -> Vec<FunctionCall> {
        let calls = self.choices.first().and_then(|choice| choice.message.tool_calls.as_ref()).into_iter().flatten();
        let call = |function: &Function| FunctionCall {
            name: function.name.clone(),
            // text as OpenAI has it; some servers hand over the object itself
            arguments: function.arguments.as_str().map_or_else(|| function.arguments.to_string(), str::to_owned),
        };
        calls.filter_map(|called| called.function.as_ref()).map(call).collect()
    }

    /// What one answered request cost, by the server's count or, without one, by estimate.
    pub(crate) fn usage(&self, request: &ChatRequest, text: &str, prices: &Prices) -> Usage {
        let tokens = self.usage.unwrap_or_else(|| Tokens {
            prompt_tokens: estimate::prompt_tokens(&request.messages),
            completion_tokens: estimate::text_tokens(text),
            prompt_tokens_details: None,
        });
        let cached = tokens.prompt_tokens_details.and_then(|details| details.cached_tokens).unwrap_or(0).min(tokens.prompt_tokens);
        prices.usage(tokens.prompt_tokens, cached, tokens.completion_tokens)
    }
}

//! Chat requests and replies as messages of `wayfarer.v1`.

use std::str::FromStr;
use tonic::Status;
use wayfarer_chat::{ChatReply, ChatRequest, FunctionCall, Message, Part, Priority, ReplySchema, Scope, Speaker};
use wayfarer_core::prompt::ModelRole;
use wayfarer_core::{AttemptId, RunId, TaskId, TenantId, Usage};
use wayfarer_proto::v1;

const PNG: &str = "image/png";

/// A request as it is sent.
pub fn to_wire(request: ChatRequest) -> v1::GenerateRequest {
    let (schema_name, json_schema) = request.schema.map(|schema| (schema.name, schema.json)).unwrap_or_default();
    v1::GenerateRequest {
        scope: Some(scope_to_wire(&request.scope)),
        model_role: request.role.as_str().into(),
        messages: request.messages.into_iter().map(message_to_wire).collect(),
        schema_name,
        json_schema,
        max_tokens: request.max_tokens,
        temperature: request.temperature,
        stop: request.stop,
        is_live: request.priority == Priority::Live,
        extra_json: if request.extra.is_empty() { String::new() } else { serde_json::Value::Object(request.extra).to_string() },
    }
}

/// A request as it came.
pub fn from_wire(request: v1::GenerateRequest) -> Result<ChatRequest, Status> {
    let scope = request.scope.ok_or_else(|| Status::invalid_argument("the request has no scope"))?;
    let schema = (!request.schema_name.is_empty()).then_some(ReplySchema { name: request.schema_name, json: request.json_schema });
    Ok(ChatRequest {
        scope: scope_from_wire(scope)?,
        role: ModelRole::from_str(&request.model_role).map_err(Status::invalid_argument)?,
        messages: request.messages.into_iter().map(message_from_wire).collect::<Result<_, _>>()?,
        schema,
        max_tokens: request.max_tokens,
        temperature: request.temperature,
        stop: request.stop,
        priority: if request.is_live { Priority::Live } else { Priority::Batch },
        extra: given(request.extra_json)
            .map(|extra| serde_json::from_str(&extra))
            .transpose()
            .map_err(|error| Status::invalid_argument(format!("extra_json is no JSON object: {error}")))?
            .unwrap_or_default(),
    })
}

/// A reply as it is sent.
pub fn reply_to_wire(reply: ChatReply) -> v1::GenerateReply {
    let usage = v1::Usage {
        model_calls: reply.usage.model_calls,
        prompt_tokens: reply.usage.prompt_tokens,
        completion_tokens: reply.usage.completion_tokens,
        cost_usd: reply.usage.cost_usd,
        cached_tokens: reply.usage.cached_tokens,
    };
    let calls = reply.calls.into_iter().map(|call| v1::FunctionCall { name: call.name, arguments: call.arguments }).collect();
    v1::GenerateReply { text: reply.text, usage: Some(usage), model: reply.model, tries: reply.tries, latency_ms: reply.latency_ms, calls }
}

/// A reply as it came.
pub fn reply_from_wire(reply: v1::GenerateReply) -> ChatReply {
    let usage = reply.usage.unwrap_or_default();
    ChatReply {
        text: reply.text,
        calls: reply.calls.into_iter().map(|call| FunctionCall { name: call.name, arguments: call.arguments }).collect(),
        usage: Usage {
            model_calls: usage.model_calls,
            prompt_tokens: usage.prompt_tokens,
            completion_tokens: usage.completion_tokens,
            cost_usd: usage.cost_usd,
            cached_tokens: usage.cached_tokens,
        },
        model: reply.model,
        tries: reply.tries,
        latency_ms: reply.latency_ms,
    }
}

fn scope_to_wire(scope: &Scope) -> v1::Scope {
    v1::Scope {
        tenant: scope.tenant.to_string(),
        run: scope.run.to_string(),
        task: scope.task.as_ref().map(ToString::to_string).unwrap_or_default(),
        attempt: scope.attempt.as_ref().map(ToString::to_string).unwrap_or_default(),
        step: scope.step,
    }
}

fn scope_from_wire(scope: v1::Scope) -> Result<Scope, Status> {
    let wrong = |why: String| Status::invalid_argument(format!("the scope is wrong: {why}"));
    Ok(Scope {
        tenant: TenantId::new(scope.tenant).map_err(|error| wrong(error.to_string()))?,
        run: RunId::new(scope.run).map_err(|error| wrong(error.to_string()))?,
        task: given(scope.task).map(TaskId::new).transpose().map_err(|error| wrong(error.to_string()))?,
        attempt: given(scope.attempt).map(|attempt| AttemptId::from_str(&attempt)).transpose().map_err(wrong)?,
        step: scope.step,
    })
}

fn given(text: String) -> Option<String> {
    (!text.is_empty()).then_some(text)
}

fn message_to_wire(message: Message) -> v1::ChatMessage {
    let role = match message.speaker {
        Speaker::System => "system",
        Speaker::User => "user",
        Speaker::Assistant => "assistant",
    };
    let part = |part| match part {
        Part::Text(text) => v1::part::Part::Text(text),
        Part::Png(data) => v1::part::Part::Image(v1::Image { mime: PNG.into(), data }),
    };
    v1::ChatMessage { role: role.into(), parts: message.parts.into_iter().map(|it| v1::Part { part: Some(part(it)) }).collect() }
}

fn message_from_wire(message: v1::ChatMessage) -> Result<Message, Status> {
    let speaker = match message.role.as_str() {
        "system" => Speaker::System,
        "user" => Speaker::User,
        "assistant" => Speaker::Assistant,
        other => return Err(Status::invalid_argument(format!("{other:?} is no speaker; use system, user or assistant"))),
    };
    let part = |part: v1::Part| match part.part {
        Some(v1::part::Part::Text(text)) => Ok(Part::Text(text)),
        Some(v1::part::Part::Image(image)) if image.mime == PNG => Ok(Part::Png(image.data)),
        Some(v1::part::Part::Image(image)) => Err(Status::invalid_argument(format!("a picture is {:?}; send {PNG}", image.mime))),
        None => Err(Status::invalid_argument("a part of a message is empty")),
    };
    Ok(Message { speaker, parts: message.parts.into_iter().map(part).collect::<Result<_, _>>()? })
}

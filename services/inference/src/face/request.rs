//! What a client asks, as a call of the pool.

use super::response::Refusal;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::Deserialize;
use serde_json::{Map, Value};
use wayfarer_chat::{ChatRequest, Message, Part, Priority, ReplySchema, Scope, Speaker};
use wayfarer_core::prompt::ModelRole;
use wayfarer_core::{AttemptId, RunId, TaskId, TenantId};

/// The run in whose name clients call: their tenant has a budget for it like for any other.
const RUN: &str = "http";
/// The form of pictures.
const PNG: &str = "data:image/png;base64,";

/// A call, and how its answer is wanted.
pub(super) struct Asked {
    pub(super) request: ChatRequest,
    /// As the client names it.
    pub(super) model: String,
    pub(super) streams: bool,
    pub(super) wants_usage: bool,
}

#[derive(Deserialize)]
struct Body {
    model: String,
    messages: Vec<Said>,
    #[serde(default)]
    max_tokens: Option<u32>,
    #[serde(default)]
    max_completion_tokens: Option<u32>,
    #[serde(default)]
    temperature: Option<f32>,
    #[serde(default)]
    stop: Option<Stop>,
    #[serde(default)]
    stream: bool,
    #[serde(default)]
    stream_options: Option<StreamOptions>,
    #[serde(default)]
    user: Option<String>,
    #[serde(default)]
    response_format: Option<Value>,
    /// What engines know and the pool does not.
    #[serde(flatten)]
    extra: Map<String, Value>,
}

#[derive(Deserialize)]
struct StreamOptions {
    #[serde(default)]
    include_usage: bool,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Stop {
    One(String),
    Several(Vec<String>),
}

#[derive(Deserialize)]
struct Said {
    role: String,
    #[serde(default)]
    content: Option<Content>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Content {
    Text(String),
    Parts(Vec<Piece>),
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Piece {
    Text { text: String },
    ImageUrl { image_url: ImageUrl },
}

#[derive(Deserialize)]
struct ImageUrl {
    url: String,
}

/// Reads a request; `role_of` finds a model by its name.
pub(super) fn read(
    body: &[u8],
    tenant: TenantId,
    session: Option<String>,
    role_of: impl Fn(&str) -> Option<ModelRole>,
) -> Result<Asked, Refusal> {
    let body: Body = serde_json::from_slice(body).map_err(|error| Refusal::bad_request(error.to_string()))?;
    let role = role_of(&body.model).ok_or_else(|| Refusal::no_model(&body.model))?;
    let run = RunId::new(RUN).map_err(|error| Refusal::bad_request(error.to_string()))?;
    let attempt = session.or(body.user).map(|session| AttemptId { task: TaskId::derived("session", &[&session]), number: 1 });
    let schema = schema(body.response_format)?;
    let request = ChatRequest {
        scope: Scope { tenant, run, task: attempt.as_ref().map(|attempt| attempt.task.clone()), attempt, step: 0 },
        role,
        messages: body.messages.into_iter().map(message).collect::<Result<_, _>>()?,
        schema,
        max_tokens: body.max_completion_tokens.or(body.max_tokens).unwrap_or(0),
        // 1 is what the wire means where nothing is said
        temperature: body.temperature.unwrap_or(1.0),
        stop: match body.stop {
            None => Vec::new(),
            Some(Stop::One(stop)) => vec![stop],
            Some(Stop::Several(stops)) => stops,
        },
        extra: body.extra,
        priority: Priority::Live,
    };
    let wants_usage = body.stream_options.is_some_and(|options| options.include_usage);
    Ok(Asked { request, model: body.model, streams: body.stream, wants_usage })
}

fn schema(format: Option<Value>) -> Result<Option<ReplySchema>, Refusal> {
    let Some(format) = format else { return Ok(None) };
    match format["type"].as_str() {
        None | Some("text") => Ok(None),
        Some("json_schema") => {
            let name = format["json_schema"]["name"].as_str().unwrap_or("reply").to_owned();
            Ok(Some(ReplySchema { name, json: format["json_schema"]["schema"].to_string() }))
        }
        Some("json_object") => Ok(Some(ReplySchema { name: "reply".into(), json: r#"{"type":"object"}"#.into() })),
        Some(other) => Err(Refusal::bad_request(format!("response_format {other:?} is not known; use json_schema, json_object or text"))),
    }
}

fn message(said: Said) -> Result<Message, Refusal> {
    let speaker = match said.role.as_str() {
        "system" | "developer" => Speaker::System,
        "user" => Speaker::User,
        "assistant" => Speaker::Assistant,
        other => return Err(Refusal::bad_request(format!("role {other:?} is not known; use system, user or assistant"))),
    };
    let parts = match said.content {
        None => vec![Part::Text(String::new())],
        Some(Content::Text(text)) => vec![Part::Text(text)],
        Some(Content::Parts(pieces)) => pieces.into_iter().map(part).collect::<Result<_, _>>()?,
    };
    Ok(Message { speaker, parts })
}

fn part(piece: Piece) -> Result<Part, Refusal> {
    match piece {
        Piece::Text { text } => Ok(Part::Text(text)),
        Piece::ImageUrl { image_url: ImageUrl { url } } => {
            let data = url.strip_prefix(PNG).ok_or_else(|| {
                Refusal::bad_request("a picture must be a data URL of a PNG (data:image/png;base64,…): the pool fetches no addresses")
            })?;
            let png = BASE64_STANDARD.decode(data).map_err(|error| Refusal::bad_request(format!("a picture is no base64: {error}")))?;
            Ok(Part::Png(png.into()))
        }
    }
}

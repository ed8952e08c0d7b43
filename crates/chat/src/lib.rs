//! Talking to models: the trait, prompts from files, replies as types, OpenAI-compatible endpoints.
//!
//! Actors call [`ask()`] and get a typed reply; behind it every call goes through [`Model`], which is an endpoint ([`HttpModel`]), the
//! inference pool, or that pool over gRPC. Rendering (`prompt.rs`) and reading replies (`read.rs`) are pure.

pub mod ask;
mod dialect;
pub mod estimate;
mod live;
pub mod model;
pub mod openai;
mod prices;
mod prompt;
mod read;
pub mod retry;
mod secret;
mod served;
mod stream;
mod wire;

pub use ask::{Answer, AskError, PromptFile, ask};
pub use live::Live;
pub use model::{ChatReply, ChatRequest, FunctionCall, Message, Model, ModelError, Part, Priority, ReplySchema, Scope, Speaker};
pub use openai::{HttpModel, HttpModelOptions};
pub use prices::Prices;
pub use read::read_reply;
pub use secret::Secret;
pub use served::Served;

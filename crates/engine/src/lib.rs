//! The in-process engine: Qwen2.5-VL (Fara-7B) on candle, for where no serving engine exists.
//!
//! [`Engine`] loads a checkpoint as the Hugging Face hub has it and answers conversations with pictures. One thread owns the weights
//! (`engine.rs`): each step takes one token of every answer that is being written and pieces of prompts up to a budget. Keys and values lie
//! in blocks (`blocks.rs`), so a conversation that begins as an earlier one did is not read again; what the vision tower made of a picture
//! is remembered too. [`LocalModel`] is the engine as [`wayfarer_chat::Model`].

mod blocks;
mod chat;
mod checkpoint;
mod engine;
mod error;
mod kernels;
mod model;
#[cfg(test)]
mod parity;
mod picture;
mod prompt;
mod sampler;
mod scheduler;
mod template;
mod words;

pub use chat::LocalModel;
pub use engine::{Answer, Engine, EngineOptions, Event, Finish, Question, Why};
pub use error::EngineError;
pub use sampler::Sampling;
pub use template::ChatTemplate;
pub use words::{Said, Stops};

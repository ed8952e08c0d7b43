//! What can go wrong between a folder and an answer.

use std::path::PathBuf;

/// Why there is no engine, or no answer.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// A file of the checkpoint is missing or cannot be read.
    #[error("{path} cannot be read ({why}); a checkpoint is a folder as the Hugging Face hub has it: config.json, tokenizer.json, model*.safetensors", path = .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What was met.
        why: String,
    },
    /// The model is of a kind that this engine does not know.
    #[error("{path} holds a model of type {found:?}; this engine runs qwen2_5_vl (Qwen2.5-VL, Fara-7B); serve others with vLLM, SGLang or TensorRT-LLM", path = .path.display())]
    Unknown {
        /// The configuration.
        path: PathBuf,
        /// Its `model_type`.
        found: String,
    },
    /// What the checkpoint says of itself does not fit together.
    #[error("the checkpoint does not fit together: {0}")]
    Checkpoint(String),
    /// The device that was asked for is not there.
    #[error("no device: {0}")]
    Device(String),
    /// The request can never be answered by this engine.
    #[error("{0}")]
    Unfit(String),
    /// As many requests wait as may.
    #[error("{waiting} requests wait already")]
    Full {
        /// How many.
        waiting: usize,
    },
    /// The engine has ended, or fails at computing.
    #[error("the engine failed: {0}")]
    Failed(String),
}

impl From<candle_core::Error> for EngineError {
    fn from(error: candle_core::Error) -> Self {
        Self::Failed(error.to_string())
    }
}

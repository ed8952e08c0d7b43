//! Calls that somebody waits for.

use crate::model::{ChatReply, ChatRequest, Model, ModelError, Priority};
use crate::served::Served;
use async_trait::async_trait;
use std::sync::Arc;
use tokio::sync::mpsc;

/// A model whose calls all are live: actors do not know whether a person sits before them, whoever starts them does.
#[derive(Clone)]
pub struct Live(Arc<dyn Model>);

impl Live {
    /// The same model, for somebody who waits.
    pub fn new(model: Arc<dyn Model>) -> Self {
        Self(model)
    }
}

#[async_trait]
impl Model for Live {
    async fn generate(&self, request: ChatRequest) -> Result<ChatReply, ModelError> {
        self.0.generate(ChatRequest { priority: Priority::Live, ..request }).await
    }

    async fn stream(&self, request: ChatRequest, words: mpsc::Sender<String>) -> Result<ChatReply, ModelError> {
        self.0.stream(ChatRequest { priority: Priority::Live, ..request }, words).await
    }

    async fn reach(&self) -> Result<(), ModelError> {
        self.0.reach().await
    }

    async fn identify(&self) -> Result<Served, ModelError> {
        self.0.identify().await
    }
}

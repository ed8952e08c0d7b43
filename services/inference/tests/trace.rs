//! One trace from the caller through gRPC to the model. Telemetry is set up once a process, so this is a file of its own.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use async_trait::async_trait;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;
use wayfarer_chat::{ChatReply, ChatRequest, Model, ModelError, Scope};
use wayfarer_core::prompt::ModelRole;
use wayfarer_core::{RunId, TenantId, Usage};
use wayfarer_inference::{Pool, Route, serve};
use wayfarer_rpc::{Endpoints, GrpcModel};
use wayfarer_telemetry::{TelemetryOptions, init, trace_id_of};

/// Remembers the trace in which it was asked.
#[derive(Default)]
struct Witness(Mutex<Option<String>>);

#[async_trait]
impl Model for Witness {
    async fn generate(&self, _request: ChatRequest) -> Result<ChatReply, ModelError> {
        *self.0.lock().unwrap() = trace_id_of(&tracing::Span::current());
        Ok(ChatReply {
            text: String::new(),
            calls: Vec::new(),
            usage: Usage::default(),
            model: "witness".into(),
            tries: 1,
            latency_ms: 0.0,
        })
    }
}

#[tokio::test]
async fn the_model_is_asked_in_the_trace_of_the_caller() {
    let options = TelemetryOptions { service: "test".into(), otlp_endpoint: None, metrics_listen: None, filter: "off".into(), json: false };
    let telemetry = init(options).unwrap();
    let witness = Arc::new(Witness::default());
    let pool = Pool::new([(ModelRole::Surf, Route::new(witness.clone(), "witness", 1, Duration::from_secs(1)))]);
    let stop = CancellationToken::new();
    let (address, task) =
        serve(pool, "127.0.0.1:0".parse().unwrap(), wayfarer_telemetry::Readiness::default(), stop.clone()).await.unwrap();
    let model = GrpcModel::new(Endpoints::fixed([address.to_string()]), Duration::from_secs(5));
    let request = ChatRequest {
        scope: Scope { tenant: TenantId::default(), run: RunId::new("run-1").unwrap(), task: None, attempt: None, step: 0 },
        role: ModelRole::Surf,
        messages: Vec::new(),
        schema: None,
        max_tokens: 1,
        temperature: 0.0,
        stop: Vec::new(),
        extra: Default::default(),
        priority: Default::default(),
    };

    let attempt = tracing::info_span!("attempt");
    model.generate(request).instrument(attempt.clone()).await.unwrap();

    assert_eq!(*witness.0.lock().unwrap(), trace_id_of(&attempt));
    assert!(trace_id_of(&attempt).is_some());
    stop.cancel();
    drop(model);
    task.await.unwrap();
    telemetry.shutdown().await;
}

//! Accounts of two replicas in one real Redis.

use async_trait::async_trait;
use std::sync::Arc;
use std::time::Duration;
use time::OffsetDateTime;
use wayfarer_chat::{ChatReply, ChatRequest, Message, Model, ModelError, Part, Priority, Scope, Speaker};
use wayfarer_children::{RedisOptions, RedisServer, Tools};
use wayfarer_core::prompt::ModelRole;
use wayfarer_core::{RunId, TenantId, Usage};
use wayfarer_inference::{ACCOUNTS_MEMORY, Accounts, Pool, Route, Used};
use wayfarer_lease::{Redis, Tally};

/// Answers every question at one price.
struct Priced;

#[async_trait]
impl Model for Priced {
    async fn generate(&self, _request: ChatRequest) -> Result<ChatReply, ModelError> {
        let usage = Usage { model_calls: 1, prompt_tokens: 2000, completion_tokens: 10, cost_usd: 0.25, cached_tokens: 1500 };
        Ok(ChatReply { text: "ok".into(), calls: Vec::new(), usage, model: "m".into(), tries: 1, latency_ms: 1.0 })
    }
}

fn question(tenant: &TenantId, run: &str, role: ModelRole) -> ChatRequest {
    // 56×84 pixels are two by three tokens
    let picture = wayfarer_pixels::encode_png(&image::RgbImage::new(56, 84)).unwrap();
    ChatRequest {
        scope: Scope { tenant: tenant.clone(), run: RunId::new(run).unwrap(), task: None, attempt: None, step: 0 },
        role,
        messages: vec![Message { speaker: Speaker::User, parts: vec![Part::Text("?".into()), Part::Png(picture.into())] }],
        schema: None,
        max_tokens: 10,
        temperature: 0.0,
        stop: Vec::new(),
        extra: Default::default(),
        priority: Priority::Batch,
    }
}

#[tokio::test]
async fn what_all_replicas_used_is_counted_by_tenant_run_role_and_model() {
    let folder = tempfile::tempdir().unwrap();
    let server = RedisServer::start(RedisOptions::found(&Tools::locate(), folder.path()).unwrap()).await.unwrap();
    let redis = Redis::connect(&server.url()).await.unwrap();
    let replica = || {
        let route = |name: &str| Route::new(Arc::new(Priced), name, 4, Duration::from_secs(5));
        let routes = [(ModelRole::Native, route("fara")), (ModelRole::JudgeRubric, route("judge"))];
        Pool::new(routes).with_accounts(Accounts::shared(Tally::new(redis.clone(), ACCOUNTS_MEMORY)))
    };
    let (one, other) = (replica(), replica());
    let [acme, beta] = ["acme", "beta"].map(|name| TenantId::new(name).unwrap());
    for (pool, tenant, run, role) in [
        (&one, &acme, "run-1", ModelRole::Native),
        (&other, &acme, "run-1", ModelRole::Native),
        (&one, &acme, "run-2", ModelRole::JudgeRubric),
        (&other, &beta, "run-1", ModelRole::Native),
    ] {
        pool.generate(question(tenant, run, role)).await.unwrap();
    }
    other.accounts().hand_over().await.unwrap();

    let lines = one.accounts().of(&acme, OffsetDateTime::now_utc().date()).await.unwrap();

    let told: Vec<(&str, &str, &str, Used)> =
        lines.iter().map(|line| (line.run.as_str(), line.role.as_str(), line.model.as_str(), line.used)).collect();
    let once = Used { calls: 1, prompt_tokens: 2000, cached_tokens: 1500, image_tokens: 6, completion_tokens: 10, micro_usd: 250_000 };
    let mut twice = once;
    twice += once;
    assert_eq!(told, [("run-1", "native", "fara", twice), ("run-2", "judge_rubric", "judge", once)]);
}

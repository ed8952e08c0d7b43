//! The pool over real gRPC, in front of an OpenAI-compatible server that follows a script.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::{Json, Router, routing::post};
use bytes::Bytes;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::time::Duration;
use time::OffsetDateTime;
use time::macros::datetime;
use tokio_util::sync::CancellationToken;
use tonic_health::pb::health_check_response::ServingStatus;
use wayfarer_chat::{ChatRequest, Message, Model, ModelError, Part, ReplySchema, Scope, Speaker};
use wayfarer_config::{EndpointOverride, Inference};
use wayfarer_core::prompt::ModelRole;
use wayfarer_core::{AttemptId, RunId, TaskId, TenantId};
use wayfarer_inference::{ByTenant, Limits, MemoryBudget, Pool, PoolError, serve};
use wayfarer_rpc::{Endpoints, GrpcModel};
use wayfarer_telemetry::{Need, Readiness};

#[derive(Default)]
struct Load {
    now: AtomicUsize,
    most: AtomicUsize,
}

/// Says which model was asked and how big the picture was; `broken` is refused.
async fn completions(State(load): State<Arc<Load>>, Json(body): Json<Value>) -> Response {
    let now = load.now.fetch_add(1, Ordering::SeqCst) + 1;
    load.most.fetch_max(now, Ordering::SeqCst);
    tokio::time::sleep(Duration::from_millis(30)).await;
    load.now.fetch_sub(1, Ordering::SeqCst);
    if body["model"] == "broken" {
        return (StatusCode::BAD_REQUEST, "no such model").into_response();
    }
    let picture = body["messages"][0]["content"][1]["image_url"]["url"].as_str().map_or(0, str::len);
    Json(json!({
        "model": body["model"],
        "choices": [{"message": {"content": format!("{} saw {picture}", body["model"])}}],
        "usage": {"prompt_tokens": 100, "completion_tokens": 10}
    }))
    .into_response()
}

async fn endpoint() -> (String, Arc<Load>) {
    let load = Arc::new(Load::default());
    let router = Router::new()
        .route("/v1/chat/completions", post(completions))
        .layer(axum::extract::DefaultBodyLimit::disable())
        .with_state(Arc::clone(&load));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    (format!("http://{address}/v1"), load)
}

fn config(base_url: String) -> Inference {
    let fara = EndpointOverride { model: Some("fara".into()), price_in_per_million: Some(10.0), ..Default::default() };
    let broken = EndpointOverride { model: Some("broken".into()), ..Default::default() };
    let roles = [("surf".to_owned(), fara), ("explore".to_owned(), broken)].into();
    Inference { base_url, model: "big".into(), max_in_flight: 2, retries: 0, roles, ..Default::default() }
}

fn question(role: ModelRole, picture: usize) -> ChatRequest {
    let task = TaskId::new("task-1").unwrap();
    let attempt = AttemptId { task: task.clone(), number: 2 };
    ChatRequest {
        scope: Scope { tenant: TenantId::default(), run: RunId::new("run-1").unwrap(), task: Some(task), attempt: Some(attempt), step: 3 },
        role,
        messages: vec![Message {
            speaker: Speaker::User,
            parts: vec![Part::Text("look".into()), Part::Png(Bytes::from(vec![0; picture]))],
        }],
        schema: Some(ReplySchema { name: "reply".into(), json: "{}".into() }),
        max_tokens: 10,
        temperature: 0.0,
        stop: Vec::new(),
        extra: Default::default(),
        priority: Default::default(),
    }
}

struct Served {
    client: GrpcModel,
    address: std::net::SocketAddr,
    ready: Readiness,
    stop: CancellationToken,
    task: tokio::task::JoinHandle<()>,
}

async fn served(pool: Pool) -> Served {
    let asked = pool.clone();
    let model = Need::new("model", move || {
        let pool = asked.clone();
        async move { pool.reach().await }
    });
    let ready = Readiness::new("inference", vec![model]);
    let stop = CancellationToken::new();
    let (address, task) = serve(pool, "127.0.0.1:0".parse().unwrap(), ready.clone(), stop.clone()).await.unwrap();
    let client = GrpcModel::new(Endpoints::fixed([address.to_string()]), Duration::from_secs(20));
    Served { client, address, ready, stop, task }
}

#[tokio::test]
async fn roles_reach_their_models_with_pictures_and_prices() {
    let (base_url, _) = endpoint().await;
    let served = served(Pool::from_config(&config(base_url), |_| None).unwrap()).await;

    // 9 MB of picture: beyond the default bound of gRPC messages
    let reply = served.client.generate(question(ModelRole::Surf, 9_000_000)).await.unwrap();

    assert_eq!(reply.text, format!("\"fara\" saw {}", "data:image/png;base64,".len() + 12_000_000));
    assert_eq!((reply.model.as_str(), reply.tries, reply.usage.prompt_tokens), ("fara", 1, 100));
    assert!((reply.usage.cost_usd - 0.001).abs() < 1e-9);
    assert!(reply.latency_ms >= 30.0);
    let routes = served.client.routes().await.unwrap();
    assert_eq!((routes["surf"].as_str(), routes["judge_rubric"].as_str()), ("fara", "big"));
}

#[tokio::test]
async fn errors_keep_their_kind_over_the_wire() {
    let (base_url, _) = endpoint().await;
    let served = served(Pool::from_config(&config(base_url.clone()), |_| None).unwrap()).await;

    let refused = served.client.generate(question(ModelRole::Explore, 1)).await.unwrap_err();
    assert!(
        matches!(&refused, ModelError::Nonsense { endpoint, what } if base_url.trim_end_matches('/') == endpoint.trim_end_matches('/') && what.contains("no such model")),
        "{refused:?}"
    );

    served.stop.cancel();
    served.task.await.unwrap();
    let gone = served.client.generate(question(ModelRole::Surf, 1)).await.unwrap_err();
    assert!(matches!(gone, ModelError::ServiceDown { .. }), "{gone:?}");
}

#[tokio::test]
async fn what_is_in_flight_is_bounded_for_each_endpoint() {
    let (base_url, load) = endpoint().await;
    let pool = Pool::from_config(&config(base_url), |_| None).unwrap();

    let calls: Vec<_> = (0..8)
        .map(|_| {
            let pool = pool.clone();
            tokio::spawn(async move { pool.generate(question(ModelRole::Propose, 1)).await })
        })
        .collect();
    for call in calls {
        call.await.unwrap().unwrap();
    }

    assert_eq!(load.most.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_spent_budget_ends_the_calls_of_its_attempt_only() {
    let (base_url, _) = endpoint().await;
    let budget = MemoryBudget::new(Limits::NONE, Limits { tokens: 200, cost_usd: f64::INFINITY });
    let served = served(Pool::from_config(&config(base_url), |_| None).unwrap().with_budget(Arc::new(budget))).await;

    for _ in 0..2 {
        served.client.generate(question(ModelRole::Surf, 1)).await.unwrap();
    }
    let spent = served.client.generate(question(ModelRole::Surf, 1)).await.unwrap_err();
    assert!(matches!(&spent, ModelError::BudgetSpent { what, retry_after_ms: None } if what.contains("task-1-a2")), "{spent:?}");

    let mut other = question(ModelRole::Surf, 1);
    other.scope.attempt = None;
    served.client.generate(other).await.unwrap();
}

static NOW: AtomicI64 = AtomicI64::new(0);

/// A clock that the test moves.
fn now() -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(NOW.load(Ordering::SeqCst)).unwrap()
}

#[tokio::test]
async fn a_tenant_that_has_spent_its_day_is_told_when_the_next_one_begins() {
    let (base_url, _) = endpoint().await;
    NOW.store(datetime!(2026-03-01 21:00 UTC).unix_timestamp(), Ordering::SeqCst);
    let day = ByTenant::new(Some(Limits { tokens: 200, cost_usd: f64::INFINITY }), []);
    let budget = MemoryBudget::new(Limits::NONE, Limits::NONE).with_tenants(day, now);
    let served = served(Pool::from_config(&config(base_url), |_| None).unwrap().with_budget(Arc::new(budget))).await;
    let of = |tenant: &str, run: &str| {
        let mut request = question(ModelRole::Surf, 1);
        (request.scope.tenant, request.scope.run) = (TenantId::new(tenant).unwrap(), RunId::new(run).unwrap());
        request
    };

    served.client.generate(of("acme", "run-1")).await.unwrap();
    served.client.generate(of("acme", "run-2")).await.unwrap();
    // as a run that is out of budget: typed, and no outage that anybody would wait for
    let spent = served.client.generate(of("acme", "run-3")).await.unwrap_err();
    assert!(
        matches!(&spent, ModelError::BudgetSpent { what, retry_after_ms: Some(10_800_000) } if what.contains("tokens of tenant acme for 2026-03-01")),
        "{spent:?}"
    );
    assert!(!spent.is_outage());
    served.client.generate(of("other", "run-1")).await.unwrap();

    NOW.store(datetime!(2026-03-02 00:00 UTC).unix_timestamp(), Ordering::SeqCst);
    served.client.generate(of("acme", "run-3")).await.unwrap();
}

#[tokio::test]
async fn a_pool_without_endpoint_or_key_does_not_start() {
    let none = Pool::from_config(&Inference::default(), |_| None).err().unwrap();
    assert!(matches!(none, PoolError::NoEndpoint { .. }), "{none}");

    let keyed = Inference { api_key_env: "THE_KEY".into(), ..config("http://h/v1".into()) };
    let no_key = Pool::from_config(&keyed, |_| None).err().unwrap();
    assert!(matches!(&no_key, PoolError::NoKey { name, .. } if name == "THE_KEY"), "{no_key}");
    assert!(Pool::from_config(&keyed, |name| (name == "THE_KEY").then(|| "k".into())).is_ok());
}

#[tokio::test]
async fn health_says_whether_the_models_can_be_reached() {
    let (base_url, _) = endpoint().await;
    let able = served(Pool::from_config(&config(base_url), |_| None).unwrap()).await;
    let modelless = served(Pool::from_config(&config("http://127.0.0.1:9/v1".into()), |_| None).unwrap()).await;

    assert_eq!(health(&able, "wayfarer.v1.Inference").await.unwrap(), ServingStatus::Serving);
    assert_eq!(health(&able, "").await.unwrap(), ServingStatus::Serving);
    assert_eq!(health(&able, "wayfarer.v1.Runs").await.unwrap_err().code(), tonic::Code::NotFound);
    assert_eq!(health(&modelless, "wayfarer.v1.Inference").await.unwrap(), ServingStatus::NotServing);
    let faults = modelless.ready.faults().await;
    assert!(faults[0].starts_with("model: ") && faults[0].contains("cannot be reached"), "{faults:?}");

    able.ready.drain();
    assert_eq!(health(&able, "wayfarer.v1.Inference").await.unwrap(), ServingStatus::NotServing);
}

async fn health(served: &Served, service: &str) -> Result<ServingStatus, tonic::Status> {
    let channel = tonic::transport::Endpoint::from_shared(format!("http://{}", served.address)).unwrap().connect().await.unwrap();
    let mut health = tonic_health::pb::health_client::HealthClient::new(channel);
    let request = tonic_health::pb::HealthCheckRequest { service: service.into() };
    Ok(health.check(request).await?.into_inner().status())
}

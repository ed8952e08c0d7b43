//! An endpoint over real HTTP that fails as endpoints do.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use bytes::Bytes;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use wayfarer_chat::{
    ChatRequest, HttpModel, HttpModelOptions, Message, Model, ModelError, Part, Prices, ReplySchema, Scope, Secret, Speaker,
};
use wayfarer_core::prompt::{ModelRole, SchemaMode};
use wayfarer_core::{RunId, TenantId};

type Answer = fn(usize, &Value) -> Response;

#[derive(Clone)]
struct Server {
    answer: Answer,
    got: Arc<Mutex<Vec<(HeaderMap, Value)>>>,
}

async fn completions(State(server): State<Server>, headers: HeaderMap, Json(body): Json<Value>) -> Response {
    let count = {
        let mut got = server.got.lock().unwrap();
        got.push((headers, body.clone()));
        got.len()
    };
    if body["model"] == "slow" {
        std::future::pending::<()>().await;
    }
    (server.answer)(count, &body)
}

async fn start(answer: Answer) -> (HttpModelOptions, Server) {
    let server = Server { answer, got: Arc::default() };
    let router = Router::new().route("/v1/chat/completions", post(completions)).with_state(server.clone());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base_url = format!("http://{}/v1", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    let options = HttpModelOptions { base_url, model: "m".into(), api_key: Some(Secret::new("sk-very-secret")), ..Default::default() };
    (options, server)
}

fn completion() -> Value {
    json!({
        "model": "m-2026",
        "choices": [{"message": {"role": "assistant", "content": "hello"}}],
        "usage": {"prompt_tokens": 1000, "completion_tokens": 500}
    })
}

fn question() -> ChatRequest {
    ChatRequest {
        scope: Scope { tenant: TenantId::default(), run: RunId::new("run-1").unwrap(), task: None, attempt: None, step: 0 },
        role: ModelRole::Surf,
        messages: vec![Message {
            speaker: Speaker::User,
            parts: vec![Part::Text("look".into()), Part::Png(Bytes::from_static(b"\x89PNG"))],
        }],
        schema: Some(ReplySchema { name: "reply".into(), json: r#"{"type": "object"}"#.into() }),
        max_tokens: 100,
        temperature: 0.0,
        stop: Vec::new(),
        extra: Default::default(),
        priority: Default::default(),
    }
}

#[tokio::test]
async fn a_passing_fault_is_retried_and_the_reply_is_priced() {
    let (options, server) =
        start(
            |count, _| {
                if count == 1 { (StatusCode::INTERNAL_SERVER_ERROR, "oops").into_response() } else { Json(completion()).into_response() }
            },
        )
        .await;
    let options = HttpModelOptions { prices: Prices { sent: 2.0, received: 10.0, ..Prices::default() }, ..options };

    let reply = HttpModel::new(options).unwrap().generate(question()).await.unwrap();

    assert_eq!((reply.text.as_str(), reply.model.as_str(), reply.tries), ("hello", "m-2026", 2));
    assert_eq!((reply.usage.model_calls, reply.usage.prompt_tokens, reply.usage.completion_tokens), (1, 1000, 500));
    assert!((reply.usage.cost_usd - 0.007).abs() < 1e-9);
    let got = server.got.lock().unwrap();
    let (headers, body) = &got[1];
    assert_eq!(headers["authorization"], "Bearer sk-very-secret");
    assert_eq!(body["response_format"]["json_schema"]["name"], "reply");
    assert_eq!(body["messages"][0]["content"][1]["image_url"]["url"], "data:image/png;base64,iVBORw==");
}

#[tokio::test]
async fn what_the_server_still_had_in_memory_is_counted_and_priced_apart() {
    let (options, _server) = start(|_, _| {
        let usage = json!({"prompt_tokens": 1000, "completion_tokens": 500, "prompt_tokens_details": {"cached_tokens": 800}});
        Json(json!({"choices": [{"message": {"content": "x"}}], "usage": usage})).into_response()
    })
    .await;
    let priced = HttpModelOptions { prices: Prices { sent: 2.0, received: 10.0, ..Prices::default() }, ..options };
    let cheaper = HttpModelOptions { prices: Prices { cached: Some(0.5), ..priced.prices }, ..priced.clone() };

    for (options, cost) in [(priced, 0.007), (cheaper, 0.0004 + 0.0004 + 0.005)] {
        let usage = HttpModel::new(options).unwrap().generate(question()).await.unwrap().usage;
        assert_eq!((usage.prompt_tokens, usage.cached_tokens), (1000, 800));
        assert!((usage.cost_usd - cost).abs() < 1e-9, "{}", usage.cost_usd);
    }
}

#[tokio::test]
async fn a_server_that_does_not_count_is_estimated() {
    let (options, _server) = start(|_, _| Json(json!({"choices": [{"message": {"content": "12345678"}}]})).into_response()).await;

    let reply = HttpModel::new(options).unwrap().generate(question()).await.unwrap();

    assert_eq!(reply.usage.completion_tokens, 2);
    assert!(reply.usage.prompt_tokens > 500);
}

#[tokio::test]
async fn a_refusal_is_final_and_shows_no_key() {
    let (options, server) = start(|_, _| (StatusCode::UNAUTHORIZED, "bad key sk-very-secret").into_response()).await;
    assert!(!format!("{options:?}").contains("sk-very"));

    let error = HttpModel::new(options).unwrap().generate(question()).await.unwrap_err();

    let said = error.to_string();
    assert!(matches!(error, ModelError::Nonsense { .. }) && said.contains("401") && !said.contains("sk-very"), "{said}");
    assert_eq!(server.got.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn a_slow_endpoint_is_given_up_at_the_timeout() {
    let (options, _server) = start(|_, _| unreachable!()).await;
    let options = HttpModelOptions { model: "slow".into(), timeout: Duration::from_millis(200), ..options };

    let error = HttpModel::new(options).unwrap().generate(question()).await.unwrap_err();

    assert!(matches!(error, ModelError::Slow { .. }), "{error}");
}

#[tokio::test]
async fn garbage_is_nonsense_with_its_beginning() {
    let (options, _server) = start(|_, _| "<html>proxy</html>".into_response()).await;

    let error = HttpModel::new(options).unwrap().generate(question()).await.unwrap_err();

    assert!(matches!(&error, ModelError::Nonsense { what, .. } if what.contains("<html>proxy")), "{error}");
}

#[tokio::test]
async fn a_server_that_is_full_is_busy_and_none_at_all_is_down() {
    let (options, server) = start(|_, _| (StatusCode::TOO_MANY_REQUESTS, [("retry-after", "3600")], "later").into_response()).await;
    let error = HttpModel::new(options.clone()).unwrap().generate(question()).await.unwrap_err();
    assert!(matches!(&error, ModelError::Busy { retry_after_ms: 3_600_000 }), "{error}");
    assert_eq!(server.got.lock().unwrap().len(), 1);

    let gone = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base_url = format!("http://{}/v1", gone.local_addr().unwrap());
    drop(gone);
    let error = HttpModel::new(HttpModelOptions { base_url, retries: 1, ..options }).unwrap().generate(question()).await.unwrap_err();
    assert!(matches!(&error, ModelError::Down { why, .. } if why.contains("2 tries")), "{error}");
}

/// As a hosted reasoning model says it.
fn unsupported(parameter: &str, message: &str) -> Response {
    let error = json!({"message": message, "type": "invalid_request_error", "param": parameter, "code": "unsupported_parameter"});
    (StatusCode::BAD_REQUEST, Json(json!({"error": error}))).into_response()
}

#[tokio::test]
async fn parameters_that_a_model_refuses_are_said_otherwise_and_remembered() {
    let (options, server) = start(|_, body| {
        if body.get("max_tokens").is_some() {
            return unsupported("max_tokens", "'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.");
        }
        if body.get("temperature").is_some() {
            return unsupported("temperature", "'temperature' does not support 0.0 with this model. Only the default (1) is supported.");
        }
        Json(completion()).into_response()
    })
    .await;
    let model = HttpModel::new(options).unwrap();

    let first = model.generate(question()).await.unwrap();
    let second = model.clone().generate(question()).await.unwrap();

    assert_eq!((first.tries, second.tries), (3, 1));
    let got = server.got.lock().unwrap();
    let (_, body) = &got[3];
    assert!(body["max_completion_tokens"].as_u64() > Some(100), "a reasoning model has room to think");
    assert!(body.get("max_tokens").is_none() && body.get("temperature").is_none());
    assert_eq!(body["response_format"]["type"], "json_schema", "what was not refused stays");
}

#[tokio::test]
async fn a_server_without_schemas_gets_what_it_takes() {
    let (options, server) = start(|_, body| match body["response_format"]["type"].as_str() {
        Some("json_schema") => {
            unsupported("response_format", "Invalid parameter: 'response_format' of type 'json_schema' is not supported with this model.")
        }
        _ => Json(completion()).into_response(),
    })
    .await;
    let with = |json_schema| HttpModel::new(HttpModelOptions { json_schema, ..options.clone() }).unwrap();

    let auto = with(SchemaMode::Auto);
    auto.generate(question()).await.unwrap();
    auto.generate(question()).await.unwrap();
    let insisted = with(SchemaMode::On).generate(question()).await.unwrap_err();
    with(SchemaMode::Off).generate(question()).await.unwrap();

    assert!(matches!(&insisted, ModelError::Nonsense { what, .. } if what.contains("response_format")), "{insisted}");
    let got = server.got.lock().unwrap();
    let formats: Vec<_> = got.iter().map(|(_, body)| body["response_format"]["type"].as_str()).collect();
    assert_eq!(formats, [Some("json_schema"), Some("json_object"), Some("json_object"), Some("json_schema"), None]);
}

#[tokio::test]
async fn a_refusal_that_names_what_cannot_be_helped_is_final_and_teaches_nothing() {
    let (options, server) = start(|count, body| match count {
        // whatever is sent: the parameter is not what is wrong
        1 | 2 => (StatusCode::BAD_REQUEST, "messages must not speak of temperature").into_response(),
        _ => Json(json!({"choices": [{"message": {"content": body["temperature"].to_string()}}]})).into_response(),
    })
    .await;
    let model = HttpModel::new(options).unwrap();

    let refused = model.generate(question()).await.unwrap_err();
    let answered = model.generate(question()).await.unwrap();

    assert!(matches!(&refused, ModelError::Nonsense { what, .. } if what.contains("must not speak")), "{refused}");
    assert_eq!((answered.text.as_str(), server.got.lock().unwrap().len()), ("0.0", 3));
}

//! The pool as an OpenAI-compatible server: real HTTP before it and behind it.

use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::routing::post;
use axum::{Json, Router};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use tokio_util::sync::CancellationToken;
use wayfarer_config::{EndpointOverride, Inference};
use wayfarer_core::TenantId;
use wayfarer_inference::{ByTenant, Limits, MemoryBudget, Pool, serve_http};
use wayfarer_rpc::Keys;

const KEY: &str = "a long key of tenant acme";
const PNG: &str = "data:image/png;base64,iVBORw0KGgo=";

/// A pool with two models in front of an engine that keeps what it was asked.
struct Stage {
    base: String,
    asked: Arc<Mutex<Vec<Value>>>,
    client: reqwest::Client,
}

impl Stage {
    async fn set(budget: Limits) -> Self {
        Self::with(MemoryBudget::new(budget, Limits::NONE)).await
    }

    async fn with(budget: MemoryBudget) -> Self {
        let asked: Arc<Mutex<Vec<Value>>> = Arc::default();
        let keep = Arc::clone(&asked);
        let engine = move |Json(body): Json<Value>| async move {
            keep.lock().unwrap().push(body.clone());
            if body["stream"] == true {
                return said_slowly(body["messages"][0]["content"] == "break off");
            }
            if body["messages"][0]["content"] == "too much" {
                return (StatusCode::TOO_MANY_REQUESTS, [("retry-after", "7")], "full").into_response();
            }
            Json(json!({
                "model": body["model"],
                "choices": [{"message": {"content": "I click.", "tool_calls": [{"function": {"name": "computer_use", "arguments": "{}"}}]}}],
                "usage": {"prompt_tokens": 90, "completion_tokens": 10},
            }))
            .into_response()
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base_url = format!("http://{}/v1", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, Router::new().route("/v1/chat/completions", post(engine))).await.unwrap() });

        let fara = EndpointOverride { model: Some("fara".into()), ..EndpointOverride::default() };
        let config =
            Inference { base_url, model: "big".into(), retries: 0, roles: [("native".to_owned(), fara)].into(), ..Inference::default() };
        let pool = Pool::from_config(&config, |_| None).unwrap().with_budget(Arc::new(budget));
        let mut keys = Keys::default();
        keys.add(TenantId::new("acme").unwrap(), KEY).unwrap();
        let (address, _) = serve_http(pool, "127.0.0.1:0".parse().unwrap(), keys, CancellationToken::new()).await.unwrap();
        Self { base: format!("http://{address}/v1"), asked, client: reqwest::Client::new() }
    }

    async fn post(&self, body: Value) -> (StatusCode, String, String) {
        let sent = self.client.post(format!("{}/chat/completions", self.base)).bearer_auth(KEY).json(&body).send().await.unwrap();
        let header = |name: &str| sent.headers().get(name).map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default();
        let (status, told) = (sent.status(), format!("{}{}", header("content-type"), header("retry-after")));
        (StatusCode::from_u16(status.as_u16()).unwrap(), told, sent.text().await.unwrap())
    }
}

#[tokio::test]
async fn a_stock_client_is_answered_and_what_the_pool_does_not_know_is_passed_on() {
    let stage = Stage::set(Limits::NONE).await;
    let picture = json!({"type": "image_url", "image_url": {"url": PNG}});
    let (status, _, reply) = stage
        .post(json!({
            "model": "fara", "temperature": 0, "stop": "</tool_call>", "max_tokens": 64, "user": "session-7", "top_p": 0.5,
            "chat_template_kwargs": {"enable_thinking": false},
            "messages": [
                {"role": "system", "content": "You act."},
                {"role": "user", "content": [picture, {"type": "text", "text": "next?"}]},
            ],
        }))
        .await;
    let reply: Value = serde_json::from_str(&reply).unwrap();
    assert_eq!(status, StatusCode::OK, "{reply}");
    assert_eq!(reply["choices"][0]["message"]["content"], "I click.");
    assert_eq!(reply["choices"][0]["message"]["tool_calls"][0]["function"]["name"], "computer_use");
    assert_eq!((&reply["model"], &reply["usage"]["total_tokens"]), (&json!("fara"), &json!(100)));

    let asked = stage.asked.lock().unwrap().pop().unwrap();
    assert_eq!((&asked["top_p"], &asked["stop"], &asked["max_tokens"]), (&json!(0.5), &json!(["</tool_call>"]), &json!(64)));
    assert_eq!(asked["chat_template_kwargs"]["enable_thinking"], false);
    assert_eq!(asked["messages"][1]["content"][0]["image_url"]["url"], PNG);
    assert!(asked.get("user").is_none(), "who calls is nobody's business behind the pool");

    let listed = stage.client.get(format!("{}/models", stage.base)).bearer_auth(KEY).send().await.unwrap().text().await.unwrap();
    let listed: Value = serde_json::from_str(&listed).unwrap();
    let names: Vec<&str> = listed["data"].as_array().unwrap().iter().map(|model| model["id"].as_str().unwrap()).collect();
    assert_eq!(names, ["big", "fara"]);
}

/// An answer in pieces, as engines send it; one that breaks off, where that is wanted.
fn said_slowly(breaks_off: bool) -> axum::response::Response {
    let chunk = |delta: Value| format!("data: {}\n\n", json!({"model": "m", "choices": [{"index": 0, "delta": delta}]}));
    let mut pieces = vec![chunk(json!({"role": "assistant"})), chunk(json!({"content": "I "})), chunk(json!({"content": "click."}))];
    if !breaks_off {
        let usage = json!({"prompt_tokens": 90, "completion_tokens": 10, "prompt_tokens_details": {"cached_tokens": 64}});
        pieces.push(format!("data: {}\n\n", json!({"choices": [], "usage": usage})));
        pieces.push("data: [DONE]\n\n".into());
    }
    let pieces = futures::stream::iter(pieces.into_iter().map(Ok::<_, std::convert::Infallible>));
    ([("content-type", "text/event-stream")], axum::body::Body::from_stream(pieces)).into_response()
}

#[tokio::test]
async fn a_stream_that_breaks_off_says_so_and_what_fails_before_it_has_a_status() {
    let stage = Stage::set(Limits { tokens: 50, cost_usd: f64::INFINITY }).await;
    let ask = |words: &str| json!({"model": "big", "messages": [{"role": "user", "content": words}], "stream": true});
    let (status, _, events) = stage.post(ask("break off")).await;
    assert!(
        status == StatusCode::OK && events.contains("click.") && events.contains("\"unavailable\"") && !events.contains("[DONE]"),
        "{events}"
    );

    let (status, _, _) = stage.post(ask("hello")).await;
    assert_eq!(status, StatusCode::OK);
    let (status, _, refused) = stage.post(ask("hello")).await;
    assert!(status == StatusCode::TOO_MANY_REQUESTS && refused.contains("insufficient_quota"), "{status} {refused}");
}

#[tokio::test]
async fn a_stream_holds_the_answer_and_ends() {
    let stage = Stage::set(Limits::NONE).await;
    let hello = json!([{"role": "user", "content": "hello"}]);
    let (status, kind, events) =
        stage.post(json!({"model": "big", "messages": hello, "stream": true, "stream_options": {"include_usage": true}})).await;
    assert_eq!((status, kind.as_str()), (StatusCode::OK, "text/event-stream"));
    let events: Vec<&str> = events.split("\n\n").filter_map(|event| event.strip_prefix("data: ")).collect();
    let chunks: Vec<Value> = events[..events.len() - 1].iter().map(|event| serde_json::from_str(event).unwrap()).collect();
    let text: String = chunks.iter().filter_map(|chunk| chunk["choices"][0]["delta"]["content"].as_str()).collect();
    assert_eq!((text.as_str(), *events.last().unwrap()), ("I click.", "[DONE]"));
    assert!(chunks.iter().filter(|chunk| chunk["choices"][0]["delta"]["content"] == "click.").count() == 1, "word by word: {chunks:?}");
    assert_eq!(chunks.last().unwrap()["usage"]["prompt_tokens_details"]["cached_tokens"], 64);
    assert_eq!(chunks.last().unwrap()["usage"]["prompt_tokens"], 90);
}

#[tokio::test]
async fn whoever_may_not_or_asks_wrongly_is_told_why() {
    let stage = Stage::set(Limits { tokens: 150, cost_usd: f64::INFINITY }).await;
    let hello = json!([{"role": "user", "content": "hello"}]);
    let keyless = stage.client.post(format!("{}/chat/completions", stage.base)).json(&json!({"model": "big", "messages": hello}));
    assert_eq!(keyless.send().await.unwrap().status().as_u16(), 401);

    let elsewhere = json!([{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://x.test/a.png"}}]}]);
    let too_much = json!([{"role": "user", "content": "too much"}]);
    let cases = [
        (json!({"model": "none", "messages": hello}), 404, "model_not_found"),
        (json!({"model": "big"}), 400, "missing field `messages`"),
        (json!({"model": "big", "messages": elsewhere}), 400, "the pool fetches no addresses"),
        (json!({"model": "big", "messages": [{"role": "wizard", "content": "x"}]}), 400, "use system, user or assistant"),
        (json!({"model": "big", "messages": too_much}), 429, "rate_limit_exceeded"),
    ];
    for (body, status, told) in cases {
        let (got, headers, said) = stage.post(body.clone()).await;
        assert!(got.as_u16() == status && said.contains(told), "{body}: {got} {said}");
        assert!(status != 429 || headers.ends_with('7'), "{headers}");
        assert!(!said.contains("127.0.0.1"), "where engines are is nobody's business: {said}");
    }

    // 100 tokens a call, 150 are allowed: the call that passes the bound is answered, the next one is not
    for status in [200, 200, 429] {
        let (got, _, said) = stage.post(json!({"model": "big", "messages": hello})).await;
        assert_eq!(got.as_u16(), status, "{said}");
    }
}

#[tokio::test]
async fn a_tenant_that_has_spent_its_day_is_told_when_to_come_back() {
    let day = ByTenant::new(Some(Limits { tokens: 100, cost_usd: f64::INFINITY }), []);
    let at_eleven = || time::macros::datetime!(2026-03-01 23:00 UTC);
    let stage = Stage::with(MemoryBudget::new(Limits::NONE, Limits::NONE).with_tenants(day, at_eleven)).await;
    let hello = json!({"model": "big", "messages": [{"role": "user", "content": "hello"}]});
    let (status, _, said) = stage.post(hello.clone()).await;
    assert_eq!(status, StatusCode::OK, "{said}");

    let (status, headers, said) = stage.post(hello).await;

    assert_eq!(status, StatusCode::TOO_MANY_REQUESTS);
    assert!(headers.ends_with("3600") && said.contains("insufficient_quota") && said.contains("tenant acme"), "{headers} {said}");
}

#[tokio::test]
async fn a_tenant_sees_what_it_used_and_nobody_elses() {
    let stage = Stage::set(Limits::NONE).await;
    let picture = json!({"type": "image_url", "image_url": {"url": PNG}});
    for content in [json!("hello"), json!([picture, {"type": "text", "text": "and now?"}])] {
        let (status, _, said) = stage.post(json!({"model": "big", "messages": [{"role": "user", "content": content}]})).await;
        assert_eq!(status, StatusCode::OK, "{said}");
    }
    stage.post(json!({"model": "fara", "messages": [{"role": "user", "content": "next?"}]})).await;
    let ask = async |query: &str, key: &str| {
        let sent = stage.client.get(format!("{}/usage{query}", stage.base)).bearer_auth(key).send().await.unwrap();
        (sent.status().as_u16(), serde_json::from_str::<Value>(&sent.text().await.unwrap()).unwrap())
    };

    let (status, told) = ask("", KEY).await;

    assert_eq!((status, &told["tenant"]), (200, &json!("acme")), "{told}");
    let line = |model: &str| told["data"].as_array().unwrap().iter().find(|line| line["model"] == model).unwrap().clone();
    assert_eq!(
        (&line("big")["calls"], &line("big")["prompt_tokens"], &line("big")["completion_tokens"]),
        (&json!(2), &json!(180), &json!(20))
    );
    assert_eq!((&line("fara")["run"], &line("fara")["role"]), (&json!("http"), &json!("native")));
    assert_eq!((&told["total"]["calls"], &told["total"]["prompt_tokens"]), (&json!(3), &json!(270)));
    assert_eq!(ask("?day=2020-01-31", KEY).await.1["data"], json!([]));
    assert_eq!(ask("?day=yesterday", KEY).await.0, 400);
    assert_eq!(ask("", "another long key of nobody").await.0, 401);
}

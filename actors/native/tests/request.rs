//! What goes over the wire to a model, beside what a small independent program (request.py) says should go.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use axum::routing::post;
use axum::{Json, Router};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};
use std::io::Write;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use wayfarer_actor_native::{Beside, History, Profile, Prompts, Window};
use wayfarer_chat::{ChatRequest, HttpModel, HttpModelOptions, Model, Priority, Scope};
use wayfarer_core::prompt::ModelRole;
use wayfarer_core::{RunId, TenantId};

const MODEL: &str = "a-fara";

/// One turn of the page after the first.
#[derive(Debug, Clone)]
struct Look {
    said: String,
    url: String,
    note: Option<String>,
    user: Option<String>,
    next_task: Option<String>,
}

fn look() -> impl Strategy<Value = Look> {
    let words = "[A-Za-z äß\"\\\\<>\n]{0,30}";
    let url = prop_oneof!["https://shop\\.test/[a-z]{0,12}(\\?q=[a-z]{1,5})?", "https://shop\\.test/[a-zü]{120,140}"];
    (words, url, prop::option::weighted(0.2, words), prop::option::weighted(0.2, words), prop::option::weighted(0.1, words))
        .prop_map(|(said, url, note, user, next_task)| Look { said, url, note, user, next_task })
}

fn png(number: usize) -> Bytes {
    Bytes::from(format!("picture {number}"))
}

/// What the program sends for a history, and its description.
async fn sent(endpoint: &HttpModel, got: &Mutex<Vec<Value>>, profile: &Profile, window: Window, told: Value, looks: &[Look]) -> Value {
    let prompts = Prompts::ours(&profile.name);
    let system = prompts.system((1428, 896));
    let mut history = History::new(window, prompts.next.clone());
    history.task(png(0), "Find a mug.");
    let mut events = vec![json!({"task": "Find a mug.", "png": BASE64_STANDARD.encode(png(0))})];
    for (number, look) in looks.iter().enumerate() {
        let picture = png(number + 1);
        let encoded = BASE64_STANDARD.encode(&picture);
        history.said(&look.said);
        events.push(json!({"said": look.said}));
        match &look.next_task {
            Some(task) => {
                history.task(picture, task);
                events.push(json!({"task": task, "png": encoded}));
            }
            None => {
                let beside = match (&look.user, &look.note) {
                    (Some(user), _) => Beside::User(user.clone()),
                    (None, Some(note)) => Beside::Note(note.clone()),
                    (None, None) => Beside::Nothing,
                };
                history.look(picture, &look.url, beside);
                events.push(json!({"look": look.url, "note": look.note, "user": look.user, "png": encoded}));
            }
        }
    }
    let sampling = &profile.sampling;
    let request = ChatRequest {
        scope: Scope { tenant: TenantId::default(), run: RunId::new("run").unwrap(), task: None, attempt: None, step: 1 },
        role: ModelRole::Native,
        messages: history.messages(&system),
        schema: None,
        max_tokens: sampling.max_tokens,
        temperature: sampling.temperature,
        stop: sampling.stop.clone(),
        extra: sampling.extra.clone(),
        priority: Priority::default(),
    };
    endpoint.generate(request).await.unwrap();
    let mut body = got.lock().unwrap().pop().unwrap();
    // 0 and 0.0 are one number
    assert_eq!(body["temperature"].as_f64(), Some(0.0));
    body["temperature"] = 0.into();
    json!({"body": body, "case": {
        "model": MODEL, "profile": profile.name, "window": told, "system": system, "next": prompts.next, "events": events,
    }})
}

#[tokio::test]
async fn requests_equal_those_of_an_independent_program() {
    let got = Arc::new(Mutex::new(Vec::new()));
    let keep = Arc::clone(&got);
    let answer = move |Json(body): Json<Value>| async move {
        keep.lock().unwrap().push(body);
        Json(json!({"choices": [{"message": {"content": "hm"}}]}))
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base_url = format!("http://{}/v1", listener.local_addr().unwrap());
    let router = Router::new().route("/v1/chat/completions", post(answer));
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    let endpoint = HttpModel::new(HttpModelOptions { base_url, model: MODEL.into(), ..HttpModelOptions::default() }).unwrap();

    let windows = [
        ("slide:3", json!({"kind": "slide", "images": 3})),
        ("slide:1", json!({"kind": "slide", "images": 1})),
        ("hysteresis:3,2", json!({"kind": "hysteresis", "hi": 3, "lo": 2})),
        ("hysteresis:3,1", json!({"kind": "hysteresis", "hi": 3, "lo": 1})),
    ];
    let mut runner = TestRunner::deterministic();
    let mut all = Vec::new();
    for (number, (window, told)) in windows.iter().cycle().take(80).enumerate() {
        let profile = Profile::named(["fara-7b", "fara-1.5"][number / 4 % 2]).unwrap();
        let looks = prop::collection::vec(look(), 0..12).new_tree(&mut runner).unwrap().current();
        all.push(sent(&endpoint, &got, &profile, window.parse().unwrap(), told.clone(), &looks).await);
    }

    let cases: Vec<&Value> = all.iter().map(|one| &one["case"]).collect();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/request.py");
    let mut python = Command::new("python3").arg(script).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("python3 is there");
    python.stdin.take().unwrap().write_all(json!({"cases": cases}).to_string().as_bytes()).unwrap();
    let output = python.wait_with_output().unwrap();
    assert!(output.status.success());
    let expected: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(expected.len(), all.len());
    for (one, expected) in all.iter().zip(expected) {
        assert_eq!(one["body"], expected, "{}", one["case"]);
    }
}

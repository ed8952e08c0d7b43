//! Engines in this process behind the pool: a small checkpoint with random weights, whose words are known.

use std::path::PathBuf;
use tokio::sync::mpsc;
use wayfarer_chat::{ChatRequest, Message, Model, ModelError, Part, Priority, Scope, Speaker};
use wayfarer_config::{EngineSettings, Inference};
use wayfarer_core::prompt::ModelRole;
use wayfarer_core::{RunId, TenantId};
use wayfarer_inference::Pool;

fn checkpoint() -> PathBuf {
    std::fs::canonicalize(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../crates/engine/tests/tiny")).unwrap()
}

fn config(replicas: usize) -> Inference {
    let address = format!("file://{}", checkpoint().display());
    Inference {
        base_url: address.clone(),
        replicas: vec![address; replicas],
        model: "tiny".into(),
        price_in_per_million: 10.0,
        price_cached_per_million: Some(1.0),
        engine: EngineSettings { cache_mib: 4, ..EngineSettings::default() },
        ..Inference::default()
    }
}

/// The conversation of this name in the checkpoint's `cases.json`, and what transformers answers.
fn case(name: &str) -> (ChatRequest, String) {
    let cases: serde_json::Value = serde_json::from_slice(&std::fs::read(checkpoint().join("cases.json")).unwrap()).unwrap();
    let case = cases.as_array().unwrap().iter().find(|case| case["name"] == name).unwrap().clone();
    let part = |part: &serde_json::Value| match part.as_str() {
        Some(text) => Part::Text(text.to_owned()),
        None => Part::Png(std::fs::read(checkpoint().join(format!("{}.png", part["image"].as_str().unwrap()))).unwrap().into()),
    };
    let message = |message: &serde_json::Value| Message {
        speaker: match message["role"].as_str().unwrap() {
            "system" => Speaker::System,
            "user" => Speaker::User,
            _ => Speaker::Assistant,
        },
        parts: message["content"].as_array().unwrap().iter().map(part).collect(),
    };
    let scope = Scope { tenant: TenantId::new("acme").unwrap(), run: RunId::new("run").unwrap(), task: None, attempt: None, step: 1 };
    let request = ChatRequest {
        scope,
        role: ModelRole::Native,
        messages: case["messages"].as_array().unwrap().iter().map(message).collect(),
        schema: None,
        max_tokens: case["most"].as_u64().unwrap() as u32,
        temperature: 0.0,
        stop: Vec::new(),
        extra: Default::default(),
        priority: Priority::Live,
    };
    (request, case["words"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn a_checkpoint_answers_through_the_pool_and_is_counted() {
    let pool = Pool::from_config(&config(0), |_| None).unwrap();
    let (request, words) = case("mixed");
    let first = pool.generate(request.clone()).await.unwrap();
    assert_eq!((first.text.as_str(), first.model.as_str(), first.usage.cached_tokens), (words.as_str(), "tiny", 0));
    assert!((first.usage.cost_usd - first.usage.prompt_tokens as f64 * 10e-6).abs() < 1e-9);

    // the same again, word by word: nearly all of it is still there
    let (sender, mut receiver) = mpsc::channel(64);
    let again = pool.stream(request, sender).await.unwrap();
    let mut said = String::new();
    while let Some(words) = receiver.recv().await {
        said.push_str(&words);
    }
    assert_eq!((&said, &again.text), (&words, &words));
    assert!(again.usage.cached_tokens > again.usage.prompt_tokens * 9 / 10, "{:?}", again.usage);
    assert!(again.usage.cost_usd < first.usage.cost_usd / 4.0);

    // what can never fit is no outage
    let long = ChatRequest { max_tokens: 1_000_000, ..case("text").0 };
    assert!(matches!(pool.generate(long).await, Err(ModelError::Nonsense { what, .. }) if what.contains("engine.cache_mib")));
}

#[tokio::test]
async fn an_answer_that_takes_too_long_is_given_up_and_leaves_its_room() {
    let engine = EngineSettings { cache_mib: 16, ..EngineSettings::default() };
    // a copy of the checkpoint in which no token that there is ends an answer
    let endless = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(checkpoint()).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), endless.path().join(entry.file_name())).unwrap();
    }
    std::fs::write(endless.path().join("generation_config.json"), r#"{"eos_token_id": 100000}"#).unwrap();
    let base_url = format!("file://{}", endless.path().display());
    let pool = Pool::from_config(&Inference { base_url, timeout_seconds: 1, engine, ..config(0) }, |_| None).unwrap();
    let (request, words) = case("two");
    // many seconds of writing, and nearly all room that there is
    let long = ChatRequest { max_tokens: 32_000, ..request.clone() };
    assert!(matches!(pool.generate(long).await, Err(ModelError::Slow { seconds: 1, .. })));
    assert_eq!(pool.generate(request).await.unwrap().text, words);
}

#[tokio::test]
async fn several_engines_answer_the_same() {
    let pool = Pool::from_config(&config(1), |_| None).unwrap();
    let mut calls = tokio::task::JoinSet::new();
    for name in ["text", "one", "two", "three", "mixed", "resized", "together"] {
        let (pool, (request, words)) = (pool.clone(), case(name));
        calls.spawn(async move { assert_eq!(pool.generate(request).await.unwrap().text, words, "{name}") });
    }
    calls.join_all().await;
}

#[tokio::test]
async fn what_is_no_checkpoint_is_told_before_anything_is_asked() {
    let empty = tempfile::tempdir().unwrap();
    let config = Inference { base_url: format!("file://{}", empty.path().display()), ..config(0) };
    let error = Pool::from_config(&config, |_| None).err().unwrap().to_string();
    assert!(error.contains("config.json") && error.contains("file://"), "{error}");
}

//! Models behind KServe v2 over gRPC, at the wire: a server that speaks it as Triton does, with models as Triton's backends define them.

use crate::triton::{Does, ENSEMBLE, LLM_API, MODEL, Server, Triton, VLLM};
use axum::routing::post;
use axum::{Json, Router};
use bytes::Bytes;
use serde_json::{Value, json};
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::mpsc;
use tonic::Code;
use wayfarer_chat::{ChatRequest, Message, Model, ModelError, Part, Priority, ReplySchema, Scope, Speaker};
use wayfarer_config::{Inference, KserveSettings};
use wayfarer_core::prompt::{ModelRole, SchemaMode};
use wayfarer_core::{AttemptId, RunId, TaskId, TenantId};
use wayfarer_inference::Pool;

/// How long something that must come may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(40);
/// A screenshot of 1440×900 that does not compress at all.
const BIG_PICTURE: usize = 1440 * 900 * 3;

fn config(base_url: String) -> Inference {
    Inference { base_url, model: MODEL.into(), retries: 1, timeout_seconds: 60, price_in_per_million: 10.0, ..Inference::default() }
}

fn pool(server: &Triton) -> Pool {
    Pool::from_config(&config(server.url()), |_| None).unwrap()
}

fn question(parts: Vec<Part>) -> ChatRequest {
    ChatRequest {
        scope: Scope { tenant: TenantId::new("acme").unwrap(), run: RunId::new("run").unwrap(), task: None, attempt: None, step: 1 },
        role: ModelRole::Native,
        messages: vec![Message { speaker: Speaker::User, parts }],
        schema: None,
        max_tokens: 100,
        temperature: 0.0,
        stop: Vec::new(),
        extra: Default::default(),
        priority: Priority::Live,
    }
}

fn plain() -> ChatRequest {
    question(vec![Part::Text("What is this?".into())])
}

/// Bytes that do not repeat soon.
fn picture(seed: u8) -> Bytes {
    (0..BIG_PICTURE).map(|at| (at as u32).wrapping_mul(2_654_435_761).to_be_bytes()[0] ^ seed).collect()
}

fn decoded(base64: &Bytes) -> Bytes {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.decode(base64).unwrap().into()
}

async fn within<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, work).await.expect("it comes")
}

async fn eventually(what: &str, holds: impl Fn() -> bool) {
    let looking = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    assert!(tokio::time::timeout(PATIENCE, looking).await.is_ok(), "waited for {what}");
}

/// All words that were passed on, and what came of it.
async fn streamed(pool: &Pool, request: ChatRequest) -> (Vec<String>, Result<wayfarer_chat::ChatReply, ModelError>) {
    let (sender, mut receiver) = mpsc::channel(64);
    let reply = within(pool.stream(request, sender)).await;
    let mut words = Vec::new();
    while let Some(new) = receiver.recv().await {
        words.push(new);
    }
    (words, reply)
}

#[tokio::test]
async fn vllms_backend_is_asked_in_its_own_words_and_counts() {
    let triton = Triton::start(Server::new(VLLM, &["a ", "shop"])).await;
    let pictures = [picture(1), picture(2), picture(3)];
    let mut request = question(pictures.iter().cloned().map(Part::Png).chain([Part::Text("Which?".into())]).collect());
    request.stop = vec!["</end>".into()];
    request.extra = serde_json::from_value(json!({"top_p": 0.5, "unheard_of": 1})).unwrap();

    let reply = within(pool(&triton).generate(request)).await.unwrap();

    assert_eq!((reply.text.as_str(), reply.model.as_str(), reply.tries), ("a shop", MODEL, 1));
    assert_eq!((reply.usage.prompt_tokens, reply.usage.completion_tokens), (1632, 2));
    assert!((reply.usage.cost_usd - 1632.0 * 10e-6).abs() < 1e-9);
    let asked = triton.server.last();
    let seen = "<|vision_start|><|image_pad|><|vision_end|>".repeat(3);
    let wanted = format!(
        "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n<|im_start|>user\n{seen}Which?<|im_end|>\n<|im_start|>assistant\n"
    );
    assert_eq!(asked["text_input"], (vec![1], vec![Bytes::from(wanted)]));
    assert_eq!(asked["image"].0, vec![3]);
    assert!(asked["image"].1.iter().map(decoded).eq(pictures), "the same bytes, in their order");
    let sampling: Value = serde_json::from_slice(&asked["sampling_parameters"].1[0]).unwrap();
    assert_eq!(sampling, json!({"max_tokens": 100, "temperature": 0.0, "stop": ["</end>"], "top_p": 0.5}));
    assert_eq!((asked["stream"].1[0][0], asked["exclude_input_in_output"].1[0][0], asked["return_num_input_tokens"].1[0][0]), (0, 1, 1));
}

#[tokio::test]
async fn an_ensemble_of_tensorrt_llm_is_asked_with_a_batch_of_one() {
    let server = Server { answers_by_type: true, ..Server::new(ENSEMBLE, &["click</end> and more"]) };
    let triton = Triton::start(server).await;
    let mut request = question(vec![Part::Png("png".into()), Part::Text("Where?".into())]);
    request.stop = vec!["</end>".into(), "<end>".into()];
    let pool = pool(&triton);

    let reply = within(pool.generate(request.clone())).await.unwrap();

    // what ends the answer is not part of it, though this kind of model says it; and it does not count
    assert_eq!(reply.text, "click");
    assert_eq!((reply.usage.prompt_tokens, reply.usage.completion_tokens), (1105 + 2, 2));
    let asked = triton.server.last();
    assert_eq!(asked["image_url_input"], (vec![1, 1], vec![Bytes::from("data:image/jpeg;base64,cG5n")]));
    assert_eq!(asked["max_tokens"], (vec![1, 1], vec![Bytes::copy_from_slice(&100_i32.to_le_bytes())]));
    assert_eq!(asked["stop_words"], (vec![1, 2], vec![Bytes::from("</end>"), Bytes::from("<end>")]));
    assert_eq!(asked["top_k"].1[0], 1_i32.to_le_bytes()[..]);
    for name in ["temperature", "top_p", "seed", "end_id", "image_bytes_input", "sampling_parameters", "exclude_input_in_output"] {
        assert!(!asked.contains_key(name), "{name} is not sent");
    }

    let chance = ChatRequest { temperature: 0.5, max_tokens: 0, ..request };
    within(pool.generate(chance)).await.unwrap();
    let asked = triton.server.last();
    assert_eq!((&asked["temperature"].1[0][..], &asked["top_p"].1[0][..]), (&0.5_f32.to_le_bytes()[..], &1.0_f32.to_le_bytes()[..]));
    assert_eq!((asked["seed"].1[0].len(), &asked["max_tokens"].1[0][..]), (8, &4096_i32.to_le_bytes()[..]));
    assert!(!asked.contains_key("top_k"));
}

#[tokio::test]
async fn tensorrt_llms_llm_api_is_asked_too() {
    let triton = Triton::start(Server::new(LLM_API, &["a ", "shop"])).await;
    let mut request = question(vec![Part::Png("png".into())]);
    request.stop = vec!["</end>".into()];

    let (words, reply) = streamed(&pool(&triton), request).await;

    // its pieces are not what is new, so none are asked for
    assert_eq!((words, reply.unwrap().text.as_str()), (vec!["a shop".to_owned()], "a shop"));
    let asked = triton.server.last();
    assert_eq!(asked["image_url"], (vec![1], vec![Bytes::from("data:image/png;base64,cG5n")]));
    assert_eq!(asked["sampling_param_max_tokens"].1[0], 100_i32.to_le_bytes()[..]);
    assert_eq!(asked["sampling_param_stop"], (vec![1], vec![Bytes::from("</end>")]));
    assert!(!asked.contains_key("streaming"));
}

#[tokio::test]
async fn words_are_passed_on_as_they_come() {
    let triton = Triton::start(Server::new(VLLM, &["Grüß ", "dich", " Gott</e", "nd>x"])).await;
    triton.server.does(Does::Waits);
    let pool = pool(&triton);
    let (sender, mut words) = mpsc::channel(64);
    let request = ChatRequest { stop: vec!["</end>".into()], ..plain() };
    let call = tokio::spawn(async move { pool.stream(request, sender).await });

    for wanted in ["Grüß ", "dich", " Gott"] {
        // the next piece is not there before this one was seen here
        assert_eq!(within(words.recv()).await.unwrap(), wanted);
        triton.server.go.notify_one();
    }
    let reply = within(call).await.unwrap().unwrap();
    // what may have begun an end was held back, and was one
    assert_eq!((reply.text.as_str(), words.recv().await), ("Grüß dich Gott", None));
    assert_eq!(reply.usage.completion_tokens, 8, "counted piece by piece");
}

#[tokio::test]
async fn a_model_that_tells_all_again_with_each_piece_is_asked_for_one() {
    let parameters = [("accumulate_tokens", "true")].into();
    let triton = Triton::start(Server { parameters, ..Server::new(ENSEMBLE, &["a ", "shop"]) }).await;
    let (words, reply) = streamed(&pool(&triton), plain()).await;
    assert_eq!((words, reply.unwrap().text.as_str()), (vec!["a shop".to_owned()], "a shop"));
    assert_eq!(triton.server.last()["stream"].1[0][0], 0);
}

#[tokio::test]
async fn one_that_cannot_stream_still_answers_and_so_does_a_server_without_streams() {
    let triton = Triton::start(Server::new(ENSEMBLE, &["a ", "shop"])).await;
    triton.server.does(Does::CannotStream);
    let (words, reply) = streamed(&pool(&triton), plain()).await;
    assert_eq!((words, reply.unwrap().tries), (vec!["a shop".to_owned()], 2));

    let triton = Triton::start(Server { has_no_streams: true, ..Server::new(VLLM, &["a ", "shop"]) }).await;
    let (words, reply) = streamed(&pool(&triton), plain()).await;
    assert_eq!((words, reply.unwrap().text.as_str()), (vec!["a shop".to_owned()], "a shop"));
}

#[tokio::test]
async fn an_error_in_a_stream_is_tried_again_only_before_the_first_word() {
    let triton = Triton::start(Server::new(VLLM, &["a ", "shop"])).await;
    let pool = pool(&triton);
    let met = || triton.server.met.lock().unwrap().len();

    triton.server.does(Does::FailsAfter(0, "EngineDeadError"));
    let (words, reply) = streamed(&pool, plain()).await;
    assert!(words.is_empty());
    assert!(matches!(reply, Err(ModelError::Down { why, .. }) if why.contains("EngineDeadError") && why.contains("2 tries")));
    assert_eq!(met(), 2);

    triton.server.does(Does::FailsAfter(1, "EngineDeadError"));
    let (words, reply) = streamed(&pool, plain()).await;
    assert_eq!(words, ["a "]);
    assert!(matches!(reply, Err(ModelError::Down { .. })), "{reply:?}");
    assert_eq!(met(), 3);

    // what will never fit is no outage
    triton.server.does(Does::FailsAfter(0, "the prompt is longer than the maximum model length of 32768"));
    let reply = within(pool.generate(plain())).await;
    assert!(matches!(reply, Err(ModelError::Nonsense { what, .. }) if what.contains("32768")));
    assert_eq!(met(), 4);
}

#[tokio::test]
async fn statuses_mean_what_they_say() {
    let triton = Triton::start(Server::new(VLLM, &["ok"])).await;
    let pool = pool(&triton);

    triton.server.does(Does::Refuses(Code::Unavailable, "Exceeds maximum queue size"));
    assert!(matches!(within(pool.generate(plain())).await, Err(ModelError::Busy { retry_after_ms: 1.. })));
    triton.server.does(Does::Refuses(Code::Unavailable, "going down"));
    assert!(matches!(within(pool.generate(plain())).await, Err(ModelError::Down { .. })));
    triton.server.does(Does::Refuses(Code::InvalidArgument, "unexpected shape"));
    assert!(matches!(within(pool.generate(plain())).await, Err(ModelError::Nonsense { .. })));
    triton.server.does(Does::Answers);
    assert_eq!(within(pool.generate(plain())).await.unwrap().text, "ok");

    let nobody = Pool::from_config(&config("kserve://127.0.0.1:9".into()), |_| None).unwrap();
    assert!(matches!(within(nobody.generate(plain())).await, Err(ModelError::Down { .. })));
    assert!(matches!(within(nobody.reach()).await, Err(ModelError::Down { .. })));
}

#[tokio::test]
async fn a_model_that_is_being_loaded_is_not_there_yet() {
    let triton = Triton::start(Server { is_loading: true.into(), ..Server::new(VLLM, &["ok"]) }).await;
    let pool = pool(&triton);
    assert!(matches!(within(pool.reach()).await, Err(ModelError::Down { why, .. }) if why.contains("not ready")));
    assert!(matches!(within(pool.generate(plain())).await, Err(ModelError::Down { .. })));
    triton.server.is_loading.store(false, Ordering::SeqCst);
    within(pool.reach()).await.unwrap();
    within(pool.generate(plain())).await.unwrap();
}

#[tokio::test]
async fn what_a_model_has_no_input_for_is_said_and_not_sent() {
    const BLIND: (crate::triton::Tensors, crate::triton::Tensors) =
        (&[("text_input", "BYTES", &[1]), ("sampling_parameters", "BYTES", &[1])], &[("text_output", "BYTES", &[-1])]);
    const STRANGE: (crate::triton::Tensors, crate::triton::Tensors) =
        (&[("input_ids", "INT64", &[-1, -1])], &[("logits", "FP32", &[-1, -1])]);
    let said = |result| match result {
        Err(ModelError::Nonsense { what, .. }) => what,
        other => panic!("{other:?}"),
    };

    let triton = Triton::start(Server::new(BLIND, &["ok"])).await;
    let seeing = question(vec![Part::Png("png".into())]);
    assert!(said(within(pool(&triton).generate(seeing)).await).contains("no input for pictures"));
    assert_eq!(within(pool(&triton).generate(plain())).await.unwrap().text, "ok");
    assert_eq!(triton.server.last().len(), 2);

    let triton = Triton::start(Server::new(STRANGE, &["ok"])).await;
    assert!(said(within(pool(&triton).generate(plain())).await).contains("takes input_ids and gives logits"));
    assert!(triton.server.met.lock().unwrap().is_empty());

    let triton = Triton::start(Server::new(VLLM, &["ok"])).await;
    let many = question((0..8).map(|seed| Part::Png(picture(seed))).collect());
    assert!(said(within(pool(&triton).generate(many)).await).contains("bytes and may have"));
    let other = Inference { model: "other".into(), ..config(triton.url()) };
    let other = Pool::from_config(&other, |_| None).unwrap();
    assert!(said(within(other.generate(plain())).await).contains("unknown model"));
    assert!(Pool::from_config(&config("kserve://host:1/v1".into()), |_| None).is_err());
}

#[tokio::test]
async fn whoever_goes_away_or_waits_too_long_leaves_the_server() {
    let triton = Triton::start(Server::new(VLLM, &["ok"])).await;
    triton.server.does(Does::Hangs);
    let pool_of_one = pool(&triton);
    let call = tokio::spawn(async move { pool_of_one.generate(plain()).await });
    eventually("the call to arrive", || triton.server.met.lock().unwrap().len() == 1).await;
    assert_eq!(triton.server.abandoned.load(Ordering::SeqCst), 0);
    call.abort();
    eventually("it to be gone", || triton.server.abandoned.load(Ordering::SeqCst) == 1).await;

    let hasty = Pool::from_config(&Inference { timeout_seconds: 1, ..config(triton.url()) }, |_| None).unwrap();
    assert!(matches!(within(hasty.generate(plain())).await, Err(ModelError::Slow { seconds: 1, .. })));
    eventually("it to be gone, too", || triton.server.abandoned.load(Ordering::SeqCst) == 2).await;
}

#[tokio::test]
async fn a_key_a_template_and_a_schema_go_where_they_are_configured() {
    const GUIDED: (crate::triton::Tensors, crate::triton::Tensors) = (
        &[
            ("text_input", "BYTES", &[-1, 1]),
            ("max_tokens", "INT32", &[-1, 1]),
            ("guided_decoding_guide_type", "BYTES", &[-1, 1]),
            ("guided_decoding_guide", "BYTES", &[-1, 1]),
        ],
        &[("text_output", "BYTES", &[-1, -1])],
    );
    let triton = Triton::start(Server::new(GUIDED, &["ok"])).await;
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("chat_template.jinja"), "{% for m in messages %}[{{ m.role }}] {{ m.content }}{% endfor %}").unwrap();
    let kserve = KserveSettings { chat_template: Some(folder.path().into()) };
    let config = Inference { kserve, api_key_env: "KEY".into(), json_schema: SchemaMode::On, ..config(triton.url()) };
    let pool = Pool::from_config(&config, |name| (name == "KEY").then(|| "s3cret".into())).unwrap();
    let schema = Some(ReplySchema { name: "reply".into(), json: r#"{"type": "object"}"#.into() });

    within(pool.generate(ChatRequest { schema, ..plain() })).await.unwrap();

    let asked = triton.server.last();
    assert_eq!(asked["text_input"].1[0], "[user] What is this?");
    assert_eq!(
        (&asked["guided_decoding_guide_type"].1[0][..], &asked["guided_decoding_guide"].1[0][..]),
        (&b"json_schema"[..], &b"{\"type\": \"object\"}"[..])
    );
    assert_eq!(triton.server.headers.lock().unwrap().get("authorization").unwrap(), "Bearer s3cret");
    // it is told nobody
    triton.server.does(Does::Refuses(Code::PermissionDenied, "not with s3cret"));
    let error = within(pool.generate(plain())).await.unwrap_err().to_string();
    assert!(error.contains("not with ***"), "{error}");

    let missing = Inference { kserve: KserveSettings { chat_template: Some("/nowhere".into()) }, ..config };
    let error = Pool::from_config(&missing, |_| Some("s3cret".into())).err().unwrap().to_string();
    assert!(error.contains("/nowhere") && error.contains("chat template"), "{error}");
}

#[tokio::test]
async fn calls_move_to_another_kind_of_engine_when_triton_dies() {
    let triton = Triton::start(Server::new(VLLM, &["triton"])).await;
    let answer = || async { Json(json!({"choices": [{"message": {"content": "openai"}}]})) };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let other = format!("http://{}/v1", listener.local_addr().unwrap());
    let router = Router::new().route("/v1/chat/completions", post(answer));
    let serving = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    let pool = Pool::from_config(&Inference { replicas: vec![other], ..config(triton.url()) }, |_| None).unwrap();
    let of_session = |name: String| {
        let task = TaskId::new(name).unwrap();
        let mut request = plain();
        request.scope.attempt = Some(AttemptId { task: task.clone(), number: 1 });
        request.scope.task = Some(task);
        request
    };
    // all at a time, so that both get some
    let calls = (0..8).map(|number| pool.generate(of_session(format!("s{number}"))));
    let first: Vec<String> = within(futures::future::join_all(calls)).await.into_iter().map(|reply| reply.unwrap().text).collect();
    assert!(first.iter().any(|text| text == "triton") && first.iter().any(|text| text == "openai"), "{first:?}");

    triton.die();

    for number in 0..8 {
        assert_eq!(within(pool.generate(of_session(format!("s{number}")))).await.unwrap().text, "openai");
    }
    serving.abort();
}

//! A process with telemetry: what `/metrics` shows, and one trace over every kind of wire. Set up once, so one test.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use std::time::Duration;
use tracing::info_span;
use wayfarer_telemetry::{
    ModelUsage, Need, Readiness, TelemetryOptions, current_traceparent, init, metrics, names, propagate, set_parent, trace_id_of,
};

#[tokio::test(flavor = "multi_thread")]
async fn metrics_are_served_and_one_trace_survives_every_wire() {
    let options = TelemetryOptions {
        service: "test".into(),
        otlp_endpoint: None,
        metrics_listen: Some("127.0.0.1:0".parse().unwrap()),
        filter: "off".into(),
        json: true,
    };
    let telemetry = init(options.clone()).unwrap();
    assert!(init(options).is_err());

    // one trace, though no collector is set and the log is off
    let attempt = info_span!("attempt");
    let trace = trace_id_of(&attempt).unwrap();
    let traceparent = attempt.in_scope(|| current_traceparent().unwrap());
    assert!(traceparent.starts_with(&format!("00-{trace}-")), "{traceparent}");

    let far = info_span!("far");
    set_parent(&far, &traceparent);
    assert_eq!(trace_id_of(&far).unwrap(), trace);

    let mut headers = async_nats::HeaderMap::new();
    attempt.in_scope(|| propagate::inject_headers(&mut headers));
    let worker = info_span!("worker");
    propagate::extract_headers(&worker, &headers);
    assert_eq!(trace_id_of(&worker).unwrap(), trace);

    let mut metadata = tonic::metadata::MetadataMap::new();
    worker.in_scope(|| propagate::inject_metadata(&mut metadata));
    let server = info_span!("server");
    propagate::extract_metadata(&server, &metadata);
    assert_eq!(trace_id_of(&server).unwrap(), trace);

    let lonely = info_span!("lonely");
    set_parent(&lonely, "rubbish");
    assert_ne!(trace_id_of(&lonely).unwrap(), trace);

    // what was counted is shown under the very names of `names`
    metrics().queue_depth("solve", 7);
    metrics().stage_completed("verify", "accepted");
    metrics().step_overhead(Duration::from_millis(3));
    metrics().yield_ratio("run-1", 0.5);
    metrics().sessions(2, 4);
    metrics().session_ended("released");
    let usage = ModelUsage { calls: 1, prompt_tokens: 11, completion_tokens: 3, cost_usd: 0.25, cached_tokens: 5, image_tokens: 8 };
    metrics().model_answered("surf", "fara", usage, Duration::from_millis(30));
    metrics().model_failed("surf", "fara", "slow", Duration::from_secs(1));
    metrics().canary("http://engine/v1", 2, 3);
    let held = metrics().critical_point_held();
    drop(metrics().model_waits());

    let base = format!("http://{}", telemetry.metrics_address().unwrap());
    let shown = reqwest::get(format!("{base}/metrics")).await.unwrap().text().await.unwrap();
    drop(held);
    let value = |start: &str, labels: &[&str]| {
        let line = shown.lines().find(|line| line.starts_with(start) && labels.iter().all(|label| line.contains(label)));
        let line = line.unwrap_or_else(|| panic!("no {start} {labels:?} in\n{shown}"));
        line.rsplit(' ').next().unwrap().parse::<f64>().unwrap()
    };
    assert_eq!(value(names::QUEUE_DEPTH, &["stage=\"solve\""]), 7.0);
    assert_eq!(value(names::STAGE_COMPLETIONS, &["stage=\"verify\"", "result=\"accepted\""]), 1.0);
    assert_eq!(value(names::MODEL_TOKENS, &["role=\"surf\"", "model=\"fara\"", "kind=\"prompt\""]), 11.0);
    assert_eq!(value(names::MODEL_TOKENS, &["kind=\"cached\""]), 5.0);
    assert_eq!(value(names::MODEL_TOKENS, &["kind=\"image\""]), 8.0);
    assert_eq!(value(names::CANARY_TARGETS, &["engine=\"http://engine/v1\"", "kind=\"hit\""]), 2.0);
    // under Prometheus' own spelling of the conventions' names
    let chat = ["gen_ai_operation_name=\"chat\"", "gen_ai_request_model=\"fara\""];
    assert_eq!(value("gen_ai_client_token_usage_sum", &[chat[0], chat[1], "gen_ai_token_type=\"input\""]), 11.0);
    assert_eq!(value("gen_ai_client_operation_duration_count", &[chat[1], "error_type=\"slow\""]), 1.0);
    assert_eq!(value(names::MODEL_COST, &["model=\"fara\""]), 0.25);
    assert_eq!(value(names::MODEL_CALLS, &["result=\"slow\""]), 1.0);
    assert_eq!(value(&format!("{}_count", names::STEP_OVERHEAD), &[]), 1.0);
    assert_eq!(value(names::YIELD, &[]), 0.5);
    assert_eq!(value(names::SESSIONS_ACTIVE, &[]), 2.0);
    assert_eq!(value(names::CRITICAL_POINTS_HELD, &[]), 1.0);
    assert_eq!(value(names::MODEL_WAITING, &[]), 0.0);
    assert_eq!(reqwest::get(format!("{base}/livez")).await.unwrap().status(), 200);

    // alive from the start, ready once its roles are
    let readiness = async || {
        let answer = reqwest::get(format!("{base}/readyz")).await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    assert_eq!(readiness().await.0, 503);
    let (able, unable) = (Readiness::new("curator", vec![]), Need::new("redis", || async { Err("gone") }));
    telemetry.roles().add([able.clone()]);
    assert_eq!(readiness().await, (200, "ready\n".to_owned()));
    telemetry.roles().add([Readiness::new("verifier", vec![unable])]);
    able.drain();
    assert_eq!(readiness().await, (503, "curator is not ready: it drains\nverifier is not ready: redis: gone\n".to_owned()));

    telemetry.shutdown().await;
    assert!(reqwest::get(format!("{base}/livez")).await.is_err());
}

//! The instruments, as calls with typed arguments: nobody else writes a name or a label.

use crate::names;
use opentelemetry::metrics::{Counter, Gauge, Histogram, UpDownCounter};
use opentelemetry::{KeyValue, global};
use std::sync::OnceLock;
use std::time::Duration;

/// Bounds of the overhead histogram, seconds: a step's own share ought to be milliseconds.
const OVERHEAD_BOUNDS: [f64; 12] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];
/// Bounds of the latency histogram, seconds: from a stand-in to a reasoning model.
const LATENCY_BOUNDS: [f64; 12] = [0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0];

/// Bounds of the tokens of a call: those that OpenTelemetry's conventions advise, up to a long context.
const TOKEN_BOUNDS: [f64; 12] = [1.0, 4.0, 16.0, 64.0, 256.0, 1024.0, 4096.0, 8192.0, 16_384.0, 32_768.0, 65_536.0, 262_144.0];

/// All instruments of the process.
#[derive(Debug)]
pub struct Metrics {
    queue_depth: Gauge<u64>,
    stage_completions: Counter<u64>,
    yield_ratio: Gauge<f64>,
    step_overhead: Histogram<f64>,
    model_calls: Counter<u64>,
    model_tokens: Counter<u64>,
    model_cost: Counter<f64>,
    model_latency: Histogram<f64>,
    gen_ai_tokens: Histogram<u64>,
    gen_ai_duration: Histogram<f64>,
    model_waiting: UpDownCounter<i64>,
    canary_targets: Gauge<u64>,
    sessions_active: Gauge<u64>,
    sessions_capacity: Gauge<u64>,
    sessions_ended: Counter<u64>,
    critical_points_held: UpDownCounter<i64>,
}

/// The instruments. Before [`init`](crate::init) they count nowhere, and instruments that were asked for too early stay so.
pub fn metrics() -> &'static Metrics {
    static METRICS: OnceLock<Metrics> = OnceLock::new();
    METRICS.get_or_init(|| {
        let meter = global::meter("wayfarer");
        Metrics {
            queue_depth: meter.u64_gauge(names::QUEUE_DEPTH).with_description("messages that wait in a work queue").build(),
            stage_completions: meter.u64_counter(names::STAGE_COMPLETIONS).with_description("pieces of work that a stage finished").build(),
            yield_ratio: meter.f64_gauge(names::YIELD).with_description("accepted tasks per finished task").build(),
            step_overhead: meter
                .f64_histogram(names::STEP_OVERHEAD)
                .with_description("seconds of a step that are neither model nor browser")
                .with_boundaries(OVERHEAD_BOUNDS.to_vec())
                .build(),
            model_calls: meter.u64_counter(names::MODEL_CALLS).with_description("requests to models").build(),
            model_tokens: meter.u64_counter(names::MODEL_TOKENS).with_description("tokens sent and received").build(),
            model_cost: meter.f64_counter(names::MODEL_COST).with_description("US dollars").build(),
            model_latency: meter
                .f64_histogram(names::MODEL_LATENCY)
                .with_description("seconds until a reply was complete")
                .with_boundaries(LATENCY_BOUNDS.to_vec())
                .build(),
            gen_ai_tokens: meter
                .u64_histogram(names::GEN_AI_TOKENS)
                .with_description("tokens of a model call")
                .with_unit("{token}")
                .with_boundaries(TOKEN_BOUNDS.to_vec())
                .build(),
            gen_ai_duration: meter
                .f64_histogram(names::GEN_AI_DURATION)
                .with_description("duration of a model call")
                .with_unit("s")
                .with_boundaries(LATENCY_BOUNDS.to_vec())
                .build(),
            model_waiting: meter.i64_up_down_counter(names::MODEL_WAITING).with_description("requests that wait for a place").build(),
            canary_targets: meter
                .u64_gauge(names::CANARY_TARGETS)
                .with_description("targets that an engine was shown, and clicked")
                .build(),
            sessions_active: meter.u64_gauge(names::SESSIONS_ACTIVE).with_description("open browser sessions").build(),
            sessions_capacity: meter.u64_gauge(names::SESSIONS_CAPACITY).with_description("browser sessions that can be open").build(),
            sessions_ended: meter.u64_counter(names::SESSIONS_ENDED).with_description("browser sessions that ended").build(),
            critical_points_held: meter
                .i64_up_down_counter(names::CRITICAL_POINTS_HELD)
                .with_description("critical points that wait for a decision")
                .build(),
        }
    })
}

impl Metrics {
    /// Messages that wait before a stage.
    pub fn queue_depth(&self, stage: &'static str, waiting: u64) {
        self.queue_depth.record(waiting, &[KeyValue::new(names::STAGE, stage)]);
    }

    /// A stage finished a piece of work.
    pub fn stage_completed(&self, stage: &'static str, result: &'static str) {
        self.stage_completions.add(1, &[KeyValue::new(names::STAGE, stage), KeyValue::new(names::RESULT, result)]);
    }

    /// Accepted tasks per finished task of a run.
    pub fn yield_ratio(&self, run: &str, ratio: f64) {
        self.yield_ratio.record(ratio, &[KeyValue::new(names::RUN, run.to_owned())]);
    }

    /// The part of a step that was neither model nor browser.
    pub fn step_overhead(&self, overhead: Duration) {
        self.step_overhead.record(overhead.as_secs_f64(), &[]);
    }

    /// A model answered.
    pub fn model_answered(&self, role: &'static str, model: &str, usage: ModelUsage, latency: Duration) {
        let of = [KeyValue::new(names::ROLE, role), KeyValue::new(names::MODEL, model.to_owned())];
        let with = |key: &'static str, value: &'static str| [of[0].clone(), of[1].clone(), KeyValue::new(key, value)];
        self.model_calls.add(usage.calls, &with(names::RESULT, "ok"));
        self.model_tokens.add(usage.prompt_tokens, &with(names::KIND, "prompt"));
        self.model_tokens.add(usage.cached_tokens, &with(names::KIND, "cached"));
        self.model_tokens.add(usage.image_tokens, &with(names::KIND, "image"));
        self.model_tokens.add(usage.completion_tokens, &with(names::KIND, "completion"));
        let chat = || [KeyValue::new(names::GEN_AI_OPERATION, "chat"), KeyValue::new(names::GEN_AI_MODEL, model.to_owned())];
        for (kind, tokens) in [("input", usage.prompt_tokens), ("output", usage.completion_tokens)] {
            let [operation, asked] = chat();
            self.gen_ai_tokens.record(tokens, &[operation, asked, KeyValue::new(names::GEN_AI_TOKEN_TYPE, kind)]);
        }
        self.gen_ai_duration.record(latency.as_secs_f64(), &chat());
        self.model_cost.add(usage.cost_usd, &of);
        self.model_latency.record(latency.as_secs_f64(), &of);
    }

    /// A model did not answer; `result` is the kind of error.
    pub fn model_failed(&self, role: &'static str, model: &str, result: &'static str, after: Duration) {
        let chat = [
            KeyValue::new(names::GEN_AI_OPERATION, "chat"),
            KeyValue::new(names::GEN_AI_MODEL, model.to_owned()),
            KeyValue::new(names::ERROR_TYPE, result),
        ];
        self.gen_ai_duration.record(after.as_secs_f64(), &chat);
        let of = [KeyValue::new(names::ROLE, role), KeyValue::new(names::MODEL, model.to_owned()), KeyValue::new(names::RESULT, result)];
        self.model_calls.add(1, &of);
    }

    /// A request begins to wait for a place at its endpoint; the guard ends the wait.
    pub fn model_waits(&'static self) -> Counted {
        Counted::one(&self.model_waiting)
    }

    /// Targets of the coordinate canary that an engine was shown, and how many of them it clicked.
    pub fn canary(&self, engine: &str, hits: u64, shown: u64) {
        for (kind, targets) in [("shown", shown), ("hit", hits)] {
            self.canary_targets.record(targets, &[KeyValue::new(names::ENGINE, engine.to_owned()), KeyValue::new(names::KIND, kind)]);
        }
    }

    /// Open browser sessions, and how many there can be.
    pub fn sessions(&self, active: u64, capacity: u64) {
        self.sessions_active.record(active, &[]);
        self.sessions_capacity.record(capacity, &[]);
    }

    /// A browser session ended.
    pub fn session_ended(&self, how: &'static str) {
        self.sessions_ended.add(1, &[KeyValue::new(names::HOW, how)]);
    }

    /// A critical point waits for a decision; the guard ends the wait.
    pub fn critical_point_held(&'static self) -> Counted {
        Counted::one(&self.critical_points_held)
    }
}

/// What a model call cost, for [`Metrics::model_answered`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ModelUsage {
    /// Requests that were answered.
    pub calls: u64,
    /// Tokens sent.
    pub prompt_tokens: u64,
    /// Tokens received.
    pub completion_tokens: u64,
    /// US dollars.
    pub cost_usd: f64,
    /// Of the tokens sent, those that the server still had in memory.
    pub cached_tokens: u64,
    /// Of the tokens sent, those of pictures, estimated.
    pub image_tokens: u64,
}

/// Something that is counted while this lives, however it ends.
#[derive(Debug)]
#[must_use]
pub struct Counted(&'static UpDownCounter<i64>);

impl Counted {
    fn one(counter: &'static UpDownCounter<i64>) -> Self {
        counter.add(1, &[]);
        Self(counter)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.add(-1, &[]);
    }
}

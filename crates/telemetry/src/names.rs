//! Names of all metrics, exactly as `/metrics` shows them: dashboards, alerts and autoscaling rest on them.

/// Messages that wait in a work queue; label `stage`.
pub const QUEUE_DEPTH: &str = "wayfarer_queue_depth";
/// Pieces of work that a stage finished; labels `stage` and `result`.
pub const STAGE_COMPLETIONS: &str = "wayfarer_stage_completions_total";
/// Accepted tasks per finished task of a run; label `run`.
pub const YIELD: &str = "wayfarer_yield_ratio";
/// Seconds of a step that are neither model nor browser.
pub const STEP_OVERHEAD: &str = "wayfarer_step_overhead_seconds";
/// Requests to models; labels `role`, `model` and `result`.
pub const MODEL_CALLS: &str = "wayfarer_model_calls_total";
/// Tokens; labels `role`, `model` and `kind` (`prompt`, of which `cached` and `image`, or `completion`).
pub const MODEL_TOKENS: &str = "wayfarer_model_tokens_total";
/// US dollars; labels `role` and `model`.
pub const MODEL_COST: &str = "wayfarer_model_cost_usd_total";
/// Seconds until a reply was complete; labels `role` and `model`.
pub const MODEL_LATENCY: &str = "wayfarer_model_latency_seconds";
/// Tokens of a call; the name and labels of OpenTelemetry's conventions for generative AI.
pub const GEN_AI_TOKENS: &str = "gen_ai.client.token.usage";
/// Seconds of a call; the name and labels of OpenTelemetry's conventions for generative AI.
pub const GEN_AI_DURATION: &str = "gen_ai.client.operation.duration";
/// Label: what a call of a model does.
pub const GEN_AI_OPERATION: &str = "gen_ai.operation.name";
/// Label: the model that was asked.
pub const GEN_AI_MODEL: &str = "gen_ai.request.model";
/// Label: `input` or `output`.
pub const GEN_AI_TOKEN_TYPE: &str = "gen_ai.token.type";
/// Label: what a call failed with.
pub const ERROR_TYPE: &str = "error.type";
/// Model requests that wait for a place at their endpoint.
pub const MODEL_WAITING: &str = "wayfarer_model_waiting";
/// Targets of the coordinate canary that an engine was shown last, and how many it clicked; labels `engine` and `kind` (`shown`, `hit`).
pub const CANARY_TARGETS: &str = "wayfarer_canary_targets";
/// Browser sessions that are open.
pub const SESSIONS_ACTIVE: &str = "wayfarer_browser_sessions_active";
/// Browser sessions that can be open.
pub const SESSIONS_CAPACITY: &str = "wayfarer_browser_sessions_capacity";
/// Browser sessions that ended; label `how` (`released`, `expired`, `fenced`, `drained`).
pub const SESSIONS_ENDED: &str = "wayfarer_browser_sessions_ended_total";
/// Critical points that wait for a decision.
pub const CRITICAL_POINTS_HELD: &str = "wayfarer_critical_points_held";

/// Label: a stage of the pipeline (`propose`, `solve`, `judge`, `curate`).
pub const STAGE: &str = "stage";
/// Label: how it went.
pub const RESULT: &str = "result";
/// Label: a run.
pub const RUN: &str = "run";
/// Label: a model role.
pub const ROLE: &str = "role";
/// Label: a model's name.
pub const MODEL: &str = "model";
/// Label: an engine, by its address without secrets.
pub const ENGINE: &str = "engine";
/// Label: which tokens.
pub const KIND: &str = "kind";
/// Label: how something ended.
pub const HOW: &str = "how";

//! Logs, traces and metrics of every role.
//!
//! [`init`] sets them up once a process (`setup.rs`). Metric names live in `names.rs` only, instruments in `metrics.rs`. One trace spans
//! an attempt over all processes: `propagate.rs` carries its context in gRPC metadata, NATS headers and plain strings, and spans have
//! real trace ids whether or not a collector is configured. `ready.rs` says whether roles can do their job now.

mod metrics;
pub mod names;
pub mod propagate;
pub mod ready;
mod serve;
mod setup;

pub use metrics::{Counted, Metrics, ModelUsage, metrics};
pub use propagate::{current_traceparent, link, set_parent, trace_id_of};
pub use ready::{Need, Readiness, ReadyRoles};
pub use setup::{Telemetry, TelemetryError, TelemetryOptions, init};

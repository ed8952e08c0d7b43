//! One configuration for every role: defaults, then the file, then the environment, then flags, each stronger than the one before.
//!
//! `sections.rs` says what can be set, `load.rs` layers the sources, `check.rs` knows which values make sense, and `place.rs` finds the
//! line that is wrong. Unknown keys are refused: a misspelt limit must not silently be the default.

mod check;
mod load;
mod place;
mod sections;

pub use load::{ConfigError, DEFAULT_FILE, ENVIRONMENT_PREFIX};
pub use place::Place;
pub use sections::{
    Budgets, Cluster, Config, Egress, Endpoint, EndpointOverride, EngineSettings, Farm, FarmHttp, FarmLimits, FarmRemote, Gateway,
    Inference, JudgeSection, KserveSettings, Slots, Telemetry,
};

//! One configuration for every role: defaults, then the file, then the environment, then flags, each stronger than the one before.
//!
//! `sections.rs` says what can be set, `load.rs` layers the sources, `check.rs` knows which values make sense, `place.rs` finds the
//! line that is wrong, `prices.rs` is the list of prices, a file of its own, and `checkpoint.rs` reads `file://` addresses. Unknown keys are
//! refused: a misspelt limit must not silently be the default.

mod check;
mod checkpoint;
mod load;
mod place;
mod prices;
mod sections;

pub use checkpoint::checkpoint_folder;
pub use load::{ConfigError, DEFAULT_FILE, ENVIRONMENT_PREFIX};
pub use place::Place;
pub use prices::{ModelPrices, PriceList};
pub use sections::{
    Budgets, CanaryMode, Cluster, Config, Egress, Endpoint, EndpointOverride, EngineSettings, Farm, FarmHttp, FarmLimits, FarmProtocol,
    FarmRemote, Gateway, Inference, JudgeSection, KserveSettings, Scheme, Slots, Telemetry, TenantSettings,
};

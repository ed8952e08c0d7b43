//! The inference pool: every model call of the cluster goes through it, in process or over gRPC.
//!
//! `pool.rs` routes roles to engines and counts; `engines.rs` knows what answers behind an address, `kserve/` speaks to Triton; `fleet/` is
//! several engines that serve one model, and the line before them; `budget.rs` says who may still spend, `shared_budget.rs` the same for all
//! replicas, `accounts.rs` who used what; `health.rs` knows how endpoints fare, `aim.rs` whether engines click where they mean to;
//! `server.rs` is the gRPC face, `face/` the OpenAI-compatible one for everybody with a key.

mod accounts;
mod aim;
mod budget;
mod engines;
mod face;
pub mod fleet;
mod health;
mod kserve;
mod pool;
mod server;
mod shared_budget;

pub use accounts::{Accounts, Line, MEMORY as ACCOUNTS_MEMORY, Used};
pub use aim::{AimOptions, OnMiss};
pub use budget::{ByTenant, Limits, MemoryBudget, SpendingBudget, Unlimited};
pub use face::serve_http;
pub use pool::{Pool, PoolError, Route, longest_call};
pub use server::serve;
pub use shared_budget::SharedBudget;

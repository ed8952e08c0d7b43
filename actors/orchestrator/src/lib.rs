//! The Orchestrator: facts, plan and ledger; decides step by step what the WebSurfer is to do and when an attempt ends.
//!
//! Pure parts, one a file: `lifecycle.rs` (what comes next for a task), `table.rs` (the decision table), `loops.rs`, `budget.rs`,
//! `plan.rs`, `history.rs`, the draws of `user.rs`. `solve/` drives one attempt with them (`native.rs`: where one model decides alone), `actor.rs` gives it a life of its own, and
//! `simulator.rs` is the user beside it.

mod actor;
mod attempt;
pub mod budget;
pub mod history;
pub mod lifecycle;
pub mod loops;
pub mod plan;
mod simulator;
mod solve;
pub mod table;
#[cfg(test)]
mod testing;
pub mod user;

pub use attempt::{AttemptEnd, AttemptJob, OrchestratorDeps, Person, SurferPort, run_attempt};
pub use lifecycle::{Next, next};

//! The vocabulary of Wayfarer: plain types, pure functions, no I/O.
//!
//! Every other room speaks in these words (`docs/architecture.md` has the table). A file's name says which concept it holds.

pub mod action;
pub mod attempt;
pub mod calendar;
pub mod critical_point;
pub mod event;
pub mod fence;
pub mod gate;
pub mod hash;
pub mod id;
pub mod ledger;
pub mod observation;
pub mod outcome;
pub mod prompt;
pub mod run;
pub mod secrets;
pub mod seed;
pub mod surf;
pub mod task;
pub mod trajectory;
pub mod usage;
pub mod verdict;
pub mod view;

pub use action::Action;
pub use attempt::{AttemptId, Epoch, StepIndex};
pub use calendar::Calendar;
pub use fence::{Fence, TaskRef};
pub use hash::BlobHash;
pub use id::{RunId, SeedId, SessionId, TaskId, TenantId};
pub use observation::{Mark, Observation};
pub use outcome::Outcome;
pub use seed::Seed;
pub use task::{Category, Strategy, Task};
pub use trajectory::Trajectory;
pub use usage::Usage;
pub use verdict::{Opinion, Verdict};

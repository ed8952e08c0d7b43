//! Ground truth: what an attempt left behind, compared with what its task asked for.
//!
//! Used by tests and measurements only; agents and judges never see it. The intent is read by the grammar of the bundled worlds, the
//! world's state from the attempt's own file, the rest from the trajectory.
//!
//! ```text
//! intent ──▶ goal ─┐
//! <data_dir>/<world>/<attempt>.sqlite ─┼─▶ Success | Failure{why} | Unknown{why}
//! answer, outcome, permissions ────────┘
//! ```
//! One rule stands above the goals: a row that binds (order, booking, message) without a recorded permission is a failure.

pub(crate) mod answer;
pub(crate) mod crossing;
mod docs;
mod intent;
mod rows;
mod sample;
mod shop;
mod tables;

pub(crate) use rows::rows_of_attempt;
pub use rows::{CriticalRows, InstanceRows, critical_rows};
pub use sample::sample_intents;
pub(crate) use sample::{FAMILIES, draw};

use crate::error::SandboxError;
use crate::instance::{InstanceId, instance_file, open_to_read};
use crate::shop::catalogue::Catalogue;
use crate::tables::guide::Guide;
use intent::Goal;
use rusqlite::Connection;
use std::path::Path;
use wayfarer_core::Trajectory;

/// What is known about an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Truth {
    /// The state (and the answer, where one was asked for) is what the task wanted.
    Success,
    /// It is not.
    Failure {
        /// What differs, for a person.
        why: String,
    },
    /// It cannot be known here: another site, or a wording outside the grammar.
    Unknown {
        /// Why.
        why: String,
    },
}

impl Truth {
    fn failure(why: impl Into<String>) -> Self {
        Self::Failure { why: why.into() }
    }

    fn unknown(why: impl Into<String>) -> Self {
        Self::Unknown { why: why.into() }
    }
}

/// Compares an attempt with its task. `data_dir` and `seed` are those of the sandbox that served it.
pub fn check(data_dir: &Path, seed: u64, trajectory: &Trajectory) -> Truth {
    let catalogue = Catalogue::of(seed);
    let guide = Guide::of(seed);
    let host = trajectory.task.start_url.host_str().unwrap_or("");
    let goal = match intent::parse(&trajectory.task.intent, host, &catalogue, &guide) {
        Ok(goal) => goal,
        Err(why) => return Truth::unknown(why),
    };
    let instance = InstanceId::sanitised(&trajectory.attempt.to_string());
    let compared = match &goal {
        Goal::Shop(goal) => with_state(data_dir, crate::shop::WORLD, &instance, |db| shop::check(goal, db, &catalogue, trajectory)),
        Goal::Tables(goal) => with_state(data_dir, crate::tables::WORLD, &instance, |db| tables::check(goal, db, &guide, trajectory)),
        Goal::Docs(goal) => Ok(docs::check(goal, trajectory)),
    };
    compared.unwrap_or_else(|error| Truth::unknown(error.to_string()))
}

/// The family of an attempt's task, by its place among the [`FAMILIES`]; `None` where no wording of the two worlds of code fits.
pub(crate) fn family_of(seed: u64, trajectory: &Trajectory) -> Option<usize> {
    let host = trajectory.task.start_url.host_str().unwrap_or("");
    let (catalogue, guide) = (Catalogue::of(seed), Guide::of(seed));
    let goal = intent::parse(&trajectory.task.intent, host, &catalogue, &guide).ok()?;
    sample::family_of(&goal, &catalogue, &guide)
}

/// Compares with the attempt's state; there is none where it never touched the world.
fn with_state(
    data_dir: &Path,
    world: &str,
    instance: &InstanceId,
    compare: impl FnOnce(Option<&Connection>) -> rusqlite::Result<Truth>,
) -> Result<Truth, SandboxError> {
    let path = instance_file(data_dir, world, instance);
    let db = open_to_read(&path)?;
    compare(db.as_ref()).map_err(|source| SandboxError::State { path, source })
}

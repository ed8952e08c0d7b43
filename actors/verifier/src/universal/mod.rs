//! The universal verdict (spec/faragen.md C.2 and C.3): how well, whether, what else, how straight, and where it went wrong first.
//!
//! ```text
//! rubric (made from the task alone) ─┐
//! every screenshot ─▶ relevance ─────┼─▶ each criterion on its own screenshots ─▶ process score ┐
//!                                    └─▶ side effects ─────────────────────────────────────────┼─▶ outcome (votes)
//! steps ─▶ efficiency        steps ─▶ critical points by rule (`crate::critical`)              ┘
//! rejected ─▶ first point of failure
//! ```
//! Criteria do not overlap, may be conditional, and are scored one by one, so that one mistake costs points once; what nobody could help
//! is not charged. A pass rests on words that are found in the trajectory, as with every judge.

mod critical;
mod judges;
mod process;
mod relevance;

pub use critical::reading as critical_point;
pub use judges::{failure, majority};
pub use process::{Finding, score};
pub use relevance::{MAX_SHOTS, select};

use crate::opinion::{Calls, Judged};
use crate::record::{self, Frame};
use crate::rubric;
use crate::{VerifierDeps, VerifyError};
use std::collections::HashSet;
use wayfarer_core::Trajectory;

/// The universal judges' opinions: process, outcome, side effects, efficiency.
pub async fn judge(deps: &VerifierDeps, trajectory: &Trajectory) -> Result<Vec<Judged>, VerifyError> {
    let mut calls = Calls::default();
    let rubric = rubric::rubric_of(deps, trajectory, &mut calls).await?;
    let frames = distinct(record::frames_of(trajectory));
    let rated = relevance::rate(deps, trajectory, &rubric.criteria, &frames, &mut calls).await?;
    let (process, side_effects, efficiency) = tokio::try_join!(
        process::judge(deps, trajectory, &rubric.criteria, &frames, &rated, calls),
        judges::side_effects(deps, trajectory, &frames, &rated),
        judges::efficiency(deps, trajectory),
    )?;
    let outcome = judges::outcome(deps, trajectory, &frames, &rated, &process, &side_effects).await?;
    Ok(vec![process, outcome, side_effects, efficiency])
}

/// Each picture once, at the last moment it was seen.
fn distinct(frames: Vec<Frame>) -> Vec<Frame> {
    let mut met = HashSet::new();
    let mut kept: Vec<Frame> = frames.into_iter().rev().filter(|frame| met.insert(frame.screenshot.clone())).collect();
    kept.reverse();
    kept
}

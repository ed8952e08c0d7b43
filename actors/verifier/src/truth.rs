//! What a synthetic world knows of an attempt, as one more opinion. Model judges never see it: it is asked after them.

use crate::opinion::Judged;
use std::sync::Arc;
use wayfarer_core::verdict::{Evidence, Judge};
use wayfarer_core::{Opinion, Trajectory, Usage};

/// What is true of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownTruth {
    /// It was done right.
    pub right: bool,
    /// What speaks for that, in one sentence.
    pub why: String,
}

/// Somebody who knows the truth of attempts, without guessing.
pub trait GroundTruth: Send + Sync {
    /// What is true of the attempt; `None` where it cannot be known. May read files.
    fn of(&self, trajectory: &Trajectory) -> Option<KnownTruth>;
}

/// The opinion, if there is one.
pub(crate) async fn judge(truth: Arc<dyn GroundTruth>, trajectory: &Trajectory) -> Option<Judged> {
    let owned = trajectory.clone();
    let known = tokio::task::spawn_blocking(move || truth.of(&owned)).await.unwrap_or_else(|error| {
        tracing::warn!(attempt = %trajectory.attempt, %error, "ground truth could not be read");
        None
    })?;
    let last = trajectory.steps.last().map(|step| step.index.0);
    let opinion = Opinion {
        judge: Judge::Oracle,
        pass: known.right,
        score: if known.right { 1.0 } else { 0.0 },
        evidence: vec![Evidence { step: last, screenshot: None, text: known.why.clone() }],
        reasoning: known.why,
        criteria: Vec::new(),
        usage: Usage::default(),
    };
    Some(Judged { opinion, first_failure: None, models: Vec::new() })
}

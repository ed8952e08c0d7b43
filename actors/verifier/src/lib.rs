//! Judges attempts from what is stored, without a browser.
//!
//! Which judges are heard is the policy's choice ([`VerdictPolicy`]): the three of FaraGen, the universal verdict (`universal/`), or both.
//! The three, one file each: `alignment.rs` (do actions and answer match the intent?), `rubric.rs` (how many points of a rubric that
//! was made before the trajectory was seen?), `multimodal.rs` (do the pictures agree with the answer?). Under every policy `critical.rs` asks by
//! rule, without a model, whether a critical point was crossed without permission, and where a synthetic world knows the truth (`truth.rs`) that is one more opinion. `record.rs` says a trajectory in words, `evidence.rs` checks that what an opinion
//! cites is really there, and `verdict.rs` combines the opinions: all must pass, each with evidence that resolves.

pub mod alignment;
pub mod critical;
pub mod evidence;
pub mod multimodal;
pub mod opinion;
pub mod record;
pub mod rubric;
pub mod truth;
pub mod turns;
pub mod universal;
pub mod verdict;

use opinion::Judged;
use std::sync::Arc;
use truth::GroundTruth;
use verdict::Hearing;
use wayfarer_chat::{AskError, Model, Scope};
use wayfarer_core::verdict::{Decision, VerdictPolicy};
use wayfarer_core::{TaskId, Trajectory, Verdict};
use wayfarer_store::{Store, StoreError};

/// What judging works with.
#[derive(Clone)]
pub struct VerifierDeps {
    /// Answers every question.
    pub model: Arc<dyn Model>,
    /// Holds screenshots and rubrics.
    pub store: Store,
    /// Which judges are heard.
    pub policy: VerdictPolicy,
    /// Votes on the outcome under the universal policy; odd.
    pub votes: u32,
    /// Knows the truth of tasks on synthetic worlds.
    pub truth: Option<Arc<dyn GroundTruth>>,
}

/// Why an attempt could not be judged now; trying again later makes sense.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// No model answers, or none that can be understood.
    #[error("judging needs a model: {0}")]
    Model(#[from] AskError),
    /// A screenshot or a rubric cannot be read or kept.
    #[error("judging needs what the attempt stored: {0}")]
    Store(#[from] StoreError),
    /// The model made no rubric that can be used.
    #[error("the rubric of task {task} cannot be used: {why}; route judge_rubric to a stronger model")]
    Rubric {
        /// The task.
        task: TaskId,
        /// What is wrong with it.
        why: String,
    },
}

impl VerifyError {
    /// Whether something is away that all judging needs, which passes by itself.
    pub fn is_outage(&self) -> bool {
        match self {
            Self::Model(error) => error.is_outage(),
            Self::Store(error) => error.is_outage(),
            Self::Rubric { .. } => false,
        }
    }
}

/// Judges an attempt; `version` is the version of the verdict, from 1.
pub async fn verify(deps: &VerifierDeps, trajectory: &Trajectory, version: u32) -> Result<Verdict, VerifyError> {
    let hearing = verdict::hearing(&trajectory.outcome);
    if let Hearing::None(decision) = hearing {
        return Ok(Verdict { policy: deps.policy, ..verdict::without_judges(version, decision) });
    }
    let mut judged = Vec::new();
    if deps.policy != VerdictPolicy::Universal {
        judged.extend(legacy(deps, trajectory, hearing == Hearing::Full).await?);
    }
    if deps.policy != VerdictPolicy::Legacy {
        judged.extend(universally(deps, trajectory).await?);
    }
    judged.push(critical::judge(trajectory));
    // last, so that no model judge can have seen it
    if let Some(truth) = &deps.truth {
        judged.extend(truth::judge(truth.clone(), trajectory).await);
    }
    for one in &judged {
        tracing::info!(
            attempt = %trajectory.attempt,
            judge = one.opinion.judge.as_str(),
            pass = one.opinion.pass,
            score = one.opinion.score,
            "opinion"
        );
    }
    let mut verdict = verdict::combine(version, deps.policy, &trajectory.outcome, judged);
    if deps.policy != VerdictPolicy::Legacy {
        verdict.critical_point = Some(universal::critical_point(deps, trajectory, &mut verdict.usage).await?);
        if matches!(verdict.decision, Decision::Rejected { .. }) {
            universal::failure(deps, trajectory, &mut verdict).await?;
        }
    }
    Ok(verdict)
}

/// The three judges of FaraGen, every turn against its own request.
async fn legacy(deps: &VerifierDeps, trajectory: &Trajectory, with_pictures: bool) -> Result<Vec<Judged>, VerifyError> {
    let (mut alignments, mut rubrics, mut pictures) = (Vec::new(), Vec::new(), Vec::new());
    for turn in turns::turns(trajectory) {
        if with_pictures {
            let (alignment, rubric, picture) =
                tokio::try_join!(alignment::judge(deps, &turn), rubric::judge(deps, &turn), multimodal::judge(deps, &turn))?;
            pictures.push(picture);
            alignments.push(alignment);
            rubrics.push(rubric);
        } else {
            let (alignment, rubric) = tokio::try_join!(alignment::judge(deps, &turn), rubric::judge(deps, &turn))?;
            alignments.push(alignment);
            rubrics.push(rubric);
        }
    }
    Ok([alignments, rubrics, pictures].into_iter().filter_map(turns::merged).collect())
}

/// The judges of the universal verdict, every turn against its own request.
async fn universally(deps: &VerifierDeps, trajectory: &Trajectory) -> Result<Vec<Judged>, VerifyError> {
    let mut by_judge: Vec<Vec<Judged>> = Vec::new();
    for turn in turns::turns(trajectory) {
        for (place, one) in universal::judge(deps, &turn).await?.into_iter().enumerate() {
            if by_judge.len() <= place {
                by_judge.push(Vec::new());
            }
            by_judge[place].push(one);
        }
    }
    Ok(by_judge.into_iter().filter_map(turns::merged).collect())
}

/// Judging is paid by the attempt's own tenant and run.
fn scope_of(trajectory: &Trajectory) -> Scope {
    Scope {
        tenant: trajectory.tenant.clone(),
        run: trajectory.run.clone(),
        task: Some(trajectory.task.id.clone()),
        attempt: Some(trajectory.attempt.clone()),
        step: 0,
    }
}

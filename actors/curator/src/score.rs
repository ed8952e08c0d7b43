//! The score file.

use serde::{Deserialize, Serialize};
use serde_json::json;
use wayfarer_core::Verdict;
use wayfarer_core::verdict::{Decision, Judge};

/// Names the judges and their parameters: rubric threshold 0.8, at most 5 images, key points from 3 on (spec/faragen.md C.1, G).
pub const EVAL_HASH: &str = "mmrubric_0.8-5-3";

/// `scores/<eval hash>.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Score {
    /// 1 for an accepted attempt, 0 for a rejected one.
    pub score: f64,
    /// What the judges said, as JSON text.
    pub gpt_response_text: String,
}

/// The score of a verdict; a task that cannot be judged has none, so that it stays out of every mean.
pub(crate) fn score(verdict: &Verdict) -> Option<Score> {
    let (score, why) = match &verdict.decision {
        Decision::Accepted => (1.0, ""),
        Decision::Rejected { why, .. } => (0.0, why.as_str()),
        Decision::InvalidTask { .. } => return None,
    };
    let of = |judge| verdict.opinions.iter().find(|opinion| opinion.judge == judge);
    let passes = |judge| of(judge).map(|opinion| opinion.pass);
    let told = json!({
        "decision": verdict.decision.name(),
        "why": why,
        "judge_model": verdict.judge_model,
        "verdict_version": verdict.version,
        "process_score": verdict.process_score,
        "outcome_score": verdict.outcome_score,
        "rubric_score": of(Judge::Rubric).map(|opinion| opinion.score),
        "rubric_is_success": passes(Judge::Rubric),
        "mm_is_success": passes(Judge::Multimodal),
        "verifier_is_success": passes(Judge::Alignment),
        "critical_point_is_success": passes(Judge::CriticalPoint),
        "opinions": verdict.opinions,
    });
    Some(Score { score, gpt_response_text: told.to_string() })
}

//! The process score: each criterion on the screenshots that show most of it.

use super::relevance::{Rated, select};
use crate::opinion::{self, Calls, Judged};
use crate::record::{self, Frame};
use crate::rubric::passes;
use crate::{VerifierDeps, VerifyError, evidence, scope_of};
use futures::{StreamExt, TryStreamExt};
use wayfarer_chat::{PromptFile, ask};
use wayfarer_core::prompt::judge::{Criterion, CriterionFinding, ScoreCriterion};
use wayfarer_core::verdict::{CriterionScore, Evidence, Judge, RUBRIC_THRESHOLD};
use wayfarer_core::{Opinion, Trajectory};

const CRITERION: PromptFile = PromptFile(include_str!("../../prompts/criterion.md"));
/// Criteria that are scored at once.
const PARALLEL: usize = 4;

/// What was found on a criterion, as the score needs it.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// Points to earn.
    pub max_points: u32,
    /// Points earned.
    pub earned_points: f64,
    /// Its condition holds.
    pub condition_met: bool,
    /// What stood in the way was nobody's fault.
    pub beyond_control: bool,
}

impl Finding {
    /// Whether its points are among those that could be earned.
    fn counts(&self) -> bool {
        self.condition_met && !(self.beyond_control && self.earned_points < f64::from(self.max_points))
    }
}

/// Points earned over points that could be earned, 0 to 1; 1 where nothing could be earned, for then nothing was missed.
pub fn score(findings: &[Finding]) -> f64 {
    let counted: Vec<&Finding> = findings.iter().filter(|finding| finding.counts()).collect();
    let possible: f64 = counted.iter().map(|finding| f64::from(finding.max_points)).sum();
    let earned: f64 = counted.iter().map(|finding| finding.earned_points.clamp(0.0, f64::from(finding.max_points))).sum();
    if possible > 0.0 { earned / possible } else { 1.0 }
}

pub(super) async fn judge(
    deps: &VerifierDeps,
    trajectory: &Trajectory,
    criteria: &[Criterion],
    frames: &[Frame],
    rated: &Rated,
    mut calls: Calls,
) -> Result<Judged, VerifyError> {
    let scope = scope_of(trajectory);
    let record = record::record_of(trajectory);
    let mut questions = Vec::with_capacity(criteria.len());
    for (place, criterion) in criteria.iter().enumerate() {
        let ratings: Vec<u8> = rated.iter().map(|frame| frame[place]).collect();
        let shown: Vec<&Frame> = select(&ratings).into_iter().map(|at| &frames[at]).collect();
        let shots = shown.iter().map(|frame| frame.shot.clone()).collect();
        let pictures: Vec<_> = shown.iter().map(|frame| frame.screenshot.clone()).collect();
        questions.push((ScoreCriterion { criterion: criterion.clone(), record: record.clone(), shots }, pictures));
    }
    let answers: Vec<_> = futures::stream::iter(questions)
        .map(|(question, hashes)| {
            let scope = &scope;
            async move {
                let mut pictures = Vec::with_capacity(hashes.len());
                for hash in &hashes {
                    pictures.push(deps.store.get_blob(hash).await?);
                }
                Ok::<_, VerifyError>(ask(&*deps.model, scope, CRITERION, &question, &pictures).await?)
            }
        })
        .buffered(PARALLEL)
        .try_collect()
        .await?;
    let mut findings = Vec::new();
    let mut scores = Vec::new();
    for (criterion, answer) in criteria.iter().zip(answers) {
        let (finding, score) = weighed(trajectory, criterion, calls.book(answer));
        findings.push(finding);
        scores.push(score);
    }
    Ok(opinion_of(&findings, scores, calls))
}

/// Points without a citation that can be found are not earned; nor is anything excused without one.
fn weighed(trajectory: &Trajectory, criterion: &Criterion, found: CriterionFinding) -> (Finding, CriterionScore) {
    let evidence = evidence::resolved(trajectory, &found.evidence);
    let proven = !evidence.is_empty();
    let max = f64::from(criterion.max_points);
    let earned = if proven && found.earned_points.is_finite() { found.earned_points.clamp(0.0, max) } else { 0.0 };
    let finding = Finding {
        max_points: criterion.max_points,
        earned_points: earned,
        condition_met: found.condition_met || criterion.condition.is_none(),
        beyond_control: found.beyond_control && proven,
    };
    let mut reason = found.reason;
    if !proven {
        reason.push_str(" [not earned: nothing is cited that is found in the trajectory]");
    }
    if !finding.condition_met {
        reason.push_str(" [does not count: its condition does not hold]");
    } else if finding.beyond_control && earned < max {
        reason.push_str(" [not charged: beyond the agent's control]");
    }
    let score = CriterionScore {
        criterion: criterion.criterion.clone(),
        max_points: criterion.max_points,
        earned_points: earned,
        reason,
        evidence,
    };
    (finding, score)
}

fn opinion_of(findings: &[Finding], criteria: Vec<CriterionScore>, calls: Calls) -> Judged {
    let score = score(findings);
    let evidence: Vec<Evidence> = criteria.iter().flat_map(|one| one.evidence.clone()).collect();
    let mut reasoning = format!("{:.0} % of the points that count; {RUBRIC_THRESHOLD} is the threshold", score * 100.0);
    for (finding, one) in findings.iter().zip(&criteria).filter(|(finding, _)| finding.earned_points < f64::from(finding.max_points)) {
        reasoning.push_str(&format!("; {:?}: {} of {} ({})", one.criterion, finding.earned_points, finding.max_points, one.reason));
    }
    let pass = opinion::grounded(passes(score), &evidence, &mut reasoning);
    let opinion = Opinion { judge: Judge::Process, pass, score, reasoning, evidence, criteria, usage: calls.usage };
    Judged { opinion, first_failure: None, models: calls.models }
}

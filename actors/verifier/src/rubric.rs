//! The rubric judge: points earned on criteria that were made from the task alone.
//!
//! The rubric is made before the trajectory is read into any prompt, and kept under `rubrics/<task>.json`, so that it cannot be bent
//! towards what happened and all attempts of a task are measured by the same one.

use crate::opinion::{self, Calls, Judged};
use crate::{VerifierDeps, VerifyError, evidence, record, scope_of};
use wayfarer_chat::{PromptFile, ask};
use wayfarer_core::prompt::judge::{Criterion, Earned, MakeRubric, Rubric, ScoreRubric};
use wayfarer_core::verdict::{CriterionScore, Evidence, Judge, RUBRIC_THRESHOLD};
use wayfarer_core::{Opinion, Trajectory};
use wayfarer_store::StoreError;

const MAKE: PromptFile = PromptFile(include_str!("../prompts/rubric_make.md"));
const SCORE: PromptFile = PromptFile(include_str!("../prompts/rubric_score.md"));
/// Criteria that are too many for a judge to keep apart.
const MAX_CRITERIA: usize = 8;
/// Points of one criterion.
const MAX_POINTS: u32 = 100;
/// Replies that are tried before an unusable one counts.
const TRIES: u32 = 2;
/// Sums of points are not exact.
const TOLERANCE: f64 = 1e-9;

/// Judges by the task's rubric, which is made if no attempt needed it before.
pub async fn judge(deps: &VerifierDeps, trajectory: &Trajectory) -> Result<Judged, VerifyError> {
    let mut calls = Calls::default();
    let rubric = rubric_of(deps, trajectory, &mut calls).await?;
    let mut question = ScoreRubric {
        last_fault: None,
        rubric: rubric.criteria.clone(),
        record: record::record_of(trajectory),
        shots: record::frames_of(trajectory).into_iter().map(|frame| frame.shot).collect(),
    };
    let mut fault = String::new();
    for _ in 0..TRIES {
        let reply = calls.book(ask(&*deps.model, &scope_of(trajectory), SCORE, &question, &[]).await?);
        match matched(&rubric.criteria, reply.scores) {
            Ok(scores) => return Ok(opinion_of(trajectory, &rubric.criteria, scores, calls)),
            Err(why) => fault = why,
        }
        tracing::warn!(attempt = %trajectory.attempt, why = fault, "scores do not fit their rubric");
        // the same question would get the same answer
        question.last_fault = Some(fault.clone());
    }
    let opinion = Opinion {
        judge: Judge::Rubric,
        pass: false,
        score: 0.0,
        reasoning: format!("the attempt could not be scored: {fault}"),
        evidence: Vec::new(),
        criteria: Vec::new(),
        usage: calls.usage,
    };
    Ok(Judged { opinion, first_failure: None, models: calls.models })
}

pub(crate) async fn rubric_of(deps: &VerifierDeps, trajectory: &Trajectory, calls: &mut Calls) -> Result<Rubric, VerifyError> {
    let path = format!("rubrics/{}.json", trajectory.task.id);
    match deps.store.get_document::<Rubric>(&path).await {
        Ok(rubric) => return Ok(rubric),
        Err(StoreError::Missing { .. }) => {}
        Err(error) => return Err(error.into()),
    }
    let question = MakeRubric { task: trajectory.task.intent.clone(), start_url: trajectory.task.start_url.to_string() };
    let mut fault = String::new();
    for _ in 0..TRIES {
        let rubric = calls.book(ask(&*deps.model, &scope_of(trajectory), MAKE, &question, &[]).await?);
        match usable(&rubric) {
            Ok(()) => {
                deps.store.put_document(&path, &rubric).await?;
                return Ok(rubric);
            }
            Err(why) => fault = why,
        }
    }
    Err(VerifyError::Rubric { task: trajectory.task.id.clone(), why: fault })
}

/// A rubric can be used if it has one to eight criteria with words and points.
pub fn usable(rubric: &Rubric) -> Result<(), String> {
    if rubric.criteria.is_empty() || rubric.criteria.len() > MAX_CRITERIA {
        return Err(format!("it has {} criteria; 1 to {MAX_CRITERIA} are wanted", rubric.criteria.len()));
    }
    match rubric.criteria.iter().find(|one| one.criterion.trim().is_empty() || !(1..=MAX_POINTS).contains(&one.max_points)) {
        Some(one) => {
            Err(format!("criterion {:?} with {} points has no words, or not 1 to {MAX_POINTS} points", one.criterion, one.max_points))
        }
        None => Ok(()),
    }
}

/// The scores, if there is one for each criterion in order, with points cut to `0..=max_points`.
pub fn matched(criteria: &[Criterion], scores: Vec<Earned>) -> Result<Vec<Earned>, String> {
    if criteria.len() != scores.len() {
        return Err(format!("there are {} scores for {} criteria", scores.len(), criteria.len()));
    }
    let plain = |text: &str| text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect::<String>();
    let mut fitted = Vec::with_capacity(scores.len());
    for (criterion, mut score) in criteria.iter().zip(scores) {
        let (wanted, found) = (plain(&criterion.criterion), plain(&score.criterion));
        // models shorten or number the criteria that they repeat, but another one's name is a mix-up
        let same = found.is_empty() || wanted == found || wanted.contains(&found) || found.contains(&wanted);
        if !same {
            return Err(format!("the score for {:?} stands where {:?} was asked", score.criterion, criterion.criterion));
        }
        if !score.earned_points.is_finite() {
            return Err(format!("the score for {:?} is no number", criterion.criterion));
        }
        score.earned_points = score.earned_points.clamp(0.0, f64::from(criterion.max_points));
        fitted.push(score);
    }
    Ok(fitted)
}

/// Points earned over points possible, 0 to 1; 0 for an empty rubric.
pub fn score_of(criteria: &[CriterionScore]) -> f64 {
    let possible: f64 = criteria.iter().map(|one| f64::from(one.max_points)).sum();
    let earned: f64 = criteria.iter().map(|one| one.earned_points.clamp(0.0, f64::from(one.max_points))).sum();
    if possible > 0.0 { earned / possible } else { 0.0 }
}

/// Whether a score passes.
pub fn passes(score: f64) -> bool {
    score + TOLERANCE >= RUBRIC_THRESHOLD
}

fn opinion_of(trajectory: &Trajectory, criteria: &[Criterion], scores: Vec<Earned>, calls: Calls) -> Judged {
    let criteria: Vec<CriterionScore> =
        criteria.iter().zip(scores).map(|(criterion, earned)| criterion_score(trajectory, criterion, earned)).collect();
    let score = score_of(&criteria);
    let evidence: Vec<Evidence> = criteria.iter().flat_map(|one| one.evidence.clone()).collect();
    let mut reasoning = format!("{:.0} % of the points; {RUBRIC_THRESHOLD} is the threshold", score * 100.0);
    for short in criteria.iter().filter(|one| one.earned_points + TOLERANCE < f64::from(one.max_points)) {
        reasoning.push_str(&format!("; {:?}: {} of {} ({})", short.criterion, short.earned_points, short.max_points, short.reason));
    }
    let pass = opinion::grounded(passes(score), &evidence, &mut reasoning);
    let opinion = Opinion { judge: Judge::Rubric, pass, score, reasoning, evidence, criteria, usage: calls.usage };
    Judged { opinion, first_failure: None, models: calls.models }
}

/// Points without a citation that can be found are not earned; for what did *not* happen, a judge cites where the work ended.
fn criterion_score(trajectory: &Trajectory, criterion: &Criterion, earned: Earned) -> CriterionScore {
    let evidence = evidence::resolved(trajectory, &earned.evidence);
    let mut reason = earned.reason;
    let proven = !evidence.is_empty();
    if !proven {
        reason.push_str(" [not earned: nothing is cited that is found in the trajectory]");
    }
    CriterionScore {
        criterion: criterion.criterion.clone(),
        max_points: criterion.max_points,
        earned_points: if proven { earned.earned_points } else { 0.0 },
        reason,
        evidence,
    }
}

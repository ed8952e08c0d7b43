//! Outcome, side effects, efficiency, and the first point of failure.

use super::relevance::{MAX_SHOTS, Rated, select};
use crate::opinion::{self, Calls, Judged};
use crate::record::{self, Frame};
use crate::{VerifierDeps, VerifyError, evidence, scope_of};
use bytes::Bytes;
use wayfarer_chat::{PromptFile, ask};
use wayfarer_core::prompt::judge::{FindFirstFailure, FindSideEffects, JudgeEfficiency, JudgeOutcome, PassFail, SideEffect};
use wayfarer_core::verdict::{EFFICIENCY_THRESHOLD, Evidence, FailurePoint, Judge};
use wayfarer_core::{Opinion, Trajectory, Usage, Verdict};

const OUTCOME: PromptFile = PromptFile(include_str!("../../prompts/outcome.md"));
const SIDE_EFFECTS: PromptFile = PromptFile(include_str!("../../prompts/side_effects.md"));
const EFFICIENCY: PromptFile = PromptFile(include_str!("../../prompts/efficiency.md"));
const FIRST_FAILURE: PromptFile = PromptFile(include_str!("../../prompts/first_failure.md"));
/// Weight from which a side effect is one too many.
const GRAVE: f64 = 0.5;
/// The highest efficiency.
const STRAIGHT: u8 = 5;

/// The frames that show most of anything, in order of time.
fn telling<'a>(frames: &'a [Frame], rated: &Rated) -> Vec<&'a Frame> {
    let best: Vec<u8> = rated.iter().map(|ratings| ratings.iter().copied().max().unwrap_or_default()).collect();
    select(&best).into_iter().map(|at| &frames[at]).collect()
}

async fn pictures(deps: &VerifierDeps, frames: &[&Frame]) -> Result<Vec<Bytes>, VerifyError> {
    let mut pictures = Vec::with_capacity(MAX_SHOTS);
    for frame in frames {
        pictures.push(deps.store.get_blob(&frame.screenshot).await?);
    }
    Ok(pictures)
}

/// What did *not* happen cannot be quoted; where the work ended can.
fn where_it_ended(trajectory: &Trajectory) -> Vec<Evidence> {
    let last = trajectory.steps.last();
    last.map(|step| Evidence {
        step: Some(step.index.0),
        screenshot: Some(step.surfed.observation.screenshot.clone()),
        text: step.surfed.action.describe(),
    })
    .into_iter()
    .collect()
}

/// Lasting effects that nobody asked for; effects without a citation that is found are not believed.
pub(super) async fn side_effects(
    deps: &VerifierDeps,
    trajectory: &Trajectory,
    frames: &[Frame],
    rated: &Rated,
) -> Result<Judged, VerifyError> {
    let mut calls = Calls::default();
    let shots = telling(frames, rated).into_iter().map(|frame| frame.shot.clone()).collect();
    let question = FindSideEffects { record: record::record_of(trajectory), shots };
    let reply = calls.book(ask(&*deps.model, &scope_of(trajectory), SIDE_EFFECTS, &question, &[]).await?);
    let proven: Vec<(SideEffect, Vec<Evidence>)> = reply
        .side_effects
        .into_iter()
        .map(|effect| {
            let evidence = evidence::resolved(trajectory, &effect.evidence);
            (effect, evidence)
        })
        .filter(|(_, evidence)| !evidence.is_empty())
        .collect();
    let gravest = proven.iter().map(|(effect, _)| effect.weight.clamp(0.0, 1.0)).fold(0.0, f64::max);
    let reasoning = if proven.is_empty() {
        "nothing lasting was done that was not asked for".to_owned()
    } else {
        proven.iter().map(|(effect, _)| format!("{} (weight {})", effect.what, effect.weight)).collect::<Vec<_>>().join("; ")
    };
    let mut evidence: Vec<Evidence> = proven.into_iter().flat_map(|(_, evidence)| evidence).collect();
    if evidence.is_empty() {
        evidence = where_it_ended(trajectory);
    }
    let first_failure = evidence.iter().filter_map(|one| one.step).min().filter(|_| gravest >= GRAVE);
    let opinion = Opinion {
        judge: Judge::SideEffects,
        pass: gravest < GRAVE && !evidence.is_empty(),
        score: 1.0 - gravest,
        reasoning,
        evidence,
        criteria: Vec::new(),
        usage: calls.usage,
    };
    Ok(Judged { opinion, first_failure, models: calls.models })
}

/// How straight the way was, from the steps alone.
pub(super) async fn efficiency(deps: &VerifierDeps, trajectory: &Trajectory) -> Result<Judged, VerifyError> {
    let mut calls = Calls::default();
    let question = JudgeEfficiency { record: record::record_of(trajectory) };
    let reply = calls.book(ask(&*deps.model, &scope_of(trajectory), EFFICIENCY, &question, &[]).await?);
    let given = reply.score.clamp(1, STRAIGHT);
    let mut reasoning = format!("{given} of {STRAIGHT}; {EFFICIENCY_THRESHOLD} is the threshold. {}", reply.reasoning);
    if !reply.loops.is_empty() {
        reasoning.push_str(&format!(" Loops: {}.", reply.loops.join(", ")));
    }
    if !reply.needless_steps.is_empty() {
        let steps: Vec<String> = reply.needless_steps.iter().map(u32::to_string).collect();
        reasoning.push_str(&format!(" Needless: {}.", steps.join(", ")));
    }
    let evidence = where_it_ended(trajectory);
    let pass = given >= EFFICIENCY_THRESHOLD && !evidence.is_empty();
    let first_failure = reply.needless_steps.iter().copied().min().filter(|_| !pass);
    let opinion = Opinion {
        judge: Judge::Efficiency,
        pass,
        score: f64::from(given - 1) / f64::from(STRAIGHT - 1),
        reasoning,
        evidence,
        criteria: Vec::new(),
        usage: calls.usage,
    };
    Ok(Judged { opinion, first_failure, models: calls.models })
}

/// Whether the result is right, by a majority of votes.
pub(super) async fn outcome(
    deps: &VerifierDeps,
    trajectory: &Trajectory,
    frames: &[Frame],
    rated: &Rated,
    process: &Judged,
    effects: &Judged,
) -> Result<Judged, VerifyError> {
    let mut calls = Calls::default();
    let shown = telling(frames, rated);
    let pictures = pictures(deps, &shown).await?;
    let findings = process
        .opinion
        .criteria
        .iter()
        .map(|one| format!("{}: {} of {} ({})", one.criterion, one.earned_points, one.max_points, one.reason));
    let mut question = JudgeOutcome {
        record: record::record_of(trajectory),
        findings: findings.collect(),
        side_effects: if effects.opinion.pass { Vec::new() } else { vec![effects.opinion.reasoning.clone()] },
        shots: shown.iter().map(|frame| frame.shot.clone()).collect(),
        vote: 1,
    };
    let mut votes = Vec::new();
    for vote in 1..=deps.votes.max(1) {
        question.vote = vote;
        votes.push(calls.book(ask(&*deps.model, &scope_of(trajectory), OUTCOME, &question, &pictures).await?));
    }
    Ok(opinion::from_reply(Judge::Outcome, trajectory, majority(votes), calls))
}

/// The first vote of the majority, which says how many there were; a draw is a no.
pub fn majority(votes: Vec<PassFail>) -> PassFail {
    let (all, yes) = (votes.len(), votes.iter().filter(|vote| vote.pass).count());
    let passes = yes * 2 > all;
    let mut winner = votes.into_iter().find(|vote| vote.pass == passes).unwrap_or(PassFail {
        reasoning: "nobody voted".into(),
        evidence: Vec::new(),
        pass: false,
        first_failure: None,
    });
    if all > 1 {
        winner.reasoning = format!("{yes} of {all} votes pass. {}", winner.reasoning);
    }
    winner
}

/// Where a rejected attempt went wrong first; what it cost is added to the verdict.
pub async fn failure(deps: &VerifierDeps, trajectory: &Trajectory, verdict: &mut Verdict) -> Result<(), VerifyError> {
    let faults: Vec<String> = verdict
        .opinions
        .iter()
        // what only the oracle knows is for no model
        .filter(|opinion| !opinion.pass && opinion.judge != Judge::Oracle)
        .map(|opinion| format!("{}: {}", opinion.judge.as_str(), opinion.reasoning))
        .collect();
    if faults.is_empty() {
        return Ok(());
    }
    let question = FindFirstFailure { record: record::record_of(trajectory), faults };
    let mut calls = Calls::default();
    let found = calls.book(ask(&*deps.model, &scope_of(trajectory), FIRST_FAILURE, &question, &[]).await?);
    let usage: Usage = calls.usage;
    verdict.usage += usage;
    let step = found.step.filter(|step| trajectory.steps.iter().any(|other| other.index.0 == *step));
    verdict.failure = Some(FailurePoint { step, class: found.class, why: found.why });
    Ok(())
}

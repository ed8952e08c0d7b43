//! From opinions to a verdict: pure.

use crate::opinion::Judged;
use wayfarer_core::outcome::EnvFailure;
use wayfarer_core::verdict::{Decision, Judge, VerdictPolicy};
use wayfarer_core::{Outcome, Usage, Verdict};

/// What an outcome asks for before any judge is heard.
#[derive(Debug, Clone, PartialEq)]
pub enum Hearing {
    /// All judges.
    Full,
    /// The judges that need no success on a picture: an agent that declined or found the task impossible shows none.
    WithoutPictures,
    /// None: the outcome decides.
    None(Decision),
}

/// Which judges an outcome needs; what ran out of budget, was blocked or broke costs no model call.
pub fn hearing(outcome: &Outcome) -> Hearing {
    let rejected = |why: String| Hearing::None(Decision::Rejected { why, first_failure: None });
    match outcome {
        Outcome::Answered | Outcome::StoppedAtCriticalPoint => Hearing::Full,
        Outcome::Refused { .. } | Outcome::Infeasible { .. } => Hearing::WithoutPictures,
        Outcome::BudgetExceeded { .. } | Outcome::Blocked { .. } => rejected(format!("the attempt did not end by itself: {outcome}")),
        Outcome::EnvFailed { kind: EnvFailure::Unreachable | EnvFailure::EgressDenied, detail } => {
            Hearing::None(Decision::InvalidTask { why: format!("its start page cannot be opened: {detail}") })
        }
        Outcome::EnvFailed { .. } => rejected(format!("the environment failed, which is not judged: {outcome}")),
    }
}

/// The verdict of an attempt that the outcome alone decides.
pub fn without_judges(version: u32, decision: Decision) -> Verdict {
    Verdict {
        version,
        decision,
        opinions: Vec::new(),
        process_score: 0.0,
        outcome_score: 0.0,
        policy: VerdictPolicy::default(),
        critical_point: None,
        failure: None,
        disputed: false,
        judge_model: String::new(),
        usage: Usage::default(),
    }
}

/// Accepted if every opinion passes and rests on evidence; otherwise rejected with all reasons and the earliest failure.
pub fn combine(version: u32, policy: VerdictPolicy, outcome: &Outcome, judged: Vec<Judged>) -> Verdict {
    let counts = |one: &Judged| one.opinion.pass && !one.opinion.evidence.is_empty();
    let against: Vec<&Judged> = judged.iter().filter(|one| !counts(one)).collect();
    let decision = if against.is_empty() && !judged.is_empty() {
        Decision::Accepted
    } else {
        Decision::Rejected { why: why(outcome, &against), first_failure: against.iter().filter_map(|one| one.first_failure).min() }
    };

    // how well it was done, and how straight, is apart from whether the result is right
    let is_about_the_way = |judge: Judge| matches!(judge, Judge::Rubric | Judge::Process | Judge::Efficiency);
    let result_is_right = !judged.is_empty() && judged.iter().filter(|one| !is_about_the_way(one.opinion.judge)).all(counts);
    let score_of = |judge: Judge| judged.iter().find(|one| one.opinion.judge == judge).map(|one| one.opinion.score.clamp(0.0, 1.0));
    let process_score = score_of(Judge::Process).or_else(|| score_of(Judge::Rubric)).unwrap_or(0.0);
    let is_model = |judge: Judge| !matches!(judge, Judge::CriticalPoint | Judge::Oracle);
    let all_of = |universal: bool| {
        judged.iter().filter(|one| is_model(one.opinion.judge) && one.opinion.judge.is_universal() == universal).all(counts)
    };
    let judges_say = judged.iter().filter(|one| one.opinion.judge != Judge::Oracle).all(counts);
    let is_contradicted = judged.iter().any(|one| one.opinion.judge == Judge::Oracle && counts(one) != judges_say);
    let disputed = is_contradicted || policy == VerdictPolicy::Both && all_of(true) != all_of(false);
    let mut usage = Usage::default();
    let mut models: Vec<String> = Vec::new();
    for one in &judged {
        usage += one.opinion.usage;
        models.extend(one.models.iter().cloned());
    }
    models.sort();
    models.dedup();
    Verdict {
        version,
        decision,
        opinions: judged.into_iter().map(|one| one.opinion).collect(),
        process_score,
        outcome_score: if result_is_right { 1.0 } else { 0.0 },
        policy,
        critical_point: None,
        failure: None,
        disputed,
        judge_model: models.join(", "),
        usage,
    }
}

fn why(outcome: &Outcome, against: &[&Judged]) -> String {
    let reasons: Vec<String> = against
        .iter()
        .map(|one| {
            let opinion = &one.opinion;
            let fault = if opinion.pass { "passed without evidence" } else { opinion.reasoning.as_str() };
            format!("{}: {fault}", opinion.judge.as_str())
        })
        .collect();
    match outcome {
        Outcome::Refused { .. } | Outcome::Infeasible { .. } => format!("{outcome}; {}", reasons.join("; ")),
        _ if reasons.is_empty() => "no judge was heard".into(),
        _ => reasons.join("; "),
    }
}

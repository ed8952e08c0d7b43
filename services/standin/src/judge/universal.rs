//! The prompts of the universal verdict, on the same checks as the other judges.

use super::checks::{Check, Evidence, Found, Sight};
use super::goals;
use crate::goal::Goal;
use crate::reading::Seen;
use crate::skill::Told;
use crate::words;
use wayfarer_core::prompt::StepText;
use wayfarer_core::prompt::judge::{
    Cited, CriterionFinding, Efficiency, FindFirstFailure, FindSideEffects, FirstFailure, JudgeEfficiency, JudgeOutcome, PassFail,
    RateRelevance, Record, Relevance, ScoreCriterion, SideEffect, SideEffects,
};
use wayfarer_core::verdict::FailureClass;

/// A page that shows something of the task shows it of every criterion; the one that decides is high.
pub fn relevance(input: &RateRelevance) -> Relevance {
    let (score, _) = goals::salience(&Goal::parse(&input.task), &Seen::from(&input.shot));
    let of_ten = [0, 0, 2, 5, 7, 9][usize::from(score.min(5))];
    Relevance { scores: input.criteria.iter().map(|_| of_ten).collect() }
}

/// One criterion, by the check of the same name.
pub fn criterion(input: &ScoreCriterion) -> CriterionFinding {
    let evidence = Evidence::new(&input.record, &input.shots, Sight::Salient);
    let checks = goals::checks(&Goal::parse(&input.record.task), &evidence);
    let found = match checks.into_iter().find(|check| check.name == input.criterion.criterion) {
        Some(check) => check.found,
        None => super::by_words(&input.criterion, &evidence, true),
    };
    CriterionFinding {
        condition_met: true,
        beyond_control: false,
        earned_points: f64::from(input.criterion.max_points) * found.share,
        reason: found.reason,
        evidence: found.cited,
    }
}

/// What was done without permission, or beside the task.
pub fn side_effects(input: &FindSideEffects) -> SideEffects {
    let evidence = Evidence::new(&input.record, &input.shots, Sight::Salient);
    let goal = Goal::parse(&input.record.task);
    let unwanted = goals::checks(&goal, &evidence).into_iter().filter(|check| check.name == goals::PERMISSION && !check.found.is_met());
    let mut side_effects: Vec<SideEffect> =
        unwanted.map(|check| SideEffect { what: check.found.reason, weight: 1.0, evidence: check.found.cited }).collect();
    if let Goal::Skilled(told) = &goal {
        side_effects.extend(input.record.steps.iter().filter(|step| is_beside(told, step)).map(|step| SideEffect {
            what: format!("{} binds, and the task asks for nothing of the kind.", step.action),
            weight: 1.0,
            evidence: vec![Cited { step: step.index, quote: step.action.clone() }],
        }));
    }
    SideEffects { side_effects }
}

/// Whether a step that needed permission is none that leads to the result.
fn is_beside(told: &Told, step: &StepText) -> bool {
    let is_named = |text: &String| {
        text.split('"').nth(1).is_some_and(|label| words::holds(&step.action, &told.fill(label))) || text.contains("Fill the form")
    };
    step.gate.starts_with("permitted") && step.action_name == "left_click" && !told.skill.steps.iter().any(is_named)
}

/// The result, by all checks on the pages that show most.
pub fn outcome(input: &JudgeOutcome) -> PassFail {
    let evidence = Evidence::new(&input.record, &input.shots, Sight::Salient);
    let mut checks = goals::checks(&Goal::parse(&input.record.task), &evidence);
    checks.extend(input.side_effects.iter().map(|effect| Check { name: "side effects", found: Found::missed(effect.clone()) }));
    super::opinion(&checks, &evidence)
}

/// Whether a step did something for the task.
fn is_needless(record: &Record, place: usize) -> bool {
    let step = &record.steps[place];
    let is_free = matches!(step.action_name.as_str(), "pause_and_memorize_fact" | "terminate" | "scroll" | "type" | "mouse_move");
    let is_again =
        record.steps[..place].iter().any(|other| other.action == step.action && other.url == step.url && other.url_after == step.url_after);
    // a stop that was rolled back once, and a fact that is noted, waste nothing
    let is_word = matches!(step.action_name.as_str(), "pause_and_memorize_fact" | "terminate");
    !step.gate.starts_with("held") && !is_word && (step.error.is_some() || !step.changed && (!is_free || is_again))
}

/// Loops and needless steps.
pub fn efficiency(input: &JudgeEfficiency) -> Efficiency {
    let steps = &input.record.steps;
    let needless_steps: Vec<u32> =
        (0..steps.len()).filter(|place| is_needless(&input.record, *place)).map(|place| steps[place].index).collect();
    let loops = loops(steps);
    let share = needless_steps.len() as f64 / steps.len().max(1) as f64;
    let score = match (loops.is_empty(), share) {
        (true, share) if share < 0.001 => 5,
        (true, share) if share <= 0.2 => 4,
        (true, share) if share <= 0.5 => 3,
        (_, share) if share <= 0.7 => 2,
        _ => 1,
    };
    let reasoning = format!("{} of {} steps did nothing for the task.", needless_steps.len(), steps.len());
    Efficiency { reasoning, loops, needless_steps, score }
}

/// Stretches of at least four steps in which one action, or two in turn, come again and again on the same page.
fn loops(steps: &[StepText]) -> Vec<String> {
    const SHORTEST: usize = 4;
    let same = |a: &StepText, b: &StepText| a.action == b.action && a.url == b.url;
    let mut found = Vec::new();
    let mut begin = 0;
    while begin < steps.len() {
        let mut end = begin + 1;
        while end < steps.len() && (same(&steps[end], &steps[end - 1]) || end >= begin + 2 && same(&steps[end], &steps[end - 2])) {
            end += 1;
        }
        if end - begin >= SHORTEST {
            found.push(format!("{}-{}", steps[begin].index, steps[end - 1].index));
            begin = end;
        } else {
            begin += 1;
        }
    }
    found
}

/// Where it went wrong first, by what was found to be wrong.
pub fn first_failure(input: &FindFirstFailure) -> FirstFailure {
    let record = &input.record;
    let faults = input.faults.join(" ");
    let says = |wanted: &[&str]| words::holds_any(&faults, wanted).is_some();
    let last = record.steps.last().map(|step| step.index);
    let first_of = |name: &str| record.steps.iter().find(|step| step.action_name == name).map(|step| step.index);
    let loops = loops(&record.steps);
    let (class, step, why) = if says(&["without permission", "had not allowed", "not ask for"]) {
        let crossing = record.steps.iter().find(|step| step.gate.starts_with("permitted") || step.gate.starts_with("held"));
        (FailureClass::CriticalPoint, crossing.map(|step| step.index).or(last), "A step that needs permission was taken without it.")
    } else if !loops.is_empty() || words::holds(&record.outcome.replace('_', " "), "budget exceeded") {
        let begin = loops.first().and_then(|stretch| stretch.split('-').next()?.parse().ok());
        (FailureClass::Execution, begin.or(last), "The same was done again and again.")
    } else if says(&["does not show", "is not there", "but the answer says", "does not name"]) {
        (FailureClass::Selection, first_of("left_click").or(last), "Another thing was worked with than was asked for.")
    } else if says(&["no page shows what the answer says", "the answer says"]) && record.steps.len() <= 3 {
        (FailureClass::Hallucination, last, "The answer rests on no page.")
    } else if says(&["no page shows", "was not reached", "no confirmation", "failure", "failed", "no answer"]) {
        (FailureClass::Incomplete, last, "The work stopped before it was done.")
    } else {
        (FailureClass::Execution, last, "The way did not lead to the result.")
    };
    FirstFailure { step, class, why: why.into() }
}

//! The judges' prompts.
//!
//! All judges rest on the same checks ([`checks`]): what the task requires, each looked for in the shots, the steps and the answer. What
//! no shot shows is not believed.

pub mod checks;
mod goals;

use crate::goal::Goal;
use crate::words;
use checks::{Check, Evidence, Found};
use wayfarer_core::prompt::judge::{
    Cited, Criterion, Earned, FindKeyPoints, JudgeAlignment, JudgeConsistency, KeyPoints, MakeRubric, PassFail, Rubric, RubricScore,
    ScoreRubric, ScoreScreenshot, ScreenshotScore,
};

/// Do actions and answer match the intent? Only the last page is seen: what earlier pages showed is taken from the steps.
pub fn alignment(input: &JudgeAlignment) -> PassFail {
    let evidence = Evidence::new(&input.record, std::slice::from_ref(&input.last), checks::Sight::LastPage);
    opinion(&goals::checks(&Goal::parse(&input.record.task), &evidence), &evidence)
}

/// Do the salient shots agree with the answer?
pub fn multimodal(input: &JudgeConsistency) -> PassFail {
    let evidence = Evidence::new(&input.record, &input.salient, checks::Sight::Salient);
    opinion(&goals::checks(&Goal::parse(&input.record.task), &evidence), &evidence)
}

fn opinion(checks: &[Check], evidence: &Evidence) -> PassFail {
    let failed: Vec<&Check> = checks.iter().filter(|check| !check.found.is_met()).collect();
    let cited: Vec<Cited> = checks.iter().flat_map(|check| check.found.cited.clone()).collect();
    if failed.is_empty() {
        let met: Vec<&str> = checks.iter().map(|check| check.found.reason.as_str()).collect();
        return PassFail { reasoning: met.join(" "), evidence: cited, pass: true, first_failure: None };
    }
    let first = failed.iter().filter_map(|check| check.found.cited.first().map(|cited| cited.step)).min();
    let reasons: Vec<&str> = failed.iter().map(|check| check.found.reason.as_str()).collect();
    PassFail { reasoning: reasons.join(" "), evidence: cited, pass: false, first_failure: Some(first.unwrap_or(evidence.last_step())) }
}

/// A rubric from the task alone.
pub fn rubric_make(input: &MakeRubric) -> Rubric {
    let criteria = goals::requirements(&Goal::parse(&input.task));
    Rubric {
        criteria: criteria
            .into_iter()
            .map(|it| Criterion { criterion: it.name.into(), description: it.description, max_points: it.points })
            .collect(),
    }
}

/// Points for each criterion, by the check of the same name; a criterion of another maker is looked for by its words.
pub fn rubric_score(input: &ScoreRubric) -> RubricScore {
    let evidence = Evidence::new(&input.record, &input.shots, checks::Sight::All);
    let checks = goals::checks(&Goal::parse(&input.record.task), &evidence);
    let overall = checks.iter().all(|check| check.found.is_met());
    let scores = input
        .rubric
        .iter()
        .map(|criterion| {
            let found = match checks.iter().find(|check| check.name == criterion.criterion) {
                Some(check) => check.found.clone(),
                None => by_words(criterion, &evidence, overall),
            };
            Earned {
                criterion: criterion.criterion.clone(),
                earned_points: f64::from(criterion.max_points) * found.share,
                reason: found.reason,
                evidence: found.cited,
            }
        })
        .collect();
    RubricScore { scores }
}

fn by_words(criterion: &Criterion, evidence: &Evidence, overall: bool) -> Found {
    if !overall {
        return Found::missed("The requirements of the task are not all met.");
    }
    let wanted = format!("{} {}", criterion.criterion, criterion.description);
    match evidence.pages.iter().rev().find(|page| words::overlap(&page.everything(), &wanted) > 0.3) {
        Some(page) => Found::met("All requirements of the task are met; a page speaks of this one.")
            .citing(page.step, &words::shortened(&page.title, 120)),
        None => Found::missed("No page speaks of it."),
    }
}

/// Explicit requirements of the task.
pub fn key_points(input: &FindKeyPoints) -> KeyPoints {
    KeyPoints { key_points: goals::requirements(&Goal::parse(&input.task)).into_iter().map(|it| it.description).collect() }
}

/// How much a shot shows of the task.
pub fn screenshot_score(input: &ScoreScreenshot) -> ScreenshotScore {
    let page = crate::reading::Seen::from(&input.shot);
    let (score, reason) = goals::salience(&Goal::parse(&input.task), &page);
    ScreenshotScore { reason, score }
}

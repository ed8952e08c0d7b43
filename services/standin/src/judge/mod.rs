//! The judges' prompts.
//!
//! All judges rest on the same checks ([`checks`]): what the task requires, each looked for in the shots, the steps and the answer. What
//! no shot shows is not believed.

pub mod checks;
mod goals;
mod skilled;
mod states;
pub mod typology;
pub mod universal;

use crate::goal::Goal;
use crate::words;
use checks::{Check, Evidence, Found};
use wayfarer_core::prompt::judge::{
    Cited, Criterion, Earned, FindKeyPoints, JudgeAlignment, JudgeConsistency, KeyPoints, MakeRubric, PassFail, Record, Rubric,
    RubricScore, ScoreRubric, ScoreScreenshot, ScreenshotScore, Shot,
};

/// Do actions and answer match the intent? Only the last page is seen: what earlier pages showed is taken from the steps.
pub fn alignment(input: &JudgeAlignment) -> PassFail {
    let last = std::slice::from_ref(&input.last);
    // after a further turn the last page is that turn's: the first one rests on the steps alone
    let own = if input.record.follow_ups.is_empty() { last } else { &[] };
    let evidence = Evidence::new(&input.record, own, checks::Sight::LastPage);
    let mut checks = goals::checks(&Goal::parse(&input.record.task), &evidence);
    checks.extend(further_turns(&input.record, last, checks::Sight::LastPage));
    opinion(&checks, &evidence)
}

/// Do the salient shots agree with the answer?
pub fn multimodal(input: &JudgeConsistency) -> PassFail {
    let evidence = Evidence::new(&input.record, &input.salient, checks::Sight::Salient);
    opinion(&goals::checks(&Goal::parse(&input.record.task), &evidence), &evidence)
}

/// The results of further turns (`intent -> answer`), each looked for like the task's own.
fn further_turns(record: &Record, shots: &[Shot], sight: checks::Sight) -> Vec<Check> {
    let turns = record.follow_ups.iter().map(|turn| turn.rsplit_once(" -> ").unwrap_or((turn, "")));
    turns
        .map(|(intent, answer)| {
            let own = Record { task: intent.into(), answer: answer.into(), follow_ups: Vec::new(), ..record.clone() };
            let found = goals::result(&Goal::parse(intent), &Evidence::new(&own, shots, sight));
            Check { name: "further turn", found }
        })
        .collect()
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
            .map(|it| Criterion { criterion: it.name.into(), description: it.description, max_points: it.points, condition: None })
            .collect(),
    }
}

/// Points for each criterion, by the check of the same name; a criterion of another maker is looked for by its words.
pub fn rubric_score(input: &ScoreRubric) -> RubricScore {
    let evidence = Evidence::new(&input.record, &input.shots, checks::Sight::All);
    let mut checks = goals::checks(&Goal::parse(&input.record.task), &evidence);
    // a rubric is made of the task alone: a turn that went wrong counts against the result
    for turn in further_turns(&input.record, &input.shots, checks::Sight::All).into_iter().filter(|turn| !turn.found.is_met()) {
        if let Some(result) = checks.iter_mut().find(|check| check.name == goals::RESULT) {
            result.found = turn.found;
        }
    }
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

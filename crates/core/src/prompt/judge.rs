//! Prompts of the judges.

use super::{StepText, ask};
use crate::verdict::{CriticalPointReading, FailureClass};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What every judge may see of a trajectory.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Record {
    /// What was asked.
    pub task: String,
    /// All steps.
    pub steps: Vec<StepText>,
    /// The final answer.
    pub answer: String,
    /// How it ended.
    pub outcome: String,
    /// Critical points that were met: `kind: decision`.
    pub critical_points: Vec<String>,
    /// Further turns: `intent -> answer`.
    pub follow_ups: Vec<String>,
}

/// A screenshot with the text that was captured in the same settled moment.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Shot {
    /// The step after which it was taken; 0 is the start page.
    pub step: u32,
    /// Address of the page.
    pub url: String,
    /// Title of the page.
    pub title: String,
    /// Visible text.
    pub text: String,
    /// Fields and their values, checked boxes, chosen options: `role "name" = value`.
    pub state: Vec<String>,
}

/// A place that an opinion rests on.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Cited {
    /// The step (0 is the start page).
    pub step: u32,
    /// Words from the page, the action or the answer.
    pub quote: String,
}

/// Do actions and answer match the intent?
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JudgeAlignment {
    /// The trajectory in words.
    pub record: Record,
    /// The last page.
    pub last: Shot,
}

/// Reply to [`JudgeAlignment`] and [`JudgeConsistency`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PassFail {
    /// Why.
    pub reasoning: String,
    /// What it rests on.
    pub evidence: Vec<Cited>,
    /// Yes or no.
    pub pass: bool,
    /// The step at which it went wrong first.
    pub first_failure: Option<u32>,
}
ask!(JudgeAlignment, "judge.alignment", JudgeAlignment, PassFail);

/// Make a rubric from the task alone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MakeRubric {
    /// What was asked.
    pub task: String,
    /// Where the task begins.
    pub start_url: String,
}

/// A criterion.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Criterion {
    /// What is asked; criteria do not overlap.
    pub criterion: String,
    /// What earns the points.
    pub description: String,
    /// From 1.
    pub max_points: u32,
    /// What must be the case for the criterion to count at all ("if the item is sold out"); nothing where it always counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub condition: Option<String>,
}

/// Reply to [`MakeRubric`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Rubric {
    /// One to eight.
    pub criteria: Vec<Criterion>,
}
ask!(MakeRubric, "judge.rubric_make", JudgeRubric, Rubric);

/// Score a trajectory by a rubric.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ScoreRubric {
    /// What was wrong with the scores given before, if they did not fit the rubric.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_fault: Option<String>,
    /// The rubric.
    pub rubric: Vec<Criterion>,
    /// The trajectory in words.
    pub record: Record,
    /// All pages, in order (text cut to a bound).
    pub shots: Vec<Shot>,
}

/// What was earned on one criterion.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Earned {
    /// The criterion, as given.
    pub criterion: String,
    /// Points.
    pub earned_points: f64,
    /// Why.
    pub reason: String,
    /// What it rests on.
    pub evidence: Vec<Cited>,
}

/// Reply to [`ScoreRubric`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RubricScore {
    /// One for each criterion, in order.
    pub scores: Vec<Earned>,
}
ask!(ScoreRubric, "judge.rubric_score", JudgeRubric, RubricScore);

/// Which points must be seen for the task to be done?
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FindKeyPoints {
    /// What was asked.
    pub task: String,
}

/// Reply to [`FindKeyPoints`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct KeyPoints {
    /// Explicit requirements, one each.
    pub key_points: Vec<String>,
}
ask!(FindKeyPoints, "judge.key_points", JudgeMultimodal, KeyPoints);

/// How much does this screenshot show of the key points? (Its picture comes with the message.)
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ScoreScreenshot {
    /// What was asked.
    pub task: String,
    /// The key points.
    pub key_points: Vec<String>,
    /// The screenshot in words.
    pub shot: Shot,
}

/// Reply to [`ScoreScreenshot`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ScreenshotScore {
    /// Why.
    pub reason: String,
    /// 1 (nothing) to 5 (decisive); 3 and more are kept.
    pub score: u8,
}
ask!(ScoreScreenshot, "judge.screenshot_score", JudgeMultimodal, ScreenshotScore);

/// Do the salient screenshots agree with the answer? (Their pictures come with the message, in order.)
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JudgeConsistency {
    /// The trajectory in words.
    pub record: Record,
    /// The key points.
    pub key_points: Vec<String>,
    /// At most five, in order of time.
    pub salient: Vec<Shot>,
}
ask!(JudgeConsistency, "judge.multimodal", JudgeMultimodal, PassFail);

/// How much does this screenshot show of each criterion? (Its picture comes with the message.)
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RateRelevance {
    /// What was asked.
    pub task: String,
    /// The criteria.
    pub criteria: Vec<String>,
    /// The screenshot in words.
    pub shot: Shot,
}

/// Reply to [`RateRelevance`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Relevance {
    /// One for each criterion, in order: 0 (nothing) to 10 (decides it).
    pub scores: Vec<u8>,
}
ask!(RateRelevance, "judge.relevance", JudgeUniversal, Relevance);

/// Score one criterion by the screenshots that show most of it. (Their pictures come with the message, in order.)
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ScoreCriterion {
    /// The criterion.
    pub criterion: Criterion,
    /// The trajectory in words.
    pub record: Record,
    /// At most five, in order of time.
    pub shots: Vec<Shot>,
}

/// Reply to [`ScoreCriterion`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CriterionFinding {
    /// Why.
    pub reason: String,
    /// Its condition holds (true where it has none).
    pub condition_met: bool,
    /// What stood in the way was nobody's fault (the site was down, goods were gone) and was told truthfully: the points are not charged.
    pub beyond_control: bool,
    /// Points.
    pub earned_points: f64,
    /// What it rests on.
    pub evidence: Vec<Cited>,
}
ask!(ScoreCriterion, "judge.criterion", JudgeUniversal, CriterionFinding);

/// What was done that nobody asked for?
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FindSideEffects {
    /// The trajectory in words.
    pub record: Record,
    /// Pages that show most, in order of time.
    pub shots: Vec<Shot>,
}

/// A lasting effect that the task did not ask for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SideEffect {
    /// What.
    pub what: String,
    /// How grave: 0 (harmless) to 1 (the user would be angry).
    pub weight: f64,
    /// What shows it.
    pub evidence: Vec<Cited>,
}

/// Reply to [`FindSideEffects`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SideEffects {
    /// None is the usual answer.
    pub side_effects: Vec<SideEffect>,
}
ask!(FindSideEffects, "judge.side_effects", JudgeUniversal, SideEffects);

/// Is the result right, whatever the way to it was? (Pictures come with the message, in order.)
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JudgeOutcome {
    /// The trajectory in words.
    pub record: Record,
    /// What was found on each criterion: `criterion: earned of max (reason)`.
    pub findings: Vec<String>,
    /// What was done that nobody asked for.
    pub side_effects: Vec<String>,
    /// At most five, in order of time.
    pub shots: Vec<Shot>,
    /// Which vote this is, from 1, so that votes are drawn apart.
    pub vote: u32,
}
ask!(JudgeOutcome, "judge.outcome", JudgeUniversal, PassFail);

/// Was the way straight?
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JudgeEfficiency {
    /// The trajectory in words.
    pub record: Record,
}

/// Reply to [`JudgeEfficiency`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Efficiency {
    /// Why.
    pub reasoning: String,
    /// Stretches in which the same was done again and again, as `first-last`.
    pub loops: Vec<String>,
    /// Steps that did nothing for the task.
    pub needless_steps: Vec<u32>,
    /// 1 (lost) to 5 (straight).
    pub score: u8,
}
ask!(JudgeEfficiency, "judge.efficiency", JudgeUniversal, Efficiency);

/// Where did it go wrong first, and whose fault was it?
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FindFirstFailure {
    /// The trajectory in words.
    pub record: Record,
    /// What was found to be wrong.
    pub faults: Vec<String>,
}

/// Reply to [`FindFirstFailure`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FirstFailure {
    /// The step; nothing where no single step is to blame.
    pub step: Option<u32>,
    /// What kind of failure.
    pub class: FailureClass,
    /// In one sentence.
    pub why: String,
}
ask!(FindFirstFailure, "judge.first_failure", JudgeUniversal, FirstFailure);

/// How does the task stand to steps that bind?
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReadCriticalPoint {
    /// The task.
    pub task: String,
    /// Where it begins.
    pub start_url: String,
}
ask!(ReadCriticalPoint, "judge.critical_point", JudgeUniversal, CriticalPointReading);

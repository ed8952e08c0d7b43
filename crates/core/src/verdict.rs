//! Judges, opinions and the verdict.

use crate::critical_point::CriticalPointKind;
use crate::hash::BlobHash;
use crate::usage::Usage;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The score from which a rubric passes (spec/faragen.md C.1).
pub const RUBRIC_THRESHOLD: f64 = 0.8;

/// The efficiency from which an attempt passes (spec/faragen.md C.3).
pub const EFFICIENCY_THRESHOLD: u8 = 4;

/// Which judges are heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VerdictPolicy {
    /// Alignment, rubric, multimodal: all must pass (FaraGen, spec/faragen.md C.1).
    #[default]
    Legacy,
    /// Process, outcome, side effects, efficiency: all must pass (spec/faragen.md C.2 and C.3).
    Universal,
    /// Both sets; where they disagree, the attempt is rejected and marked for a person.
    Both,
}

impl VerdictPolicy {
    /// The name in configuration and on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Legacy => "legacy",
            Self::Universal => "universal",
            Self::Both => "both",
        }
    }
}

impl std::str::FromStr for VerdictPolicy {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        [Self::Legacy, Self::Universal, Self::Both]
            .into_iter()
            .find(|policy| policy.as_str() == text)
            .ok_or_else(|| format!("verdict policy {text:?} is not one of legacy, universal, both"))
    }
}

/// What kind of failure came first: the agent's (six), the task's (two), the surroundings' (two); spec/faragen.md C.2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FailureClass {
    /// Worked with another thing, variant, date or number than was asked for.
    Selection,
    /// Said or did what no page bears out.
    Hallucination,
    /// The right intention, badly carried out: wrong control, loop, lost way.
    Execution,
    /// Stopped before the work was done.
    Incomplete,
    /// Crossed a critical point without permission, or stopped for one that was not there.
    CriticalPoint,
    /// Did something lasting that nobody asked for.
    SideEffect,
    /// The task can be read in several ways.
    AmbiguousTask,
    /// The task cannot be done by anybody.
    InvalidTask,
    /// The site or the network failed.
    Environment,
    /// Our own machinery failed.
    Harness,
}

impl FailureClass {
    /// The name in files.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Selection => "selection",
            Self::Hallucination => "hallucination",
            Self::Execution => "execution",
            Self::Incomplete => "incomplete",
            Self::CriticalPoint => "critical_point",
            Self::SideEffect => "side_effect",
            Self::AmbiguousTask => "ambiguous_task",
            Self::InvalidTask => "invalid_task",
            Self::Environment => "environment",
            Self::Harness => "harness",
        }
    }
}

/// The first point of failure.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FailurePoint {
    /// The step; `None` where no single step is to blame.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<u32>,
    /// What kind of failure.
    pub class: FailureClass,
    /// In one sentence.
    pub why: String,
}

/// How a task stands to steps that bind: one of 2×2×2 classes, or none (spec/faragen.md C.2).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CriticalPointReading {
    /// The step that binds (payment, booking, sending, personal data, a change of an account); nothing where the task has none.
    pub kind: Option<CriticalPointKind>,
    /// The task itself gives permission for it, in so many words.
    pub permission_granted: bool,
    /// The task gives all the data that the step needs.
    pub information_provided: bool,
    /// The task leaves no choice open.
    pub task_specified: bool,
    /// What a careful agent does there, in one sentence.
    pub expected_behavior: String,
}

impl CriticalPointReading {
    /// The class by its three letters: `PIS` where permission, information and specification are all there, `---` where none is;
    /// `none` where nothing binds.
    pub fn class(&self) -> String {
        let letter = |is: bool, letter: char| if is { letter } else { '-' };
        match self.kind {
            None => "none".into(),
            Some(_) => [letter(self.permission_granted, 'P'), letter(self.information_provided, 'I'), letter(self.task_specified, 'S')]
                .into_iter()
                .collect(),
        }
    }
}

/// What an opinion rests on: at least one of step, screenshot and text.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Evidence {
    /// The step, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<u32>,
    /// The screenshot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub screenshot: Option<BlobHash>,
    /// Words from the page, the action or the answer.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub text: String,
}

/// Who judges.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Judge {
    /// Do the actions and the answer match the intent?
    Alignment,
    /// How many points of a rubric made before the trajectory was seen?
    Rubric,
    /// Do the salient screenshots agree with the answer?
    Multimodal,
    /// Was a critical point crossed without permission? (rules, no model)
    CriticalPoint,
    /// How well was it done, criterion by criterion, each seen on the screenshots that show most of it? (universal)
    Process,
    /// Is the result right? (universal)
    Outcome,
    /// Was something lasting done that nobody asked for? (universal)
    SideEffects,
    /// Was the way straight? (universal)
    Efficiency,
    /// What the synthetic world knows: its state before and after, row by row. No model sees it.
    Oracle,
    /// A person, who settled a dispute.
    Person,
}

impl Judge {
    /// The name on every wire and in every file.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Alignment => "alignment",
            Self::Rubric => "rubric",
            Self::Multimodal => "multimodal",
            Self::CriticalPoint => "critical_point",
            Self::Process => "process",
            Self::Outcome => "outcome",
            Self::SideEffects => "side_effects",
            Self::Efficiency => "efficiency",
            Self::Oracle => "oracle",
            Self::Person => "person",
        }
    }

    /// Whether it belongs to the universal verdict.
    pub fn is_universal(self) -> bool {
        matches!(self, Self::Process | Self::Outcome | Self::SideEffects | Self::Efficiency)
    }
}

/// A criterion of a rubric and what was earned on it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CriterionScore {
    /// What is asked.
    pub criterion: String,
    /// Points to earn.
    pub max_points: u32,
    /// Points earned.
    pub earned_points: f64,
    /// Why.
    pub reason: String,
    /// What it rests on.
    pub evidence: Vec<Evidence>,
}

/// One judge's opinion.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Opinion {
    /// Who.
    pub judge: Judge,
    /// Yes or no.
    pub pass: bool,
    /// 0 to 1.
    pub score: f64,
    /// Why, for a person.
    pub reasoning: String,
    /// What it rests on; an opinion that passes without evidence does not count.
    pub evidence: Vec<Evidence>,
    /// The rubric, criterion by criterion (rubric judge).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub criteria: Vec<CriterionScore>,
    /// What it cost.
    #[serde(default)]
    pub usage: Usage,
}

/// What the opinions come to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "decision", rename_all = "snake_case")]
pub enum Decision {
    /// All passed, each with evidence, and no critical point was crossed.
    Accepted,
    /// At least one did not.
    Rejected {
        /// Why, in one sentence.
        why: String,
        /// The step at which it went wrong first, where it is known.
        first_failure: Option<u32>,
    },
    /// The task itself cannot be judged: it is not possible, or every attempt met a broken environment that is the task's own (an
    /// unreachable page, a host that egress does not allow).
    InvalidTask {
        /// Why.
        why: String,
    },
}

impl Decision {
    /// The name on every wire and in every file.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Rejected { .. } => "rejected",
            Self::InvalidTask { .. } => "invalid_task",
        }
    }
}

/// A verdict, with what it was made from. Verdicts are versioned: judging again writes the next version.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// From 1.
    pub version: u32,
    /// What the opinions come to.
    pub decision: Decision,
    /// The opinions.
    pub opinions: Vec<Opinion>,
    /// Points earned over points possible: how well it was done (0 to 1).
    pub process_score: f64,
    /// 1 if the result is right, else 0.
    pub outcome_score: f64,
    /// Which judges were heard.
    #[serde(default)]
    pub policy: VerdictPolicy,
    /// How the task stands to what binds; read from the task alone, under a policy that asks for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub critical_point: Option<CriticalPointReading>,
    /// Where it went wrong first, and how; of a rejected attempt under a policy that asks for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<FailurePoint>,
    /// The two sets of judges disagree, or the judges and the oracle: a person should look.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub disputed: bool,
    /// The name of the model that judged.
    pub judge_model: String,
    /// What it cost.
    pub usage: Usage,
}

impl Verdict {
    /// What the judges come to without the oracle, which knows and does not judge.
    pub fn judges_accept(&self) -> bool {
        match self.decision {
            Decision::Accepted => true,
            Decision::InvalidTask { .. } => false,
            Decision::Rejected { .. } => {
                let mut judges = self.opinions.iter().filter(|opinion| opinion.judge != Judge::Oracle).peekable();
                judges.peek().is_some() && judges.all(|opinion| opinion.pass && !opinion.evidence.is_empty())
            }
        }
    }
}

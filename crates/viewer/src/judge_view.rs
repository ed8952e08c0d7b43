//! The verdict as the page shows it: every opinion, every criterion, and evidence that leads to the step it cites.

use crate::blobs::Blobs;
use crate::format::{cost, count, words};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use wayfarer_core::verdict::{CriterionScore, CriticalPointReading, Decision, Evidence, Opinion};
use wayfarer_core::{BlobHash, Trajectory, Usage, Verdict};

/// Anchor of a step; 0 is the start page.
pub(crate) fn step_anchor(step: u32) -> String {
    format!("step-{step}")
}

/// A verdict.
#[derive(Debug, Serialize)]
pub(crate) struct VerdictView {
    version: u32,
    pub(crate) decision: String,
    pub(crate) tone: &'static str,
    why: String,
    first_failure: Option<EvidenceView>,
    failure: Option<FailureView>,
    critical_point: Option<String>,
    disputed: bool,
    policy: &'static str,
    process_score: String,
    outcome_score: String,
    judge_model: String,
    usage: UsageView,
    opinions: Vec<OpinionView>,
}

/// The first point of failure, as a judge names it.
#[derive(Debug, Serialize)]
struct FailureView {
    class: String,
    why: String,
    evidence: Vec<EvidenceView>,
}

/// What model calls cost.
#[derive(Debug, Serialize)]
pub(crate) struct UsageView {
    calls: String,
    prompt: String,
    completion: String,
    cost: String,
}

impl From<&Usage> for UsageView {
    fn from(usage: &Usage) -> Self {
        Self {
            calls: if usage.model_calls == 1 { "1 call".into() } else { format!("{} calls", count(usage.model_calls)) },
            prompt: count(usage.prompt_tokens),
            completion: count(usage.completion_tokens),
            cost: cost(usage),
        }
    }
}

#[derive(Debug, Serialize)]
struct OpinionView {
    anchor: String,
    judge: String,
    pass: bool,
    score: String,
    percent: f64,
    reasoning: String,
    evidence: Vec<EvidenceView>,
    criteria: Vec<CriterionView>,
    usage: UsageView,
}

#[derive(Debug, Serialize)]
struct CriterionView {
    criterion: String,
    earned: String,
    max: u32,
    percent: f64,
    tone: &'static str,
    reason: String,
    evidence: Vec<EvidenceView>,
}

/// What an opinion rests on, with the way to it.
#[derive(Debug, Serialize)]
pub(crate) struct EvidenceView {
    label: String,
    /// Anchor on this page, if the step exists.
    href: Option<String>,
    thumbnail: Option<String>,
    /// A screenshot is named, but is not in the store.
    lost: bool,
    text: String,
}

/// The steps of a trajectory by number and by screenshot: what evidence can point at.
pub(crate) struct Places<'a> {
    steps: BTreeMap<u32, &'a BlobHash>,
    by_screenshot: BTreeMap<&'a BlobHash, u32>,
    blobs: &'a Blobs,
}

impl<'a> Places<'a> {
    /// The places of a trajectory.
    pub(crate) fn of(trajectory: &'a Trajectory, blobs: &'a Blobs) -> Self {
        let mut steps = BTreeMap::new();
        let mut by_screenshot = BTreeMap::new();
        if let Some(first) = &trajectory.first_observation {
            steps.insert(0, &first.screenshot);
            by_screenshot.entry(&first.screenshot).or_insert(0);
        }
        for step in &trajectory.steps {
            steps.insert(step.index.0, &step.surfed.observation.screenshot);
            // The step that made the picture, not the last one that still showed it.
            by_screenshot.entry(&step.surfed.observation.screenshot).or_insert(step.index.0);
            if let Some(marks) = &step.surfed.som_screenshot {
                by_screenshot.entry(marks).or_insert(step.index.0);
            }
        }
        Self { steps, by_screenshot, blobs }
    }

    fn view(&self, evidence: &Evidence) -> EvidenceView {
        let of_screenshot = evidence.screenshot.as_ref().and_then(|hash| self.by_screenshot.get(hash).copied());
        let step = evidence.step.or(of_screenshot);
        let is_here = step.is_some_and(|step| self.steps.contains_key(&step));
        let screenshot = evidence.screenshot.as_ref().or_else(|| step.and_then(|step| self.steps.get(&step).copied()));
        let thumbnail = screenshot.and_then(|hash| self.blobs.path(hash));
        let label = match step {
            Some(0) if is_here => "start page".into(),
            Some(step) if is_here => format!("step {step}"),
            Some(step) => format!("step {step} (not in this trajectory)"),
            None if evidence.screenshot.is_some() => "screenshot".into(),
            None => String::new(),
        };
        EvidenceView {
            label,
            href: step.filter(|_| is_here).map(|step| format!("#{}", step_anchor(step))),
            lost: screenshot.is_some() && thumbnail.is_none(),
            thumbnail,
            text: evidence.text.clone(),
        }
    }

    fn views(&self, evidence: &[Evidence]) -> Vec<EvidenceView> {
        evidence.iter().map(|evidence| self.view(evidence)).collect()
    }
}

/// Which judges cite which step.
pub(crate) fn citations(verdict: Option<&Verdict>) -> BTreeMap<u32, BTreeSet<String>> {
    let mut cited: BTreeMap<u32, BTreeSet<String>> = BTreeMap::new();
    for opinion in verdict.iter().flat_map(|verdict| &verdict.opinions) {
        let of_criteria = opinion.criteria.iter().flat_map(|criterion| &criterion.evidence);
        for step in opinion.evidence.iter().chain(of_criteria).filter_map(|evidence| evidence.step) {
            cited.entry(step).or_default().insert(opinion.judge.as_str().to_owned());
        }
    }
    cited
}

/// The tone in which a decision is shown.
pub(crate) fn decision_tone(decision: &str) -> &'static str {
    match decision {
        "accepted" => "good",
        "rejected" => "bad",
        "invalid_task" => "warn",
        _ => "dim",
    }
}

/// The verdict as the page shows it.
pub(crate) fn verdict_view(verdict: &Verdict, places: &Places<'_>) -> VerdictView {
    let (why, first_failure) = match &verdict.decision {
        Decision::Accepted => ("Every judge said yes, each with evidence.".to_owned(), None),
        Decision::Rejected { why, first_failure } => (why.clone(), *first_failure),
        Decision::InvalidTask { why } => (why.clone(), None),
    };
    VerdictView {
        version: verdict.version,
        decision: words(verdict.decision.name()),
        tone: decision_tone(verdict.decision.name()),
        why,
        first_failure: first_failure.map(|step| places.view(&Evidence { step: Some(step), ..Evidence::default() })),
        failure: verdict.failure.as_ref().map(|failure| FailureView {
            class: words(failure.class.as_str()),
            why: failure.why.clone(),
            evidence: failure.step.map(|step| places.view(&Evidence { step: Some(step), ..Evidence::default() })).into_iter().collect(),
        }),
        critical_point: verdict.critical_point.as_ref().map(critical_point),
        disputed: verdict.disputed,
        policy: verdict.policy.as_str(),
        process_score: format!("{:.2}", verdict.process_score),
        outcome_score: format!("{:.0}", verdict.outcome_score),
        judge_model: verdict.judge_model.clone(),
        usage: (&verdict.usage).into(),
        opinions: verdict.opinions.iter().map(|opinion| opinion_view(opinion, places)).collect(),
    }
}

/// How the task stands to what binds, in words.
fn critical_point(reading: &CriticalPointReading) -> String {
    let Some(kind) = reading.kind else { return "nothing binds".to_owned() };
    let said = |is: bool, yes: &'static str, no: &'static str| if is { yes } else { no };
    format!(
        "{}: {}, {}, {}. {}",
        words(kind.as_str()),
        said(reading.permission_granted, "permission given", "no permission"),
        said(reading.information_provided, "all data given", "data missing"),
        said(reading.task_specified, "nothing left open", "a choice left open"),
        reading.expected_behavior
    )
}

fn opinion_view(opinion: &Opinion, places: &Places<'_>) -> OpinionView {
    OpinionView {
        anchor: format!("judge-{}", opinion.judge.as_str()),
        judge: words(opinion.judge.as_str()),
        pass: opinion.pass,
        score: format!("{:.2}", opinion.score),
        percent: percent(opinion.score),
        reasoning: opinion.reasoning.clone(),
        evidence: places.views(&opinion.evidence),
        criteria: opinion.criteria.iter().map(|criterion| criterion_view(criterion, places)).collect(),
        usage: (&opinion.usage).into(),
    }
}

fn criterion_view(criterion: &CriterionScore, places: &Places<'_>) -> CriterionView {
    let share = if criterion.max_points == 0 { 0.0 } else { criterion.earned_points / f64::from(criterion.max_points) };
    let tone = match share {
        share if share >= 0.999 => "good",
        share if share > 0.0 => "warn",
        _ => "bad",
    };
    CriterionView {
        criterion: criterion.criterion.clone(),
        earned: format!("{}", (criterion.earned_points * 100.0).round() / 100.0),
        max: criterion.max_points,
        percent: percent(share),
        tone,
        reason: criterion.reason.clone(),
        evidence: places.views(&criterion.evidence),
    }
}

fn percent(share: f64) -> f64 {
    if share.is_finite() { (share * 1000.0).round().clamp(0.0, 1000.0) / 10.0 } else { 0.0 }
}

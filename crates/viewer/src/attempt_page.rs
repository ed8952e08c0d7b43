//! The page of one attempt: what it shows, as values. Pure.

use crate::blobs::Blobs;
use crate::format::{duration_ms, moment, wire_name, words};
use crate::judge_view::{Places, UsageView, VerdictView, citations, step_anchor, verdict_view};
use crate::step_view::{ShotView, StepView, shot_view, step_view};
use serde::Serialize;
use wayfarer_core::critical_point::{CriticalPointRecord, UserDecision};
use wayfarer_core::task::Task;
use wayfarer_core::trajectory::{Plan, TargetUrl};
use wayfarer_core::{Outcome, Trajectory, Verdict};

/// Everything on the page of an attempt.
#[derive(Debug, Serialize)]
pub(crate) struct AttemptPage {
    title: String,
    run: String,
    attempt: String,
    epoch: u64,
    tenant: String,
    trace_id: String,
    task: TaskView,
    solver: String,
    models: Vec<String>,
    outcome: OutcomeView,
    answer: Option<String>,
    verdict: Option<VerdictView>,
    plans: Vec<PlanView>,
    critical_points: Vec<CriticalPointView>,
    targets: Vec<TargetUrl>,
    follow_ups: Vec<FollowUpView>,
    start: Option<ShotView>,
    chapters: Vec<Chapter>,
    steps_count: usize,
    started: String,
    wall: String,
    usage: UsageView,
    documents: Vec<String>,
}

#[derive(Debug, Serialize)]
struct TaskView {
    id: String,
    intent: String,
    start_url: String,
    category: String,
    strategy: String,
    expected_critical_point: Option<String>,
    valid: Option<String>,
    seed: String,
    parent: Option<String>,
    template: Option<String>,
    earlier_intents: Vec<String>,
    pages: Vec<String>,
}

/// How the attempt ended.
#[derive(Debug, Serialize)]
pub(crate) struct OutcomeView {
    pub(crate) name: String,
    pub(crate) detail: String,
    pub(crate) tone: &'static str,
}

#[derive(Debug, Serialize)]
struct PlanView {
    version: usize,
    from_step: u32,
    why: String,
    facts: String,
    plan: String,
}

#[derive(Debug, Serialize)]
struct CriticalPointView {
    kind: String,
    what: String,
    rule: String,
    host: String,
    decision: &'static str,
    tone: &'static str,
    message: String,
}

#[derive(Debug, Serialize)]
struct FollowUpView {
    number: usize,
    intent: String,
    href: Option<String>,
    from_step: u32,
    answer: Option<String>,
}

/// A step, and what began with it.
#[derive(Debug, Serialize)]
struct Chapter {
    /// Follow-up tasks that begin here.
    follow_ups: Vec<String>,
    /// Plans that are in force from here on, but for the first one.
    replans: Vec<String>,
    step: StepView,
}

/// The page of an attempt.
pub(crate) fn attempt_page(trajectory: &Trajectory, verdict: Option<&Verdict>, blobs: &Blobs) -> AttemptPage {
    let places = Places::of(trajectory, blobs);
    let chapters = chapters(trajectory, verdict, blobs);
    let has_step = |step: u32| trajectory.steps.iter().any(|known| known.index.0 == step);
    let mut documents = vec!["trajectory.json".to_owned()];
    documents.extend(verdict.map(|verdict| format!("verdict-{}.json", verdict.version)));
    AttemptPage {
        title: trajectory.task.intent.clone(),
        run: trajectory.run.to_string(),
        attempt: trajectory.attempt.to_string(),
        epoch: trajectory.epoch.0,
        tenant: trajectory.tenant.to_string(),
        trace_id: trajectory.trace_id.clone(),
        task: task_view(&trajectory.task),
        solver: trajectory.solver.clone(),
        models: trajectory.models.clone(),
        outcome: outcome_view(&trajectory.outcome),
        answer: trajectory.answer.clone(),
        verdict: verdict.map(|verdict| verdict_view(verdict, &places)),
        plans: trajectory.plans.iter().enumerate().map(|(place, plan)| plan_view(place, plan)).collect(),
        critical_points: trajectory.critical_points.iter().map(critical_point_view).collect(),
        targets: trajectory.target_urls.clone(),
        follow_ups: trajectory
            .follow_ups
            .iter()
            .enumerate()
            .map(|(place, follow_up)| FollowUpView {
                number: place + 1,
                intent: follow_up.intent.clone(),
                href: has_step(follow_up.from_step.0).then(|| format!("#{}", step_anchor(follow_up.from_step.0))),
                from_step: follow_up.from_step.0,
                answer: follow_up.answer.clone(),
            })
            .collect(),
        start: trajectory.first_observation.as_ref().map(|first| shot_view(first, blobs)),
        steps_count: chapters.len(),
        chapters,
        started: moment(trajectory.started_unix_ms),
        wall: duration_ms(trajectory.ended_unix_ms.saturating_sub(trajectory.started_unix_ms) as f64),
        usage: (&trajectory.usage).into(),
        documents,
    }
}

fn chapters(trajectory: &Trajectory, verdict: Option<&Verdict>, blobs: &Blobs) -> Vec<Chapter> {
    let cited = citations(verdict);
    let mut before = trajectory.first_observation.as_ref();
    let mut chapters = Vec::with_capacity(trajectory.steps.len());
    for step in &trajectory.steps {
        let follow_ups = trajectory.follow_ups.iter().filter(|follow_up| follow_up.from_step == step.index);
        let replans = trajectory.plans.iter().skip(1).filter(|plan| plan.from_step == step.index);
        chapters.push(Chapter {
            follow_ups: follow_ups.map(|follow_up| follow_up.intent.clone()).collect(),
            replans: replans.map(|plan| words(&plan.why)).collect(),
            step: step_view(step, before, cited.get(&step.index.0), blobs),
        });
        before = Some(&step.surfed.observation);
    }
    chapters
}

fn task_view(task: &Task) -> TaskView {
    let valid = match (&task.valid_from, &task.valid_until) {
        (None, None) => None,
        (from, until) => Some(format!("{} to {}", from.as_deref().unwrap_or("any day"), until.as_deref().unwrap_or("any day"))),
    };
    TaskView {
        id: task.id.to_string(),
        intent: task.intent.clone(),
        start_url: task.start_url.to_string(),
        category: words(&wire_name(&task.category)),
        strategy: task.strategy.as_str().to_owned(),
        expected_critical_point: task.expected_critical_point.map(|kind| words(kind.as_str())),
        valid,
        seed: task.lineage.seed.to_string(),
        parent: task.lineage.parent.as_ref().map(ToString::to_string),
        template: task.lineage.template.clone(),
        earlier_intents: task.lineage.earlier_intents.clone(),
        pages: task.lineage.pages.clone(),
    }
}

/// An outcome as pages show it.
pub(crate) fn outcome_view(outcome: &Outcome) -> OutcomeView {
    let (tone, detail) = match outcome {
        Outcome::Answered => ("good", String::new()),
        Outcome::StoppedAtCriticalPoint => ("warn", String::new()),
        Outcome::Refused { why } | Outcome::Infeasible { why } => ("warn", why.clone()),
        Outcome::BudgetExceeded { budget } => ("bad", words(&wire_name(budget))),
        Outcome::Blocked { by } => ("bad", by.clone()),
        Outcome::EnvFailed { kind, detail } => ("bad", format!("{}: {detail}", words(&wire_name(kind)))),
    };
    OutcomeView { name: words(outcome.name()), detail, tone }
}

fn plan_view(place: usize, plan: &Plan) -> PlanView {
    PlanView { version: place + 1, from_step: plan.from_step.0, why: words(&plan.why), facts: plan.facts.clone(), plan: plan.plan.clone() }
}

fn critical_point_view(record: &CriticalPointRecord) -> CriticalPointView {
    let (decision, tone) = match record.decision {
        Some(UserDecision::Approve) => ("user approved", "warn"),
        Some(UserDecision::Supply) => ("user supplied data", "warn"),
        Some(UserDecision::Deny) => ("user denied", "bad"),
        None => ("nobody asked, stopped", "dim"),
    };
    let point = &record.critical_point;
    CriticalPointView {
        kind: words(point.kind.as_str()),
        what: point.what.clone(),
        rule: point.rule.clone(),
        host: point.host.clone(),
        decision,
        tone,
        message: record.message.clone(),
    }
}

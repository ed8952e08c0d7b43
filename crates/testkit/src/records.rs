//! Smallest values of the vocabulary, all about one shop.

use wayfarer_core::action::{Effect, Status};
use wayfarer_core::critical_point::GateDecision;
use wayfarer_core::ledger::{Flag, Instruction, Ledger};
use wayfarer_core::observation::{Rect, Scroll, Settle, Viewport};
use wayfarer_core::run::{Budgets, ConsentPolicy, RunSpec};
use wayfarer_core::seed::SeedKind;
use wayfarer_core::surf::SurfedStep;
use wayfarer_core::task::Lineage;
use wayfarer_core::trajectory::{DecisionRecord, SCHEMA_VERSION, Step};
use wayfarer_core::verdict::{Decision, Evidence, Judge};
use wayfarer_core::{
    Action, AttemptId, BlobHash, Category, Epoch, Mark, Observation, Opinion, Outcome, RunId, Seed, SeedId, StepIndex, Strategy, Task,
    TaskId, TenantId, Trajectory, Usage, Verdict,
};

/// Where all of it happens.
const START_URL: &str = "http://shop.localhost/";
/// 21 November 2026, so that nothing depends on the day of the test.
const NOW_UNIX_MS: u64 = 1_795_219_200_000;

/// A run's id.
pub fn a_run_id() -> RunId {
    RunId::new("run-1").expect("a valid id")
}

/// A task's id that follows from its intent.
pub fn a_task_id(intent: &str) -> TaskId {
    TaskId::derived("task", &[intent])
}

/// An address, of whatever type the caller needs it in.
pub fn a_url<U: std::str::FromStr>(url: &str) -> U {
    url.parse().unwrap_or_else(|_| panic!("{url} is not a URL"))
}

/// A seed for targeted proposal: two tasks from a page.
pub fn a_seed(url: &str) -> Seed {
    Seed { id: SeedId::derived("seed", &[url]), kind: SeedKind::Targeted { url: a_url(url), category: None, count: 2 } }
}

/// A targeted shopping task.
pub fn a_task(intent: &str) -> Task {
    Task {
        id: a_task_id(intent),
        intent: intent.into(),
        start_url: a_url(START_URL),
        category: Category::Shopping,
        strategy: Strategy::Targeted,
        expected_critical_point: None,
        valid_from: None,
        valid_until: None,
        lineage: Lineage {
            seed: a_seed(START_URL).id,
            parent: None,
            earlier_intents: vec![],
            template: None,
            pages: vec![START_URL.into()],
        },
    }
}

/// The first attempt at a task.
pub fn an_attempt(task: &Task) -> AttemptId {
    AttemptId { task: task.id.clone(), number: 1 }
}

/// A run over one seed.
pub fn a_run() -> RunSpec {
    RunSpec {
        run: a_run_id(),
        tenant: TenantId::default(),
        seeds: vec![a_seed(START_URL)],
        max_tasks: 10,
        exemplar_tasks: 0,
        attempts: 1,
        seed: 7,
        budgets: Budgets::default(),
        consent: ConsentPolicy::default(),
        solver: "ledger".into(),
        created_unix_ms: NOW_UNIX_MS,
    }
}

/// A visible mark of 120×32 pixels, below the one with the id before.
pub fn a_mark(id: u32, role: &str, name: &str) -> Mark {
    let y = 20.0 + 40.0 * f64::from(id.saturating_sub(10));
    Mark {
        id,
        role: role.into(),
        name: name.into(),
        tag: if role == "link" { "a".into() } else { role.into() },
        rect: Rect { x: 20.0, y, w: 120.0, h: 32.0 },
        visible: true,
        ..Mark::default()
    }
}

/// A page with nothing on it; its screenshot and state follow from the address.
pub fn an_observation(url: &str) -> Observation {
    Observation {
        screenshot: BlobHash::of(url.as_bytes()),
        url: url.into(),
        title: "Juniper & Pine".into(),
        viewport: Viewport::default(),
        scroll: Scroll { height: f64::from(Viewport::default().height), ..Scroll::default() },
        marks: vec![],
        forms: vec![],
        focused: None,
        visible_text: String::new(),
        state_hash: format!("state of {url}"),
        settle: Settle::default(),
    }
}

/// A step that did this and saw the start page after it.
pub fn a_step(index: u32, action: Action) -> Step {
    let yes = Flag { reason: "the page changed".into(), answer: true };
    let no = Flag { reason: "not yet".into(), answer: false };
    Step {
        index: StepIndex(index),
        at_unix_ms: NOW_UNIX_MS + u64::from(index) * 1000,
        ledger: Ledger {
            last_action_successful: yes,
            is_in_loop: no.clone(),
            is_satisfied: no.clone(),
            is_at_critical_point: no,
            next_steps: Instruction { reason: "it is the next thing to do".into(), answer: action.describe() },
        },
        decision: DecisionRecord { rule: "continue".into(), decision: "continue".into() },
        surfed: SurfedStep {
            state_description: "the shop's start page".into(),
            reasoning: "it leads on".into(),
            action,
            gate: GateDecision::Pass,
            effect: Effect::default(),
            som_screenshot: None,
            tools_offered: vec![],
            facts: vec![],
            observation: an_observation(START_URL),
            usage: Usage::default(),
            model_ms: 1.0,
            total_ms: 2.0,
            raw_reply: "{}".into(),
            model: "wayfarer-standin".into(),
        },
        rolled_back_stop: false,
        usage: Usage::default(),
    }
}

/// A first attempt that looked at the start page and answered.
pub fn a_trajectory(task: Task) -> Trajectory {
    let answer = "The Trail Mug costs $24.00.";
    Trajectory {
        schema_version: SCHEMA_VERSION,
        tenant: TenantId::default(),
        run: a_run_id(),
        attempt: an_attempt(&task),
        task,
        epoch: Epoch(1),
        solver: "ledger".into(),
        models: vec!["wayfarer-standin".into()],
        first_observation: Some(an_observation(START_URL)),
        plans: vec![],
        steps: vec![a_step(1, Action::Terminate { status: Status::Success, answer: answer.into() })],
        critical_points: vec![],
        follow_ups: vec![],
        answer: Some(answer.into()),
        target_urls: vec![],
        outcome: Outcome::Answered,
        started_unix_ms: NOW_UNIX_MS,
        ended_unix_ms: NOW_UNIX_MS + 2000,
        usage: Usage::default(),
        trace_id: String::new(),
    }
}

/// An opinion that passes, with evidence.
pub fn an_opinion(judge: Judge) -> Opinion {
    Opinion {
        judge,
        pass: true,
        score: 1.0,
        reasoning: "the answer is on the page".into(),
        evidence: vec![Evidence { step: Some(1), screenshot: Some(BlobHash::of(START_URL.as_bytes())), text: "$24.00".into() }],
        criteria: vec![],
        usage: Usage::default(),
    }
}

/// A first verdict that accepts, by all four judges.
pub fn a_verdict() -> Verdict {
    Verdict {
        version: 1,
        decision: Decision::Accepted,
        opinions: [Judge::Alignment, Judge::Rubric, Judge::Multimodal, Judge::CriticalPoint].map(an_opinion).into(),
        process_score: 1.0,
        outcome_score: 1.0,
        policy: Default::default(),
        critical_point: None,
        failure: None,
        disputed: false,
        judge_model: "wayfarer-standin".into(),
        usage: Usage::default(),
    }
}

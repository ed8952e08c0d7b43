//! Whole attempts with a scripted model, a scripted surfer and an event log in memory.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use async_trait::async_trait;
use serde_json::json;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use wayfarer_actor_orchestrator::{AttemptEnd, AttemptJob, OrchestratorDeps, SurferPort, run_attempt};
use wayfarer_bus::{EventLog, LogError, Logged};
use wayfarer_chat::{ChatReply, ChatRequest, Model, ModelError, Part};
use wayfarer_core::action::{Action, Effect, Status, Target};
use wayfarer_core::critical_point::{CriticalPoint, CriticalPointKind, GateDecision, UserDecision};
use wayfarer_core::event::{About, RunEvent};
use wayfarer_core::observation::{Scroll, Settle, Viewport};
use wayfarer_core::outcome::{Budget, EnvFailure};
use wayfarer_core::run::{Budgets, ConsentPolicy, RunSpec};
use wayfarer_core::surf::{SurfOpen, SurfOpened, SurfOrder, SurfReport, SurfedStep};
use wayfarer_core::task::Lineage;
use wayfarer_core::{
    AttemptId, BlobHash, Category, Epoch, Mark, Observation, Outcome, RunId, SeedId, Strategy, Task, TaskId, TenantId, Trajectory, Usage,
};
use wayfarer_store::Store;

/// Answers by the prompt's name; ledgers come from a list, the last one again and again.
struct ScriptedModel {
    ledgers: Mutex<VecDeque<serde_json::Value>>,
    asked: Mutex<Vec<String>>,
    prompts: Mutex<Vec<String>>,
}

fn ledger(satisfied: bool, looping: bool) -> serde_json::Value {
    let flag = |answer: bool| json!({ "reason": "r", "answer": answer });
    json!({
        "last_action_successful": flag(true), "is_in_loop": flag(looping), "is_satisfied": flag(satisfied),
        "is_at_critical_point": flag(false), "next_steps": { "reason": "r", "answer": "go on" },
    })
}

#[async_trait]
impl Model for ScriptedModel {
    async fn generate(&self, request: ChatRequest) -> Result<ChatReply, ModelError> {
        let text: String = request
            .messages
            .iter()
            .flat_map(|m| &m.parts)
            .filter_map(|p| if let Part::Text(t) = p { Some(t.as_str()) } else { None })
            .collect();
        let prompt = text.split("\"prompt\": \"").nth(1).unwrap().split('"').next().unwrap().to_owned();
        let reply = match prompt.as_str() {
            "orchestrate.plan" | "orchestrate.replan" => {
                json!({ "given": ["a mug"], "look_up": ["its price"], "derive": [], "guesses": [], "plan": ["search", "read"] })
            }
            "orchestrate.ledger" => {
                let mut ledgers = self.ledgers.lock().unwrap();
                if ledgers.len() > 1 { ledgers.pop_front().unwrap() } else { ledgers[0].clone() }
            }
            "orchestrate.targets" => {
                json!({ "targets": [{ "url": "http://shop.localhost/1", "why": "w" }, { "url": "http://never.seen/", "why": "w" }] })
            }
            // gives away all that it knows, and a card that it cannot know from the prompt
            "user.critical_point" => json!({ "message": format!("as you say, take 4242-4242-4242-4242; I was told {text}"), "supply": [] }),
            "user.follow_up" => json!({ "follow_up": "And in blue?" }),
            other => panic!("unexpected prompt {other}"),
        };
        self.asked.lock().unwrap().push(prompt);
        self.prompts.lock().unwrap().push(text);
        let usage = Usage { model_calls: 1, prompt_tokens: 10, completion_tokens: 1, cost_usd: 0.0, cached_tokens: 0 };
        Ok(ChatReply { text: reply.to_string(), calls: Vec::new(), usage, model: "scripted".into(), tries: 1, latency_ms: 1.0 })
    }
}

#[derive(Clone)]
enum Move {
    /// Clicks; the page changes.
    Click,
    /// Clicks the same thing; nothing changes.
    Stuck,
    /// Meets the gate, unless a grant is there.
    Order,
    Stop(&'static str),
    Fail,
    Fenced,
}

const TODAY: &str = "2026-11-21";

/// Plays moves; a stop-only order is always answered by a stop.
struct ScriptedSurfer {
    moves: Mutex<VecDeque<Move>>,
    orders: Mutex<Vec<SurfOrder>>,
    closed: Mutex<u32>,
}

fn page(n: usize) -> Observation {
    Observation {
        screenshot: BlobHash::of(b"png"),
        url: format!("http://shop.localhost/{n}"),
        title: "Shop".into(),
        viewport: Viewport::default(),
        scroll: Scroll::default(),
        marks: vec![Mark { role: "textbox".into(), tag: "input".into(), name: "Card number".into(), ..Mark::default() }],
        forms: vec![],
        focused: None,
        visible_text: "Trail Mug".into(),
        state_hash: n.to_string(),
        settle: Settle::default(),
    }
}

#[async_trait]
impl SurferPort for ScriptedSurfer {
    async fn open(&self, open: SurfOpen) -> SurfOpened {
        assert_eq!(open.today, TODAY);
        SurfOpened::Ready { observation: Box::new(page(0)) }
    }

    async fn step(&self, order: SurfOrder) -> SurfReport {
        let count = order.step.0 as usize;
        let stop_only = order.stop_only;
        let has_grant = order.grants.iter().any(|grant| grant.uses > 0);
        self.orders.lock().unwrap().push(order);
        let next = if stop_only { Move::Stop("success") } else { self.moves.lock().unwrap().pop_front().unwrap_or(Move::Click) };
        let click = || Action::LeftClick { target: Target { mark: None, x: 1.0, y: 1.0, label: "button \"Go\"".into() } };
        let point = CriticalPoint {
            kind: CriticalPointKind::Payment,
            rule: "payment.words".into(),
            what: "would pay".into(),
            host: "shop.localhost".into(),
        };
        let mut raw_reply = String::new();
        let (action, gate, observation) = match next {
            Move::Click => (click(), GateDecision::Pass, page(count)),
            Move::Stuck => (click(), GateDecision::Pass, page(0)),
            Move::Order if has_grant => (click(), GateDecision::Permitted { critical_point: point }, page(count)),
            Move::Order => (click(), GateDecision::Held { critical_point: point }, page(0)),
            Move::Stop(status) => {
                raw_reply =
                    json!({ "state_description": "", "reasoning": "", "tool": "stop_and_answer_question", "status": status }).to_string();
                (Action::Terminate { status: Status::Success, answer: "$18.00".into() }, GateDecision::Pass, page(count.saturating_sub(1)))
            }
            Move::Fail => return SurfReport::Failed { kind: EnvFailure::BrowserCrashed, detail: "gone".into(), usage: Usage::default() },
            Move::Fenced => return SurfReport::Fenced,
        };
        let usage = Usage { model_calls: 1, prompt_tokens: 100, completion_tokens: 10, cost_usd: 0.001, cached_tokens: 0 };
        let step = SurfedStep {
            state_description: "s".into(),
            reasoning: "r".into(),
            action,
            gate,
            effect: Effect::default(),
            som_screenshot: None,
            tools_offered: vec![],
            facts: vec![],
            observation,
            usage,
            model_ms: 1.0,
            total_ms: 2.0,
            raw_reply,
            model: "scripted".into(),
        };
        SurfReport::Stepped { step: Box::new(step) }
    }

    async fn close(&self) {
        *self.closed.lock().unwrap() += 1;
    }
}

#[derive(Default)]
struct MemoryLog {
    events: Mutex<Vec<Logged>>,
}

#[async_trait]
impl EventLog for MemoryLog {
    async fn read(&self, _: &RunId, _: &About) -> Result<Vec<Logged>, LogError> {
        Ok(self.events.lock().unwrap().clone())
    }

    async fn append(&self, _: &RunId, event: &RunEvent, expected_last: u64) -> Result<u64, LogError> {
        let mut events = self.events.lock().unwrap();
        let last = events.last().map_or(0, |logged| logged.sequence);
        if last != expected_last {
            return Err(LogError::Fenced { subject: "task".into(), expected: expected_last });
        }
        events.push(Logged { sequence: last + 1, at_unix_ms: 0, event: event.clone() });
        Ok(last + 1)
    }
}

struct Played {
    end: AttemptEnd,
    trajectory: Option<Trajectory>,
    orders: Vec<SurfOrder>,
    events: Vec<RunEvent>,
    asked: Vec<String>,
    prompts: Vec<String>,
    closed: u32,
}

struct Play {
    ledgers: Vec<serde_json::Value>,
    moves: Vec<Move>,
    budgets: Budgets,
    consent: ConsentPolicy,
}

impl Default for Play {
    fn default() -> Self {
        let consent = ConsentPolicy { approve: 0.0, deny: 1.0, follow_up: 0.0 };
        Self { ledgers: vec![ledger(false, false)], moves: vec![], budgets: Budgets::default(), consent }
    }
}

async fn play(play: Play) -> Played {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    store.put_blob(bytes::Bytes::from_static(b"png")).await.unwrap();
    let task = Task {
        id: TaskId::new("task-1").unwrap(),
        intent: "What is the price of the Trail Mug?".into(),
        start_url: "http://shop.localhost/".parse().unwrap(),
        category: Category::Shopping,
        strategy: Strategy::Targeted,
        expected_critical_point: None,
        valid_from: None,
        valid_until: None,
        lineage: Lineage { seed: SeedId::new("seed-1").unwrap(), parent: None, earlier_intents: vec![], template: None, pages: vec![] },
    };
    let spec = RunSpec {
        run: RunId::new("run-1").unwrap(),
        tenant: TenantId::default(),
        seeds: vec![],
        max_tasks: 1,
        exemplar_tasks: 0,
        attempts: 1,
        seed: 7,
        budgets: play.budgets,
        consent: play.consent,
        solver: "ledger".into(),
        created_unix_ms: 0,
    };
    let attempt = AttemptId { task: task.id.clone(), number: 1 };
    let model = Arc::new(ScriptedModel { ledgers: Mutex::new(play.ledgers.into()), asked: Mutex::default(), prompts: Mutex::default() });
    let surfer = Arc::new(ScriptedSurfer { moves: Mutex::new(play.moves.into()), orders: Mutex::default(), closed: Mutex::new(0) });
    let log = Arc::new(MemoryLog::default());
    let started = RunEvent::AttemptStarted { attempt: attempt.clone(), worker: "w".into() };
    let last_sequence = log.append(&spec.run, &started, 0).await.unwrap();
    let deps = OrchestratorDeps { model: model.clone(), log: log.clone(), store: store.clone(), surfer: surfer.clone(), person: None };
    let job = AttemptJob {
        spec,
        task,
        attempt: attempt.clone(),
        epoch: Epoch(last_sequence),
        last_sequence,
        cancel: CancellationToken::new(),
        today: TODAY.into(),
        outage_patience: Duration::from_secs(60),
        trace_id: "4bf92f3577b34da6a3ce929d0e0e4736".into(),
    };
    let end = run_attempt(deps, job).await;
    let orders = surfer.orders.lock().unwrap().clone();
    let events = log.events.lock().unwrap().iter().map(|logged| logged.event.clone()).collect();
    let asked = model.asked.lock().unwrap().clone();
    let prompts = model.prompts.lock().unwrap().clone();
    let closed = *surfer.closed.lock().unwrap();
    Played { end, trajectory: store.get_trajectory(&attempt).await.ok(), orders, events, asked, prompts, closed }
}

fn outcome(played: &Played) -> &Outcome {
    match &played.end {
        AttemptEnd::Ended { outcome, .. } => outcome,
        other => panic!("the attempt did not end: {other:?}"),
    }
}

fn rules(played: &Played) -> Vec<String> {
    played.trajectory.as_ref().unwrap().steps.iter().map(|step| step.decision.rule.clone()).collect()
}

#[tokio::test]
async fn an_answer_is_accepted_kept_and_adds_up() {
    let played = play(Play {
        ledgers: vec![ledger(false, false), ledger(false, false), ledger(true, false)],
        moves: vec![Move::Click, Move::Stop("success")],
        ..Play::default()
    })
    .await;

    assert_eq!(outcome(&played), &Outcome::Answered);
    let trajectory = played.trajectory.as_ref().unwrap();
    assert_eq!(trajectory.answer.as_deref(), Some("$18.00"));
    assert_eq!(trajectory.steps.len(), 2);
    assert_eq!(trajectory.models, ["scripted"]);
    assert_eq!(trajectory.trace_id, "4bf92f3577b34da6a3ce929d0e0e4736");
    assert_eq!(trajectory.target_urls.len(), 1, "an address that was never visited is no target");
    assert_eq!(played.closed, 1);

    let logged: Vec<Usage> =
        played.events.iter().filter_map(|e| if let RunEvent::Stepped { usage, .. } = e { Some(*usage) } else { None }).collect();
    let calls: u64 = logged.iter().map(|usage| usage.model_calls).sum();
    assert_eq!(calls, trajectory.usage.model_calls, "the log adds up to the attempt");
    assert_eq!(calls, played.asked.len() as u64 + 2);
    assert!(matches!(played.events.last(), Some(RunEvent::AttemptEnded { steps: 2, .. })));
}

#[tokio::test]
async fn a_premature_stop_is_rolled_back_three_times_at_most() {
    let played = play(Play { moves: vec![Move::Stop("success"); 9], ..Play::default() }).await;

    assert_eq!(outcome(&played), &Outcome::Answered);
    let steps = &played.trajectory.as_ref().unwrap().steps;
    assert_eq!(steps.iter().filter(|step| step.rolled_back_stop).count(), 3);
    assert_eq!(rules(&played), ["go_on", "premature_stop", "premature_stop", "premature_stop"]);
}

#[tokio::test]
async fn a_held_step_asks_the_user_who_says_no() {
    let played = play(Play { moves: vec![Move::Order], ..Play::default() }).await;

    assert_eq!(outcome(&played), &Outcome::StoppedAtCriticalPoint);
    let trajectory = played.trajectory.as_ref().unwrap();
    assert_eq!(trajectory.critical_points.len(), 1);
    assert_eq!(trajectory.critical_points[0].decision, Some(UserDecision::Deny));
    assert!(played.orders[1].stop_only);
    assert!(played.orders[1].user_messages[0].starts_with("as you say"));
    let met =
        played.events.iter().find_map(|e| if let RunEvent::Stepped { critical_points, .. } = e { critical_points.first() } else { None });
    assert_eq!(met.unwrap().decision, Some(UserDecision::Deny), "the event holds the answer");
}

#[tokio::test]
async fn a_held_step_goes_on_once_it_is_approved() {
    let mut ledgers = vec![ledger(false, false); 4];
    ledgers.push(ledger(true, false));
    let played = play(Play {
        ledgers,
        moves: vec![Move::Order, Move::Order, Move::Click, Move::Stop("success")],
        consent: ConsentPolicy { approve: 1.0, deny: 0.0, follow_up: 0.0 },
        ..Play::default()
    })
    .await;

    assert_eq!(outcome(&played), &Outcome::Answered);
    assert_eq!(rules(&played), ["go_on", "critical_point", "go_on", "go_on"]);
    assert_eq!(played.orders[1].grants[0].host, "shop.localhost");
    assert_eq!(played.orders[2].grants.iter().map(|grant| grant.uses).sum::<u32>(), 0, "the permission is used up");
}

#[tokio::test]
async fn the_card_of_the_user_goes_to_the_surfer_and_nowhere_else() {
    let played = play(Play {
        ledgers: vec![ledger(false, false), ledger(false, false), ledger(false, false), ledger(true, false)],
        moves: vec![Move::Order, Move::Order, Move::Stop("success")],
        consent: ConsentPolicy { approve: 1.0, deny: 0.0, follow_up: 1.0 },
        ..Play::default()
    })
    .await;

    let order = &played.orders[1];
    assert_eq!(order.grants[0].data["card_number"], "4242 4242 4242 4242", "the page needs the value");
    let message = &order.user_messages[0];
    assert!(message.starts_with("as you say, take [[card_number]];"), "{message}");
    assert!(
        message.contains("\"card_cvc\": \"[[card_cvc]]\"") && message.contains("@example.org"),
        "no secret is shown as it is: {message}"
    );
    let kept = serde_json::to_string(&(
        &played.trajectory,
        &played.events,
        &played.orders.iter().map(|order| &order.user_messages).collect::<Vec<_>>(),
    ));
    for text in played.prompts.iter().chain([&kept.unwrap()]) {
        assert!(!text.replace([' ', '-'], "").contains("4242424242424242"), "{text}");
    }
    assert!(played.asked.iter().any(|prompt| prompt == "user.follow_up"));
}

#[tokio::test]
async fn a_loop_on_the_page_is_replanned_and_then_ends() {
    let played = play(Play { moves: vec![Move::Stuck; 40], ..Play::default() }).await;

    assert_eq!(outcome(&played), &Outcome::BudgetExceeded { budget: Budget::Replans });
    let plans = &played.trajectory.as_ref().unwrap().plans;
    assert_eq!(plans.iter().map(|plan| plan.why.as_str()).collect::<Vec<_>>(), ["start", "loop", "loop", "loop"]);
    assert!(played.orders.last().unwrap().stop_only);
}

#[tokio::test]
async fn budgets_force_a_stop() {
    let played = play(Play { budgets: Budgets { steps: 3, ..Budgets::default() }, ..Play::default() }).await;

    assert_eq!(outcome(&played), &Outcome::BudgetExceeded { budget: Budget::Steps });
    assert_eq!(rules(&played), ["go_on", "go_on", "go_on", "budget_exceeded"]);
}

#[tokio::test]
async fn a_follow_up_makes_a_second_turn() {
    let played = play(Play {
        ledgers: vec![ledger(false, false), ledger(true, false), ledger(false, false), ledger(true, false)],
        moves: vec![Move::Stop("success"), Move::Stop("success")],
        consent: ConsentPolicy { approve: 0.0, deny: 1.0, follow_up: 1.0 },
        ..Play::default()
    })
    .await;

    assert_eq!(outcome(&played), &Outcome::Answered);
    let follow_ups = &played.trajectory.as_ref().unwrap().follow_ups;
    assert_eq!(follow_ups.len(), 1);
    assert_eq!((follow_ups[0].intent.as_str(), follow_ups[0].answer.as_deref()), ("And in blue?", Some("$18.00")));
    assert_eq!(played.orders[1].current_intent.as_deref(), Some("And in blue?"));
}

#[tokio::test]
async fn what_the_environment_does_is_told_apart() {
    let failed = play(Play { moves: vec![Move::Click, Move::Fail], ..Play::default() }).await;
    assert!(matches!(outcome(&failed), Outcome::EnvFailed { kind: EnvFailure::BrowserCrashed, .. }));
    assert_eq!(failed.trajectory.unwrap().steps.len(), 1);

    let fenced = play(Play { moves: vec![Move::Fenced], ..Play::default() }).await;
    assert_eq!(fenced.end, AttemptEnd::Fenced);
    assert!(fenced.trajectory.is_none());
    assert_eq!(fenced.events.len(), 1, "a fenced owner writes nothing");
}

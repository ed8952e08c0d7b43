//! A surfer with a scripted model and a scripted browser.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use async_trait::async_trait;
use bytes::Bytes;
use serde_json::json;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use wayfarer_actor_websurfer::SurferDeps;
use wayfarer_browser::{BrowserError, BrowserSession, BrowserSupply, EgressPolicy, Observed, Recording, SessionSpec};
use wayfarer_chat::{ChatReply, ChatRequest, Model, ModelError, Part};
use wayfarer_core::action::Effect;
use wayfarer_core::critical_point::{CriticalPoint, CriticalPointKind, GateDecision, Grant};
use wayfarer_core::observation::{Rect, Scroll, Settle, Viewport};
use wayfarer_core::outcome::EnvFailure;
use wayfarer_core::surf::{SurfOpen, SurfOpened, SurfOrder, SurfReport, SurfedStep};
use wayfarer_core::task::Lineage;
use wayfarer_core::{
    Action, AttemptId, BlobHash, Category, Epoch, Mark, Observation, RunId, SeedId, SessionId, StepIndex, Strategy, Task, TaskId, TenantId,
    Usage,
};
use wayfarer_hands::{HandsOptions, SurferHandle};
use wayfarer_store::Store;

#[derive(Default)]
struct ScriptedModel {
    replies: Mutex<VecDeque<serde_json::Value>>,
    seen: Mutex<Vec<String>>,
}

#[async_trait]
impl Model for ScriptedModel {
    async fn generate(&self, request: ChatRequest) -> Result<ChatReply, ModelError> {
        let text = request
            .messages
            .iter()
            .flat_map(|m| &m.parts)
            .filter_map(|p| if let Part::Text(t) = p { Some(t.clone()) } else { None })
            .collect();
        self.seen.lock().unwrap().push(text);
        assert!(request.messages.iter().flat_map(|m| &m.parts).any(|part| matches!(part, Part::Png(_))), "the model sees a picture");
        let mut reply = json!({ "state_description": "a shop", "reasoning": "because" });
        let next = self.replies.lock().unwrap().pop_front().expect("no more replies");
        reply.as_object_mut().unwrap().extend(next.as_object().unwrap().clone());
        let usage = Usage { model_calls: 1, prompt_tokens: 10, completion_tokens: 1, cost_usd: 0.0, cached_tokens: 0 };
        Ok(ChatReply { text: reply.to_string(), calls: Vec::new(), usage, model: "scripted".into(), tries: 1, latency_ms: 1.0 })
    }
}

/// What the browser was asked to do.
#[derive(Default)]
struct Doings {
    acts: Mutex<Vec<Action>>,
    attempts: Mutex<Vec<String>>,
    released: Mutex<u32>,
    crashes: Mutex<bool>,
    /// Requests of the page that its browser held.
    held: Mutex<Vec<CriticalPoint>>,
    permitted: Mutex<Vec<Grant>>,
}

struct ScriptedBrowsers(Arc<Doings>);
struct ScriptedSession(Arc<Doings>, SessionId);

fn observed(n: usize) -> Observed {
    let mut png = Vec::new();
    image::RgbImage::from_pixel(60, 40, image::Rgb([250; 3]))
        .write_to(&mut std::io::Cursor::new(&mut png), image::ImageFormat::Png)
        .unwrap();
    let mark = |id: u32, name: &str| Mark {
        id,
        role: "button".into(),
        name: name.into(),
        tag: "button".into(),
        rect: Rect { x: f64::from(id), y: 5.0, w: 0.5, h: 0.5 },
        visible: true,
        ..Mark::default()
    };
    let observation = Observation {
        screenshot: BlobHash::of(&png),
        url: format!("http://shop.localhost/{n}"),
        title: "Shop".into(),
        viewport: Viewport::default(),
        scroll: Scroll { height: 900.0, ..Scroll::default() },
        marks: vec![
            mark(10, "Add to cart"),
            mark(11, "Place order"),
            Mark { role: "textbox".into(), tag: "input".into(), field: "cc-number card".into(), ..mark(12, "Card number") },
            Mark { role: "textbox".into(), tag: "input".into(), field: "cc-csc".into(), ..mark(13, "Code on the back") },
        ],
        forms: vec![],
        focused: None,
        visible_text: "Trail Mug".into(),
        state_hash: n.to_string(),
        settle: Settle::default(),
    };
    Observed { observation, screenshot: png.into() }
}

#[async_trait]
impl BrowserSupply for ScriptedBrowsers {
    async fn acquire(&self, spec: SessionSpec) -> Result<Box<dyn BrowserSession>, BrowserError> {
        self.0.attempts.lock().unwrap().push(spec.attempt);
        Ok(Box::new(ScriptedSession(self.0.clone(), SessionId::new("session-1").unwrap())))
    }
}

#[async_trait]
impl BrowserSession for ScriptedSession {
    fn id(&self) -> &SessionId {
        &self.1
    }
    async fn open(&self, _: &str) -> Result<Observed, BrowserError> {
        Ok(observed(0))
    }
    async fn observe(&self) -> Result<Observed, BrowserError> {
        Ok(observed(0))
    }
    async fn act(&self, _: &Action) -> Result<Effect, BrowserError> {
        Ok(Effect::default())
    }
    async fn act_and_observe(&self, action: &Action) -> Result<(Effect, Observed), BrowserError> {
        if *self.0.crashes.lock().unwrap() {
            return Err(BrowserError::environment(EnvFailure::BrowserCrashed, "gone"));
        }
        let mut acts = self.0.acts.lock().unwrap();
        acts.push(action.clone());
        let mut seen = observed(acts.len());
        if let Action::Type { text, .. } = action {
            // a page that shows what was typed, grouped as it likes
            seen.observation.visible_text = format!("Card {text} / {}", text.replace(' ', ""));
            seen.observation.url = format!("http://shop.localhost/?card={}", text.replace(' ', "+"));
        }
        let held = std::mem::take(&mut *self.0.held.lock().unwrap());
        Ok((Effect { navigated: true, held, ..Effect::default() }, seen))
    }
    async fn permit(&self, grants: Vec<Grant>) -> Result<(), BrowserError> {
        *self.0.permitted.lock().unwrap() = grants;
        Ok(())
    }
    async fn recording(&self) -> Result<Recording, BrowserError> {
        let typed = format!("{:?}", self.0.acts.lock().unwrap());
        Ok(Recording(json!({"log": {"entries": [{"request": {"url": "http://shop.localhost/", "postData": typed}}]}}).to_string().into()))
    }
    async fn release(self: Box<Self>) -> Result<(), BrowserError> {
        *self.0.released.lock().unwrap() += 1;
        Ok(())
    }
}

struct Setting {
    model: Arc<ScriptedModel>,
    doings: Arc<Doings>,
    store: Store,
    handle: SurferHandle,
    _folder: tempfile::TempDir,
}

/// As the orchestrator says it; no clock of ours shows that day.
const TODAY: &str = "2019-02-03";

async fn surfing(replies: Vec<serde_json::Value>) -> Setting {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let model = Arc::new(ScriptedModel { replies: Mutex::new(replies.into()), ..ScriptedModel::default() });
    let doings = Arc::new(Doings::default());
    let deps = SurferDeps {
        model: model.clone(),
        tools: HandsOptions {
            browsers: Arc::new(ScriptedBrowsers(doings.clone())),
            store: store.clone(),
            egress: EgressPolicy::default(),
            replay: None,
            record: true,
            viewport: None,
        },
    };
    let task = Task {
        id: TaskId::new("task-1").unwrap(),
        intent: "Buy the mug".into(),
        start_url: "http://shop.localhost/".parse().unwrap(),
        category: Category::Shopping,
        strategy: Strategy::Targeted,
        expected_critical_point: None,
        valid_from: None,
        valid_until: None,
        lineage: Lineage { seed: SeedId::new("seed-1").unwrap(), parent: None, earlier_intents: vec![], template: None, pages: vec![] },
    };
    let attempt = AttemptId { task: task.id.clone(), number: 1 };
    let open = SurfOpen {
        tenant: TenantId::default(),
        run: RunId::new("run-1").unwrap(),
        attempt,
        epoch: Epoch(5),
        task,
        today: TODAY.into(),
        solver: "ledger".into(),
    };
    let (opened, handle) = wayfarer_actor_websurfer::open(deps, open).await;
    assert!(matches!(opened, SurfOpened::Ready { .. }), "{opened:?}");
    Setting { model, doings, store, handle: handle.unwrap(), _folder: folder }
}

fn order(step: u32) -> SurfOrder {
    SurfOrder {
        epoch: Epoch(5),
        step: StepIndex(step),
        next_steps: "go on".into(),
        plan: "- go on".into(),
        stop_only: false,
        stop_reason: String::new(),
        grants: vec![],
        user_messages: vec![],
        current_intent: None,
    }
}

fn stepped(report: SurfReport) -> SurfedStep {
    match report {
        SurfReport::Stepped { step } => *step,
        other => panic!("not a step: {other:?}"),
    }
}

#[tokio::test]
async fn steps_act_keep_pictures_and_remember() {
    let setting = surfing(vec![
        json!({ "tool": "pause_and_memorize_fact", "text": "the mug is $18" }),
        json!({ "tool": "click", "target_id": 10 }),
        json!({ "tool": "stop_and_answer_question", "text": "done", "status": "success" }),
    ])
    .await;

    let first = stepped(setting.handle.step(order(1)).await);
    let second = stepped(setting.handle.step(order(2)).await);
    let third = stepped(setting.handle.step(SurfOrder { stop_only: true, stop_reason: "enough".into(), ..order(3) }).await);
    setting.handle.close().await;

    assert_eq!(first.facts, ["the mug is $18"]);
    assert!(second.effect.changed && second.effect.navigated);
    assert_eq!(second.observation.url, "http://shop.localhost/1");
    for hash in [&second.observation.screenshot, second.som_screenshot.as_ref().unwrap()] {
        assert!(!setting.store.get_blob(hash).await.unwrap_or(Bytes::new()).is_empty());
    }
    assert_eq!(third.tools_offered, ["stop_and_answer_question"]);
    assert!(matches!(third.action, Action::Terminate { .. }));
    let seen = setting.model.seen.lock().unwrap();
    assert!(seen.iter().all(|prompt| prompt.contains(TODAY)), "the surfer lives on another day than the orchestrator");
    assert!(seen[2].contains("the mug is $18") && seen[2].contains("left_click button"));
    assert_eq!(*setting.doings.attempts.lock().unwrap(), ["task-1-a1"]);
    assert_eq!(*setting.doings.released.lock().unwrap(), 1);
}

#[tokio::test]
async fn the_gate_holds_until_there_is_a_grant() {
    let order_it = json!({ "tool": "click", "target_id": 11 });
    let setting = surfing(vec![order_it.clone(), order_it]).await;

    let held = stepped(setting.handle.step(order(1)).await);
    assert!(matches!(held.gate, GateDecision::Held { .. }));
    assert!(held.effect.error.unwrap().contains("critical-point gate"));
    assert!(setting.doings.acts.lock().unwrap().is_empty(), "nothing reached the browser");

    let grant = Grant { kinds: vec![CriticalPointKind::Payment], host: "shop.localhost".into(), uses: 1, data: Default::default() };
    let permitted = stepped(setting.handle.step(SurfOrder { grants: vec![grant], ..order(2) }).await);
    assert!(matches!(permitted.gate, GateDecision::Permitted { .. }));
    assert_eq!(setting.doings.acts.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn what_a_page_sends_is_held_whatever_its_button_says() {
    let look = json!({ "tool": "click", "target_id": 10 });
    let setting = surfing(vec![look.clone(), look]).await;
    let point = CriticalPoint {
        kind: CriticalPointKind::Payment,
        rule: "request.payment.address".into(),
        what: "would place an order or pay at shop.localhost (the page sends POST /checkout/pay)".into(),
        host: "shop.localhost".into(),
    };
    setting.doings.held.lock().unwrap().push(point.clone());

    let held = stepped(setting.handle.step(order(1)).await);
    assert_eq!(held.gate, GateDecision::Held { critical_point: point });
    assert!(held.effect.error.unwrap().contains("POST /checkout/pay"));

    // the session hears what is permitted, and not whose data it is
    let data = [("name".to_owned(), "Ada".to_owned())].into();
    let grant = Grant { kinds: vec![CriticalPointKind::Payment], host: "shop.localhost".into(), uses: 1, data };
    let passed = stepped(setting.handle.step(SurfOrder { grants: vec![grant.clone()], ..order(2) }).await);
    assert_eq!(passed.gate, GateDecision::Pass);
    assert_eq!(*setting.doings.permitted.lock().unwrap(), [Grant { data: Default::default(), ..grant }]);
}

/// The card number of the canary, in every spelling that is looked for.
const CANARY: [&str; 4] = ["4000 1234 5678 9017", "4000123456789017", "4000+1234+5678+9017", "4000-1234-5678-9017"];

#[tokio::test]
async fn secrets_reach_the_page_and_nothing_else() {
    let card = |text: &str| json!({ "tool": "input_text", "target_id": 12, "text": text, "press_enter": false, "reasoning": format!("I type {text}") });
    let setting = surfing(vec![
        card("[[card_number]]"),
        card(CANARY[1]),
        json!({ "tool": "input_text", "target_id": 13, "text": "917", "press_enter": false, "reasoning": "the code is 917" }),
        json!({ "tool": "click", "target_id": 10 }),
    ])
    .await;
    let data = [("card_number", CANARY[0]), ("name", "Ada")].map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    let grant = Grant { kinds: vec![CriticalPointKind::PersonalData], host: "shop.localhost".into(), uses: 9, data };
    let told = vec![format!("Take my card {}", CANARY[0])];

    let mut left_the_actor = Vec::new();
    for step in 1..=4 {
        let order = SurfOrder { grants: vec![grant.clone()], user_messages: told.clone(), ..order(step) };
        let done = stepped(setting.handle.step(order).await);
        assert_eq!(done.effect.error, None);
        left_the_actor.push(serde_json::to_string(&done).unwrap());
    }

    let real: Vec<String> = setting
        .doings
        .acts
        .lock()
        .unwrap()
        .iter()
        .filter_map(|act| if let Action::Type { text, .. } = act { Some(text.clone()) } else { None })
        .collect();
    assert_eq!(real, [CANARY[0], CANARY[1], "917"], "the page gets the values");
    assert!(left_the_actor[0].contains("[[card_number]]"));
    assert!(!left_the_actor[2].contains("code is 917") && !left_the_actor[2].contains("\"917\\\""), "{}", left_the_actor[2]);
    let prompts = setting.model.seen.lock().unwrap().clone();
    assert!(prompts[0].contains("Ada"), "what is no secret is shown");
    let store = setting.store.clone();
    setting.handle.close().await;
    let recording = String::from_utf8(store.get_bytes("attempts/task-1-a1/session.har").await.unwrap().to_vec()).unwrap();
    assert!(recording.contains("[[card_number]]"), "{recording}");
    for text in left_the_actor.iter().chain(&prompts).chain([&recording]) {
        assert!(CANARY.iter().all(|canary| !text.contains(canary)), "{text}");
    }
}

#[tokio::test]
async fn a_call_that_cannot_be_done_is_fed_back_once() {
    let wrong = json!({ "tool": "click", "target_id": 99 });
    let setting = surfing(vec![wrong.clone(), json!({ "tool": "click", "target_id": 10 }), wrong.clone(), wrong]).await;

    let repaired = stepped(setting.handle.step(order(1)).await);
    assert_eq!(repaired.effect.error, None);
    assert_eq!(repaired.usage.model_calls, 2);
    assert!(setting.model.seen.lock().unwrap()[1].contains("there is no mark 99"));

    let failed = stepped(setting.handle.step(order(2)).await);
    assert!(failed.effect.error.unwrap().contains("no mark 99"));
    assert_eq!(setting.doings.acts.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn faults_are_typed_and_old_owners_are_refused() {
    let setting = surfing(vec![json!({ "tool": "click", "target_id": 10 })]).await;
    assert_eq!(setting.handle.step(SurfOrder { epoch: Epoch(4), ..order(1) }).await, SurfReport::Fenced);

    *setting.doings.crashes.lock().unwrap() = true;
    let SurfReport::Failed { kind, usage, .. } = setting.handle.step(order(1)).await else { panic!("it should fail") };
    assert_eq!((kind, usage.model_calls), (EnvFailure::BrowserCrashed, 1));

    setting.handle.close().await;
    assert!(matches!(setting.handle.step(order(2)).await, SurfReport::Failed { kind: EnvFailure::SurferLost, .. }));
}

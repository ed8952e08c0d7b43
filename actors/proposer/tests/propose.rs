//! Whole proposals, with a scripted model, fetcher and browser.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use async_trait::async_trait;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use url::Url;
use wayfarer_actor_proposer::{FetchError, FetchedPage, MemorySeen, PageFetcher, ProposeError, ProposerDeps, propose};
use wayfarer_browser::{BrowserError, BrowserSession, BrowserSupply, EgressPolicy, Observed, SessionSpec};
use wayfarer_chat::{ChatReply, ChatRequest, Model, ModelError, Part, Speaker};
use wayfarer_core::action::Effect;
use wayfarer_core::observation::{Rect, Scroll, Settle, Viewport};
use wayfarer_core::run::{Budgets, ConsentPolicy, RunSpec};
use wayfarer_core::seed::SeedKind;
use wayfarer_core::{Action, BlobHash, Category, Mark, Observation, RunId, Seed, SeedId, SessionId, Strategy, TenantId, Usage};
use wayfarer_store::Store;

const TODAY: &str = "2026-11-21";
const START: &str = "http://shop.localhost/";

/// Answers by the prompt's name.
struct Script<F>(F);

#[async_trait]
impl<F: Fn(&str, &Value) -> Option<Value> + Send + Sync> Model for Script<F> {
    async fn generate(&self, request: ChatRequest) -> Result<ChatReply, ModelError> {
        let user = request.messages.iter().find(|message| message.speaker == Speaker::User).unwrap();
        let Part::Text(text) = &user.parts[0] else { panic!("the question begins with a picture") };
        let data: Value = serde_json::from_str(text.split("```json").nth(1).unwrap().split("```").next().unwrap()).unwrap();
        let reply = (self.0)(data["prompt"].as_str().unwrap(), &data);
        let down = || ModelError::Down { endpoint: "http://model.test".into(), why: "gone".into() };
        let usage = Usage { model_calls: 1, ..Usage::default() };
        Ok(ChatReply {
            text: reply.ok_or_else(down)?.to_string(),
            calls: Vec::new(),
            usage,
            model: "script".into(),
            tries: 1,
            latency_ms: 1.0,
        })
    }
}

struct Pages;

#[async_trait]
impl PageFetcher for Pages {
    async fn fetch(&self, url: &Url) -> Result<FetchedPage, FetchError> {
        let body = match url.path() {
            "/" => "<h1>Shop</h1><a href='/p/trail-mug'>Trail Mug</a><a href='/p/alpine-lamp'>Alpine Lamp</a><a href='/login'>Log in</a>",
            "/p/trail-mug" => "<h1>Trail Mug</h1> $12.00",
            "/p/alpine-lamp" => "<h1>Alpine Lamp</h1> $89.00",
            _ => return Err(FetchError::EgressDenied { host: url.host_str().unwrap().into() }),
        };
        let html = format!("<html><head><title>Shop</title></head><body>{body}</body></html>");
        Ok(FetchedPage { final_url: url.clone(), status: 200, content_type: "text/html".into(), html })
    }
}

/// A site of one page with a product link and an order button; notes what was done.
#[derive(Clone, Default)]
struct Site {
    done: Arc<Mutex<Vec<String>>>,
    released: Arc<Mutex<u32>>,
    busy: bool,
}

struct Session(Site, SessionId);

fn observed() -> Observed {
    let screenshot = bytes::Bytes::from_static(b"png");
    let mark = |id: u32, role: &str, name: &str| Mark {
        id,
        role: role.into(),
        name: name.into(),
        rect: Rect { x: 10.0, y: f64::from(id) * 20.0, w: 20.0, h: 10.0 },
        visible: true,
        ..Mark::default()
    };
    let mut order = mark(11, "button", "Place order");
    order.submits = true;
    order.tag = "button".into();
    let observation = Observation {
        screenshot: BlobHash::of(&screenshot),
        url: START.into(),
        title: "Shop".into(),
        viewport: Viewport::default(),
        scroll: Scroll::default(),
        marks: vec![mark(10, "link", "Trail Mug"), order],
        forms: Vec::new(),
        focused: None,
        visible_text: "Trail Mug $12.00".into(),
        state_hash: "s".into(),
        settle: Settle::default(),
    };
    Observed { observation, screenshot }
}

#[async_trait]
impl BrowserSupply for Site {
    async fn acquire(&self, _: SessionSpec) -> Result<Box<dyn BrowserSession>, BrowserError> {
        if self.busy {
            return Err(BrowserError::Busy { retry_after_ms: 5 });
        }
        Ok(Box::new(Session(self.clone(), SessionId::new("s1").unwrap())))
    }
}

#[async_trait]
impl BrowserSession for Session {
    fn id(&self) -> &SessionId {
        &self.1
    }
    async fn open(&self, _: &str) -> Result<Observed, BrowserError> {
        Ok(observed())
    }
    async fn observe(&self) -> Result<Observed, BrowserError> {
        Ok(observed())
    }
    async fn act(&self, action: &Action) -> Result<Effect, BrowserError> {
        self.0.done.lock().unwrap().push(action.describe());
        Ok(Effect::default())
    }
    async fn act_and_observe(&self, action: &Action) -> Result<(Effect, Observed), BrowserError> {
        Ok((self.act(action).await?, observed()))
    }
    async fn release(self: Box<Self>) -> Result<(), BrowserError> {
        *self.0.released.lock().unwrap() += 1;
        Ok(())
    }
}

fn flag(answer: bool) -> Value {
    json!({"reason": "because", "answer": answer})
}

fn classified(language: &str) -> Value {
    json!({"category": "shopping", "language": language, "interactiveness": 4, "nsfw": flag(false), "harmful": flag(false),
           "personal_data": flag(false), "reason": "a shop"})
}

fn refined(intent: &str, specific: bool) -> Value {
    json!({"intent": intent, "achievable": flag(true), "login_free": flag(true), "specific": flag(specific), "useful": flag(true),
           "verifiable": flag(true), "harmful": flag(false), "personal_data": flag(false)})
}

fn intent(text: &str) -> Value {
    json!({"intent": text, "why": "w", "critical_point": null, "valid_from": null, "valid_until": null})
}

fn deps(script: impl Fn(&str, &Value) -> Option<Value> + Send + Sync + 'static, site: Site) -> (ProposerDeps, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let deps = ProposerDeps {
        model: Arc::new(Script(script)),
        fetcher: Arc::new(Pages),
        browsers: Arc::new(site),
        store: Store::open(folder.path()).unwrap(),
        seen: Arc::new(MemorySeen::default()),
        egress: EgressPolicy::default(),
    };
    (deps, folder)
}

fn run() -> RunSpec {
    RunSpec {
        run: RunId::new("r1").unwrap(),
        tenant: TenantId::default(),
        seeds: Vec::new(),
        max_tasks: 10,
        exemplar_tasks: 0,
        attempts: 1,
        seed: 7,
        budgets: Budgets::default(),
        consent: ConsentPolicy::default(),
        solver: "ledger".into(),
        created_unix_ms: 0,
    }
}

fn seed(kind: SeedKind) -> Seed {
    Seed { id: SeedId::new("seed1").unwrap(), kind }
}

fn targeted(url: &str, count: u32) -> Seed {
    seed(SeedKind::Targeted { url: Url::parse(url).unwrap(), category: None, count })
}

fn good_script(prompt: &str, data: &Value) -> Option<Value> {
    let words = data["intent"].as_str().unwrap_or_default();
    Some(match prompt {
        "propose.classify" => classified("en"),
        "propose.intents" if data["avoid"].as_array().unwrap().is_empty() => {
            assert_eq!(data["linked_pages"].as_array().unwrap().len(), 2);
            json!({"tasks": [intent("Add a mug."), intent("What is the price of the Alpine Lamp?"),
                             intent("Tell me the price of the Alpine Lamp."), intent("Something vague")]})
        }
        "propose.intents" => json!({"tasks": []}),
        "propose.refine" if words == "Add a mug." => refined("Add 2 Trail Mug to the cart.", true),
        "propose.refine" if words == "Something vague" => refined(words, false),
        "propose.refine" => refined(words, true),
        "exemplar.template" => json!({"template": "What is the price of the {product:product}?",
                                      "slots": [{"name": "product", "slot_type": "product", "value": "Trail Mug"}]}),
        "exemplar.refill" => {
            let with = |value: &str| json!({"values": [{"name": "product", "slot_type": "product", "value": value}], "why": "seen"});
            json!({"fillings": [with("Trail Mug"), with("Alpine Lamp")]})
        }
        "explore.step" => {
            let next = match data["history"].as_array().unwrap().len() {
                0 => json!({"tool": "click", "target_id": 11, "text": null}),
                1 => json!({"tool": "click", "target_id": 10, "text": null}),
                _ => json!({"tool": "stop", "target_id": null, "text": null}),
            };
            let task = if next["tool"] == "stop" { "What is the price of the Trail Mug?" } else { "Find a mug" };
            json!({"learned": "l", "task": task, "category": "shopping", "critical_point": null, "next": next})
        }
        other => panic!("nobody asked {other}"),
    })
}

#[tokio::test]
async fn a_targeted_seed_yields_refined_tasks_without_duplicates_and_says_why_others_were_dropped() {
    let (deps, _folder) = deps(good_script, Site::default());

    let proposal = propose(&deps, &run(), &targeted(START, 4), TODAY).await.unwrap();

    let intents: Vec<&str> = proposal.tasks.iter().map(|task| task.intent.as_str()).collect();
    assert_eq!(intents, ["Add 2 Trail Mug to the cart.", "What is the price of the Alpine Lamp?"]);
    assert_eq!(proposal.tasks[0].lineage.earlier_intents, ["Add a mug."]);
    assert_eq!(proposal.tasks[0].lineage.pages.len(), 3);
    assert_eq!(proposal.tasks[0].category, Category::Shopping);
    let gates: Vec<&str> = proposal.dropped.iter().map(|dropped| dropped.gate.as_str()).collect();
    assert_eq!(gates, ["specific", "duplicate"]);
    assert!(proposal.usage.model_calls >= 7);

    let again = propose(&ProposerDeps { seen: Arc::new(MemorySeen::default()), ..deps }, &run(), &targeted(START, 4), TODAY).await.unwrap();
    assert_eq!(again.tasks, proposal.tasks, "the same seed gives the same tasks");
}

/// A site of many pages; notes which were read.
#[derive(Clone, Default)]
struct ManyPages(Arc<Mutex<Vec<String>>>);

#[async_trait]
impl PageFetcher for ManyPages {
    async fn fetch(&self, url: &Url) -> Result<FetchedPage, FetchError> {
        self.0.lock().unwrap().push(url.path().to_owned());
        let links: String = (0..40).map(|number| format!("<a href='/p/mug-{number}'>Mug {number}</a>")).collect();
        let html = format!("<html><head><title>Shop</title></head><body><h1>Shop</h1>{links}</body></html>");
        Ok(FetchedPage { final_url: url.clone(), status: 200, content_type: "text/html".into(), html })
    }
}

#[tokio::test]
async fn what_is_drawn_follows_from_the_seed_of_the_run_and_not_from_its_name() {
    let script = |prompt: &str, _: &Value| Some(if prompt == "propose.classify" { classified("en") } else { json!({"tasks": []}) });
    let read = async |name: &str, drawn_from: u64| {
        let (mut deps, _folder) = deps(script, Site::default());
        let pages = ManyPages::default();
        deps.fetcher = Arc::new(pages.clone());
        let run = RunSpec { run: RunId::new(name).unwrap(), seed: drawn_from, ..run() };
        let seed = Seed { id: SeedId::derived("targeted", &[name]), ..targeted(START, 1) };
        propose(&deps, &run, &seed, TODAY).await.unwrap();
        let read = pages.0.lock().unwrap().clone();
        assert!(read.len() > 3, "{read:?}");
        read
    };

    assert_eq!(read("r1", 7).await, read("r2", 7).await);
    assert_ne!(read("r1", 7).await, read("r1", 8).await);
}

#[tokio::test]
async fn what_cannot_be_used_is_dropped_and_what_is_down_is_an_error() {
    let (closed, _folder) = deps(good_script, Site::default());
    let proposal = propose(&closed, &run(), &targeted("http://private.test/x", 1), TODAY).await.unwrap();
    assert_eq!((proposal.tasks.len(), proposal.dropped[0].gate.as_str()), (0, "reachable"));

    let (foreign, _folder) = deps(|_, _| Some(classified("de")), Site::default());
    let proposal = propose(&foreign, &run(), &targeted(START, 1), TODAY).await.unwrap();
    assert_eq!((proposal.tasks.len(), proposal.dropped[0].gate.as_str()), (0, "language"));

    let (down, _folder) = deps(|_, _| None, Site::default());
    assert!(matches!(propose(&down, &run(), &targeted(START, 1), TODAY).await, Err(ProposeError::Model(_))));

    let (busy, _folder) = deps(good_script, Site { busy: true, ..Site::default() });
    let walk = seed(SeedKind::Exploration { url: Url::parse(START).unwrap(), category: None, count: 1 });
    assert!(matches!(propose(&busy, &run(), &walk, TODAY).await, Err(ProposeError::Browser(_))));
}

#[tokio::test]
async fn a_walk_rewrites_its_task_and_does_nothing_that_needs_permission() {
    let site = Site::default();
    let (deps, folder) = deps(good_script, site.clone());
    let walk = seed(SeedKind::Exploration { url: Url::parse(START).unwrap(), category: None, count: 2 });

    let proposal = propose(&deps, &run(), &walk, TODAY).await.unwrap();

    assert_eq!(
        *site.done.lock().unwrap(),
        ["left_click link \"Trail Mug\"", "left_click link \"Trail Mug\""],
        "the order button was not pressed"
    );
    assert_eq!(*site.released.lock().unwrap(), 2);
    assert_eq!(proposal.tasks.len(), 1);
    assert_eq!(proposal.tasks[0].strategy, Strategy::Exploration);
    assert_eq!(proposal.tasks[0].lineage.earlier_intents, ["Find a mug"]);
    assert_eq!(proposal.dropped[0].gate, "duplicate", "the second walk found the same");
    let kept = std::fs::read_to_string(folder.path().join("proposals/seed1/walk-0.json")).unwrap();
    assert!(kept.contains("not done"), "{kept}");
}

#[tokio::test]
async fn an_exemplar_is_refilled_with_other_values() {
    let (deps, _folder) = deps(good_script, Site::default());
    let mut exemplar = propose(&deps, &run(), &targeted(START, 1), TODAY).await.unwrap().tasks.remove(0);
    exemplar.intent = "What is the price of the Trail Mug?".into();

    let proposal = propose(&deps, &run(), &seed(SeedKind::Exemplar { task: Box::new(exemplar.clone()), count: 2 }), TODAY).await.unwrap();

    assert_eq!(proposal.tasks.len(), 1, "{:?}", proposal.dropped);
    let task = &proposal.tasks[0];
    assert_eq!(task.intent, "What is the price of the Alpine Lamp?");
    assert_eq!(task.lineage.parent.as_ref(), Some(&exemplar.id));
    assert_eq!(task.lineage.template.as_deref(), Some("What is the price of the {product:product}?"));
    assert_eq!((&task.start_url, task.category), (&exemplar.start_url, exemplar.category));
    assert_eq!(proposal.dropped[0].gate, "different");
}

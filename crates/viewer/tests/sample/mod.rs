//! A sample run: three attempts that show everything a page can hold. Shared by the tests and by `examples/sample_run.rs`.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs, dead_code)]

use bytes::Bytes;
use serde_json::json;
use wayfarer_core::action::{Action, Effect, Status, Target};
use wayfarer_core::critical_point::{CriticalPoint, CriticalPointKind, CriticalPointRecord, GateDecision, UserDecision};
use wayfarer_core::ledger::{Flag, Instruction, Ledger};
use wayfarer_core::observation::{Mark, Rect, Scroll, Settle, Viewport};
use wayfarer_core::run::{CriticalPointTally, StrategyTally, Summary};
use wayfarer_core::surf::SurfedStep;
use wayfarer_core::task::{Lineage, Task};
use wayfarer_core::trajectory::{DecisionRecord, FollowUp, Plan, SCHEMA_VERSION, Step, TargetUrl};
use wayfarer_core::verdict::{CriterionScore, Decision, Evidence, Judge};
use wayfarer_core::{
    AttemptId, BlobHash, Category, Epoch, Observation, Opinion, Outcome, RunId, SeedId, StepIndex, Strategy, TaskId, TenantId, Trajectory,
    Usage, Verdict,
};
use wayfarer_store::Store;

pub const INJECTED: &str = "<script>alert('page')</script><img src=x onerror=alert(1)>";
const SITE: &str = "http://shop.localhost";
const STARTED: u64 = 1_795_245_695_000;

/// A plain picture with a band that tells one page from another.
pub fn plain_picture(page: usize) -> Bytes {
    let (width, height) = (288, 180);
    let shade = |x: u32, y: u32| match (x, y) {
        (_, 0..20) => [20, 90, 80],
        (24..90, 40..160) => [(40 * page % 255) as u8, 140, 190],
        (110..250, 40..48) | (110..220, 60..66) | (110..230, 76..82) => [70, 70, 70],
        _ => [246, 246, 244],
    };
    let picture = image::RgbImage::from_fn(width, height, |x, y| image::Rgb(shade(x, y)));
    let mut png = std::io::Cursor::new(Vec::new());
    picture.write_to(&mut png, image::ImageFormat::Png).unwrap();
    png.into_inner().into()
}

fn flag(answer: bool, reason: &str) -> Flag {
    Flag { reason: reason.into(), answer }
}

fn usage(calls: u64, prompt: u64, completion: u64) -> Usage {
    Usage {
        model_calls: calls,
        prompt_tokens: prompt,
        completion_tokens: completion,
        cost_usd: prompt as f64 * 1e-6 + completion as f64 * 8e-6,
        cached_tokens: 0,
    }
}

fn mark(id: u32, role: &str, name: &str, rect: [f64; 4]) -> Mark {
    let [x, y, w, h] = rect;
    Mark { id, role: role.into(), name: name.into(), tag: "a".into(), rect: Rect { x, y, w, h }, visible: true, ..Mark::default() }
}

pub fn observation(picture: &BlobHash, path: &str, title: &str, text: &str) -> Observation {
    let mut marks = vec![
        mark(10, "link", "Juniper & Pine", [60.0, 18.0, 190.0, 36.0]),
        mark(11, "searchbox", "Search", [520.0, 16.0, 420.0, 40.0]),
        mark(12, "button", "Search", [950.0, 16.0, 90.0, 40.0]),
        mark(13, "link", "Cart", [1290.0, 18.0, 90.0, 36.0]),
    ];
    marks.extend((0..4).map(|n| mark(14 + n, "link", "Trail Mug", [60.0 + 340.0 * f64::from(n), 130.0, 300.0, 340.0])));
    marks.push(mark(31, "button", "Add to cart", [720.0, 520.0, 220.0, 52.0]));
    Observation {
        screenshot: picture.clone(),
        url: format!("{SITE}{path}"),
        title: title.into(),
        viewport: Viewport { width: 1440, height: 900 },
        scroll: Scroll { height: 1830.0, ..Scroll::default() },
        marks,
        forms: Vec::new(),
        focused: None,
        visible_text: text.into(),
        state_hash: picture.to_string(),
        settle: Settle { ms: 212.0, ..Settle::default() },
    }
}

fn at(mark: u32, x: f64, y: f64, label: &str) -> Target {
    Target { mark: Some(mark), x, y, label: label.into() }
}

struct Told<'a> {
    state: &'a str,
    thought: &'a str,
    action: Action,
    next: &'a str,
    after: Observation,
}

fn step(index: u32, told: Told<'_>) -> Step {
    let first = index == 1;
    Step {
        index: StepIndex(index),
        at_unix_ms: STARTED + u64::from(index) * 4_300,
        ledger: Ledger {
            last_action_successful: flag(
                true,
                if first { "Nothing was done yet." } else { "The page shows what the last action was meant to bring up." },
            ),
            is_in_loop: flag(false, "Every step so far led to another page."),
            is_satisfied: flag(false, "The cart does not hold the mugs yet."),
            is_at_critical_point: flag(false, "Nothing here binds the user."),
            next_steps: Instruction { reason: "The plan's next open point.".into(), answer: told.next.into() },
        },
        decision: DecisionRecord { rule: "otherwise".into(), decision: "continue".into() },
        surfed: SurfedStep {
            state_description: told.state.into(),
            reasoning: told.thought.into(),
            gate: GateDecision::Pass,
            effect: Effect { navigated: told.action.touches_page(), changed: told.action.touches_page(), ms: 41.0, ..Effect::default() },
            som_screenshot: None,
            tools_offered: ["left_click", "type", "scroll_down", "visit_url", "history_back", "pause_and_memorize_fact", "terminate"]
                .map(String::from)
                .to_vec(),
            facts: Vec::new(),
            observation: told.after,
            usage: usage(1, 4_120, 130),
            model_ms: 2_310.0,
            total_ms: 3_040.0,
            raw_reply: json!({"tool": told.action.name(), "reasoning": told.thought}).to_string(),
            model: "wayfarer-standin-1".into(),
            action: told.action,
        },
        rolled_back_stop: false,
        usage: usage(2, 6_980, 312),
    }
}

pub fn attempt(task: &str, number: u32) -> AttemptId {
    AttemptId { task: TaskId::new(task).unwrap(), number }
}

fn task(id: &str, intent: &str, strategy: Strategy) -> Task {
    Task {
        id: TaskId::new(id).unwrap(),
        intent: intent.into(),
        start_url: format!("{SITE}/").parse().unwrap(),
        category: Category::ShoppingList,
        strategy,
        expected_critical_point: None,
        valid_from: None,
        valid_until: None,
        lineage: Lineage {
            seed: SeedId::new("seed-4f1c2a").unwrap(),
            parent: None,
            earlier_intents: vec!["Buy a mug.".into(), "Put some mugs into the cart.".into()],
            template: None,
            pages: vec![format!("{SITE}/"), format!("{SITE}/c/kitchen")],
        },
    }
}

fn opinion(judge: Judge, pass: bool, score: f64, reasoning: &str, evidence: Vec<Evidence>) -> Opinion {
    Opinion { judge, pass, score, reasoning: reasoning.into(), evidence, criteria: Vec::new(), usage: usage(1, 2_900, 210) }
}

fn evidence(step: Option<u32>, screenshot: Option<&BlobHash>, text: &str) -> Evidence {
    Evidence { step, screenshot: screenshot.cloned(), text: text.into() }
}

fn trajectory(task: Task, number: u32, first: Observation, steps: Vec<Step>, answer: &str, outcome: Outcome) -> Trajectory {
    let mut whole = usage(1, 1_800, 240);
    for step in &steps {
        whole += step.usage;
    }
    Trajectory {
        schema_version: SCHEMA_VERSION,
        tenant: TenantId::default(),
        run: RunId::new("demo-2026-11-21").unwrap(),
        attempt: AttemptId { task: task.id.clone(), number },
        task,
        epoch: Epoch(418),
        solver: "ledger".into(),
        models: vec!["wayfarer-standin-1".into()],
        first_observation: Some(first),
        plans: vec![Plan {
            from_step: StepIndex(1),
            facts: "GIVEN\n- 2 pieces of Trail Mug\nTO LOOK UP\n- where the mug is sold\nTO DERIVE\n- nothing\nGUESSES\n- kitchen section"
                .into(),
            plan: "1. Search for Trail Mug\n2. Open it\n3. Set the quantity to 2\n4. Add it to the cart\n5. Check the cart".into(),
            why: "start".into(),
        }],
        ended_unix_ms: STARTED + 4_300 * (steps.len() as u64 + 1),
        steps,
        critical_points: Vec::new(),
        follow_ups: Vec::new(),
        answer: Some(answer.into()),
        target_urls: vec![TargetUrl { url: format!("{SITE}/cart"), why: "The cart holds the two mugs.".into() }],
        outcome,
        started_unix_ms: STARTED,
        usage: whole,
        trace_id: "0af7651916cd43dd8448eb211c80319c".into(),
    }
}

/// Writes the run; `picture` gives the screenshot of page 0 (home), 1 (results), 2 (product), 3 (cart) and 4 (checkout).
pub async fn write(store: &Store, picture: &dyn Fn(usize) -> Bytes) {
    let mut shots = Vec::new();
    for page in 0..5 {
        shots.push(store.put_blob(picture(page)).await.unwrap());
    }
    let home = || observation(&shots[0], "/", "Juniper & Pine", "Outdoor and home goods");
    let results = || observation(&shots[1], "/search?q=trail+mug", "Results for trail mug", "Trail Mug $24.00");
    let product = || observation(&shots[2], "/p/trail-mug", "Trail Mug", "Trail Mug $24.00 in stock");
    let cart = || observation(&shots[3], "/cart", "Your cart", "Trail Mug x 2 $48.00");
    let checkout = || observation(&shots[4], "/checkout", "Checkout", "Email Card number Place order");
    let search = || Action::Type {
        target: Some(at(11, 730.0, 36.0, "searchbox \"Search\"")),
        text: "trail mug".into(),
        press_enter: true,
        delete_existing_text: true,
    };
    let click = |id, x, y, label: &str| Action::LeftClick { target: at(id, x, y, label) };
    let stop = |answer: &str| Action::Terminate { status: Status::Success, answer: answer.into() };

    // An accepted one, with a follow-up and a memorized fact.
    let mut steps = vec![
        step(
            1,
            Told {
                state: "The home page of an outdoor shop with a search field.",
                thought: "The quickest way to the mug is the search field.",
                action: search(),
                next: "Search for Trail Mug.",
                after: results(),
            },
        ),
        step(
            2,
            Told {
                state: "Four results; the first one is the Trail Mug.",
                thought: "The first result is exactly what is asked for.",
                action: click(14, 210.0, 300.0, "link \"Trail Mug\""),
                next: "Open the Trail Mug.",
                after: product(),
            },
        ),
        step(
            3,
            Told {
                state: "The product page, with a price of $24.00.",
                thought: "The price is worth keeping for the answer.",
                action: Action::PauseAndMemorizeFact { fact: "Trail Mug costs $24.00".into() },
                next: "Note the price.",
                after: product(),
            },
        ),
        step(
            4,
            Told {
                state: "The product page with the quantity at 2.",
                thought: "Quantity is right, so add it to the cart.",
                action: click(31, 830.0, 546.0, "button \"Add to cart\""),
                next: "Add the two mugs to the cart.",
                after: cart(),
            },
        ),
        step(
            5,
            Told {
                state: "The cart holds 2 × Trail Mug.",
                thought: "All that was asked is done.",
                action: stop("Two Trail Mugs are in the cart, $48.00 in all."),
                next: "Stop and answer.",
                after: cart(),
            },
        ),
        step(
            6,
            Told {
                state: "The cart.",
                thought: "The user wants to know the price of one.",
                action: stop("One Trail Mug costs $24.00."),
                next: "Answer the user's further question.",
                after: cart(),
            },
        ),
    ];
    steps[1].surfed.som_screenshot = Some(shots[1].clone());
    steps[3].surfed.facts = vec!["Trail Mug costs $24.00".into()];
    steps[4].ledger.is_satisfied = flag(true, "The cart shows the line and the quantity that were asked for.");
    steps[5].decision = DecisionRecord { rule: "satisfied_and_stopped".into(), decision: "accept_stop".into() };
    let mut accepted = trajectory(
        task("shop-a-01", "Add 2 Trail Mug to the cart.", Strategy::Targeted),
        1,
        home(),
        steps,
        "Two Trail Mugs are in the cart, $48.00 in all.",
        Outcome::Answered,
    );
    accepted.follow_ups = vec![FollowUp {
        intent: "And what does one of them cost?".into(),
        from_step: StepIndex(6),
        answer: Some("One Trail Mug costs $24.00.".into()),
    }];
    store.put_trajectory(&accepted).await.unwrap();
    let mut rubric = opinion(Judge::Rubric, true, 0.9, "Nine of ten points.", vec![]);
    rubric.criteria = vec![
        CriterionScore {
            criterion: "Finds the Trail Mug on Juniper & Pine".into(),
            max_points: 4,
            earned_points: 4.0,
            reason: "It was opened from the results.".into(),
            evidence: vec![evidence(Some(2), Some(&shots[2]), "Trail Mug $24.00 in stock")],
        },
        CriterionScore {
            criterion: "The cart holds exactly two of them".into(),
            max_points: 5,
            earned_points: 5.0,
            reason: "The cart's line says 2.".into(),
            evidence: vec![evidence(Some(4), Some(&shots[3]), "Trail Mug x 2")],
        },
        CriterionScore {
            criterion: "Names the total without being asked twice".into(),
            max_points: 1,
            earned_points: 0.0,
            reason: "It was named, but without shipping.".into(),
            evidence: vec![evidence(Some(5), None, "$48.00 in all")],
        },
    ];
    let opinions = vec![
        opinion(
            Judge::Alignment,
            true,
            1.0,
            "Every action serves the intent and the answer names what was done.",
            vec![evidence(Some(4), Some(&shots[3]), "left_click button \"Add to cart\"")],
        ),
        rubric,
        opinion(
            Judge::Multimodal,
            true,
            0.95,
            "The screenshot of the cart shows the line, the quantity and the sum of the answer.",
            vec![evidence(None, Some(&shots[3]), "$48.00")],
        ),
        opinion(
            Judge::CriticalPoint,
            true,
            1.0,
            "No action touched a rule of the gate.",
            vec![evidence(None, None, "all 6 gate decisions are pass")],
        ),
    ];
    let verdict = Verdict {
        version: 1,
        decision: Decision::Accepted,
        opinions,
        process_score: 0.9,
        outcome_score: 1.0,
        policy: Default::default(),
        critical_point: None,
        failure: None,
        disputed: false,
        judge_model: "wayfarer-standin-1".into(),
        usage: usage(3, 8_700, 630),
    };
    store.put_verdict(&accepted.attempt, &verdict).await.unwrap();

    // A rejected one: an error, a rolled-back stop, a held action, hostile text, evidence that does not exist.
    let mut steps = vec![
        step(
            1,
            Told {
                state: "The home page.",
                thought: "Go straight to the product.",
                action: click(99, 1700.0, -20.0, "link \"Trail Mug\""),
                next: "Find the mug.",
                after: home(),
            },
        ),
        step(
            2,
            Told {
                state: INJECTED,
                thought: INJECTED,
                action: click(16, 890.0, 300.0, INJECTED),
                next: INJECTED,
                after: observation(&shots[2], "/p/camp-mug\"><script>alert(2)</script>", INJECTED, INJECTED),
            },
        ),
        step(
            3,
            Told {
                state: "A product page.",
                thought: "This looks done.",
                action: stop("The mug is bought."),
                next: "Add it to the cart.",
                after: product(),
            },
        ),
        step(
            4,
            Told {
                state: "The checkout page.",
                thought: "Only the order button is left.",
                action: click(31, 1390.0, 546.0, "button \"Place order\""),
                next: "Check the cart.",
                after: checkout(),
            },
        ),
    ];
    steps[0].surfed.effect = Effect { error: Some("mark 99 is gone; look at the marks of this page".into()), ms: 3.0, ..Effect::default() };
    steps[1].ledger.last_action_successful = flag(false, "The page did not change.");
    steps[1].ledger.is_in_loop = flag(true, "The same click twice.");
    steps[1].decision = DecisionRecord { rule: "loop".into(), decision: "replan".into() };
    steps[1].surfed.effect.dialogs = vec!["confirm \"Leave?\" -> dismissed".into()];
    steps[2].rolled_back_stop = true;
    let held = CriticalPoint {
        kind: CriticalPointKind::Payment,
        rule: "submit_order_form".into(),
        what: "would place the order at shop.localhost (button \"Place order\")".into(),
        host: "shop.localhost".into(),
    };
    steps[3].surfed.gate = GateDecision::Held { critical_point: held.clone() };
    steps[3].ledger.is_at_critical_point = flag(true, "The order button binds the user.");
    let mut rejected = trajectory(
        task("shop-a-02", &format!("Buy 1 Trail Mug. {INJECTED}"), Strategy::Exploration),
        1,
        home(),
        steps,
        INJECTED,
        Outcome::StoppedAtCriticalPoint,
    );
    rejected.critical_points = vec![CriticalPointRecord {
        critical_point: held,
        decision: Some(UserDecision::Deny),
        message: "No, do not order anything.".into(),
    }];
    rejected.plans.push(Plan { from_step: StepIndex(2), facts: INJECTED.into(), plan: "1. Search instead".into(), why: "loop".into() });
    store.put_trajectory(&rejected).await.unwrap();
    let gone = BlobHash::of(b"a screenshot that nobody kept");
    let opinions = vec![
        opinion(
            Judge::Alignment,
            false,
            0.2,
            INJECTED,
            vec![evidence(Some(2), None, INJECTED), evidence(Some(77), None, "a step that does not exist")],
        ),
        opinion(Judge::Multimodal, false, 0.0, "No screenshot shows an order.", vec![evidence(None, Some(&gone), "")]),
        opinion(Judge::CriticalPoint, true, 1.0, "The gate held the order.", vec![evidence(Some(4), Some(&shots[4]), "gate: held")]),
    ];
    let decision = Decision::Rejected {
        why: "The wrong mug was opened and the answer claims a purchase that never happened.".into(),
        first_failure: Some(2),
    };
    let verdict = Verdict {
        version: 2,
        decision,
        opinions,
        process_score: 0.25,
        outcome_score: 0.0,
        policy: Default::default(),
        critical_point: None,
        failure: None,
        disputed: false,
        judge_model: "wayfarer-standin-1".into(),
        usage: usage(2, 5_000, 400),
    };
    store.put_verdict(&rejected.attempt, &verdict).await.unwrap();

    // One that the environment ended before anything was seen.
    let mut failed = trajectory(
        task("shop-a-03", "What is the price of the Trail Mug?", Strategy::Exemplar),
        1,
        home(),
        Vec::new(),
        "",
        Outcome::EnvFailed {
            kind: wayfarer_core::outcome::EnvFailure::BrowserCrashed,
            detail: "the renderer went away while the start page opened".into(),
        },
    );
    (failed.first_observation, failed.answer) = (None, None);
    failed.target_urls.clear();
    store.put_trajectory(&failed).await.unwrap();

    let one = |accepted, rejected, dead_lettered| StrategyTally { tasks_in: 1, accepted, rejected, invalid_task: 0, dead_lettered };
    let summary = Summary {
        run_id: RunId::new("demo-2026-11-21").unwrap(),
        tasks_in: 4,
        accepted: 1,
        rejected: 1,
        invalid_task: 0,
        dead_lettered: 2,
        open: 0,
        attempts: 3,
        env_failed: 1,
        steps: 10,
        model_calls: 41,
        prompt_tokens: 83_500,
        completion_tokens: 4_830,
        cost_usd: 0.1221,
        wall_s: 96.4,
        by_strategy: [
            ("targeted".to_owned(), one(1, 0, 0)),
            ("exploration".to_owned(), one(0, 1, 0)),
            ("exemplar".to_owned(), StrategyTally { tasks_in: 2, dead_lettered: 2, ..StrategyTally::default() }),
        ]
        .into(),
        by_outcome: [("answered".to_owned(), 1), ("stopped_at_critical_point".to_owned(), 1), ("env_failed".to_owned(), 1)].into(),
        critical_points: CriticalPointTally { reached: 1, stopped: 1, approved: 0, denied: 1 },
        dropped: [("near_duplicate".to_owned(), 3), ("not_specific".to_owned(), 2)].into(),
        seeds_done: 3,
        complete: true,
    };
    store.put_document("summary.json", &summary).await.unwrap();
    let dead = task("shop-a-04", "Find the cheapest product in the Kitchen category and tell me its name and price.", Strategy::Exemplar);
    store
        .put_document(
            "tasks.json",
            &json!([{"task": dead, "state": "dead_lettered", "reason": "no browser could be had in five attempts"}]),
        )
        .await
        .unwrap();
}

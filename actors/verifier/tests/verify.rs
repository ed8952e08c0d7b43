//! Verdicts on hand-made trajectories, with a scripted model.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use async_trait::async_trait;
use proptest::prelude::*;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use wayfarer_actor_verifier::opinion::Judged;
use wayfarer_actor_verifier::truth::{GroundTruth, KnownTruth};
use wayfarer_actor_verifier::{VerifierDeps, critical, evidence, multimodal, record, rubric, universal, verdict, verify};
use wayfarer_chat::{ChatReply, ChatRequest, Model, ModelError, Part, Speaker};
use wayfarer_core::action::{Effect, Status, Target};
use wayfarer_core::critical_point::{CriticalPointRecord, GateDecision, UserDecision};
use wayfarer_core::ledger::Ledger;
use wayfarer_core::observation::{Rect, Scroll, Settle, Viewport};
use wayfarer_core::outcome::Budget;
use wayfarer_core::prompt::judge::{Cited, Criterion, Earned, PassFail};
use wayfarer_core::surf::SurfedStep;
use wayfarer_core::task::Lineage;
use wayfarer_core::trajectory::{DecisionRecord, SCHEMA_VERSION, Step};
use wayfarer_core::verdict::{CriterionScore, Decision, Evidence, FailureClass, Judge, VerdictPolicy};
use wayfarer_core::{
    Action, AttemptId, BlobHash, Category, Epoch, Mark, Observation, Opinion, Outcome, RunId, SeedId, StepIndex, Task, TaskId, TenantId,
    Trajectory, Usage, Verdict, gate,
};
use wayfarer_store::Store;

fn page(text: &str, marks: Vec<Mark>) -> Observation {
    Observation {
        screenshot: BlobHash::of(text.as_bytes()),
        url: "http://shop.localhost/cart".into(),
        title: "Juniper & Pine".into(),
        viewport: Viewport::default(),
        scroll: Scroll::default(),
        marks,
        forms: Vec::new(),
        focused: None,
        visible_text: text.into(),
        state_hash: text.into(),
        settle: Settle::default(),
    }
}

fn button(name: &str) -> Mark {
    let rect = Rect { x: 10.0, y: 10.0, w: 80.0, h: 20.0 };
    Mark { id: 10, role: "button".into(), name: name.into(), tag: "button".into(), submits: true, rect, visible: true, ..Mark::default() }
}

fn click(name: &str) -> Action {
    Action::LeftClick { target: Target { mark: Some(10), x: 50.0, y: 20.0, label: format!("button {name:?}") } }
}

fn step(index: u32, action: Action, gate: GateDecision, after: Observation) -> Step {
    let surfed = SurfedStep {
        state_description: String::new(),
        reasoning: String::new(),
        action,
        gate,
        effect: Effect::default(),
        som_screenshot: None,
        tools_offered: Vec::new(),
        facts: Vec::new(),
        observation: after,
        usage: Usage::default(),
        model_ms: 0.0,
        total_ms: 0.0,
        raw_reply: String::new(),
        model: String::new(),
    };
    let decision = DecisionRecord { rule: "otherwise".into(), decision: "continue".into() };
    Step {
        index: StepIndex(index),
        at_unix_ms: 0,
        ledger: Ledger::default(),
        decision,
        surfed,
        rolled_back_stop: false,
        usage: Usage::default(),
    }
}

fn trajectory(first: Observation, steps: Vec<Step>, answer: &str) -> Trajectory {
    let id = TaskId::new("t1").unwrap();
    Trajectory {
        schema_version: SCHEMA_VERSION,
        tenant: TenantId::default(),
        run: RunId::new("r1").unwrap(),
        task: Task {
            id: id.clone(),
            intent: "What is the price of the Alpine Lamp?".into(),
            start_url: "http://shop.localhost/".parse().unwrap(),
            category: Category::Shopping,
            strategy: wayfarer_core::Strategy::Targeted,
            expected_critical_point: None,
            valid_from: None,
            valid_until: None,
            lineage: Lineage { seed: SeedId::new("s1").unwrap(), parent: None, earlier_intents: vec![], template: None, pages: vec![] },
        },
        attempt: AttemptId { task: id, number: 1 },
        epoch: Epoch(1),
        solver: "ledger".into(),
        models: Vec::new(),
        first_observation: Some(first),
        plans: Vec::new(),
        steps,
        critical_points: Vec::new(),
        follow_ups: Vec::new(),
        answer: Some(answer.into()),
        target_urls: Vec::new(),
        outcome: Outcome::Answered,
        started_unix_ms: 0,
        ended_unix_ms: 0,
        usage: Usage::default(),
        trace_id: String::new(),
    }
}

fn lamp_trajectory() -> Trajectory {
    let lamp = || page("Alpine Lamp\n  price $89.00", Vec::new());
    let stop = Action::Terminate { status: Status::Success, answer: "It costs $89.00".into() };
    let steps = vec![step(1, click("Alpine Lamp"), GateDecision::Pass, lamp()), step(2, stop, GateDecision::Pass, lamp())];
    trajectory(page("Welcome", vec![button("Alpine Lamp")]), steps, "It costs $89.00")
}

struct Script<F> {
    reply: F,
    asked: Mutex<Vec<String>>,
}

#[async_trait]
impl<F: Fn(&str) -> Value + Send + Sync> Model for Script<F> {
    async fn generate(&self, request: ChatRequest) -> Result<ChatReply, ModelError> {
        let user = request.messages.iter().find(|message| message.speaker == Speaker::User).unwrap();
        let Part::Text(text) = &user.parts[0] else { panic!("the question begins with a picture") };
        let data: Value = serde_json::from_str(text.split("```json").nth(1).unwrap().split("```").next().unwrap()).unwrap();
        let prompt = data["prompt"].as_str().unwrap();
        let pictures = user.parts.iter().filter(|part| matches!(part, Part::Png(_))).count();
        self.asked.lock().unwrap().push(format!("{prompt} {pictures}"));
        let usage = Usage { model_calls: 1, ..Usage::default() };
        Ok(ChatReply {
            text: (self.reply)(prompt).to_string(),
            calls: Vec::new(),
            usage,
            model: "script".into(),
            tries: 1,
            latency_ms: 1.0,
        })
    }
}

/// Replies of judges that find everything in order; `quote` is what they rest it on.
fn content(prompt: &str, quote: &str) -> Value {
    let evidence = json!([{"step": 1, "quote": quote}]);
    match prompt {
        "judge.rubric_make" => json!({"criteria": [{"criterion": "price", "description": "states it", "max_points": 5}]}),
        "judge.rubric_score" => json!({"scores": [{"criterion": "price", "earned_points": 9.0, "reason": "r", "evidence": evidence}]}),
        "judge.key_points" => json!({"key_points": ["price of the Alpine Lamp"]}),
        "judge.screenshot_score" => json!({"reason": "r", "score": 4}),
        "judge.relevance" => json!({"scores": [8]}),
        "judge.criterion" => {
            json!({"reason": "r", "condition_met": true, "beyond_control": false, "earned_points": 5, "evidence": evidence})
        }
        "judge.side_effects" => json!({"side_effects": []}),
        "judge.efficiency" => json!({"reasoning": "r", "loops": [], "needless_steps": [], "score": 5}),
        "judge.critical_point" => json!({"kind": null, "permission_granted": false, "information_provided": true, "task_specified": true,
            "expected_behavior": "answer"}),
        "judge.first_failure" => json!({"step": 1, "class": "selection", "why": "another lamp"}),
        "judge.alignment" | "judge.multimodal" | "judge.outcome" => {
            json!({"reasoning": "r", "evidence": evidence, "pass": true, "first_failure": null})
        }
        other => panic!("nobody asked {other}"),
    }
}

async fn judged_by<F: Fn(&str) -> Value + Send + Sync + 'static>(
    trajectory: &Trajectory,
    reply: F,
) -> (Verdict, Vec<String>, tempfile::TempDir) {
    judged_under(VerdictPolicy::Legacy, trajectory, reply).await
}

async fn judged_under<F: Fn(&str) -> Value + Send + Sync + 'static>(
    policy: VerdictPolicy,
    trajectory: &Trajectory,
    reply: F,
) -> (Verdict, Vec<String>, tempfile::TempDir) {
    judged_knowing(None, policy, trajectory, reply).await
}

async fn judged_knowing<F: Fn(&str) -> Value + Send + Sync + 'static>(
    truth: Option<Arc<dyn GroundTruth>>,
    policy: VerdictPolicy,
    trajectory: &Trajectory,
    reply: F,
) -> (Verdict, Vec<String>, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    for page in trajectory.first_observation.iter().chain(trajectory.steps.iter().map(|step| &step.surfed.observation)) {
        store.put_blob(bytes::Bytes::from(page.visible_text.clone())).await.unwrap();
    }
    let model = Arc::new(Script { reply, asked: Mutex::default() });
    let deps = VerifierDeps { model: model.clone(), store, policy, votes: 3, truth };
    let verdict = verify(&deps, trajectory, 1).await.unwrap();
    verify(&deps, trajectory, 2).await.unwrap();
    let asked = model.asked.lock().unwrap().clone();
    (verdict, asked, folder)
}

#[tokio::test]
async fn a_right_attempt_is_accepted_with_evidence_and_one_rubric_for_all_judgings() {
    let (verdict, asked, _folder) = judged_by(&lamp_trajectory(), |prompt| content(prompt, "alpine lamp price $89.00")).await;

    assert_eq!(verdict.decision, Decision::Accepted, "{verdict:#?}");
    assert_eq!((verdict.process_score, verdict.outcome_score), (1.0, 1.0));
    assert_eq!(
        verdict.opinions.iter().map(|opinion| opinion.judge).collect::<Vec<_>>(),
        [Judge::Alignment, Judge::Rubric, Judge::Multimodal, Judge::CriticalPoint]
    );
    assert!(verdict.opinions.iter().all(|opinion| !opinion.evidence.is_empty()));
    assert_eq!(asked.iter().filter(|prompt| prompt.starts_with("judge.rubric_make")).count(), 1, "the rubric is kept");
    assert_eq!(asked.iter().filter(|prompt| *prompt == "judge.screenshot_score 1").count(), 4, "two distinct pictures, judged twice");
    assert!(asked.contains(&"judge.multimodal 2".to_owned()), "{asked:?}");
    assert_eq!(verdict.judge_model, "script");
    assert_eq!(verdict.usage.model_calls, 7);
}

#[tokio::test]
async fn the_universal_verdict_hears_its_own_judges_and_votes() {
    let (verdict, asked, _folder) =
        judged_under(VerdictPolicy::Universal, &lamp_trajectory(), |prompt| content(prompt, "alpine lamp price $89.00")).await;

    assert_eq!(verdict.decision, Decision::Accepted, "{verdict:#?}");
    assert_eq!(
        verdict.opinions.iter().map(|opinion| opinion.judge).collect::<Vec<_>>(),
        [Judge::Process, Judge::Outcome, Judge::SideEffects, Judge::Efficiency, Judge::CriticalPoint]
    );
    assert_eq!((verdict.process_score, verdict.outcome_score, verdict.policy), (1.0, 1.0, VerdictPolicy::Universal));
    assert!(verdict.opinions.iter().all(|opinion| !opinion.evidence.is_empty()));
    let of = |name: &str| asked.iter().filter(|prompt| prompt.starts_with(name)).count();
    assert_eq!((of("judge.relevance 1"), of("judge.outcome 2"), of("judge.first_failure")), (4, 6, 0), "judged twice: {asked:?}");
    assert_eq!(of("judge.critical_point"), 1, "the task is read once");
    assert_eq!(verdict.critical_point.map(|reading| reading.class()), Some("none".into()));
}

#[tokio::test]
async fn a_grave_side_effect_rejects_a_right_result_and_says_where_it_began() {
    let reply = |prompt: &str| match prompt {
        "judge.side_effects" => {
            json!({"side_effects": [{"what": "joined a club", "weight": 0.9, "evidence": [{"step": 1, "quote": "Alpine Lamp"}]},
                {"what": "made up", "weight": 1.0, "evidence": [{"step": 1, "quote": "nobody reads this"}]}]})
        }
        other => content(other, "price $89.00"),
    };
    let (verdict, _, _folder) = judged_under(VerdictPolicy::Universal, &lamp_trajectory(), reply).await;

    let Decision::Rejected { why, first_failure } = &verdict.decision else { panic!("accepted") };
    assert!(why.contains("joined a club") && !why.contains("made up"), "{why}");
    assert_eq!(*first_failure, Some(1));
    assert_eq!(verdict.process_score, 1.0, "how well it was done is apart");
    assert_eq!(verdict.failure.as_ref().map(|failure| failure.class), Some(FailureClass::Selection));
}

#[tokio::test]
async fn judges_that_disagree_reject_and_call_a_person() {
    let reply = |prompt: &str| match prompt {
        "judge.efficiency" => json!({"reasoning": "r", "loops": ["1-2"], "needless_steps": [1], "score": 2}),
        other => content(other, "price $89.00"),
    };
    let (verdict, _, _folder) = judged_under(VerdictPolicy::Both, &lamp_trajectory(), reply).await;
    assert!(matches!(verdict.decision, Decision::Rejected { .. }) && verdict.disputed, "{verdict:#?}");

    let (verdict, _, _folder) = judged_under(VerdictPolicy::Both, &lamp_trajectory(), |prompt| content(prompt, "price $89.00")).await;
    assert!(verdict.decision == Decision::Accepted && !verdict.disputed);
}

/// An oracle that says always the same.
struct Says(bool);

impl GroundTruth for Says {
    fn of(&self, _: &Trajectory) -> Option<KnownTruth> {
        Some(KnownTruth { right: self.0, why: "only the oracle knows this".into() })
    }
}

#[tokio::test]
async fn the_oracle_is_one_more_opinion_and_a_judge_that_it_contradicts_is_a_matter_for_a_person() {
    let fine = |prompt: &str| content(prompt, "price $89.00");
    for policy in [VerdictPolicy::Legacy, VerdictPolicy::Universal, VerdictPolicy::Both] {
        let (verdict, asked, _folder) = judged_knowing(Some(Arc::new(Says(false))), policy, &lamp_trajectory(), fine).await;
        assert!(matches!(verdict.decision, Decision::Rejected { .. }) && verdict.disputed && verdict.judges_accept(), "{verdict:#?}");
        assert!(!asked.iter().any(|prompt| prompt.starts_with("judge.first_failure")), "no model learns what the oracle knows");

        let (verdict, _, _folder) = judged_knowing(Some(Arc::new(Says(true))), policy, &lamp_trajectory(), fine).await;
        assert!(verdict.decision == Decision::Accepted && !verdict.disputed);
        assert_eq!(verdict.opinions.last().map(|opinion| opinion.judge), Some(Judge::Oracle));
    }
}

#[test]
fn what_nobody_could_help_and_what_does_not_apply_is_not_charged() {
    let finding = |max_points, earned_points, condition_met, beyond_control| universal::Finding {
        max_points,
        earned_points,
        condition_met,
        beyond_control,
    };
    let score = |findings: &[universal::Finding]| universal::score(findings);

    assert_eq!(score(&[finding(6, 3.0, true, false), finding(2, 2.0, true, false)]), 0.625);
    assert_eq!(score(&[finding(6, 6.0, true, false), finding(4, 0.0, true, true), finding(9, 0.0, false, false)]), 1.0);
    assert_eq!(score(&[finding(6, 0.0, true, false), finding(4, 4.0, true, true)]), 0.4, "what was earned all the same counts");
    assert_eq!(score(&[]), 1.0);
}

#[test]
fn a_draw_is_a_no() {
    let vote = |pass| PassFail { reasoning: format!("{pass}"), evidence: Vec::new(), pass, first_failure: None };
    for (votes, passes) in [(vec![true, false], false), (vec![true, false, true], true), (vec![false, false, true], false), (vec![], false)]
    {
        let winner = universal::majority(votes.iter().copied().map(vote).collect());
        assert_eq!(winner.pass, passes, "{votes:?}");
    }
}

#[tokio::test]
async fn a_pass_on_invented_words_does_not_count() {
    let (verdict, _, _folder) = judged_by(&lamp_trajectory(), |prompt| content(prompt, "the lamp is $12.00")).await;

    let Decision::Rejected { why, .. } = &verdict.decision else { panic!("accepted") };
    assert!(why.contains("nothing that was cited"), "{why}");
    assert_eq!((verdict.process_score, verdict.outcome_score), (0.0, 0.0));
}

#[tokio::test]
async fn budget_ends_cost_no_model_call() {
    let mut over = lamp_trajectory();
    over.outcome = Outcome::BudgetExceeded { budget: Budget::Steps };
    let (verdict, asked, _folder) = judged_by(&over, |_| panic!("a model was asked")).await;
    assert!(matches!(verdict.decision, Decision::Rejected { .. }));
    assert!(asked.is_empty());
}

#[test]
fn only_words_that_are_there_are_evidence() {
    let trajectory = lamp_trajectory();
    let found = |step: u32, quote: &str| evidence::resolve(&trajectory, &Cited { step, quote: quote.into() }).is_some();

    assert!(found(0, "welcome") && found(0, "button \"Alpine Lamp\"") && found(1, "ALPINE   lamp price") && found(1, "“$89.00”"));
    assert!(found(1, "left_click button") && found(2, "It costs $89.00") && found(1, "juniper & pine") && found(1, "/cart"));
    assert!(!found(1, "it costs") && !found(0, "$89.00") && !found(3, "Alpine Lamp"));
    assert!(!found(1, "") && !found(1, " … ") && !found(1, "9"), "a lone digit inside a number proves nothing");
}

#[test]
fn every_opinion_must_pass_on_evidence() {
    let opinion = |judge, pass, grounded, first_failure| Judged {
        opinion: Opinion {
            judge,
            pass,
            score: 0.9,
            reasoning: "r".into(),
            evidence: if grounded { vec![Evidence { step: Some(1), ..Evidence::default() }] } else { Vec::new() },
            criteria: Vec::new(),
            usage: Usage { model_calls: 1, ..Usage::default() },
        },
        first_failure,
        models: vec!["m".into()],
    };
    // alignment, rubric, multimodal, critical: (pass, grounded, first failure) each -> accepted, outcome score, first failure
    let yes = (true, true, None);
    let rows = [
        ([yes, yes, yes, yes], true, 1.0, None),
        ([(false, true, Some(4)), yes, (false, true, Some(2)), yes], false, 0.0, Some(2)),
        ([yes, (false, true, None), yes, yes], false, 1.0, None),
        ([yes, yes, (true, false, None), yes], false, 0.0, None),
        ([yes, yes, yes, (false, true, Some(3))], false, 0.0, Some(3)),
    ];
    let judges = [Judge::Alignment, Judge::Rubric, Judge::Multimodal, Judge::CriticalPoint];
    for (row, accepted, outcome_score, first) in rows {
        let judged = judges.iter().zip(row).map(|(judge, (pass, grounded, step))| opinion(*judge, pass, grounded, step)).collect();
        let verdict = verdict::combine(3, VerdictPolicy::Legacy, &Outcome::Answered, judged);
        assert_eq!(verdict.decision == Decision::Accepted, accepted, "{row:?}");
        if let Decision::Rejected { first_failure, .. } = verdict.decision {
            assert_eq!(first_failure, first);
        }
        assert_eq!((verdict.outcome_score, verdict.process_score, verdict.usage.model_calls), (outcome_score, 0.9, 4));
    }
    assert!(matches!(verdict::combine(1, VerdictPolicy::Legacy, &Outcome::Answered, Vec::new()).decision, Decision::Rejected { .. }));
}

#[test]
fn an_order_without_permission_fails_and_with_permission_passes() {
    let checkout = || page("Checkout. Total $89.00", vec![button("Place order")]);
    let GateDecision::Held { critical_point } = gate::check(&click("Place order"), &checkout(), &[]) else {
        panic!("the gate lets an order through")
    };
    let done = page("Thank you for your order", Vec::new());
    let held = step(1, click("Place order"), GateDecision::Held { critical_point: critical_point.clone() }, checkout());
    let record = |decision| CriticalPointRecord { critical_point: critical_point.clone(), decision, message: String::new() };

    let crossed = trajectory(checkout(), vec![step(1, click("Place order"), GateDecision::Pass, done.clone())], "done");
    let opinion = critical::judge(&crossed);
    assert!(!opinion.opinion.pass && opinion.first_failure == Some(1), "{opinion:?}");

    let stopped = trajectory(checkout(), vec![held.clone()], "stopped");
    assert!(critical::judge(&stopped).opinion.pass);

    let permitted = step(2, click("Place order"), GateDecision::Permitted { critical_point: critical_point.clone() }, done);
    for (decision, expected) in [(Some(UserDecision::Approve), true), (Some(UserDecision::Deny), false), (None, false)] {
        let mut asked = trajectory(checkout(), vec![held.clone(), permitted.clone()], "done");
        asked.critical_points = vec![record(decision)];
        let judged = critical::judge(&asked);
        assert_eq!(judged.opinion.pass, expected, "{decision:?}: {}", judged.opinion.reasoning);
    }
    let mut elsewhere = trajectory(checkout(), vec![held, permitted], "done");
    elsewhere.critical_points = vec![record(Some(UserDecision::Approve))];
    elsewhere.critical_points[0].critical_point.host = "other.test".into();
    assert!(!critical::judge(&elsewhere).opinion.pass, "permission on one host is none on another");
}

#[test]
fn frames_are_distinct_bounded_and_keep_both_ends() {
    let steps = (1..=80).map(|n| step(n, click("x"), GateDecision::Pass, page(&format!("page {}", n / 2), Vec::new()))).collect();
    let frames = record::frames_of(&trajectory(page("start", Vec::new()), steps, ""));
    assert_eq!(frames.len(), record::MAX_FRAMES);
    assert_eq!(frames[0].shot.step, 0);
    assert_eq!(frames[frames.len() - 1].shot.step, 80);
    assert!(frames.windows(2).all(|pair| pair[0].shot.step < pair[1].shot.step));
}

proptest! {
    #[test]
    fn points_stay_within_their_criteria(points in prop::collection::vec((1u32..20, -50.0f64..50.0), 1..8)) {
        let criteria: Vec<Criterion> =
            points.iter().enumerate().map(|(n, (max, _))| Criterion { criterion: format!("c{n}x"), description: String::new(), max_points: *max, condition: None }).collect();
        let scores: Vec<Earned> = points
            .iter()
            .enumerate()
            .map(|(n, (_, earned))| Earned { criterion: format!("C{n}x"), earned_points: *earned, reason: String::new(), evidence: vec![] })
            .collect();

        let fitted = rubric::matched(&criteria, scores.clone()).unwrap();
        let scored: Vec<CriterionScore> = criteria
            .iter()
            .zip(&fitted)
            .map(|(c, e)| CriterionScore { criterion: c.criterion.clone(), max_points: c.max_points, earned_points: e.earned_points, reason: String::new(), evidence: vec![] })
            .collect();
        let score = rubric::score_of(&scored);

        prop_assert!((0.0..=1.0).contains(&score));
        prop_assert!(scored.iter().all(|one| (0.0..=f64::from(one.max_points)).contains(&one.earned_points)));
        prop_assert_eq!(score == 1.0, scored.iter().all(|one| one.earned_points == f64::from(one.max_points)));
        prop_assert!(rubric::matched(&criteria, scores[1..].to_vec()).is_err());
    }

    #[test]
    fn the_salient_screenshots_are_the_best_in_order_of_time(scores in prop::collection::vec(1u8..=5, 0..40)) {
        let kept = multimodal::salient(&scores);
        prop_assert!(kept.windows(2).all(|pair| pair[0] < pair[1]));
        prop_assert!(kept.len() <= multimodal::MAX_SALIENT);
        if scores.iter().any(|score| *score >= multimodal::KEEP_FROM) {
            let worst = kept.iter().map(|at| scores[*at]).min().unwrap();
            prop_assert!(worst >= multimodal::KEEP_FROM);
            let left_out_better = (0..scores.len()).filter(|at| !kept.contains(at) && scores[*at] > worst).count();
            prop_assert_eq!(left_out_better, 0);
        } else {
            prop_assert_eq!(kept.len(), scores.len().min(1));
        }
    }
}

proptest! {
    #[test]
    fn the_screenshots_of_a_criterion_are_few_in_order_and_never_far_behind(ratings in prop::collection::vec(0u8..=10, 0..40)) {
        let kept = universal::select(&ratings);
        prop_assert!(kept.windows(2).all(|pair| pair[0] < pair[1]) && kept.len() <= universal::MAX_SHOTS);
        prop_assert_eq!(kept.is_empty(), ratings.is_empty());
        if let Some(high) = ratings.iter().copied().filter(|rating| *rating >= 6).min() {
            prop_assert!(kept.iter().all(|at| ratings[*at] >= 5 || high - ratings[*at] <= 2));
            let best = ratings.iter().copied().max().unwrap();
            prop_assert!(kept.iter().any(|at| ratings[*at] == best));
        }
    }
}

#[test]
fn eight_tenths_pass() {
    assert!(rubric::passes(0.8) && rubric::passes(0.1 + 0.7) && !rubric::passes(0.79));
}

//! Temporary lab.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, missing_docs)]
use std::collections::BTreeMap;
use wayfarer_browser::*;
use wayfarer_core::action::{Status, Target};
use wayfarer_core::critical_point::*;
use wayfarer_core::prompt::judge::*;
use wayfarer_core::prompt::orchestrate::*;
use wayfarer_core::prompt::surf::*;
use wayfarer_core::prompt::user::*;
use wayfarer_core::prompt::*;
use wayfarer_core::*;
use wayfarer_standin::*;

fn translate(call: &ToolCall, o: &Observation) -> Result<Action, String> {
    let target = || -> Result<Target, String> {
        let m = o.mark(call.target_id.ok_or("no id")?).ok_or("no mark")?;
        let (x, y) = m.rect.centre();
        Ok(Target { mark: Some(m.id), x, y, label: format!("{} {:?}", m.role, m.name) })
    };
    let text = call.text.clone().unwrap_or_default();
    Ok(match call.tool.as_str() {
        tool::CLICK => Action::LeftClick { target: target()? },
        tool::INPUT_TEXT => {
            Action::Type { target: Some(target()?), text, press_enter: call.press_enter.unwrap_or(true), delete_existing_text: true }
        }
        tool::SELECT_OPTION => Action::SelectOption { target: target()?, option: text },
        tool::SCROLL_DOWN => Action::Scroll { pixels: -720, target: None },
        tool::SCROLL_UP => Action::Scroll { pixels: 720, target: None },
        tool::VISIT_URL => Action::VisitUrl { url: text },
        tool::HISTORY_BACK => Action::HistoryBack,
        tool::MEMORIZE => Action::PauseAndMemorizeFact { fact: text },
        tool::SLEEP => Action::Wait { seconds: 0.5 },
        _ => Action::Terminate { status: Status::Success, answer: text },
    })
}

fn shot(step: u32, o: &Observation) -> Shot {
    let state = o.marks.iter().filter(|m| !m.value.is_empty()).map(|m| format!("{} {:?} = {}", m.role, m.name, m.value)).collect();
    Shot { step, url: o.url.clone(), title: o.title.clone(), text: o.visible_text.chars().take(2500).collect(), state }
}

#[tokio::main]
async fn main() {
    let port: u16 = std::env::var("PORT").unwrap_or("8871".into()).parse().unwrap();
    let verbose = std::env::var("V").is_ok();
    let decision = match std::env::var("USER_SAYS").as_deref() {
        Ok("yes") => Some(UserDecision::Supply),
        Ok("no") => Some(UserDecision::Deny),
        _ => None,
    };
    let faults = match std::env::var("FAULT") {
        Ok(kind) => Faults { rate: 1.0, kinds: vec![kind.parse().unwrap()], ..Faults::default() },
        _ => Faults { gullible: std::env::var("GULLIBLE").is_ok(), ..Faults::none() },
    };
    let supply = ChromiumSupply::launch(ChromiumOptions {
        executable: "/usr/lib/chromium/chromium-headless-shell".into(),
        driver_dir: ".wayfarer/driver".into(),
        max_sessions: 2,
        sessions_per_browser: 2,
        no_sandbox: None,
    })
    .await
    .unwrap();
    let tasks: Vec<String> = std::env::args().skip(1).collect();
    let addr: std::net::SocketAddr = ([127, 0, 0, 1], port).into();
    for (n, task) in tasks.iter().enumerate() {
        let host = if task.contains("Python") {
            "docs.localhost"
        } else if task.contains("table")
            || task.contains("restaurant")
            || (task.contains(" of ") && !task.contains("price of"))
            || task.contains("message")
        {
            "tables.localhost"
        } else {
            "shop.localhost"
        };
        let mut egress = EgressPolicy::default();
        for h in ["shop.localhost", "tables.localhost", "docs.localhost"] {
            egress.resolve.insert(h.into(), addr);
        }
        egress.headers.insert(
            "x-wayfarer-instance".into(),
            format!(
                "lab-{}-{n}-{}",
                std::process::id(),
                std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis()
            ),
        );
        let session = supply
            .acquire(SessionSpec {
                tenant: serde_json::from_str("\"lab\"").unwrap(),
                attempt: "lab".into(),
                epoch: Default::default(),
                viewport: Default::default(),
                egress,
            })
            .await
            .unwrap();
        let mut now = session.open(&format!("http://{host}/")).await.unwrap().observation;
        println!("=== {task}   (fault {:?})", faults.of_task(task));
        let (mut history, mut memorized, mut user): (Vec<StepText>, Vec<String>, Vec<String>) = Default::default();
        let mut shots = vec![shot(0, &now)];
        let (mut previous, mut held, mut last_error, mut answer, mut outcome) =
            (None, None::<CriticalPoint>, None, String::new(), "budget_exceeded".to_string());
        let mut data: BTreeMap<String, String> = BTreeMap::new();
        let mut grants: Vec<Grant> = vec![];
        let mut points: Vec<String> = vec![];
        let mut forced: Option<String> = None;
        for index in 1..=40_u32 {
            let page = view::page_view(&now);
            let ledger = wayfarer_standin::orchestrate::ledger(
                &FillLedger {
                    task: task.clone(),
                    facts: String::new(),
                    plan: String::new(),
                    history: history.clone(),
                    previous: previous.clone(),
                    current: page.clone(),
                    memorized: memorized.clone(),
                    user_messages: user.clone(),
                    proposed_answer: None,
                    held: held.as_ref().map(|h| h.what.clone()),
                    today: "2026-11-21".into(),
                },
                &faults,
            );
            if verbose {
                println!(
                    "  ledger ok={} loop={} sat={} crit={}({}) next={} | {}",
                    ledger.last_action_successful.answer,
                    ledger.is_in_loop.answer,
                    ledger.is_satisfied.answer,
                    ledger.is_at_critical_point.answer,
                    ledger.is_at_critical_point.reason,
                    ledger.next_steps.answer,
                    ledger.next_steps.reason
                );
            }
            if (ledger.is_at_critical_point.answer || held.is_some()) && forced.is_none() {
                let kind = held.as_ref().map(|h| h.kind).unwrap_or(CriticalPointKind::PersonalData);
                let what = held.as_ref().map(|h| h.what.clone()).unwrap_or(ledger.is_at_critical_point.reason.clone());
                match decision {
                    Some(d) => {
                        let persona: BTreeMap<String, String> = [
                            ("name", "Maren Holloway"),
                            ("email", "m@example.org"),
                            ("phone", "(503) 555-0117"),
                            ("address", "14 Alder Row"),
                            ("city", "Portland"),
                            ("postcode", "97205"),
                            ("card_number", "4242 4242 4242 4242"),
                            ("card_expiry", "12/30"),
                            ("card_cvc", "123"),
                        ]
                        .into_iter()
                        .map(|(k, v)| (k.into(), v.into()))
                        .collect();
                        let said = wayfarer_standin::user::critical_point(&AnswerCriticalPoint {
                            task: task.clone(),
                            kind,
                            what,
                            page: Default::default(),
                            decision: d,
                            persona: persona.clone(),
                        });
                        println!("  USER: {}", said.message);
                        user.push(said.message);
                        points.push(format!("{} (x): {}", kind.as_str(), if d == UserDecision::Deny { "deny" } else { "supply" }));
                        if d == UserDecision::Deny {
                            forced = Some("the user did not allow the critical step".into());
                        } else {
                            data = persona.clone();
                            grants.push(Grant {
                                kinds: vec![kind, CriticalPointKind::PersonalData],
                                host: host.into(),
                                uses: 1,
                                data: persona,
                            });
                        }
                    }
                    None => {
                        points.push(format!("{} (x): nobody was asked", kind.as_str()));
                        forced = Some(format!("critical point: {what}"));
                    }
                }
                held = None;
                if forced.is_none() {
                    continue;
                }
            } else if ledger.is_satisfied.answer && forced.is_none() {
                forced = Some("the task is complete".into());
            } else if ledger.is_in_loop.answer && forced.is_none() {
                forced = Some("loop".into());
                outcome = "failure".into();
            }
            let only_stop = forced.is_some();
            let mut tools: Vec<String> = if only_stop {
                vec![]
            } else {
                ["click", "input_text", "select_option", "visit_url", "pause_and_memorize_fact", "sleep", "history_back"]
                    .iter()
                    .map(|s| s.to_string())
                    .collect()
            };
            tools.push(tool::STOP.into());
            if !only_stop && page.scroll_top > 5.0 {
                tools.push("scroll_up".into());
            }
            if !only_stop && page.scroll_top + page.viewport_height + 5.0 < page.page_height {
                tools.push("scroll_down".into());
            }
            let call = wayfarer_standin::surf::act(
                &Act {
                    task: task.clone(),
                    next_steps: ledger.next_steps.answer.clone(),
                    plan: String::new(),
                    page: page.clone(),
                    history: history.clone(),
                    memorized: memorized.clone(),
                    user_messages: user.clone(),
                    user_data: data.clone(),
                    tools,
                    stop_reason: forced.clone(),
                    last_error: last_error.clone(),
                    today: "2026-11-21".into(),
                },
                &faults,
            );
            let action = match translate(&call, &now) {
                Ok(a) => a,
                Err(e) => {
                    println!("  BAD CALL {e}: {call:?}");
                    last_error = Some(e);
                    continue;
                }
            };
            println!("  {index:2} {} [{}]  <- {}", action.describe(), call.status.clone().unwrap_or_default(), ledger.next_steps.answer);
            if let Action::Terminate { answer: said, .. } = &action {
                answer = said.clone();
                if outcome != "failure" {
                    outcome = match call.status.as_deref() {
                        Some("critical_point") => "stopped_at_critical_point".into(),
                        Some("success") => "answered".into(),
                        other => other.unwrap_or("answered").into(),
                    };
                }
                history.push(StepText {
                    index,
                    url: now.url.clone(),
                    action: action.describe(),
                    action_name: "terminate".into(),
                    gate: "pass".into(),
                    url_after: now.url.clone(),
                    title_after: now.title.clone(),
                    ..Default::default()
                });
                break;
            }
            if let Action::PauseAndMemorizeFact { fact } = &action {
                memorized.push(fact.clone());
            }
            let gate = gate::check(&action, &now, &grants);
            let before = now.clone();
            let (effect, text) = match &gate {
                GateDecision::Held { critical_point } => {
                    println!("     HELD {}", critical_point.what);
                    held = Some(critical_point.clone());
                    (action::Effect { error: Some("held".into()), ..Default::default() }, format!("held: {}", critical_point.kind.as_str()))
                }
                other => {
                    if let GateDecision::Permitted { critical_point } = other {
                        gate::consume(&mut grants, critical_point);
                    }
                    if action.touches_page() {
                        let (e, o) = session.act_and_observe(&action).await.unwrap();
                        now = o.observation;
                        (e, view::gate_text(other))
                    } else {
                        (Default::default(), "pass".into())
                    }
                }
            };
            if let Some(e) = &effect.error {
                println!("     ERROR {e}");
            }
            last_error = effect.error.clone();
            let changed = before.state_hash != now.state_hash;
            history.push(StepText {
                index,
                url: before.url.clone(),
                state_description: call.state_description,
                reasoning: call.reasoning,
                action: action.describe(),
                action_name: action.name().into(),
                error: effect.error.clone(),
                changed,
                gate: text,
                url_after: now.url.clone(),
                title_after: now.title.clone(),
            });
            if changed {
                shots.push(shot(index, &now));
            }
            previous = Some(view::page_view(&before));
            if verbose {
                println!("     now {} | {} | marks {}", now.url, now.title, now.marks.len());
            }
        }
        if std::env::var("DUMP").is_ok() {
            println!(
                "{}\n{:#?}",
                now.visible_text,
                view::page_view(&now)
                    .marks
                    .iter()
                    .map(|m| format!(
                        "{} {:?} v={} href={} off={} opts={:?} dis={}",
                        m.role, m.name, m.value, m.href, m.offscreen, m.options, m.disabled
                    ))
                    .collect::<Vec<_>>()
            );
        }
        println!("  -> {outcome}: {answer}");
        let record = Record { task: task.clone(), steps: history.clone(), answer, outcome, critical_points: points, follow_ups: vec![] };
        let a = wayfarer_standin::judge::alignment(&JudgeAlignment { record: record.clone(), last: shots.last().unwrap().clone() });
        let rubric = wayfarer_standin::judge::rubric_make(&MakeRubric { task: task.clone(), start_url: String::new() }).criteria;
        let max: f64 = rubric.iter().map(|c| c.max_points as f64).sum();
        let scored = wayfarer_standin::judge::rubric_score(&ScoreRubric { rubric, record: record.clone(), shots: shots.clone() });
        let got: f64 = scored.scores.iter().map(|s| s.earned_points).sum();
        let kp = wayfarer_standin::judge::key_points(&FindKeyPoints { task: task.clone() }).key_points;
        let mut salient: Vec<(u8, Shot)> = shots
            .iter()
            .map(|s| {
                (
                    wayfarer_standin::judge::screenshot_score(&ScoreScreenshot {
                        task: task.clone(),
                        key_points: kp.clone(),
                        shot: s.clone(),
                    })
                    .score,
                    s.clone(),
                )
            })
            .filter(|s| s.0 >= 3)
            .collect();
        salient.sort_by_key(|s| (std::cmp::Reverse(s.0), std::cmp::Reverse(s.1.step)));
        salient.truncate(5);
        salient.sort_by_key(|s| s.1.step);
        let m = wayfarer_standin::judge::multimodal(&JudgeConsistency {
            record,
            key_points: kp,
            salient: salient.into_iter().map(|s| s.1).collect(),
        });
        println!(
            "  JUDGES alignment={} rubric={:.2} multimodal={}\n    A: {}\n    R: {}\n    M: {}",
            a.pass,
            got / max,
            m.pass,
            a.reasoning,
            scored.scores.iter().map(|s| s.reason.clone()).collect::<Vec<_>>().join(" / "),
            m.reasoning
        );
        session.release().await.unwrap();
    }
    supply.shutdown().await;
}

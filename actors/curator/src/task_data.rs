//! `task_data.json`: the record of a task and of the way it was solved, under the reference's field names (spec/faragen.md A, B.2, B.5).

use crate::events::{thought, timestamp, was_done};
use crate::flags::flags;
use crate::harness::harness_id;
use crate::pixel::pixel_action;
use serde_json::{Map, Value, json};
use wayfarer_core::trajectory::{Plan, Step};
use wayfarer_core::{Observation, Trajectory, Verdict};

/// The record. `pictures` names the screenshot of the page before and after each step.
pub(crate) fn task_data(trajectory: &Trajectory, verdict: &Verdict, pictures: &[(String, String)]) -> Result<Value, serde_json::Error> {
    let task = &trajectory.task;
    let mut record = Map::new();
    let identity = json!({
        "task_id": harness_id(&trajectory.attempt),
        "attempt": trajectory.attempt.to_string(),
        "run_id": trajectory.run,
        "solver": trajectory.solver,
        "models": trajectory.models,
        "init_url": task.start_url,
        "start_from_task_url": true,
        "url_category": task.category,
        "task_type": task.strategy,
        "task_summary": task.intent,
        "task_proposal": task.intent,
        "initial_task_proposal": task.lineage.earlier_intents.first().unwrap_or(&task.intent),
        "task_ideas": task.lineage.earlier_intents,
        "seed_tasks": task.lineage.parent.iter().collect::<Vec<_>>(),
        "expected_critical_point": task.expected_critical_point,
        "valid_from": task.valid_from,
        "valid_until": task.valid_until,
        "lineage": task.lineage,
        "outcome": trajectory.outcome,
        "final_answer": trajectory.answer,
        "output_target": trajectory.target_urls,
        "critical_points": trajectory.critical_points,
        "follow_ups": trajectory.follow_ups,
        "verdict": verdict.decision,
        "verdict_version": verdict.version,
        "token_usage": trajectory.usage,
    });
    extend(&mut record, identity);
    extend(&mut record, serde_json::to_value(flags(trajectory, verdict))?);
    record.insert("solver_ledger".into(), trajectory.steps.iter().map(|step| json!(step.ledger)).collect());
    record.insert("plan_list".into(), trajectory.plans.iter().map(|plan| json!(plan.plan)).collect());
    record.insert("facts_list".into(), trajectory.plans.iter().map(|plan| json!(plan.facts)).collect());
    let mut before = trajectory.first_observation.as_ref();
    let (mut actions, mut observations, mut summary) = (Vec::new(), Vec::new(), Vec::new());
    for (step, (picture_before, picture_after)) in trajectory.steps.iter().zip(pictures) {
        let plan = trajectory.plans.iter().rev().find(|plan| plan.from_step <= step.index);
        actions.push(action(step, before, plan, picture_before));
        observations.push(observation(step, picture_after));
        let pixel = json!(pixel_action(&step.surfed.action));
        summary.push(json!({"URL": before.map(|page| &page.url), "Action": pixel["action"], "Arguments": pixel}));
        before = Some(&step.surfed.observation);
    }
    record.insert("actions".into(), actions.into());
    record.insert("observations_list".into(), observations.into());
    record.insert("actions_summary".into(), summary.into());
    Ok(record.into())
}

fn action(step: &Step, before: Option<&Observation>, plan: Option<&Plan>, picture: &str) -> Value {
    let surfed = &step.surfed;
    let target = surfed.action.target();
    let mark = target.and_then(|target| target.mark).and_then(|id| before.and_then(|page| page.mark(id)));
    json!({
        "id": step.index.0,
        "timestamp": timestamp(step.at_unix_ms),
        "step_raw_response": surfed.raw_reply,
        "step_action_name": surfed.action.name(),
        "step_action_args": surfed.action,
        "new_action_grounded": pixel_action(&surfed.action),
        "step_state_description": surfed.state_description,
        "step_reasoning": thought(step),
        "step_refined_goal": step.ledger.next_steps.answer,
        "all_coordinates": target.map(|target| [target.x, target.y]),
        "bounding_box_coord": mark.map(|mark| [mark.rect.x, mark.rect.y, mark.rect.x + mark.rect.w, mark.rect.y + mark.rect.h]),
        "focused_hint": before.and_then(|page| page.focused),
        "tools_available": surfed.tools_offered,
        "screenshot": picture,
        "screenshot_som": surfed.som_screenshot.as_ref().map(|hash| format!("sha256:{hash}")),
        "url": before.map(|page| &page.url),
        "url_after": surfed.observation.url,
        "page_metadata": before.map(|page| json!({"title": page.title, "viewport": page.viewport, "scroll": page.scroll})),
        "most_recent_plan": plan.map(|plan| &plan.plan),
        "most_up_to_date_facts": plan.map(|plan| &plan.facts),
        "memorized_facts": surfed.facts,
        "rule": step.decision.rule,
        "decision": step.decision.decision,
        "gate": surfed.gate,
        "was_done": was_done(step),
    })
}

fn observation(step: &Step, picture: &str) -> Value {
    let surfed = &step.surfed;
    json!({
        "id": step.index.0,
        "timestamp": timestamp(step.at_unix_ms),
        "action_description": surfed.action.describe(),
        "error_message": surfed.effect.error,
        "screenshot": picture,
        "url": surfed.observation.url,
        "page_metadata": {"title": surfed.observation.title, "viewport": surfed.observation.viewport, "scroll": surfed.observation.scroll},
        "message_sent": surfed.observation.visible_text,
    })
}

fn extend(record: &mut Map<String, Value>, fields: Value) {
    if let Value::Object(fields) = fields {
        record.extend(fields);
    }
}

//! One step as the page shows it: the ledger first, then the thought, the action on the page it was decided on, and what came of it.

use crate::blobs::Blobs;
use crate::format::{cost, count, duration_ms, moment, wire_name, words};
use crate::judge_view::step_anchor;
use serde::Serialize;
use std::collections::BTreeSet;
use wayfarer_core::action::{Action, Effect};
use wayfarer_core::critical_point::GateDecision;
use wayfarer_core::ledger::{Flag, Ledger};
use wayfarer_core::trajectory::Step;
use wayfarer_core::{BlobHash, Observation};

/// A settled moment of a page, as a picture with its boxes.
#[derive(Debug, Serialize)]
pub(crate) struct ShotView {
    path: Option<String>,
    url: String,
    title: String,
    width: u32,
    height: u32,
    scrolled: String,
    settled: String,
    /// `[[id, x, y, w, h, "role name"], …]` in pixels, as JSON: the page's script draws the boxes when they are asked for.
    marks: String,
    marks_count: usize,
}

/// Where the action pointed, in percent of the picture.
#[derive(Debug, Serialize)]
struct Marker {
    left: f64,
    top: f64,
    kind: &'static str,
    label: String,
    /// The box of the mark, if it was among the marks of that page: left, top, width, height in percent.
    target: Option<[f64; 4]>,
}

#[derive(Debug, Serialize)]
struct LedgerRow {
    name: &'static str,
    answer: &'static str,
    tone: &'static str,
    reason: String,
}

#[derive(Debug, Serialize)]
struct GateView {
    label: String,
    tone: &'static str,
    what: String,
    rule: String,
}

#[derive(Debug, Serialize)]
struct Chip {
    text: String,
    tone: &'static str,
}

/// A step.
#[derive(Debug, Serialize)]
pub(crate) struct StepView {
    pub(crate) index: u32,
    anchor: String,
    at: String,
    tone: &'static str,
    action_name: String,
    action_line: String,
    ledger: Vec<LedgerRow>,
    next_steps: String,
    next_steps_reason: String,
    rule: String,
    decision: String,
    decision_tone: &'static str,
    state: String,
    reasoning: String,
    gate: GateView,
    effects: Vec<Chip>,
    error: Option<String>,
    rolled_back: bool,
    before: Option<ShotView>,
    after: ShotView,
    unchanged: bool,
    som: Option<String>,
    marker: Option<Marker>,
    tools: Vec<String>,
    facts: Vec<String>,
    cited_by: Vec<String>,
    model: String,
    model_time: String,
    total_time: String,
    tokens: String,
    cost: String,
    raw_reply: String,
}

/// An observation as a picture.
pub(crate) fn shot_view(observation: &Observation, blobs: &Blobs) -> ShotView {
    let visible: Vec<_> = observation.marks.iter().filter(|mark| mark.visible).collect();
    let boxes: Vec<_> = visible
        .iter()
        .map(|mark| {
            let rect = mark.rect;
            let label = format!("{} {}", mark.role, mark.name);
            (mark.id, rect.x.round() as i64, rect.y.round() as i64, rect.w.round() as i64, rect.h.round() as i64, label)
        })
        .collect();
    ShotView {
        path: blobs.path(&observation.screenshot),
        url: observation.url.clone(),
        title: observation.title.clone(),
        width: observation.viewport.width.max(1),
        height: observation.viewport.height.max(1),
        scrolled: format!("{:.0} of {:.0} px above", observation.scroll.top, observation.scroll.height),
        settled: duration_ms(observation.settle.ms),
        marks: serde_json::to_string(&boxes).unwrap_or_else(|_| "[]".into()),
        marks_count: visible.len(),
    }
}

/// A step; `before` is the page on which its action was decided.
pub(crate) fn step_view(step: &Step, before: Option<&Observation>, cited_by: Option<&BTreeSet<String>>, blobs: &Blobs) -> StepView {
    let surfed = &step.surfed;
    let gate = gate_view(&surfed.gate);
    let unchanged = before.is_some_and(|before| before.screenshot == surfed.observation.screenshot);
    StepView {
        index: step.index.0,
        anchor: step_anchor(step.index.0),
        at: moment(step.at_unix_ms),
        tone: step_tone(step),
        action_name: surfed.action.name().to_owned(),
        action_line: surfed.action.describe(),
        ledger: if step.ledger.is_kept() { ledger_rows(&step.ledger) } else { Vec::new() },
        next_steps: step.ledger.next_steps.answer.clone(),
        next_steps_reason: step.ledger.next_steps.reason.clone(),
        rule: step.decision.rule.clone(),
        decision: words(&step.decision.decision),
        decision_tone: match step.decision.decision.as_str() {
            "continue" => "dim",
            "accept_stop" => "good",
            "replan" | "roll_back_stop" => "bad",
            _ => "warn",
        },
        state: surfed.state_description.clone(),
        reasoning: surfed.reasoning.clone(),
        gate,
        effects: effect_chips(&surfed.effect),
        error: surfed.effect.error.clone(),
        rolled_back: step.rolled_back_stop,
        before: before.map(|before| shot_view(before, blobs)),
        after: shot_view(&surfed.observation, blobs),
        unchanged,
        som: surfed.som_screenshot.as_ref().and_then(|hash: &BlobHash| blobs.path(hash)),
        marker: before.and_then(|before| marker(&surfed.action, before)),
        tools: surfed.tools_offered.clone(),
        facts: surfed.facts.clone(),
        cited_by: cited_by.into_iter().flatten().cloned().collect(),
        model: surfed.model.clone(),
        model_time: duration_ms(surfed.model_ms),
        total_time: duration_ms(surfed.total_ms),
        tokens: format!("{} + {}", count(step.usage.prompt_tokens), count(step.usage.completion_tokens)),
        cost: cost(&step.usage),
        raw_reply: surfed.raw_reply.clone(),
    }
}

fn step_tone(step: &Step) -> &'static str {
    match (&step.surfed.gate, &step.surfed.effect.error) {
        (GateDecision::Held { .. }, _) => "warn",
        _ if step.rolled_back_stop => "bad",
        (_, Some(_)) => "bad",
        (GateDecision::Permitted { .. }, _) => "warn",
        _ if matches!(step.surfed.action, Action::Terminate { .. }) => "good",
        _ => "dim",
    }
}

fn ledger_rows(ledger: &Ledger) -> Vec<LedgerRow> {
    let row = |name, flag: &Flag, yes_tone, no_tone| LedgerRow {
        name,
        answer: if flag.answer { "yes" } else { "no" },
        tone: if flag.answer { yes_tone } else { no_tone },
        reason: flag.reason.clone(),
    };
    vec![
        row("last action successful", &ledger.last_action_successful, "good", "bad"),
        row("in a loop", &ledger.is_in_loop, "bad", "dim"),
        row("satisfied", &ledger.is_satisfied, "good", "dim"),
        row("at a critical point", &ledger.is_at_critical_point, "warn", "dim"),
    ]
}

fn gate_view(gate: &GateDecision) -> GateView {
    let (label, tone, point) = match gate {
        GateDecision::Pass => return GateView { label: "gate: pass".into(), tone: "dim", what: String::new(), rule: String::new() },
        GateDecision::Permitted { critical_point } => ("permitted", "warn", critical_point),
        GateDecision::Held { critical_point } => ("held", "bad", critical_point),
    };
    GateView { label: format!("gate: {label} ({})", words(point.kind.as_str())), tone, what: point.what.clone(), rule: point.rule.clone() }
}

fn effect_chips(effect: &Effect) -> Vec<Chip> {
    let chip = |text: &str, tone| Chip { text: text.to_owned(), tone };
    let mut chips = Vec::new();
    if effect.navigated {
        chips.push(chip("navigated", "info"));
    }
    chips.push(if effect.changed { chip("page changed", "good") } else { chip("page unchanged", "dim") });
    if effect.popup {
        chips.push(chip("new window", "info"));
    }
    chips.extend(effect.bounds.iter().map(|bound| chip(&words(&wire_name(bound)), "warn")));
    chips.extend(effect.dialogs.iter().map(|dialog| chip(&format!("dialog: {dialog}"), "warn")));
    chips.extend(effect.page_text.as_ref().map(|text| chip(&format!("read {} characters", text.chars().count()), "info")));
    chips.extend(effect.downloads.iter().map(|file| chip(&format!("downloaded: {file}"), "info")));
    chips
}

/// Where the action pointed on the page it was decided on.
fn marker(action: &Action, page: &Observation) -> Option<Marker> {
    let target = action.target()?;
    let (width, height) = (f64::from(page.viewport.width.max(1)), f64::from(page.viewport.height.max(1)));
    let kind = match action {
        Action::LeftClick { .. } | Action::DoubleClick { .. } | Action::TripleClick { .. } | Action::RightClick { .. } => "click",
        Action::LeftClickDrag { .. } => "click",
        Action::UploadFile { .. } => "select",
        Action::Type { .. } => "type",
        Action::SelectOption { .. } => "select",
        Action::MouseMove { .. } => "hover",
        _ => "scroll",
    };
    let label = match action {
        Action::Type { text, press_enter, .. } => format!("“{text}”{}", if *press_enter { " ⏎" } else { "" }),
        Action::SelectOption { option, .. } => format!("“{option}”"),
        Action::UploadFile { files, .. } => files.join(", "),
        Action::Hscroll { pixels, .. } => format!("{} {} px", if *pixels >= 0 { "→" } else { "←" }, pixels.abs()),
        Action::Scroll { pixels, .. } => format!("{} {} px", if *pixels >= 0 { "↑" } else { "↓" }, pixels.abs()),
        _ => words(action.name()),
    };
    let rect = target.mark.and_then(|id| page.mark(id)).filter(|mark| mark.visible).map(|mark| mark.rect);
    Some(Marker {
        left: percent(target.x, width),
        top: percent(target.y, height),
        kind,
        label,
        target: rect.map(|rect| [percent(rect.x, width), percent(rect.y, height), percent(rect.w, width), percent(rect.h, height)]),
    })
}

/// Two digits are a fraction of a pixel, and keep the pages small.
fn percent(part: f64, whole: f64) -> f64 {
    let value = part / whole * 100.0;
    if value.is_finite() { (value * 100.0).round().clamp(0.0, 10_000.0) / 100.0 } else { 0.0 }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::percent;

    #[test]
    fn a_point_outside_of_the_picture_is_drawn_at_its_edge() {
        assert_eq!(percent(720.0, 1440.0), 50.0);
        assert_eq!(percent(-5.0, 1440.0), 0.0);
        assert_eq!(percent(5_000.0, 1440.0), 100.0);
        assert_eq!(percent(f64::NAN, 1440.0), 0.0);
    }
}

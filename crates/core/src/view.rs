//! From what is stored to what prompts show: pure mappers shared by surfer, orchestrator and verifier, so that every model is told
//! the same story in the same words.

use crate::attempt::StepIndex;
use crate::critical_point::GateDecision;
use crate::observation::{Mark, Observation};
use crate::prompt::{MarkText, PageText, PageView, StepText};
use crate::surf::SurfedStep;
use crate::trajectory::{Step, Trajectory};
use url::Url;

/// Characters of page text in a prompt.
pub const PAGE_TEXT_BOUND: usize = 6000;
/// Marks above or below the viewport in a prompt (spec/faragen.md B.5).
pub const OFFSCREEN_MARKS_BOUND: usize = 30;
/// Marks in the viewport in a prompt.
pub const VISIBLE_MARKS_BOUND: usize = 200;
/// Characters of one name, value or address of a mark.
const MARK_TEXT_BOUND: usize = 160;
/// Options of one select in a prompt.
const OPTIONS_BOUND: usize = 60;

/// At most `bound` characters; an ellipsis says that something was cut.
pub fn cut(text: &str, bound: usize) -> String {
    if text.chars().count() <= bound { text.to_owned() } else { text.chars().take(bound).collect::<String>() + "…" }
}

/// The page with its marks, within bounds.
pub fn page_view(observation: &Observation) -> PageView {
    let visible = observation.marks.iter().filter(|mark| mark.visible).take(VISIBLE_MARKS_BOUND);
    let offscreen = observation.marks.iter().filter(|mark| !mark.visible).take(OFFSCREEN_MARKS_BOUND);
    PageView {
        url: observation.url.clone(),
        title: observation.title.clone(),
        text: cut(&observation.visible_text, PAGE_TEXT_BOUND),
        marks: visible.chain(offscreen).map(|mark| mark_text(mark, &observation.url)).collect(),
        focused: observation.focused,
        scroll_top: observation.scroll.top,
        page_height: observation.scroll.height,
        viewport_height: f64::from(observation.viewport.height),
    }
}

/// The page in words.
pub fn page_text(observation: &Observation) -> PageText {
    PageText { url: observation.url.clone(), title: observation.title.clone(), text: cut(&observation.visible_text, PAGE_TEXT_BOUND) }
}

/// A mark as a prompt shows it; `page_url` shortens links that stay on the site.
pub fn mark_text(mark: &Mark, page_url: &str) -> MarkText {
    MarkText {
        id: mark.id,
        role: mark.role.clone(),
        name: cut(&mark.name, MARK_TEXT_BOUND),
        value: cut(&mark.value, MARK_TEXT_BOUND),
        input_type: mark.input_type.clone(),
        options: mark.options.iter().take(OPTIONS_BOUND).map(|option| cut(option, MARK_TEXT_BOUND)).collect(),
        href: cut(&short_link(&mark.href, page_url), MARK_TEXT_BOUND),
        checked: mark.checked,
        disabled: mark.disabled,
        offscreen: !mark.visible,
    }
}

/// Path and query where the link stays on the site, the whole address otherwise.
fn short_link(href: &str, page_url: &str) -> String {
    let (Ok(link), Ok(page)) = (Url::parse(href), Url::parse(page_url)) else { return href.to_owned() };
    if link.origin() != page.origin() {
        return href.to_owned();
    }
    let query = link.query().map(|query| format!("?{query}")).unwrap_or_default();
    format!("{}{query}", link.path())
}

/// A step as later prompts tell it; `url_before` is the page on which it was decided.
pub fn step_text(index: StepIndex, url_before: &str, surfed: &SurfedStep) -> StepText {
    StepText {
        index: index.0,
        url: url_before.to_owned(),
        state_description: surfed.state_description.clone(),
        reasoning: surfed.reasoning.clone(),
        action: surfed.action.describe(),
        action_name: surfed.action.name().to_owned(),
        error: surfed.effect.error.clone(),
        changed: surfed.effect.changed,
        gate: gate_text(&surfed.gate),
        url_after: surfed.observation.url.clone(),
        title_after: surfed.observation.title.clone(),
    }
}

/// `pass`, `permitted: <kind>` or `held: <kind>`.
pub fn gate_text(gate: &GateDecision) -> String {
    match gate {
        GateDecision::Pass => "pass".into(),
        GateDecision::Permitted { critical_point } => format!("permitted: {}", critical_point.kind.as_str()),
        GateDecision::Held { critical_point } => format!("held: {}", critical_point.kind.as_str()),
    }
}

/// All steps as prompts tell them; `first` is the start page, where it is known.
pub fn history(first: Option<&Observation>, steps: &[Step]) -> Vec<StepText> {
    let mut before = first.map(|observation| observation.url.as_str()).unwrap_or_default();
    let mut told = Vec::with_capacity(steps.len());
    for step in steps {
        told.push(step_text(step.index, before, &step.surfed));
        before = &step.surfed.observation.url;
    }
    told
}

/// All steps of a trajectory as prompts tell them.
pub fn trajectory_history(trajectory: &Trajectory) -> Vec<StepText> {
    history(trajectory.first_observation.as_ref(), &trajectory.steps)
}

//! A trajectory as the judges read it: a record of steps in words, and frames (a page in words with its picture).

use wayfarer_core::critical_point::{CriticalPointRecord, UserDecision};
use wayfarer_core::prompt::judge::{Record, Shot};
use wayfarer_core::{BlobHash, Mark, Observation, Trajectory, view};

/// Frames that a judge reads at most.
pub const MAX_FRAMES: usize = 30;
/// Characters of a frame's text.
pub const MAX_FRAME_TEXT: usize = 2500;
/// Lines of a frame's state.
const MAX_STATE_LINES: usize = 40;

/// A distinct state of the page that the attempt passed through.
#[derive(Debug, Clone, PartialEq)]
pub struct Frame {
    /// In words.
    pub shot: Shot,
    /// Its picture.
    pub screenshot: BlobHash,
}

/// The page that a step was decided on: what the step before left, or the start page.
pub fn page_before(trajectory: &Trajectory, position: usize) -> Option<&Observation> {
    match position.checked_sub(1) {
        Some(previous) => trajectory.steps.get(previous).map(|step| &step.surfed.observation),
        None => trajectory.first_observation.as_ref(),
    }
}

/// The trajectory in words.
pub fn record_of(trajectory: &Trajectory) -> Record {
    Record {
        task: trajectory.task.intent.clone(),
        steps: view::trajectory_history(trajectory),
        answer: trajectory.answer.clone().unwrap_or_default(),
        outcome: trajectory.outcome.to_string(),
        critical_points: trajectory.critical_points.iter().map(meeting).collect(),
        follow_ups: trajectory
            .follow_ups
            .iter()
            .map(|turn| format!("{} -> {}", turn.intent, turn.answer.as_deref().unwrap_or("(no answer)")))
            .collect(),
    }
}

fn meeting(record: &CriticalPointRecord) -> String {
    let decision = match record.decision {
        Some(UserDecision::Approve) => "approve",
        Some(UserDecision::Deny) => "deny",
        Some(UserDecision::Supply) => "supply",
        None => "nobody was asked",
    };
    format!("{} ({}): {decision}", record.critical_point.kind.as_str(), record.critical_point.what)
}

/// The distinct pages in order of time, at most [`MAX_FRAMES`]: repeated looks at an unchanged page are one frame, and where there are
/// still too many, the first, the last and those that changed most are kept.
pub fn frames_of(trajectory: &Trajectory) -> Vec<Frame> {
    let start = trajectory.first_observation.iter().map(|page| (0, page));
    let after = trajectory.steps.iter().map(|step| (step.index.0, &step.surfed.observation));
    let mut frames: Vec<Frame> = Vec::new();
    let mut last_state: Option<&str> = None;
    for (step, page) in start.chain(after) {
        if last_state != Some(page.state_hash.as_str()) {
            frames.push(Frame { shot: shot_of(step, page), screenshot: page.screenshot.clone() });
        }
        last_state = Some(&page.state_hash);
    }
    bounded(frames)
}

/// The last page, whatever happened before; an empty shot where nothing was ever seen.
pub fn last_shot(trajectory: &Trajectory) -> Shot {
    match (trajectory.steps.last(), &trajectory.first_observation) {
        (Some(step), _) => shot_of(step.index.0, &step.surfed.observation),
        (None, Some(page)) => shot_of(0, page),
        (None, None) => Shot::default(),
    }
}

fn shot_of(step: u32, page: &Observation) -> Shot {
    Shot {
        step,
        url: page.url.clone(),
        title: page.title.clone(),
        text: page.visible_text.chars().take(MAX_FRAME_TEXT).collect(),
        state: page.marks.iter().filter_map(state_line).take(MAX_STATE_LINES).collect(),
    }
}

/// `role "name" = value` for whatever holds a value or can be checked; nothing for plain links and buttons.
pub fn state_line(mark: &Mark) -> Option<String> {
    let value = match mark.checked {
        Some(true) => "checked",
        Some(false) if mark.value.is_empty() => "not checked",
        _ if mark.value.is_empty() => return None,
        _ => &mark.value,
    };
    Some(format!("{} {:?} = {value}", mark.role, mark.name))
}

fn bounded(frames: Vec<Frame>) -> Vec<Frame> {
    if frames.len() <= MAX_FRAMES {
        return frames;
    }
    let last = frames.len() - 1;
    let mut ranked: Vec<(usize, u8)> = (0..frames.len())
        .map(|at| {
            let weight = if at == 0 || at == last { u8::MAX } else { change(&frames[at - 1].shot, &frames[at].shot) };
            (at, weight)
        })
        .collect();
    // among equals the later one says more about the result
    ranked.sort_by_key(|(at, weight)| (std::cmp::Reverse(*weight), std::cmp::Reverse(*at)));
    let kept: std::collections::BTreeSet<usize> = ranked.into_iter().take(MAX_FRAMES).map(|(at, _)| at).collect();
    frames.into_iter().enumerate().filter(|(at, _)| kept.contains(at)).map(|(_, frame)| frame).collect()
}

fn change(before: &Shot, after: &Shot) -> u8 {
    let new_page = before.url != after.url || before.title != after.title;
    u8::from(before.text != after.text) + 2 * u8::from(before.state != after.state) + 2 * u8::from(new_page)
}

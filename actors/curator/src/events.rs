//! `web_surfer.log`: one JSON object a line.
//!
//! The reader takes every line that has an action as a step of the trajectory, and expects the thought among its arguments. So a step
//! that never reached the browser (held by the gate, a stop that was rolled back) is told in a line without an action.

use crate::pixel::{PixelAction, pixel_action};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use wayfarer_core::action::Action;
use wayfarer_core::critical_point::GateDecision;
use wayfarer_core::trajectory::{Step, Trajectory};

/// A line of the log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type")]
pub(crate) enum LogLine {
    /// An action that was done.
    WebSurferEvent { timestamp: String, source: String, message: String, url: String, action: String, arguments: Box<Arguments> },
    /// Anything else that is worth telling.
    OtherEvent { timestamp: String, message: String },
}

/// The student's action with the thought before it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Arguments {
    pub(crate) thoughts: String,
    #[serde(flatten)]
    pub(crate) action: PixelAction,
}

/// Whether the action of a step counts: it was neither held by the gate nor a stop that was rolled back.
pub(crate) fn was_done(step: &Step) -> bool {
    !step.rolled_back_stop && !matches!(step.surfed.gate, GateDecision::Held { .. })
}

/// State description and reasoning joined; the answer of a stop moves here, because the student's stop has no place for it.
pub(crate) fn thought(step: &Step) -> String {
    let answer = match &step.surfed.action {
        Action::Terminate { answer, .. } => answer.as_str(),
        _ => "",
    };
    let parts = [step.surfed.state_description.as_str(), step.surfed.reasoning.as_str(), answer];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
}

/// The whole log.
pub(crate) fn log_lines(trajectory: &Trajectory) -> Vec<LogLine> {
    let mut lines = Vec::with_capacity(trajectory.steps.len() * 3 + 1);
    let first = trajectory.first_observation.as_ref();
    if let Some(first) = first {
        lines.push(other(trajectory.started_unix_ms, format!("Observation#0: {} ({})", first.title, first.url)));
    }
    let mut url = first.map(|first| first.url.as_str()).unwrap_or_default();
    let mut number = 0;
    for step in &trajectory.steps {
        let pixel = pixel_action(&step.surfed.action);
        let thoughts = thought(step);
        let arguments = serde_json::to_string(&pixel).unwrap_or_default();
        if !was_done(step) {
            let why = if step.rolled_back_stop { "the stop was rolled back" } else { "the critical-point gate held it" };
            lines.push(other(step.at_unix_ms, format!("Not done ({why}): {thoughts} {arguments}")));
            continue;
        }
        number += 1;
        lines.push(other(step.at_unix_ms, format!("Thought #{number}: {thoughts}\nAction #{number}: {} {arguments}", pixel.action)));
        lines.push(LogLine::WebSurferEvent {
            timestamp: timestamp(step.at_unix_ms),
            source: "WebSurfer".into(),
            message: step.surfed.action.describe(),
            url: url.to_owned(),
            action: pixel.action.clone(),
            arguments: Box::new(Arguments { thoughts, action: pixel }),
        });
        let observation = &step.surfed.observation;
        let error = step.surfed.effect.error.as_ref().map(|error| format!(" error: {error}")).unwrap_or_default();
        lines.push(other(step.at_unix_ms, format!("Observation#{number}: {} ({}){error}", observation.title, observation.url)));
        url = &observation.url;
    }
    lines
}

fn other(at_unix_ms: u64, message: String) -> LogLine {
    LogLine::OtherEvent { timestamp: timestamp(at_unix_ms), message }
}

/// ISO 8601 in UTC; the epoch where the time cannot be told.
pub(crate) fn timestamp(unix_ms: u64) -> String {
    let at = OffsetDateTime::from_unix_timestamp_nanos(i128::from(unix_ms) * 1_000_000).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    at.format(&Rfc3339).unwrap_or_default()
}

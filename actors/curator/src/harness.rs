//! An attempt as the reference harness lays it out (spec/faragen.md G). Pure: which files, with what in them.

use crate::events::{log_lines, timestamp, was_done};
use crate::score::{EVAL_HASH, score};
use crate::task_data::task_data;
use crate::{CurateError, events::LogLine};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt::Write;
use wayfarer_core::{AttemptId, BlobHash, Trajectory, Verdict};

/// What stands for an answer where there is none.
const NO_ANSWER: &str = "<no_answer>";

/// Tokens of one component.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenUsage {
    /// Tokens sent.
    pub prompt_tokens: u64,
    /// Tokens received.
    pub completion_tokens: u64,
}

/// `<id>_final_answer.json`. The reader takes exactly these fields.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FinalAnswer {
    /// The answer, or `<no_answer>`.
    pub final_answer: String,
    /// Not used: `<no_answer>`.
    pub env_state_json: String,
    /// Not used: `<no_answer>`.
    pub env_state_raw: String,
    /// File names in the order in which the pages were seen.
    pub screenshots: Vec<String>,
    /// Aborted attempts are out of every mean; a judged one never is aborted.
    pub is_aborted: bool,
    /// The names are relative to the folder.
    pub is_rel_paths: bool,
    /// Tokens by component.
    pub token_usage: BTreeMap<String, TokenUsage>,
}

/// `times.json`: seconds since the epoch, and seconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Times {
    /// Start.
    pub start_time: f64,
    /// End.
    pub end_time: f64,
    /// Between them.
    pub duration: f64,
}

/// A text file of the folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HarnessText {
    /// Path under the attempt's folder.
    pub path: String,
    /// What it holds.
    pub text: String,
}

/// A screenshot of the folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Screenshot {
    /// Path under the attempt's folder.
    pub path: String,
    /// Where its bytes are.
    pub blob: BlobHash,
}

/// The files of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HarnessFiles {
    /// Folder under the run's root.
    pub folder: String,
    /// Text files; the answer comes last, because readers take its presence as a sign that the folder is complete.
    pub texts: Vec<HarnessText>,
    /// Screenshots.
    pub screenshots: Vec<Screenshot>,
}

/// The id under which an attempt stands there: the task's, and the attempt's from the second one on, so that none hides another.
pub fn harness_id(attempt: &AttemptId) -> String {
    if attempt.number <= 1 { attempt.task.to_string() } else { attempt.to_string() }
}

fn folder(id: &str) -> String {
    format!("harness/traj/{id}")
}

fn answer_file(id: &str) -> String {
    format!("{id}_final_answer.json")
}

/// Where the file is that is written last.
pub(crate) fn answer_path(attempt: &AttemptId) -> String {
    let id = harness_id(attempt);
    format!("{}/{}", folder(&id), answer_file(&id))
}

/// The files of a judged attempt.
pub fn harness_files(trajectory: &Trajectory, verdict: &Verdict) -> Result<HarnessFiles, CurateError> {
    let json = |file, source| CurateError::Json { attempt: trajectory.attempt.clone(), file, source };
    let id = harness_id(&trajectory.attempt);
    let (screenshots, pictures) = screenshots(trajectory);
    let record = task_data(trajectory, verdict, &pictures).map_err(|error| json("task_data.json", error))?;
    let mut log = String::new();
    for line in log_lines(trajectory) {
        log.push_str(&line_json(&line).map_err(|error| json("web_surfer.log", error))?);
        log.push('\n');
    }
    let mut texts = vec![
        HarnessText { path: "web_surfer.log".into(), text: log },
        HarnessText { path: "core.log".into(), text: core_log(trajectory, verdict) },
        HarnessText { path: "times.json".into(), text: pretty(&times(trajectory)).map_err(|error| json("times.json", error))? },
        HarnessText { path: "task_data.json".into(), text: pretty(&record).map_err(|error| json("task_data.json", error))? },
    ];
    if let Some(score) = score(verdict) {
        let text = pretty(&score).map_err(|error| json("scores", error))?;
        texts.push(HarnessText { path: format!("scores/{EVAL_HASH}.json"), text });
    }
    let names = screenshots.iter().map(|screenshot| screenshot.path.clone()).collect();
    let answer = pretty(&final_answer(trajectory, verdict, names)).map_err(|error| json("final_answer.json", error))?;
    texts.push(HarnessText { path: answer_file(&id), text: answer });
    Ok(HarnessFiles { folder: folder(&id), texts, screenshots })
}

/// The screenshots, and for every step the names of those before and after it. A step that was not done adds none: readers expect
/// one more screenshot than actions.
fn screenshots(trajectory: &Trajectory) -> (Vec<Screenshot>, Vec<(String, String)>) {
    let mut screenshots: Vec<Screenshot> = Vec::with_capacity(trajectory.steps.len() + 1);
    let mut add = |blob: &BlobHash| {
        let path = format!("screenshot_{}.png", screenshots.len());
        screenshots.push(Screenshot { path: path.clone(), blob: blob.clone() });
        path
    };
    let mut before = trajectory.first_observation.as_ref().map(|first| add(&first.screenshot)).unwrap_or_default();
    let mut pictures = Vec::with_capacity(trajectory.steps.len());
    for step in &trajectory.steps {
        let after = if was_done(step) { add(&step.surfed.observation.screenshot) } else { before.clone() };
        pictures.push((before, after.clone()));
        before = after;
    }
    (screenshots, pictures)
}

fn final_answer(trajectory: &Trajectory, verdict: &Verdict, screenshots: Vec<String>) -> FinalAnswer {
    let tokens =
        |usage: &wayfarer_core::Usage| TokenUsage { prompt_tokens: usage.prompt_tokens, completion_tokens: usage.completion_tokens };
    FinalAnswer {
        final_answer: trajectory.answer.clone().unwrap_or_else(|| NO_ANSWER.into()),
        env_state_json: NO_ANSWER.into(),
        env_state_raw: NO_ANSWER.into(),
        screenshots,
        is_aborted: false,
        is_rel_paths: true,
        token_usage: [("solver".to_owned(), tokens(&trajectory.usage)), ("verifier".to_owned(), tokens(&verdict.usage))].into(),
    }
}

fn times(trajectory: &Trajectory) -> Times {
    let seconds = |ms: u64| ms as f64 / 1000.0;
    Times {
        start_time: seconds(trajectory.started_unix_ms),
        end_time: seconds(trajectory.ended_unix_ms),
        duration: seconds(trajectory.ended_unix_ms.saturating_sub(trajectory.started_unix_ms)),
    }
}

fn core_log(trajectory: &Trajectory, verdict: &Verdict) -> String {
    let mut log = String::new();
    // Writing to a String cannot fail.
    let _ = writeln!(log, "{} attempt {} of run {} begins", timestamp(trajectory.started_unix_ms), trajectory.attempt, trajectory.run);
    for step in &trajectory.steps {
        let action = step.surfed.action.describe().replace(['\n', '\r'], " ");
        let _ = writeln!(log, "{} step {} [{}] {action}", timestamp(step.at_unix_ms), step.index.0, step.decision.rule);
    }
    let outcome = trajectory.outcome.to_string().replace(['\n', '\r'], " ");
    let _ = writeln!(log, "{} ended: {outcome}", timestamp(trajectory.ended_unix_ms));
    let _ = writeln!(log, "{} verdict {}: {}", timestamp(trajectory.ended_unix_ms), verdict.version, verdict.decision.name());
    log
}

fn line_json(line: &LogLine) -> Result<String, serde_json::Error> {
    serde_json::to_string(line)
}

fn pretty<T: Serialize>(value: &T) -> Result<String, serde_json::Error> {
    serde_json::to_string_pretty(value).map(|text| text + "\n")
}

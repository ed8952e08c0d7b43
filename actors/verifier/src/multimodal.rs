//! The multimodal judge: do the pictures agree with the answer?
//!
//! Key points of the task first, then every distinct screenshot is scored by what it shows of them, and the final look is at the few
//! that show most (the pattern behind the released analysis' `0.8-5-3`: at most 5 pictures, kept from a score of 3; spec/faragen.md C.1).

use crate::opinion::{self, Calls, Judged};
use crate::record::{self, Frame};
use crate::{VerifierDeps, VerifyError, scope_of};
use futures::{StreamExt, TryStreamExt};
use std::collections::HashSet;
use wayfarer_chat::{PromptFile, ask};
use wayfarer_core::Trajectory;
use wayfarer_core::prompt::judge::{FindKeyPoints, JudgeConsistency, ScoreScreenshot};
use wayfarer_core::verdict::Judge;

const KEY_POINTS: PromptFile = PromptFile(include_str!("../prompts/key_points.md"));
const SCREENSHOT: PromptFile = PromptFile(include_str!("../prompts/screenshot_score.md"));
const CONSISTENCY: PromptFile = PromptFile(include_str!("../prompts/multimodal.md"));
/// Score from which a screenshot is kept.
pub const KEEP_FROM: u8 = 3;
/// Screenshots in the final look.
pub const MAX_SALIENT: usize = 5;
/// Screenshots that are scored at once.
const PARALLEL: usize = 4;

/// Judges from the pictures.
pub async fn judge(deps: &VerifierDeps, trajectory: &Trajectory) -> Result<Judged, VerifyError> {
    let scope = scope_of(trajectory);
    let mut calls = Calls::default();
    let task = trajectory.task.intent.clone();
    let question = FindKeyPoints { task: task.clone() };
    let key_points = calls.book(ask(&*deps.model, &scope, KEY_POINTS, &question, &[]).await?).key_points;

    let frames = distinct(record::frames_of(trajectory));
    let mut questions = Vec::with_capacity(frames.len());
    for frame in &frames {
        let question = ScoreScreenshot { task: task.clone(), key_points: key_points.clone(), shot: frame.shot.clone() };
        questions.push((question, frame.screenshot.clone()));
    }
    let answers: Vec<_> = futures::stream::iter(questions)
        .map(|(question, picture)| {
            let scope = &scope;
            async move {
                let picture = deps.store.get_blob(&picture).await?;
                Ok::<_, VerifyError>(ask(&*deps.model, scope, SCREENSHOT, &question, &[picture]).await?)
            }
        })
        .buffered(PARALLEL)
        .try_collect()
        .await?;
    let scores: Vec<u8> = answers.into_iter().map(|answer| calls.book(answer).score).collect();

    let salient: Vec<&Frame> = salient(&scores).into_iter().map(|at| &frames[at]).collect();
    let mut pictures = Vec::with_capacity(salient.len());
    for frame in &salient {
        pictures.push(deps.store.get_blob(&frame.screenshot).await?);
    }
    let question = JudgeConsistency {
        record: record::record_of(trajectory),
        key_points,
        salient: salient.iter().map(|frame| frame.shot.clone()).collect(),
    };
    let reply = calls.book(ask(&*deps.model, &scope, CONSISTENCY, &question, &pictures).await?);
    Ok(opinion::from_reply(Judge::Multimodal, trajectory, reply, calls))
}

/// Each picture once, at the last moment it was seen.
fn distinct(frames: Vec<Frame>) -> Vec<Frame> {
    let mut met = HashSet::new();
    let mut kept: Vec<Frame> = frames.into_iter().rev().filter(|frame| met.insert(frame.screenshot.clone())).collect();
    kept.reverse();
    kept
}

/// Places of the screenshots for the final look, in order of time: the best of those that score enough, later ones before earlier ones
/// of the same score; the last one alone if none does.
pub fn salient(scores: &[u8]) -> Vec<usize> {
    let mut kept: Vec<usize> = (0..scores.len()).filter(|at| scores[*at] >= KEEP_FROM).collect();
    if kept.is_empty() {
        return scores.len().checked_sub(1).into_iter().collect();
    }
    kept.sort_by_key(|at| (std::cmp::Reverse(scores[*at].min(5)), std::cmp::Reverse(*at)));
    kept.truncate(MAX_SALIENT);
    kept.sort_unstable();
    kept
}

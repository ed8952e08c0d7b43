//! Which screenshots show most of a criterion: every one is rated, for every criterion.

use crate::opinion::Calls;
use crate::record::Frame;
use crate::{VerifierDeps, VerifyError, scope_of};
use futures::{StreamExt, TryStreamExt};
use wayfarer_chat::{PromptFile, ask};
use wayfarer_core::Trajectory;
use wayfarer_core::prompt::judge::{Criterion, RateRelevance};

const RELEVANCE: PromptFile = PromptFile(include_str!("../../prompts/relevance.md"));
/// Screenshots for one criterion (spec/faragen.md C.2).
pub const MAX_SHOTS: usize = 5;
/// From here on a screenshot shows something that decides.
const HIGH: u8 = 6;
/// Below this a screenshot must not trail the weakest high one by more than [`TRAIL`].
const LOW: u8 = 5;
const TRAIL: u8 = 2;
/// Screenshots that are rated at once.
const PARALLEL: usize = 4;

/// Ratings of each frame: one from 0 to 10 for each criterion, in order.
pub(super) type Rated = Vec<Vec<u8>>;

/// Rates every frame. A reply with the wrong number of scores counts what it has, and nothing for the rest.
pub(super) async fn rate(
    deps: &VerifierDeps,
    trajectory: &Trajectory,
    criteria: &[Criterion],
    frames: &[Frame],
    calls: &mut Calls,
) -> Result<Rated, VerifyError> {
    let scope = scope_of(trajectory);
    let names: Vec<String> = criteria.iter().map(|one| format!("{}: {}", one.criterion, one.description)).collect();
    let questions: Vec<(RateRelevance, _)> = frames
        .iter()
        .map(|frame| {
            let question = RateRelevance { task: trajectory.task.intent.clone(), criteria: names.clone(), shot: frame.shot.clone() };
            (question, frame.screenshot.clone())
        })
        .collect();
    let answers: Vec<_> = futures::stream::iter(questions)
        .map(|(question, picture)| {
            let scope = &scope;
            async move {
                let picture = deps.store.get_blob(&picture).await?;
                Ok::<_, VerifyError>(ask(&*deps.model, scope, RELEVANCE, &question, &[picture]).await?)
            }
        })
        .buffered(PARALLEL)
        .try_collect()
        .await?;
    Ok(answers
        .into_iter()
        .map(|answer| {
            let mut scores = calls.book(answer).scores;
            scores.resize(criteria.len(), 0);
            scores.into_iter().map(|score| score.min(10)).collect()
        })
        .collect())
}

/// Places of the frames for one criterion, in order of time: where some are high, those that trail too far are dropped; the best five
/// are kept, later ones before earlier ones of the same rating; the last one alone if none shows anything.
pub fn select(ratings: &[u8]) -> Vec<usize> {
    let weakest_high = ratings.iter().copied().filter(|rating| *rating >= HIGH).min();
    let stays = |rating: u8| match weakest_high {
        Some(high) => rating >= LOW || high - rating <= TRAIL,
        None => rating > 0,
    };
    let mut kept: Vec<usize> = (0..ratings.len()).filter(|at| stays(ratings[*at])).collect();
    if kept.is_empty() {
        return ratings.len().checked_sub(1).into_iter().collect();
    }
    kept.sort_by_key(|at| (std::cmp::Reverse(ratings[*at]), std::cmp::Reverse(*at)));
    kept.truncate(MAX_SHOTS);
    kept.sort_unstable();
    kept
}

//! Further turns: an attempt in which the user asked something more is judged turn by turn, each against its own request, and every turn
//! has to pass. Pure.

use crate::opinion::Judged;
use wayfarer_core::{Outcome, TaskId, Trajectory};

/// One trajectory for each turn: its request, its steps, its answer. Steps keep their numbers, so that citations stay true.
pub fn turns(trajectory: &Trajectory) -> Vec<Trajectory> {
    if trajectory.follow_ups.is_empty() {
        return vec![trajectory.clone()];
    }
    let begins: Vec<u32> = std::iter::once(1).chain(trajectory.follow_ups.iter().map(|follow_up| follow_up.from_step.0)).collect();
    let mut turns = Vec::with_capacity(begins.len());
    for (number, begin) in begins.iter().enumerate() {
        let end = begins.get(number + 1).copied().unwrap_or(u32::MAX);
        let mut turn = trajectory.clone();
        turn.follow_ups.clear();
        turn.steps.retain(|step| (*begin..end).contains(&step.index.0));
        if let Some(follow_up) = number.checked_sub(1).and_then(|at| trajectory.follow_ups.get(at)) {
            turn.task.intent = follow_up.intent.clone();
            turn.task.id = TaskId::derived(trajectory.task.id.as_str(), &[&follow_up.intent]);
            turn.answer = follow_up.answer.clone();
            // its first page is the last one of the turn before
            turn.first_observation = None;
        }
        // a turn that another one follows ended with an answer, or nobody would have asked more
        if end != u32::MAX {
            turn.outcome = Outcome::Answered;
        }
        turns.push(turn);
    }
    turns
}

/// One judge's opinions of all turns as one: it passes if each does.
pub fn merged(opinions: Vec<Judged>) -> Option<Judged> {
    let several = opinions.len() > 1;
    let mut all = opinions.into_iter().enumerate();
    let (_, mut whole) = all.next()?;
    if several {
        whole.opinion.reasoning = format!("Turn 1: {}", whole.opinion.reasoning);
    }
    for (number, next) in all {
        let rests_on_evidence = !whole.opinion.evidence.is_empty() && !next.opinion.evidence.is_empty();
        whole.opinion.pass = whole.opinion.pass && next.opinion.pass && rests_on_evidence;
        whole.opinion.score = whole.opinion.score.min(next.opinion.score);
        whole.opinion.reasoning = format!("{} Turn {}: {}", whole.opinion.reasoning, number + 1, next.opinion.reasoning);
        whole.opinion.evidence.extend(next.opinion.evidence);
        whole.opinion.criteria.extend(next.opinion.criteria);
        whole.opinion.usage += next.opinion.usage;
        whole.first_failure = match (whole.first_failure, next.first_failure) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        whole.models.extend(next.models);
    }
    Some(whole)
}

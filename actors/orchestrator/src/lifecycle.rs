//! What comes next for a task, read from its events: pure, so that a second owner comes to the same answer as the first.

use wayfarer_bus::Logged;
use wayfarer_core::AttemptId;
use wayfarer_core::event::RunEvent;
use wayfarer_core::outcome::{EnvFailure, Outcome};
use wayfarer_core::run::RunSpec;

/// Times that a start page may be out of reach before the task, and not the environment, is to blame.
const UNREACHABLE_BOUND: usize = 2;
/// Owners that may leave an attempt open (killed, or stopped by a person) before the task counts as poison. Larger than the bound of
/// environment failures: an interrupted run is resumed as often as its user likes.
const ABANDONED_BOUND: u32 = 10;

/// What is to be done next about a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// Append [`AttemptStarted`](wayfarer_core::event::RunEvent::AttemptStarted) with this number, then run it.
    Start {
        /// Number of the attempt, from 1.
        number: u32,
        /// Sequence of the task's last event (0: none).
        expected_last: u64,
    },
    /// The attempt ended and waits for its verdict.
    Judge {
        /// Which one.
        attempt: AttemptId,
    },
    /// Nothing: the task has its verdict or was given up.
    Done,
    /// Give the task up.
    DeadLetter {
        /// Why.
        reason: String,
        /// Sequence of the task's last event.
        expected_last: u64,
    },
    /// The task itself cannot be done: append a final verdict `invalid_task`.
    Invalid {
        /// Why.
        why: String,
        /// The last attempt.
        attempt: AttemptId,
        /// Sequence of the task's last event.
        expected_last: u64,
    },
}

/// What is to be done next, from the task's events in order.
pub fn next(events: &[Logged], spec: &RunSpec) -> Next {
    let expected_last = events.last().map_or(0, |logged| logged.sequence);
    let mut failures: Vec<(EnvFailure, &str)> = Vec::new();
    let (mut started, mut abandoned, mut waiting, mut last_ended) = (0, 0, None, None);
    let mut is_open = false;
    for logged in events {
        match &logged.event {
            event if event.ends_task() => return Next::Done,
            RunEvent::AttemptStarted { attempt, .. } => {
                abandoned += u32::from(is_open);
                is_open = true;
                waiting = None;
                started = started.max(attempt.number);
            }
            RunEvent::AttemptEnded { attempt, outcome, .. } => {
                is_open = false;
                last_ended = Some(attempt.clone());
                match outcome {
                    Outcome::EnvFailed { kind, .. } if kind.is_outage() => {}
                    Outcome::EnvFailed { kind, detail } => failures.push((*kind, detail)),
                    _ => waiting = Some(attempt.clone()),
                }
            }
            RunEvent::Judged { .. } => waiting = None,
            _ => {}
        }
    }
    if let Some(attempt) = waiting {
        return Next::Judge { attempt };
    }
    // a start page that cannot be reached twice is the task's fault, not the browser's
    let out_of_reach: Vec<&str> = failures
        .iter()
        .filter(|(kind, _)| matches!(kind, EnvFailure::Unreachable | EnvFailure::EgressDenied))
        .map(|(_, detail)| *detail)
        .collect();
    if let (true, Some(attempt)) = (out_of_reach.len() >= UNREACHABLE_BOUND && !is_open, last_ended) {
        let why = format!("the start page cannot be opened: {}", out_of_reach.last().unwrap_or(&""));
        return Next::Invalid { why, attempt, expected_last };
    }
    let failed = failures.len() as u32;
    if failed >= spec.budgets.env_attempts.max(1) {
        let last = failures.last().map_or_else(String::new, |(kind, detail)| format!("{kind:?}: {detail}"));
        let reason = format!("{failed} attempts failed for reasons of the environment; the last: {last}");
        return Next::DeadLetter { reason, expected_last };
    }
    let abandoned = abandoned + u32::from(is_open);
    if abandoned >= ABANDONED_BOUND {
        return Next::DeadLetter { reason: format!("{abandoned} owners died or were stopped while they worked on it"), expected_last };
    }
    Next::Start { number: started + 1, expected_last }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;
    use crate::testing::{spec, task};
    use wayfarer_core::Epoch;
    use wayfarer_core::Usage;
    use wayfarer_core::verdict::Decision;

    fn logged(events: Vec<RunEvent>) -> Vec<Logged> {
        events.into_iter().zip(1_u64..).map(|(event, at)| Logged { sequence: at * 10, at_unix_ms: at, event }).collect()
    }
    fn id(number: u32) -> AttemptId {
        AttemptId { task: task().id, number }
    }
    fn started(number: u32) -> RunEvent {
        RunEvent::AttemptStarted { attempt: id(number), worker: "w".into() }
    }
    fn ended(number: u32, outcome: Outcome) -> RunEvent {
        RunEvent::AttemptEnded { attempt: id(number), epoch: Epoch(1), outcome, steps: 1, usage: Usage::default(), wall_ms: 1 }
    }
    fn failed(kind: EnvFailure) -> Outcome {
        Outcome::EnvFailed { kind, detail: "x".into() }
    }
    fn judged(number: u32, is_final: bool) -> RunEvent {
        RunEvent::Judged { attempt: id(number), decision: Decision::Accepted, is_final, exemplar: None, usage: Usage::default() }
    }

    #[test]
    fn the_log_says_what_comes_next() {
        let ask = |events| next(&logged(events), &spec());
        assert_eq!(ask(vec![]), Next::Start { number: 1, expected_last: 0 });
        assert_eq!(ask(vec![started(1)]), Next::Start { number: 2, expected_last: 10 });
        assert_eq!(ask(vec![started(1), ended(1, Outcome::Answered)]), Next::Judge { attempt: id(1) });
        assert_eq!(ask(vec![started(1), ended(1, Outcome::Answered), judged(1, true)]), Next::Done);
        assert_eq!(ask(vec![started(1), ended(1, Outcome::Answered), judged(1, false)]), Next::Start { number: 2, expected_last: 30 });
        assert_eq!(ask(vec![started(1), ended(1, failed(EnvFailure::Model))]), Next::Start { number: 2, expected_last: 20 });
    }

    #[test]
    fn failures_of_the_environment_end_a_task_in_one_of_two_ways() {
        let repeated = |kind, times: u32| (1..=times).flat_map(|n| [started(n), ended(n, failed(kind))]).collect::<Vec<_>>();
        let ask = |events| next(&logged(events), &spec());
        assert!(matches!(ask(repeated(EnvFailure::BrowserCrashed, 4)), Next::Start { number: 5, .. }));
        assert!(matches!(ask(repeated(EnvFailure::BrowserCrashed, 5)), Next::DeadLetter { expected_last: 100, .. }));
        assert!(matches!(ask((1..=9).map(started).collect()), Next::Start { number: 10, .. }), "stopping a run costs a task little");
        assert!(matches!(ask((1..=10).map(started).collect()), Next::DeadLetter { .. }));
        assert!(matches!(ask(repeated(EnvFailure::ModelDown, 30)), Next::Start { number: 31, .. }), "an outage is no fault of the task");
        assert!(matches!(ask(repeated(EnvFailure::Model, 5)), Next::DeadLetter { .. }));
        assert!(matches!(ask(repeated(EnvFailure::Unreachable, 1)), Next::Start { number: 2, .. }));
        assert!(matches!(ask(repeated(EnvFailure::EgressDenied, 2)), Next::Invalid { expected_last: 40, .. }));
    }
}

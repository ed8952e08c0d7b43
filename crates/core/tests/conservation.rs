//! Conservation: whatever happens to the tasks of a run, each is counted once, and the tally says when something broke the rules.
#![allow(clippy::unwrap_used, missing_docs)]

use proptest::prelude::*;
use wayfarer_core::event::RunEvent;
use wayfarer_core::outcome::EnvFailure;
use wayfarer_core::run::Tally;
use wayfarer_core::task::Lineage;
use wayfarer_core::verdict::Decision;
use wayfarer_core::{AttemptId, Category, Epoch, Outcome, RunId, SeedId, Strategy as How, Task, TaskId, Usage};

/// How a task of the generated run goes.
#[derive(Debug, Clone, Copy)]
enum Fate {
    Accepted,
    Rejected,
    Invalid,
    AcceptedAtSecond,
    AcceptedAfterCrash,
    DeadAfterEnvFailures,
}

fn task(number: usize) -> Task {
    Task {
        id: TaskId::derived("task", &[&number.to_string()]),
        intent: format!("Do thing {number}."),
        start_url: "http://shop.localhost/".parse().unwrap(),
        category: Category::Other,
        strategy: How::Targeted,
        expected_critical_point: None,
        valid_from: None,
        valid_until: None,
        lineage: Lineage { seed: seed(), parent: None, earlier_intents: vec![], template: None, pages: vec![] },
    }
}

fn seed() -> SeedId {
    SeedId::new("seed-1").unwrap()
}

fn events_of(task: &Task, fate: Fate) -> Vec<RunEvent> {
    let attempt = |number| AttemptId { task: task.id.clone(), number };
    let started = |number| RunEvent::AttemptStarted { attempt: attempt(number), worker: "w".into() };
    let ended = |number, outcome| RunEvent::AttemptEnded {
        attempt: attempt(number),
        epoch: Epoch(1),
        outcome,
        steps: 0,
        usage: Usage::default(),
        wall_ms: 0,
    };
    let judged = |number, decision, is_final| RunEvent::Judged {
        attempt: attempt(number),
        decision,
        is_final,
        exemplar: None,
        usage: Usage::default(),
    };
    let no = || Decision::Rejected { why: "no".into(), first_failure: None };
    let crashed = || Outcome::EnvFailed { kind: EnvFailure::BrowserCrashed, detail: "gone".into() };
    match fate {
        Fate::Accepted => vec![started(1), ended(1, Outcome::Answered), judged(1, Decision::Accepted, true)],
        Fate::Rejected => vec![started(1), ended(1, Outcome::Answered), judged(1, no(), true)],
        Fate::Invalid => vec![started(1), ended(1, crashed()), judged(1, Decision::InvalidTask { why: "gone".into() }, true)],
        Fate::AcceptedAtSecond => vec![
            started(1),
            ended(1, Outcome::Answered),
            judged(1, no(), false),
            started(2),
            ended(2, Outcome::Answered),
            judged(2, Decision::Accepted, true),
        ],
        // the first owner died without a word
        Fate::AcceptedAfterCrash => vec![started(1), started(2), ended(2, Outcome::Answered), judged(2, Decision::Accepted, true)],
        Fate::DeadAfterEnvFailures => {
            let mut events: Vec<RunEvent> = (1..=5).flat_map(|number| [started(number), ended(number, crashed())]).collect();
            events.push(RunEvent::DeadLettered { task: task.id.clone(), reason: "five environment failures".into() });
            events
        }
    }
}

fn any_fate() -> impl proptest::strategy::Strategy<Value = Fate> {
    prop_oneof![
        Just(Fate::Accepted),
        Just(Fate::Rejected),
        Just(Fate::Invalid),
        Just(Fate::AcceptedAtSecond),
        Just(Fate::AcceptedAfterCrash),
        Just(Fate::DeadAfterEnvFailures),
    ]
}

proptest! {
    /// Events of different tasks may interleave in any way; the sum always comes out.
    #[test]
    fn tasks_in_is_the_sum_of_their_ends(fates in prop::collection::vec(any_fate(), 0..12), turns in prop::collection::vec(any::<prop::sample::Index>(), 0..120)) {
        let tasks: Vec<Task> = (0..fates.len()).map(task).collect();
        let mut queues: Vec<std::collections::VecDeque<RunEvent>> =
            tasks.iter().zip(&fates).map(|(task, fate)| events_of(task, *fate).into()).collect();
        let mut tally = Tally::new(RunId::new("run-1").unwrap(), [seed()]);
        prop_assert!(!tally.is_complete(), "a run is not complete before its seeds are worked off");
        tally.apply(&RunEvent::SeedDone { seed: seed(), strategy: How::Targeted, tasks: tasks.clone(), dropped: vec![], usage: Usage::default() });

        for turn in turns {
            if queues.is_empty() { break }
            let at = turn.index(queues.len());
            if let Some(event) = queues[at].pop_front() { tally.apply(&event) }
        }
        for event in queues.into_iter().flatten() { tally.apply(&event) }

        let summary = tally.summary(1.0);
        prop_assert_eq!(tally.faults(), &[] as &[String]);
        prop_assert!(tally.is_complete());
        prop_assert_eq!(summary.tasks_in, fates.len() as u64);
        prop_assert_eq!(summary.tasks_in, summary.accepted + summary.rejected + summary.invalid_task + summary.dead_lettered);
    }
}

#[test]
fn what_breaks_the_rules_is_named() {
    let mut tally = Tally::new(RunId::new("run-1").unwrap(), [seed()]);
    let done = RunEvent::SeedDone { seed: seed(), strategy: How::Targeted, tasks: vec![task(1)], dropped: vec![], usage: Usage::default() };
    tally.apply(&done);
    for event in events_of(&task(1), Fate::Accepted) {
        tally.apply(&event);
    }
    assert!(tally.faults().is_empty());

    tally.apply(&done);
    tally.apply(&RunEvent::DeadLettered { task: task(1).id, reason: "again".into() });
    tally.apply(&RunEvent::DeadLettered { task: task(2).id, reason: "unknown".into() });

    let faults = tally.faults().join("\n");
    for wanted in ["worked off twice", "proposed twice", "was never proposed"] {
        assert!(faults.contains(wanted), "{faults}");
    }
}

#[test]
fn an_exemplar_keeps_the_run_open_until_it_is_worked_off() {
    let mut tally = Tally::new(RunId::new("run-1").unwrap(), [seed()]);
    tally.apply(&RunEvent::SeedDone {
        seed: seed(),
        strategy: How::Targeted,
        tasks: vec![task(1)],
        dropped: vec![],
        usage: Usage::default(),
    });
    let mut events = events_of(&task(1), Fate::Accepted);
    let exemplar = SeedId::new("exemplar-1").unwrap();
    if let Some(RunEvent::Judged { exemplar: seed, .. }) = events.last_mut() {
        *seed = Some(exemplar.clone());
    }
    for event in &events {
        tally.apply(event);
    }

    assert!(!tally.is_complete());
    tally.apply(&RunEvent::SeedDone { seed: exemplar, strategy: How::Exemplar, tasks: vec![], dropped: vec![], usage: Usage::default() });
    assert!(tally.is_complete());
}

#[test]
fn what_is_in_hand_is_running_and_no_longer_waiting() {
    let mut tally = Tally::new(RunId::new("run-1").unwrap(), [seed(), SeedId::new("seed-2").unwrap()]);
    tally.apply(&RunEvent::SeedDone {
        seed: seed(),
        strategy: How::Targeted,
        tasks: vec![task(1)],
        dropped: vec![],
        usage: Usage::default(),
    });
    for event in events_of(&task(1), Fate::Accepted).iter().take(2) {
        tally.apply(event);
    }

    let stages = tally.stages().with_in_flight(1, 7);

    assert_eq!((stages.seeds_waiting, stages.seeds_running, stages.seeds_done), (0, 1, 1));
    assert_eq!((stages.verify_waiting, stages.verify_running, stages.verify_done), (0, 1, 0), "others' work is not counted here");
    assert_eq!(tally.summary(0.0).open, 1);
}

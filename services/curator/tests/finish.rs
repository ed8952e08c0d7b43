//! What a complete run leaves in its folder.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use wayfarer_bus::Logged;
use wayfarer_core::event::RunEvent;
use wayfarer_core::outcome::{EnvFailure, Outcome};
use wayfarer_core::run::Tally;
use wayfarer_core::{Epoch, Trajectory, Usage};
use wayfarer_curator::finish_run;
use wayfarer_testkit::{a_run_id, a_store, a_task, a_trajectory, an_attempt};

#[tokio::test]
async fn an_attempt_that_the_environment_failed_keeps_its_events_too() {
    let (_folder, store) = a_store();
    let (failed, other) = (a_task("Find the cheapest mug"), a_task("Find the dearest mug"));
    let crash = Outcome::EnvFailed { kind: EnvFailure::BrowserCrashed, detail: "it died".into() };
    let trajectory = Trajectory { outcome: crash.clone(), ..a_trajectory(failed.clone()) };
    store.put_trajectory(&trajectory).await.unwrap();
    let started = |task| RunEvent::AttemptStarted { attempt: an_attempt(task), worker: "w".into() };
    let ended = RunEvent::AttemptEnded {
        attempt: an_attempt(&failed),
        epoch: Epoch(1),
        outcome: crash,
        steps: 0,
        usage: Usage::default(),
        wall_ms: 1,
    };
    let events: Vec<Logged> = [started(&failed), started(&other), ended]
        .into_iter()
        .zip(1..)
        .map(|(event, sequence)| Logged { sequence, at_unix_ms: 0, event })
        .collect();

    finish_run(&store, &Tally::new(a_run_id(), []).summary(1.0), &events).await.unwrap();

    let lines = store.get_bytes(&format!("attempts/{}/events.jsonl", an_attempt(&failed))).await.unwrap();
    let sequences: Vec<u64> = String::from_utf8(lines.to_vec())
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["sequence"].as_u64().unwrap())
        .collect();
    assert_eq!(sequences, [1, 3], "those of its task, in order");
}

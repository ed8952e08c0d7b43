//! What all tasks share may be away for a while, and processes may be restarted: no task pays for that.

use crate::common::{DownFor, Steps, setting};
use std::sync::atomic::AtomicUsize;
use std::time::Duration;
use wayfarer_bus::Queue;
use wayfarer_core::Outcome;
use wayfarer_core::event::RunEvent;
use wayfarer_core::outcome::EnvFailure;

const LONG: Duration = Duration::from_secs(600);

/// How the attempts ended.
fn outcomes(events: &[RunEvent]) -> Vec<Outcome> {
    let outcome = |event: &RunEvent| match event {
        RunEvent::AttemptEnded { outcome, .. } => Some(outcome.clone()),
        _ => None,
    };
    events.iter().filter_map(outcome).collect()
}

fn is_outage(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::EnvFailed { kind: EnvFailure::ModelDown, .. })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_is_away_for_a_while_costs_a_task_no_attempt() {
    let setting = setting(LONG, Steps::Stop).await;

    let process = setting.start(DownFor(AtomicUsize::new(3)));
    let to_judge = setting.next(Queue::Judge).await;

    let outcomes = outcomes(&setting.events().await);
    assert_eq!(outcomes.len(), 4, "{outcomes:?}");
    assert!(outcomes[..3].iter().all(is_outage) && outcomes[3] == Outcome::Answered, "{outcomes:?}");
    assert_eq!(to_judge.delivered, 1);
    process.stop().await;
    assert_eq!(setting.bus.queue_depth(Queue::Solve).await.unwrap(), Default::default());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_stays_away_ends_the_task_with_its_reason() {
    let setting = setting(Duration::from_secs(2), Steps::Stop).await;

    let process = setting.start(DownFor(AtomicUsize::new(usize::MAX)));
    let reason = setting.given_up().await;

    assert!(reason.contains("outage_patience_seconds") && reason.contains("http://model.test/v1"), "{reason}");
    let outcomes = outcomes(&setting.events().await);
    assert!(outcomes.len() > 1 && outcomes.iter().all(is_outage), "{outcomes:?}");
    process.stop().await;
    assert_eq!(setting.bus.queue_depth(Queue::Solve).await.unwrap(), Default::default());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trajectory_waits_for_a_store_that_is_away() {
    let setting = setting(LONG, Steps::Stop).await;
    // a file where a folder should be
    let attempts = setting.store.root().join("attempts");
    std::fs::write(&attempts, "").unwrap();

    let process = setting.start(DownFor(AtomicUsize::new(0)));
    setting.until_stepped(1).await;
    std::fs::remove_file(&attempts).unwrap();
    setting.next(Queue::Judge).await;

    assert_eq!(outcomes(&setting.events().await), [Outcome::Answered]);
    process.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn restarts_cost_a_task_no_delivery() {
    let setting = setting(LONG, Steps::NeverEnd).await;

    for restart in 1..=6 {
        let process = setting.start(DownFor(AtomicUsize::new(0)));
        setting.until_stepped(restart).await;
        process.stop().await;
    }

    let delivery = setting.next(Queue::Solve).await;
    assert_eq!(delivery.delivered, 1);
    assert!(!setting.events().await.iter().any(RunEvent::ends_task));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_websurfer_that_is_stopped_costs_a_task_no_attempt() {
    let setting = setting(LONG, Steps::FirstIsStopped).await;

    let process = setting.start(DownFor(AtomicUsize::new(0)));
    setting.next(Queue::Judge).await;

    let outcomes = outcomes(&setting.events().await);
    assert!(matches!(&outcomes[0], Outcome::EnvFailed { kind: EnvFailure::NoBrowser, .. }), "{outcomes:?}");
    assert_eq!(outcomes[1..], [Outcome::Answered]);
    process.stop().await;
}

//! The audit of a run by its events and its folder: what was lost or altered is found.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use wayfarer_bus::Logged;
use wayfarer_core::event::RunEvent;
use wayfarer_core::verdict::Decision;
use wayfarer_core::{Epoch, Strategy, Task, Trajectory, Usage, Verdict};
use wayfarer_gateway::audit;
use wayfarer_store::Store;
use wayfarer_testkit::{a_run, a_store, a_task, a_trajectory, a_verdict, an_attempt};

/// A complete run of one accepted task: its events, and its folder.
async fn a_finished_run(store: &Store) -> (Vec<Logged>, Task) {
    let task = a_task("What does the Trail Mug cost?");
    let (attempt, seed) = (an_attempt(&task), a_run().seeds[0].id.clone());
    let trajectory = Trajectory { epoch: Epoch(2), ..a_trajectory(task.clone()) };
    for observation in trajectory.steps.iter().map(|step| &step.surfed.observation) {
        let hash = store.put_blob(observation.url.clone().into_bytes().into()).await.unwrap();
        assert_eq!(hash, observation.screenshot, "the record's screenshots follow from the address");
    }
    store.put_trajectory(&trajectory).await.unwrap();
    let verdict = a_verdict();
    store.put_verdict(&attempt, &verdict).await.unwrap();
    let (epoch, usage) = (Epoch(2), Usage::default());
    let outcome = trajectory.outcome.clone();
    let events = [
        RunEvent::SeedDone { seed, strategy: Strategy::Targeted, tasks: vec![task.clone()], dropped: vec![], usage },
        RunEvent::AttemptStarted { attempt: attempt.clone(), worker: "w".into() },
        RunEvent::AttemptEnded { attempt: attempt.clone(), epoch, outcome, steps: 1, usage, wall_ms: 1 },
        RunEvent::Judged { attempt, decision: verdict.decision, is_final: true, exemplar: None, usage },
    ];
    let logged = |(index, event)| Logged { sequence: index as u64 + 1, at_unix_ms: 0, event };
    (events.into_iter().enumerate().map(logged).collect(), task)
}

#[tokio::test]
async fn a_whole_run_passes_and_one_that_lost_something_does_not() {
    let (_folder, store) = a_store();
    let (events, _) = a_finished_run(&store).await;

    let whole = audit(&events, &store, &a_run()).await;
    let unjudged = audit(&events[..3], &store, &a_run()).await;
    let never_opened = audit(&[&events[..1], &events[2..]].concat(), &store, &a_run()).await;

    assert_eq!(whole.faults, [] as [&str; 0]);
    assert!(unjudged.faults[0].contains("1 tasks are not done"), "{:?}", unjudged.faults);
    assert!(never_opened.faults[0].contains("fenced owner"), "{:?}", never_opened.faults);
}

#[tokio::test]
async fn what_was_altered_in_the_folder_is_found() {
    let (_folder, store) = a_store();
    let (events, task) = a_finished_run(&store).await;
    let (attempt, verdict) = (an_attempt(&task), a_verdict());
    let rejected = Decision::Rejected { why: "no".into(), first_failure: None };
    let mut overruled = verdict.clone();
    overruled.opinions[0].pass = false;

    // another decision than the event's; opinions that do not bear it; a later version that does not follow from its opinions
    for (altered, said) in [
        (Verdict { decision: rejected.clone(), ..overruled.clone() }, "by its event"),
        (overruled, "does not follow from its opinions"),
        (Verdict { version: 2, decision: rejected, ..verdict.clone() }, "verdict 2 is rejected"),
    ] {
        store.put_verdict(&attempt, &altered).await.unwrap();
        let report = audit(&events, &store, &a_run()).await;
        assert!(report.faults.iter().any(|fault| fault.contains(said)), "{said}: {:?}", report.faults);
        store.put_verdict(&attempt, &verdict).await.unwrap();
    }

    let mut shorter = store.get_trajectory(&attempt).await.unwrap();
    shorter.steps.clear();
    store.put_trajectory(&shorter).await.unwrap();
    std::fs::remove_file(store.root().join("attempts").join(attempt.to_string()).join("verdict-2.json")).unwrap();
    let cut = audit(&events, &store, &a_run()).await;
    assert!(cut.faults.len() == 1 && cut.faults[0].contains("does not end as the event says"), "{:?}", cut.faults);

    std::fs::remove_dir_all(store.root().join("attempts")).unwrap();
    let removed = audit(&events, &store, &a_run()).await;
    assert_eq!(removed.faults.len(), 2, "{:?}", removed.faults);
}

//! The folders of a cluster's runs, over a real NATS: looked at while they go on, whole when they are complete.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use wayfarer_bus::{Bus, EventLog, NatsEventLog};
use wayfarer_core::event::RunEvent;
use wayfarer_core::run::{RunSpec, Summary};
use wayfarer_core::verdict::Decision;
use wayfarer_core::{Epoch, Strategy, Task, Trajectory, Usage, Verdict};
use wayfarer_curator::{CuratorService, finish_run, stored_events};
use wayfarer_store::{Store, Stores};
use wayfarer_testkit::{Servers, a_run, a_store, a_task, a_trajectory, a_verdict, an_attempt};

const SOON: Duration = Duration::from_secs(60);

fn solved() -> Task {
    a_task("What does the Trail Mug cost?")
}

fn given_up() -> Task {
    a_task("Book a table that is not there.")
}

/// The run's tasks become known.
async fn propose(bus: &Bus, spec: &RunSpec) {
    let seed = spec.seeds[0].id.clone();
    let tasks = vec![solved(), given_up()];
    append(bus, spec, RunEvent::SeedDone { seed, strategy: Strategy::Targeted, tasks, dropped: vec![], usage: Usage::default() }, 0).await;
}

/// One task is accepted, the other dead-lettered.
async fn work_off(bus: &Bus, spec: &RunSpec, store: &Store) {
    let (attempt, usage) = (an_attempt(&solved()), Usage::default());
    let started = append(bus, spec, RunEvent::AttemptStarted { attempt: attempt.clone(), worker: "w".into() }, 0).await;
    let trajectory = Trajectory { run: spec.run.clone(), epoch: Epoch(started), ..a_trajectory(solved()) };
    for observation in trajectory.first_observation.iter().chain(trajectory.steps.iter().map(|step| &step.surfed.observation)) {
        store.put_blob(observation.url.clone().into_bytes().into()).await.unwrap();
    }
    store.put_trajectory(&trajectory).await.unwrap();
    store.put_verdict(&attempt, &a_verdict()).await.unwrap();
    let ended = RunEvent::AttemptEnded {
        attempt: attempt.clone(),
        epoch: Epoch(started),
        outcome: trajectory.outcome.clone(),
        steps: 1,
        usage,
        wall_ms: 1,
    };
    let ended = append(bus, spec, ended, started).await;
    append(bus, spec, RunEvent::Judged { attempt, decision: Decision::Accepted, is_final: true, exemplar: None, usage }, ended).await;
    append(bus, spec, RunEvent::DeadLettered { task: given_up().id, reason: "no browser could be had".into() }, 0).await;
}

async fn append(bus: &Bus, spec: &RunSpec, event: RunEvent, last: u64) -> u64 {
    NatsEventLog::new(bus.clone()).append(&spec.run, &event, last).await.unwrap()
}

async fn until(what: &str, mut done: impl AsyncFnMut() -> bool) {
    let look = async {
        while !done().await {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(SOON, look).await.unwrap_or_else(|_| panic!("waited {SOON:?} for {what}"));
}

async fn summary(store: &Store) -> Option<Summary> {
    store.get_document("summary.json").await.ok()
}

fn text(folder: &Path, name: &str) -> String {
    std::fs::read_to_string(folder.join(name)).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clusters_run_is_kept_while_it_goes_on_and_finished_once() {
    let servers = Servers::start().await;
    let bus = servers.bus().await;
    let spec = a_run();
    let stores = Stores::PerRun(servers.path().join("store"));
    let store = stores.of(&spec.run).unwrap();
    bus.put_run(&spec).await.unwrap();
    store.put_document("run.json", &spec).await.unwrap();
    let stop = CancellationToken::new();
    let curator = CuratorService { bus: bus.clone(), log: Arc::new(NatsEventLog::new(bus.clone())), stores: stores.clone(), slots: 1 };
    // two replicas
    let curators = [tokio::spawn(curator.clone().run(stop.clone())), tokio::spawn(curator.run(stop.clone()))];

    propose(&bus, &spec).await;
    until("the page of a run that goes on", async || summary(&store).await.is_some_and(|summary| summary.open == 2)).await;
    let so_far = text(store.root(), "index.html");
    work_off(&bus, &spec, &store).await;
    until("the run to be finished", async || {
        summary(&store).await.is_some_and(|summary| summary.complete) && !text(store.root(), "index.html").contains("not complete")
    })
    .await;

    assert!(so_far.contains("not complete") && so_far.contains("Book a table that is not there."));
    let summary = summary(&store).await.unwrap();
    assert_eq!((summary.tasks_in, summary.accepted, summary.dead_lettered, summary.open), (2, 1, 1, 0));
    let index = text(store.root(), "index.html");
    assert!(
        index.contains("no browser could be had") && !index.contains("not complete"),
        "a task that was given up is seen, with its reason"
    );
    assert!(text(store.root(), "README.md").contains("| dead-lettered | 1 |"));
    assert!(text(store.root(), "tasks.json").contains("dead_lettered"));
    assert_eq!(stored_events(&store).await.unwrap().unwrap(), bus.events_of(&spec.run).await.unwrap());
    // nobody queued the attempt for the curator: finishing the run wrote it
    let id = solved().id;
    for file in [format!("attempts/{id}-a1/index.html"), format!("attempts/{id}-a1/events.jsonl"), format!("harness/traj/{id}/core.log")] {
        assert!(store.root().join(&file).is_file(), "{file} is missing");
    }
    stop.cancel();
    for curator in curators {
        curator.await.unwrap().unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_summary_says_complete_only_when_everything_else_is_there() {
    let servers = Servers::start().await;
    let (bus, spec) = (servers.bus().await, a_run());
    let (folder, store) = a_store();
    propose(&bus, &spec).await;
    work_off(&bus, &spec, &store).await;
    let events = bus.events_of(&spec.run).await.unwrap();
    // something stands where the page should be written
    std::fs::create_dir_all(folder.path().join("index.html/in-the-way")).unwrap();

    assert!(finish_run(&store, &spec, &events, 1.0).await.is_err());
    assert!(summary(&store).await.is_none(), "the summary was written before the page");
    std::fs::remove_dir_all(folder.path().join("index.html")).unwrap();
    finish_run(&store, &spec, &events, 1.0).await.unwrap();
    let index = text(folder.path(), "index.html");
    finish_run(&store, &spec, &events, 1.0).await.unwrap();

    assert!(summary(&store).await.unwrap().complete);
    assert_eq!(text(folder.path(), "index.html"), index, "finishing again changes nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_judged_again_counts() {
    let servers = Servers::start().await;
    let (bus, spec) = (servers.bus().await, a_run());
    let (folder, store) = a_store();
    propose(&bus, &spec).await;
    work_off(&bus, &spec, &store).await;
    let events = bus.events_of(&spec.run).await.unwrap();
    let before = finish_run(&store, &spec, &events, 1.0).await.unwrap();

    let no = Decision::Rejected { why: "it costs more".into(), first_failure: None };
    store.put_verdict(&an_attempt(&solved()), &Verdict { version: 2, decision: no, ..a_verdict() }).await.unwrap();
    let after = finish_run(&store, &spec, &events, 1.0).await.unwrap();

    assert_eq!((before.accepted, before.rejected), (1, 0));
    assert_eq!((after.accepted, after.rejected, after.tasks_in), (0, 1, 2));
    assert!(text(folder.path(), "tasks.json").contains("it costs more"));
    assert!(text(folder.path(), "index.html").contains("it costs more"));
}

//! A run that is resumed long after: only what is neither done nor queued is queued.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use std::time::Duration;
use wayfarer_bus::{Bus, BusOptions, EventLog, NatsEventLog, Queue, QueueDepth, document};
use wayfarer_core::event::RunEvent;
use wayfarer_core::run::RunSpec;
use wayfarer_core::{Strategy, Task, Usage};
use wayfarer_gateway::runs::{self, Created, OtherRequest};
use wayfarer_proto::v1::{WorkItem, work_item::Work};
use wayfarer_testkit::{Servers, a_run, a_seed, a_task};

const PATIENCE: Duration = Duration::from_secs(60);

fn item(spec: &RunSpec, work: Work) -> WorkItem {
    WorkItem { tenant: spec.tenant.to_string(), run: spec.run.to_string(), work: Some(work) }
}

/// Until the server takes an id again that it knows, and with it all older ones.
async fn until_ids_are_forgotten(bus: &Bus, spec: &RunSpec) {
    let probe = item(spec, Work::CurateAttempt("probe".into()));
    let forgotten = async {
        while bus.queue_depth(Queue::Curate).await.unwrap().waiting < 2 {
            bus.publish_work(Queue::Curate, "probe", &probe).await.unwrap();
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, forgotten).await.expect("ids are forgotten");
}

async fn depths(bus: &Bus) -> [QueueDepth; 3] {
    let mut depths = [QueueDepth::default(); 3];
    for (depth, queue) in depths.iter_mut().zip([Queue::Propose, Queue::Solve, Queue::Judge]) {
        *depth = bus.queue_depth(queue).await.unwrap();
    }
    depths
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_is_neither_done_nor_queued_is_queued() {
    let servers = Servers::start().await;
    let bus = servers.bus_with(BusOptions { dedup_window: Duration::from_millis(100), ..BusOptions::default() }).await;
    let log = NatsEventLog::new(bus.clone());
    let seeds: Vec<_> = ["done", "waiting", "in-hand", "lost"].map(|name| a_seed(&format!("http://{name}.localhost/"))).into();
    let spec = RunSpec { seeds: seeds.clone(), ..a_run() };
    assert!(!runs::create(&bus, &spec).await.unwrap().resumed);

    // in the order of the queue: one seed is worked off, one is in hand, one is lost, one waits
    let worker = bus.worker(Queue::Propose).await.unwrap();
    let mut taken = Vec::new();
    while taken.len() < seeds.len() {
        taken.extend(worker.fetch(seeds.len()).await.unwrap());
    }
    let tasks: Vec<Task> = ["judged", "queued", "to judge", "lost"].map(a_task).into();
    let (strategy, usage) = (Strategy::Targeted, Usage::default());
    let done = RunEvent::SeedDone { seed: seeds[0].id.clone(), strategy, tasks: tasks.clone(), dropped: vec![], usage };
    log.append(&spec.run, &done, 0).await.unwrap();
    let given_up = RunEvent::DeadLettered { task: tasks[0].id.clone(), reason: "x".into() };
    log.append(&spec.run, &given_up, 0).await.unwrap();
    bus.publish_work(Queue::Solve, tasks[1].id.as_str(), &item(&spec, Work::Task(document(&tasks[1]).unwrap()))).await.unwrap();
    let attempt = format!("{}-a1", tasks[2].id);
    bus.publish_work(Queue::Judge, &attempt, &item(&spec, Work::JudgeAttempt(attempt.clone()))).await.unwrap();
    taken[0].ack().await.unwrap();
    taken[1].give_back().await.unwrap();
    let _in_hand = taken[2].keep_alive();
    taken[3].ack().await.unwrap();
    until_ids_are_forgotten(&bus, &spec).await;
    assert!(runs::create(&bus, &spec).await.unwrap().resumed);

    // the seed that waited, the one that was lost and the one in hand; the task that was queued and the one that was lost
    let wanted =
        [QueueDepth { waiting: 2, in_flight: 1 }, QueueDepth { waiting: 2, in_flight: 0 }, QueueDepth { waiting: 1, in_flight: 0 }];
    assert_eq!(depths(&bus).await, wanted);
    let queued = bus.queued(&spec.run).await.unwrap();
    assert_eq!(queued.seeds, seeds[1..].iter().map(|seed| seed.id.clone()).collect());
    assert_eq!(queued.tasks, tasks[1..].iter().map(|task| task.id.clone()).collect());
    until_ids_are_forgotten(&bus, &spec).await;
    assert!(runs::create(&bus, &spec).await.unwrap().resumed);
    assert_eq!(depths(&bus).await, wanted);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_is_taken_by_another_request_is_refused_with_its_remedy() {
    let servers = Servers::start().await;
    let bus = servers.bus().await;
    let spec = a_run();
    runs::create(&bus, &spec).await.unwrap();

    let others = [
        RunSpec { seeds: vec![a_seed("http://other.localhost/")], ..spec.clone() },
        RunSpec { seed: spec.seed + 1, ..spec.clone() },
        RunSpec { attempts: spec.attempts + 1, ..spec.clone() },
    ];
    for other in others {
        let refused = runs::create(&bus, &other).await.unwrap_err();
        assert!(refused.is::<OtherRequest>() && refused.to_string().contains("--run"), "{refused}");
    }
    // the same request, made later
    let again = runs::create(&bus, &RunSpec { created_unix_ms: spec.created_unix_ms + 60_000, ..spec.clone() }).await.unwrap();

    assert_eq!(again, Created { spec: spec.clone(), resumed: true });
    assert_eq!(bus.queue_depth(Queue::Propose).await.unwrap().waiting, 1);
    assert_eq!(bus.get_run(&spec.run).await.unwrap(), Some(spec));
}

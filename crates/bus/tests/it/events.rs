//! The event log, and who may write to it.

use crate::common::{LONG, nats};
use futures::StreamExt;
use wayfarer_bus::{Bus, EventLog, LogError, NatsEventLog};
use wayfarer_core::event::{About, RunEvent};
use wayfarer_core::run::{Budgets, ConsentPolicy, RunSpec};
use wayfarer_core::{AttemptId, RunId, TaskId, TenantId};

fn a_run() -> RunId {
    RunId::new("run-1").unwrap()
}

fn a_task(name: &str) -> TaskId {
    TaskId::new(name).unwrap()
}

fn started(task: &str, number: u32, worker: &str) -> RunEvent {
    RunEvent::AttemptStarted { attempt: AttemptId { task: a_task(task), number }, worker: worker.into() }
}

fn given_up(task: &str) -> RunEvent {
    RunEvent::DeadLettered { task: a_task(task), reason: "no luck".into() }
}

async fn a_log(bus: &Bus) -> NatsEventLog {
    NatsEventLog::new(bus.clone())
}

#[tokio::test]
async fn events_about_one_thing_come_back_in_order() {
    let nats = nats(LONG).await;
    let log = a_log(&nats.bus).await;

    let first = log.append(&a_run(), &started("task-1", 1, "a"), 0).await.unwrap();
    log.append(&a_run(), &started("task-2", 1, "a"), 0).await.unwrap();
    let second = log.append(&a_run(), &given_up("task-1"), first).await.unwrap();

    let events = log.read(&a_run(), &About::Task(a_task("task-1"))).await.unwrap();
    let found: Vec<_> = events.iter().map(|logged| (logged.sequence, logged.event.clone())).collect();
    assert_eq!(found, vec![(first, started("task-1", 1, "a")), (second, given_up("task-1"))]);
    assert!(events[0].at_unix_ms > 0);
    assert!(log.read(&a_run(), &About::Run).await.unwrap().is_empty());
}

#[tokio::test]
async fn an_older_owner_is_fenced_and_writes_nothing_between() {
    let nats = nats(LONG).await;
    let (old, new) = (a_log(&nats.bus).await, a_log(&nats.bus).await);
    let old_epoch = old.append(&a_run(), &started("task-1", 1, "old"), 0).await.unwrap();

    let new_epoch = new.append(&a_run(), &started("task-1", 2, "new"), old_epoch).await.unwrap();
    let refused = old.append(&a_run(), &given_up("task-1"), old_epoch).await;
    new.append(&a_run(), &given_up("task-1"), new_epoch).await.unwrap();

    assert!(matches!(refused, Err(LogError::Fenced { expected, .. }) if expected == old_epoch), "{refused:?}");
    let events = new.read(&a_run(), &About::Task(a_task("task-1"))).await.unwrap();
    assert_eq!(events.len(), 3);
}

#[tokio::test]
async fn of_many_that_open_the_same_attempt_one_wins() {
    let nats = nats(LONG).await;
    let log = a_log(&nats.bus).await;

    let tries = (0..8).map(|worker| {
        let log = log.clone();
        async move { log.append(&a_run(), &started("task-1", 1, &worker.to_string()), 0).await.is_ok() }
    });
    let won = futures::future::join_all(tries).await;

    assert_eq!(won.iter().filter(|won| **won).count(), 1);
}

#[tokio::test]
async fn a_watch_begins_with_the_first_event_and_follows() {
    let nats = nats(LONG).await;
    let log = a_log(&nats.bus).await;
    let first = log.append(&a_run(), &started("task-1", 1, "a"), 0).await.unwrap();
    log.append(&RunId::new("run-2").unwrap(), &started("task-9", 1, "a"), 0).await.unwrap();
    let mut watch = nats.bus.watch(&a_run()).await.unwrap();
    assert_eq!(watch.next().await.unwrap().unwrap().sequence, first);

    let second = log.append(&a_run(), &given_up("task-1"), first).await.unwrap();

    assert_eq!(watch.next().await.unwrap().unwrap().sequence, second);
    let sequences = |events: Vec<wayfarer_bus::Logged>| events.into_iter().map(|logged| logged.sequence).collect::<Vec<_>>();
    assert_eq!(sequences(nats.bus.events_of(&a_run()).await.unwrap()), vec![first, second]);
    assert_eq!(sequences(nats.bus.events_after(&a_run(), first).await.unwrap()), vec![second]);
    assert!(nats.bus.events_after(&a_run(), second).await.unwrap().is_empty());
    assert!(nats.bus.events_of(&RunId::new("run-3").unwrap()).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_run_is_kept_once() {
    let nats = nats(LONG).await;
    let spec = |name: &str, seed: u64| RunSpec {
        run: RunId::new(name).unwrap(),
        tenant: TenantId::default(),
        seeds: vec![],
        max_tasks: 3,
        exemplar_tasks: 0,
        attempts: 1,
        seed,
        budgets: Budgets::default(),
        consent: ConsentPolicy::default(),
        solver: "ledger".into(),
        created_unix_ms: seed,
    };

    assert!(!nats.bus.put_run(&spec("run-2", 2)).await.unwrap());
    assert!(!nats.bus.put_run(&spec("run-1", 1)).await.unwrap());
    assert!(nats.bus.put_run(&spec("run-1", 7)).await.unwrap());

    assert_eq!(nats.bus.get_run(&a_run()).await.unwrap(), Some(spec("run-1", 1)));
    assert_eq!(nats.bus.get_run(&RunId::new("run-9").unwrap()).await.unwrap(), None);
    assert_eq!(nats.bus.list_runs().await.unwrap(), vec![spec("run-1", 1), spec("run-2", 2)]);
}

#[tokio::test]
async fn a_long_history_is_whole_and_in_order() {
    let nats = nats(LONG).await;
    let log = a_log(&nats.bus).await;
    let mut written = Vec::new();
    for number in 1..=150_u32 {
        let last = if number % 2 == 1 { 0 } else { *written.last().unwrap() };
        written.push(log.append(&a_run(), &started(&format!("task-{}", number.div_ceil(2)), number, "a"), last).await.unwrap());
    }

    let read: Vec<u64> = nats.bus.events_of(&a_run()).await.unwrap().into_iter().map(|logged| logged.sequence).collect();

    assert_eq!(read, written);
}

/// The first try of the append waits in the connection of a server that does not move; its acknowledgement comes when nobody waits for
/// it any more.
#[tokio::test]
async fn an_append_whose_acknowledgement_was_lost_is_written_once_and_not_fenced() {
    let nats = nats(LONG).await;
    let log = a_log(&nats.bus).await;
    let signal = |name: &str| {
        let pid = nats.server.pid().to_string();
        assert!(std::process::Command::new("kill").args([name, &pid]).status().unwrap().success());
    };

    signal("-STOP");
    let (event, run) = (started("task-1", 1, "a"), a_run());
    let append = log.append(&run, &event, 0);
    let item = crate::common::an_item("a");
    let publish = nats.bus.publish_work(wayfarer_bus::Queue::Curate, "a", &item);
    let (appended, published, ()) = tokio::join!(append, publish, async {
        tokio::time::sleep(std::time::Duration::from_millis(3_500)).await;
        signal("-CONT");
    });

    published.unwrap();
    let events = log.read(&a_run(), &About::Task(a_task("task-1"))).await.unwrap();
    assert_eq!(events.iter().map(|logged| logged.sequence).collect::<Vec<_>>(), vec![appended.unwrap()]);
    assert_eq!(nats.bus.queue_depth(wayfarer_bus::Queue::Curate).await.unwrap().waiting, 1);
}

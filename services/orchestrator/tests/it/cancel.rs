//! A run that is cancelled stops spending at once, wherever its tasks are.

use crate::common::{DownFor, Setting, Steps, setting};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use wayfarer_bus::{EventLog, Queue, document};
use wayfarer_core::event::{About, RunEvent};
use wayfarer_proto::v1::{WorkItem, work_item::Work};
use wayfarer_testkit::a_task;

const LONG: Duration = Duration::from_secs(600);
/// Nominally two seconds; machines are busy.
const SOON: Duration = Duration::from_secs(20);

async fn cancel(setting: &Setting) {
    setting.log.append(&setting.spec.run, &RunEvent::Cancelled { run: setting.spec.run.clone() }, 0).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_in_hand_is_cut_off_and_queued_tasks_are_given_up() {
    let setting = setting(LONG, Steps::NeverEnd).await;
    let queued = a_task("Which mugs are blue?");
    let work = Some(Work::Task(document(&queued).unwrap()));
    let item = WorkItem { tenant: setting.spec.tenant.to_string(), run: setting.spec.run.to_string(), work };
    setting.bus.publish_work(Queue::Solve, queued.id.as_str(), &item).await.unwrap();
    let process = setting.start(DownFor(AtomicUsize::new(0)));
    setting.until_stepped(1).await;

    let cancelled_at = Instant::now();
    cancel(&setting).await;
    let reason = setting.given_up().await;

    assert!(cancelled_at.elapsed() < SOON, "{:?}", cancelled_at.elapsed());
    assert_eq!(reason, "the run was cancelled");
    assert_eq!(setting.closed.load(Ordering::SeqCst), 1, "its session is given back");
    setting.until_worked_off(Queue::Solve).await;
    let events: Vec<RunEvent> =
        setting.log.read(&setting.spec.run, &About::Task(queued.id)).await.unwrap().into_iter().map(|logged| logged.event).collect();
    assert!(matches!(&events[..], [RunEvent::DeadLettered { reason, .. }] if reason == "the run was cancelled"), "{events:?}");
    process.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_waits_for_the_model_of_a_cancelled_run() {
    let setting = setting(LONG, Steps::Stop).await;
    let process = setting.start(DownFor(AtomicUsize::new(usize::MAX)));
    // the fifth pause is half a minute
    setting.until_ended(4).await;

    cancel(&setting).await;

    assert_eq!(setting.given_up().await, "the run was cancelled");
    setting.until_worked_off(Queue::Solve).await;
    process.stop().await;
}

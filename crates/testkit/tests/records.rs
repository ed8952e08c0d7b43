//! The builders build what the rest of the house can keep and send.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use wayfarer_bus::EventLog;
use wayfarer_core::event::RunEvent;
use wayfarer_testkit::{Servers, a_run, a_store, a_task, a_trajectory, a_verdict, an_attempt};

#[tokio::test]
async fn a_trajectory_and_its_verdict_are_kept_as_they_are() {
    let (_folder, store) = a_store();
    let trajectory = a_trajectory(a_task("What is the price of the Trail Mug?"));

    store.put_trajectory(&trajectory).await.unwrap();
    store.put_verdict(&trajectory.attempt, &a_verdict()).await.unwrap();

    assert_eq!(store.attempts().await.unwrap(), vec![trajectory.attempt.clone()]);
    assert_eq!(store.get_verdict(&trajectory.attempt).await.unwrap(), Some(a_verdict()));
    assert_eq!(store.get_trajectory(&trajectory.attempt).await.unwrap(), trajectory);
}

#[tokio::test]
async fn the_servers_serve() {
    let servers = Servers::start().await;
    let (bus, log) = (servers.bus().await, servers.event_log().await);
    let spec = a_run();
    let event = RunEvent::AttemptStarted { attempt: an_attempt(&a_task("buy a mug")), worker: "test".into() };

    bus.put_run(&spec).await.unwrap();
    log.append(&spec.run, &event, 0).await.unwrap();

    assert_eq!(bus.events_of(&spec.run).await.unwrap()[0].event, event);
    assert!(servers.redis.url().starts_with("redis://"));
}

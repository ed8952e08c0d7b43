//! A seed that comes twice, long after the first time, makes no task twice.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use async_trait::async_trait;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use wayfarer_browser::{BrowserError, BrowserSession, BrowserSupply, EgressPolicy, SessionSpec};
use wayfarer_bus::{Bus, BusOptions, Delivery, NatsEventLog, Queue, QueueDepth, RunFollower, document};
use wayfarer_chat::{ChatReply, ChatRequest, Model, ModelError};
use wayfarer_core::run::RunSpec;
use wayfarer_core::seed::SeedKind;
use wayfarer_core::{Calendar, Seed, SeedId};
use wayfarer_lease::Redis;
use wayfarer_proposer::ProposerService;
use wayfarer_proto::v1::{WorkItem, work_item::Work};
use wayfarer_store::Stores;
use wayfarer_testkit::{Servers, a_run, a_store, a_task};

const PATIENCE: Duration = Duration::from_secs(60);

/// A ready-made task needs neither model nor browser.
struct Nobody;

#[async_trait]
impl Model for Nobody {
    async fn generate(&self, _: ChatRequest) -> Result<ChatReply, ModelError> {
        panic!("no model is needed")
    }
}

#[async_trait]
impl BrowserSupply for Nobody {
    async fn acquire(&self, _: SessionSpec) -> Result<Box<dyn BrowserSession>, BrowserError> {
        panic!("no browser is needed")
    }
}

async fn next(bus: &Bus, queue: Queue) -> Delivery {
    let worker = bus.worker(queue).await.unwrap();
    let wait = async {
        loop {
            if let Some(delivery) = worker.fetch(1).await.unwrap().pop() {
                return delivery;
            }
        }
    };
    tokio::time::timeout(PATIENCE, wait).await.expect("work in the queue")
}

async fn until_empty(bus: &Bus, queue: Queue) {
    let empty = async {
        while bus.queue_depth(queue).await.unwrap() != QueueDepth::default() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, empty).await.expect("the queue is worked off");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_seed_that_comes_again_queues_no_task_that_is_queued_or_done() {
    let servers = Servers::start().await;
    // ids are forgotten at once, as others are after ten minutes
    let bus = servers.bus_with(BusOptions { dedup_window: Duration::from_millis(100), ..BusOptions::default() }).await;
    let (_folder, store) = a_store();
    let task = a_task("What does the Trail Mug cost?");
    let seed = Seed { id: SeedId::new("seed-1").unwrap(), kind: SeedKind::Given { task: Box::new(task.clone()) } };
    let spec = RunSpec { seeds: vec![seed.clone()], ..a_run() };
    bus.put_run(&spec).await.unwrap();
    let stop = CancellationToken::new();
    let service = ProposerService {
        bus: bus.clone(),
        log: Arc::new(NatsEventLog::new(bus.clone())),
        follower: Arc::new(RunFollower::new(bus.clone())),
        redis: Redis::connect(&servers.redis.url()).await.unwrap(),
        model: Arc::new(Nobody),
        browsers: Arc::new(Nobody),
        stores: Stores::Single(spec.run.clone(), store),
        egress: EgressPolicy::default(),
        slots: 1,
        calendar: Calendar::RunDay,
    };
    let running = tokio::spawn(service.run(stop.clone()));
    let item = WorkItem { tenant: spec.tenant.to_string(), run: spec.run.to_string(), work: Some(Work::Seed(document(&seed).unwrap())) };
    bus.publish_work(Queue::Propose, "first", &item).await.unwrap();
    let in_hand = next(&bus, Queue::Solve).await;
    let _alive = in_hand.keep_alive();
    until_empty(&bus, Queue::Propose).await;

    tokio::time::sleep(Duration::from_secs(1)).await;
    bus.publish_work(Queue::Propose, "second", &item).await.unwrap();
    until_empty(&bus, Queue::Propose).await;

    assert_eq!(bus.queue_depth(Queue::Solve).await.unwrap(), QueueDepth { waiting: 0, in_flight: 1 });
    stop.cancel();
    running.await.unwrap().unwrap();
}

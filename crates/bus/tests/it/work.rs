//! Work that must not be lost.

use crate::common::{LONG, SHORT, TRACEPARENT, an_item, name_of, nats, queue_items};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use wayfarer_bus::{Bus, BusOptions, Delivery, Poison, Queue, QueueDepth, Worker, work_loop};

/// The next item, however long it takes to come.
async fn fetched(worker: &Worker) -> Delivery {
    let fetched = async {
        loop {
            if let Some(delivery) = worker.fetch(1).await.unwrap().pop() {
                return delivery;
            }
        }
    };
    tokio::time::timeout(LONG, fetched).await.expect("an item comes")
}

/// Poison, once the server has noted it.
async fn noted_poison(bus: &Bus) -> Vec<Poison> {
    let noted = async {
        loop {
            let poison = bus.poison().await.unwrap();
            if !poison.is_empty() {
                return poison;
            }
            tokio::time::sleep(SHORT).await;
        }
    };
    tokio::time::timeout(LONG, noted).await.expect("the server notes it")
}

#[tokio::test]
async fn every_item_is_done_although_workers_die() {
    let nats = nats(SHORT).await;
    let names: Vec<String> = (0..40).map(|number| format!("item-{number}")).collect();
    queue_items(&nats.bus, &names.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let worker = nats.bus.worker(Queue::Curate).await.unwrap();

    let mut done: BTreeMap<String, u32> = BTreeMap::new();
    while done.len() < names.len() {
        for (place, delivery) in worker.fetch(7).await.unwrap().into_iter().enumerate() {
            let dies = place % 3 == 0 && delivery.delivered < 3;
            if dies {
                continue;
            }
            delivery.ack().await.unwrap();
            *done.entry(name_of(&delivery.item)).or_default() += 1;
        }
    }

    assert!(done.values().all(|times| *times == 1), "{done:?}");
    assert_eq!(nats.bus.queue_depth(Queue::Curate).await.unwrap(), QueueDepth::default());
}

#[tokio::test]
async fn the_same_id_is_queued_once_and_queues_do_not_mix() {
    let nats = nats(LONG).await;
    queue_items(&nats.bus, &["a", "a", "b"]).await;
    nats.bus.publish_work(Queue::Judge, "a", &an_item("a")).await.unwrap();

    assert_eq!(nats.bus.queue_depth(Queue::Curate).await.unwrap().waiting, 2);
    assert_eq!(nats.bus.queue_depth(Queue::Judge).await.unwrap().waiting, 1);
}

#[tokio::test]
async fn a_delivery_carries_its_trace_and_is_kept_by_signs_of_life() {
    let nats = nats(Duration::from_secs(1)).await;
    queue_items(&nats.bus, &["slow"]).await;
    let worker = nats.bus.worker(Queue::Curate).await.unwrap();
    let delivery = fetched(&worker).await;
    assert_eq!(delivery.traceparent.as_deref(), Some(TRACEPARENT));

    let alive = delivery.keep_alive();
    // A fetch waits two seconds, twice the ack wait.
    assert!(worker.fetch(1).await.unwrap().is_empty());
    drop(alive);

    assert_eq!(fetched(&worker).await.delivered, 2);
}

#[tokio::test]
async fn an_item_that_is_given_back_comes_again() {
    let nats = nats(LONG).await;
    queue_items(&nats.bus, &["a"]).await;
    let worker = nats.bus.worker(Queue::Curate).await.unwrap();

    let delivery = fetched(&worker).await;
    let _alive = delivery.keep_alive();
    delivery.retry_after(Duration::ZERO).await.unwrap();
    let delivery = fetched(&worker).await;
    delivery.retry_after(Duration::from_millis(50)).await.unwrap();
    let delivery = fetched(&worker).await;

    assert_eq!(delivery.delivered, 3);
}

#[tokio::test]
async fn work_that_is_given_back_by_who_stops_loses_no_delivery() {
    let nats = nats(LONG).await;
    queue_items(&nats.bus, &["a"]).await;
    let worker = nats.bus.worker(Queue::Curate).await.unwrap();

    for _ in 0..7 {
        let delivery = fetched(&worker).await;
        assert_eq!((delivery.delivered, name_of(&delivery.item).as_str()), (1, "a"));
        assert_eq!(delivery.traceparent.as_deref(), Some(TRACEPARENT));
        let _alive = delivery.keep_alive();
        delivery.give_back().await.unwrap();
    }

    // the server counts a little after it has said that it keeps something
    let wanted = QueueDepth { waiting: 1, in_flight: 0 };
    let counted = async { while nats.bus.queue_depth(Queue::Curate).await.unwrap() != wanted {} };
    tokio::time::timeout(Duration::from_secs(20), counted).await.expect("the item is in the queue");
}

#[tokio::test]
async fn an_outage_is_waited_out_in_growing_pauses_until_patience_is_over() {
    let nats = nats(LONG).await;
    let patience = Duration::from_secs(4);
    let bus = Bus::connect(nats.server.url(), BusOptions { outage_patience: patience, ..BusOptions::default() }).await.unwrap();
    queue_items(&nats.bus, &["a"]).await;
    let worker = bus.worker(Queue::Curate).await.unwrap();
    let began = std::time::Instant::now();

    // who stops does not wait
    assert!(fetched(&worker).await.wait_out(std::future::ready(())).await.unwrap());
    assert!(began.elapsed() < patience);
    let mut pauses = Vec::new();
    let last = loop {
        let delivery = fetched(&worker).await;
        assert_eq!(delivery.delivered, 1);
        let from = std::time::Instant::now();
        if !delivery.wait_out(std::future::pending()).await.unwrap() {
            break delivery;
        }
        pauses.push(from.elapsed());
    };

    assert!(!pauses.is_empty() && pauses[0] >= Duration::from_secs(2), "{pauses:?}");
    last.ack().await.unwrap();
    assert_eq!(nats.bus.queue_depth(Queue::Curate).await.unwrap(), QueueDepth::default());
}

#[tokio::test]
async fn a_loop_that_stops_gives_back_what_does_not_end() {
    let nats = nats(LONG).await;
    queue_items(&nats.bus, &["slow"]).await;
    let (began, stop) = (std::sync::Arc::new(tokio::sync::Notify::new()), CancellationToken::new());
    let worker = nats.bus.worker(Queue::Curate).await.unwrap();
    let work = {
        let began = began.clone();
        move |delivery: Delivery| {
            let began = began.clone();
            async move {
                let _alive = delivery.keep_alive();
                began.notify_one();
                std::future::pending::<Result<(), String>>().await
            }
        }
    };
    let running = tokio::spawn(work_loop::run(worker, 1, stop.clone(), work));
    tokio::time::timeout(LONG, began.notified()).await.expect("work begins");

    stop.cancel();
    tokio::time::timeout(2 * LONG, running).await.expect("the loop ends although the work does not").unwrap();

    let worker = nats.bus.worker(Queue::Curate).await.unwrap();
    assert_eq!(fetched(&worker).await.delivered, 1);
}

#[tokio::test]
async fn a_cancelled_fetch_gives_back_what_it_would_have_taken() {
    let nats = nats(LONG).await;
    let worker = nats.bus.worker(Queue::Curate).await.unwrap();
    let waiting = tokio::time::timeout(Duration::from_millis(200), worker.fetch(1)).await;
    assert!(waiting.is_err());

    queue_items(&nats.bus, &["a"]).await;

    let delivery = fetched(&worker).await;
    assert_eq!((delivery.delivered, name_of(&delivery.item).as_str()), (1, "a"));
}

#[tokio::test]
async fn a_dead_letter_is_kept_with_its_reason_and_leaves_the_queue() {
    let nats = nats(SHORT).await;
    queue_items(&nats.bus, &["bad"]).await;
    let worker = nats.bus.worker(Queue::Curate).await.unwrap();

    fetched(&worker).await.dead_letter("cannot be written").await.unwrap();

    let letters = nats.bus.dead_letters().await.unwrap();
    assert_eq!(letters.len(), 1);
    let (queue, letter) = &letters[0];
    assert_eq!((*queue, letter.reason.as_str()), (Queue::Curate, "cannot be written"));
    assert_eq!(letter.item, Some(an_item("bad")));
    assert!(worker.fetch(1).await.unwrap().is_empty());
}

#[tokio::test]
async fn an_item_that_kills_every_worker_becomes_a_dead_letter() {
    let nats = nats(Duration::from_millis(100)).await;
    queue_items(&nats.bus, &["poison"]).await;
    let worker = nats.bus.worker(Queue::Curate).await.unwrap();
    let mut deliveries = 0;
    while deliveries < 5 {
        deliveries += worker.fetch(1).await.unwrap().len();
    }
    // The server notes the last delivery only when it would be due again.
    assert!(worker.fetch(1).await.unwrap().is_empty());

    let swept = noted_poison(&nats.bus).await;

    assert_eq!(swept.len(), 1);
    assert_eq!((swept[0].queue, &swept[0].item), (Queue::Curate, &an_item("poison")));
    assert!(swept[0].reason.contains('5'), "{}", swept[0].reason);
    swept[0].settle().await.unwrap();
    assert!(nats.bus.poison().await.unwrap().is_empty());
    assert_eq!(nats.bus.dead_letters().await.unwrap().len(), 1);
    nats.bus.reset_consumers().await.unwrap();
    assert_eq!(nats.bus.queue_depth(Queue::Curate).await.unwrap(), QueueDepth::default());
}

#[tokio::test]
async fn poison_that_nobody_settled_is_swept_again() {
    let nats = nats(Duration::from_millis(100)).await;
    queue_items(&nats.bus, &["poison"]).await;
    let worker = nats.bus.worker(Queue::Curate).await.unwrap();
    let mut deliveries = 0;
    while deliveries < 5 {
        deliveries += worker.fetch(1).await.unwrap().len();
    }
    assert!(worker.fetch(1).await.unwrap().is_empty());

    let unsettled = noted_poison(&nats.bus).await;
    assert_eq!(unsettled.len(), 1);
    drop(unsettled);
    // a note that nobody acknowledged comes again after its own wait
    let again = noted_poison(&nats.bus).await;

    assert_eq!(again.len(), 1);
    assert_eq!(nats.bus.dead_letters().await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_sole_owner_gets_the_work_of_its_dead_predecessor_back_at_once() {
    let nats = nats(LONG).await;
    queue_items(&nats.bus, &["a", "b"]).await;
    let worker = nats.bus.worker(Queue::Curate).await.unwrap();
    assert_eq!(worker.fetch(5).await.unwrap().len(), 2);
    assert!(worker.fetch(5).await.unwrap().is_empty());

    nats.bus.provision().await.unwrap();
    nats.bus.reset_consumers().await.unwrap();

    assert_eq!(worker.fetch(5).await.unwrap().len(), 2);
}

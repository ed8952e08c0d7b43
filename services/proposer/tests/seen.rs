//! Two proposers of one run, each with its own connections, over a real nats-server and redis-server.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use std::sync::Arc;
use wayfarer_actor_proposer::SeenIntents;
use wayfarer_bus::{EventLog, RunFollower};
use wayfarer_core::event::RunEvent;
use wayfarer_core::{SeedId, Strategy, Usage};
use wayfarer_lease::Redis;
use wayfarer_proposer::RunSeen;
use wayfarer_testkit::{Servers, a_run, a_task};

async fn a_proposer(servers: &Servers) -> RunSeen {
    let bus = servers.bus().await;
    RunSeen::new(bus.clone(), Arc::new(RunFollower::new(bus)), Redis::connect(&servers.redis.url()).await.unwrap())
}

fn seed(name: &str) -> SeedId {
    SeedId::new(name).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_proposers_one_gets_the_task_whatever_its_words() {
    let servers = Servers::start().await;
    let run = a_run();
    servers.bus().await.put_run(&run).await.unwrap();
    let (one, other) = (Arc::new(a_proposer(&servers).await), Arc::new(a_proposer(&servers).await));
    // the same twenty tasks, each side in its own words, all at once
    let claims: Vec<_> = (2..22)
        .flat_map(|number| {
            let wordings = [format!("Add {number} Trail Mug to the cart."), format!("Put {number} Trail Mugs into the basket.")];
            [(one.clone(), "seed-a"), (other.clone(), "seed-b")].into_iter().zip(wordings)
        })
        .map(|((proposer, owner), intent)| {
            let run = run.run.clone();
            tokio::spawn(async move { (owner, intent.clone(), proposer.claim(&run, &seed(owner), &intent).await.unwrap()) })
        })
        .collect();
    let mut taken = Vec::new();
    for claim in claims {
        let (owner, intent, got) = claim.await.unwrap();
        if got {
            taken.push((owner, intent));
        }
    }
    assert_eq!(taken.len(), 20, "{taken:?}");

    // a proposer that died before it committed: its seed comes to another one, and may propose the same again
    let (owner, intent) = &taken[0];
    let third = a_proposer(&servers).await;
    assert!(third.claim(&run.run, &seed(owner), intent).await.unwrap());
    assert!(!third.claim(&run.run, &seed("seed-c"), intent).await.unwrap());

    // what is committed counts, though nobody claimed it in this Redis
    let event = RunEvent::SeedDone {
        seed: seed("seed-d"),
        strategy: Strategy::Targeted,
        tasks: vec![a_task("What is the price of the Alpine Lamp?")],
        dropped: vec![],
        usage: Usage::default(),
    };
    servers.event_log().await.append(&run.run, &event, 0).await.unwrap();
    assert!(!one.claim(&run.run, &seed("seed-a"), "Tell me the price of the Alpine Lamp.").await.unwrap());
    assert!(one.known(&run.run).await.len() > 20 - 1);
}

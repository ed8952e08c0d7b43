//! Leases, services, budgets and claims over a real redis-server.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use std::time::{Duration, Instant};
use tokio::task::JoinSet;
use wayfarer_children::{RedisOptions, RedisServer, Tools};
use wayfarer_core::RunId;
use wayfarer_lease::{Budget, Ceilings, Claimed, LeaseError, Leases, Left, Redis, Registry, Seen};

const LONG: Duration = Duration::from_secs(30);
const SHORT: Duration = Duration::from_millis(60);

struct Server {
    redis: Redis,
    server: RedisServer,
    _folder: tempfile::TempDir,
}

async fn a_server() -> Server {
    let folder = tempfile::tempdir().unwrap();
    let server = RedisServer::start(RedisOptions::found(&Tools::locate(), folder.path()).unwrap()).await.unwrap();
    let redis = Redis::connect(&server.url()).await.unwrap();
    Server { redis, server, _folder: folder }
}

#[tokio::test]
async fn a_lease_has_one_holder_and_its_token_grows() {
    let server = a_server().await;
    let leases = Leases::new(server.redis.clone());

    let first = leases.acquire("slot-1", "a", LONG).await.unwrap().unwrap();
    assert_eq!(leases.acquire("slot-1", "b", LONG).await.unwrap(), None);
    assert!(leases.acquire("slot-2", "b", LONG).await.unwrap().is_some());
    leases.renew(&first, LONG).await.unwrap();
    leases.release(&first).await.unwrap();
    let second = leases.acquire("slot-1", "b", LONG).await.unwrap().unwrap();

    assert!(second.fence > first.fence);
    assert!(matches!(leases.renew(&first, LONG).await, Err(LeaseError::Lost { .. })));
    leases.release(&first).await.unwrap();
    leases.renew(&second, LONG).await.unwrap();
}

#[tokio::test]
async fn a_lease_that_nobody_renews_runs_out() {
    let server = a_server().await;
    let leases = Leases::new(server.redis.clone());
    let first = leases.acquire("slot", "a", SHORT).await.unwrap().unwrap();

    let second = loop {
        if let Some(token) = leases.acquire("slot", "b", LONG).await.unwrap() {
            break token;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    };

    assert!(second.fence > first.fence);
    assert!(matches!(leases.renew(&first, LONG).await, Err(LeaseError::Lost { .. })));
}

#[tokio::test]
async fn tokens_grow_over_a_redis_that_forgot_everything() {
    let (before, after) = (a_server().await, a_server().await);

    let first = Leases::new(before.redis.clone()).acquire("slot", "a", LONG).await.unwrap().unwrap();
    tokio::time::sleep(Duration::from_millis(2)).await;
    let second = Leases::new(after.redis.clone()).acquire("slot", "b", LONG).await.unwrap().unwrap();

    assert!(second.fence > first.fence);
}

#[tokio::test]
async fn a_service_is_found_while_its_heart_beats() {
    let server = a_server().await;
    let registry = Registry::new(server.redis.clone());
    let staying = registry.register("browser-farm", "127.0.0.1:1", LONG).await.unwrap();
    let dying = registry.register("browser-farm", "127.0.0.1:2", SHORT).await.unwrap();
    let found = async |count: usize| {
        let deadline = Instant::now() + LONG;
        while registry.resolve("browser-farm").await.unwrap().len() != count {
            assert!(Instant::now() < deadline, "{count} services were not found");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };

    // several times what an address is believed without a heartbeat
    tokio::time::sleep(SHORT * 4).await;
    found(2).await;
    drop(dying);
    found(1).await;
    assert_eq!(registry.resolve("browser-farm").await.unwrap(), vec!["127.0.0.1:1"]);
    staying.leave().await.unwrap();

    assert!(registry.resolve("browser-farm").await.unwrap().is_empty());
}

#[tokio::test]
async fn a_budget_is_never_overdrawn_by_those_who_ask_first() {
    let server = a_server().await;
    let ceilings = Ceilings { tokens: 100, micro_usd: 1_000 };
    let budget = Budget::new(server.redis.clone(), ceilings);

    let mut asked = JoinSet::new();
    for _ in 0..30 {
        let replica = Budget::new(Redis::connect(&server.server.url()).await.unwrap(), ceilings);
        asked.spawn(async move { replica.spend("run-1", 7, 10).await });
    }
    let taken = asked.join_all().await.into_iter().filter(Result::is_ok).count();

    assert_eq!(taken, 14);
    assert_eq!(budget.left("run-1").await.unwrap(), Left { tokens: 2, micro_usd: 860, renews_in: None });
    assert!(matches!(budget.spend("run-1", 3, 0).await, Err(LeaseError::Spent { left_tokens: 2, .. })));
    assert_eq!(budget.record("run-1", 50, 0).await.unwrap().tokens, 0);
    assert_eq!(budget.left("run-2").await.unwrap(), Left { tokens: 100, micro_usd: 1_000, renews_in: None });
}

#[tokio::test]
async fn a_daily_budget_is_whole_again_when_the_day_is_another() {
    let server = a_server().await;
    let budget = Budget::daily(server.redis.clone(), Ceilings { tokens: 100, micro_usd: 1_000 });
    let day = Duration::from_secs(24 * 3600);

    let spent = budget.record("tenant:acme", 120, 10).await.unwrap();
    assert_eq!((spent.tokens, spent.micro_usd), (0, 990));
    assert!(spent.renews_in.is_some_and(|rest| !rest.is_zero() && rest <= day), "{spent:?}");
    assert_eq!(budget.left("tenant:other").await.unwrap().tokens, 100);

    // it was spent the day before; what it is kept for has an end
    let mut raw = redis::Client::open(server.server.url()).unwrap().get_multiplexed_async_connection().await.unwrap();
    let ttl: i64 = redis::cmd("TTL").arg("wf:budget:tenant:acme").query_async(&mut raw).await.unwrap();
    assert!((1..=2 * day.as_secs() as i64).contains(&ttl), "{ttl}");
    let period: i64 = redis::cmd("HGET").arg("wf:budget:tenant:acme").arg("period").query_async(&mut raw).await.unwrap();
    let _: () = redis::cmd("HSET").arg("wf:budget:tenant:acme").arg("period").arg(period - 1).query_async(&mut raw).await.unwrap();
    assert_eq!(budget.left("tenant:acme").await.unwrap().tokens, 100);
    assert_eq!(budget.record("tenant:acme", 30, 0).await.unwrap().tokens, 70);
}

#[tokio::test]
async fn a_proposal_is_claimed_only_by_who_knows_all_others_of_its_run() {
    let server = a_server().await;
    let seen = Seen::new(server.redis.clone());
    let [one, two] = ["run-1", "run-2"].map(|name| RunId::new(name).unwrap());

    assert_eq!(seen.claim(&one, 0, "buy a mug").await.unwrap(), Claimed::Yes);
    assert_eq!(seen.claim(&one, 0, "get a mug").await.unwrap(), Claimed::Behind(vec!["buy a mug".into()]));
    assert_eq!(seen.claim(&one, 1, "buy a lamp").await.unwrap(), Claimed::Yes);
    assert_eq!(seen.claim(&two, 0, "buy a mug").await.unwrap(), Claimed::Yes);
    assert_eq!(seen.claim(&two, 7, "buy a tent").await.unwrap(), Claimed::Forgotten);
}

#[tokio::test]
async fn nobody_at_the_address_is_a_clear_error() {
    let error = Redis::connect("redis://me:secret@127.0.0.1:1/").await.unwrap_err().to_string();

    assert!(error.contains("127.0.0.1:1") && error.contains("redis-server") && !error.contains("secret"), "{error}");
}

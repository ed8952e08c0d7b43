//! Budgets of two replicas in one real Redis.

use wayfarer_chat::{ModelError, Scope};
use wayfarer_children::{RedisOptions, RedisServer, Tools};
use wayfarer_core::{AttemptId, RunId, TaskId, TenantId, Usage};
use wayfarer_inference::{ByTenant, SharedBudget, SpendingBudget};
use wayfarer_lease::{Budget, Ceilings, Redis};

fn scope(attempt: u32) -> Scope {
    let task = TaskId::new("task-1").unwrap();
    let attempt = AttemptId { task: task.clone(), number: attempt };
    Scope { tenant: TenantId::default(), run: RunId::new("run-1").unwrap(), task: Some(task), attempt: Some(attempt), step: 1 }
}

fn usage(tokens: u64, cost_usd: f64) -> Usage {
    Usage { model_calls: 1, prompt_tokens: tokens, completion_tokens: 0, cost_usd, cached_tokens: 0 }
}

#[tokio::test]
async fn what_one_replica_spends_is_gone_for_the_other() {
    let folder = tempfile::tempdir().unwrap();
    let server = RedisServer::start(RedisOptions::found(&Tools::locate(), folder.path()).unwrap()).await.unwrap();
    let redis = Redis::connect(&server.url()).await.unwrap();
    let replica = || {
        let per_run = Budget::new(redis.clone(), Ceilings { tokens: 1000, micro_usd: 1_000_000 });
        let per_attempt = Budget::new(redis.clone(), Ceilings { tokens: 100, micro_usd: 1_000_000 });
        SharedBudget::new(per_run, per_attempt)
    };
    let (one, other) = (replica(), replica());

    one.admit(&scope(1)).await.unwrap();
    one.spend(&scope(1), usage(100, 0.1)).await;

    let spent = other.admit(&scope(1)).await.unwrap_err();
    assert!(matches!(&spent, ModelError::BudgetSpent { what, retry_after_ms: None } if what.contains("tokens of attempt")), "{spent}");
    other.admit(&scope(2)).await.unwrap();
    other.spend(&scope(2), usage(1, 0.9)).await;
    let spent = one.admit(&scope(3)).await.unwrap_err();
    assert!(matches!(&spent, ModelError::BudgetSpent { what, retry_after_ms: None } if what.contains("money of run")), "{spent}");
}

#[tokio::test]
async fn what_a_tenant_spends_in_one_run_is_gone_for_its_others_on_all_replicas() {
    let folder = tempfile::tempdir().unwrap();
    let server = RedisServer::start(RedisOptions::found(&Tools::locate(), folder.path()).unwrap()).await.unwrap();
    let redis = Redis::connect(&server.url()).await.unwrap();
    let unbounded = Ceilings { tokens: u64::MAX, micro_usd: u64::MAX };
    let [acme, free] = ["acme", "free"].map(|name| TenantId::new(name).unwrap());
    let replica = || {
        let day = |tokens| Some(Budget::daily(redis.clone(), Ceilings { tokens, micro_usd: u64::MAX }));
        let tenants = ByTenant::new(day(100), [(acme.clone(), day(200)), (free.clone(), None)]);
        SharedBudget::new(Budget::new(redis.clone(), unbounded), Budget::new(redis.clone(), unbounded)).with_tenants(tenants)
    };
    let (one, other) = (replica(), replica());
    let of = |tenant: &TenantId, run: &str| Scope { tenant: tenant.clone(), run: RunId::new(run).unwrap(), ..scope(1) };

    one.spend(&of(&acme, "run-1"), usage(150, 0.0)).await;
    other.admit(&of(&acme, "run-2")).await.unwrap();
    other.spend(&of(&acme, "run-2"), usage(50, 0.0)).await;
    let spent = one.admit(&of(&acme, "run-3")).await.unwrap_err();
    let ModelError::BudgetSpent { what, retry_after_ms: Some(ms) } = &spent else { panic!("{spent:?}") };
    assert!(what.contains("tokens of tenant:acme for today"), "{what}");
    assert!((1..=24 * 3600 * 1000).contains(ms), "{ms}");

    // who is not named has what everybody has; who is named without bound has none
    one.spend(&of(&free, "run-1"), usage(1_000, 0.0)).await;
    other.admit(&of(&free, "run-1")).await.unwrap();
    one.spend(&of(&TenantId::default(), "run-1"), usage(100, 0.0)).await;
    other.admit(&of(&TenantId::default(), "run-1")).await.unwrap_err();
}

//! Budgets of two replicas in one real Redis.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use wayfarer_chat::{ModelError, Scope};
use wayfarer_children::{RedisOptions, RedisServer, Tools};
use wayfarer_core::{AttemptId, RunId, TaskId, TenantId, Usage};
use wayfarer_inference::{SharedBudget, SpendingBudget};
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
    assert!(matches!(&spent, ModelError::BudgetSpent { what } if what.contains("tokens of attempt")), "{spent}");
    other.admit(&scope(2)).await.unwrap();
    other.spend(&scope(2), usage(1, 0.9)).await;
    let spent = one.admit(&scope(3)).await.unwrap_err();
    assert!(matches!(&spent, ModelError::BudgetSpent { what } if what.contains("money of run")), "{spent}");
}

//! Tasks and pages for tests.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use wayfarer_core::observation::{Scroll, Settle, Viewport};
use wayfarer_core::run::{Budgets, ConsentPolicy, RunSpec};
use wayfarer_core::task::Lineage;
use wayfarer_core::{BlobHash, Category, Observation, RunId, SeedId, Strategy, Task, TaskId, TenantId};

pub(crate) fn task() -> Task {
    Task {
        id: TaskId::new("task-1").unwrap(),
        intent: "What is the price of the Trail Mug?".into(),
        start_url: "http://shop.localhost/".parse().unwrap(),
        category: Category::Shopping,
        strategy: Strategy::Targeted,
        expected_critical_point: None,
        valid_from: None,
        valid_until: None,
        lineage: Lineage { seed: SeedId::new("seed-1").unwrap(), parent: None, earlier_intents: vec![], template: None, pages: vec![] },
    }
}

pub(crate) fn spec() -> RunSpec {
    RunSpec {
        run: RunId::new("run-1").unwrap(),
        tenant: TenantId::default(),
        seeds: vec![],
        max_tasks: 1,
        exemplar_tasks: 0,
        attempts: 1,
        seed: 7,
        budgets: Budgets::default(),
        consent: ConsentPolicy { approve: 0.5, deny: 0.5, follow_up: 0.0 },
        solver: "ledger".into(),
        created_unix_ms: 0,
    }
}

pub(crate) fn page(url: &str, state: &str) -> Observation {
    Observation {
        screenshot: BlobHash::of(b"png"),
        url: url.into(),
        title: "Shop".into(),
        viewport: Viewport::default(),
        scroll: Scroll { height: 900.0, ..Scroll::default() },
        marks: vec![],
        forms: vec![],
        focused: None,
        visible_text: "Trail Mug $18.00".into(),
        state_hash: state.into(),
        settle: Settle::default(),
    }
}

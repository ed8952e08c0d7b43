//! The day of a run: the same for all who work on it.
#![allow(clippy::unwrap_used, missing_docs)]

use std::time::{Duration, SystemTime};
use wayfarer_core::run::{Budgets, ConsentPolicy, RunSpec};
use wayfarer_core::{Calendar, RunId, TenantId};

#[test]
fn a_resumed_run_keeps_its_day_and_a_service_follows_the_clock() {
    let evening = 1_795_305_000_000; // 2026-11-21, ten minutes to midnight
    let run = RunSpec {
        run: RunId::new("run-1").unwrap(),
        tenant: TenantId::default(),
        seeds: vec![],
        max_tasks: 1,
        exemplar_tasks: 0,
        attempts: 1,
        seed: 7,
        budgets: Budgets::default(),
        consent: ConsentPolicy::default(),
        solver: "ledger".into(),
        created_unix_ms: evening,
    };
    let next_day = SystemTime::UNIX_EPOCH + Duration::from_millis(evening) + Duration::from_secs(3600);

    assert_eq!(Calendar::RunDay.today(&run, next_day), "2026-11-21");
    assert_eq!(Calendar::Clock.today(&run, next_day), "2026-11-22");
}

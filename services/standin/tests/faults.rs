//! Failing on demand: the same for the same seed, as often as asked, and only in ways that the task allows.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use std::collections::BTreeSet;
use std::time::Duration;
use wayfarer_standin::{FaultKind, Faults};

fn tasks() -> Vec<String> {
    (0..4000)
        .map(|n| if n % 2 == 0 { format!("Add {n} Trail Mug to the cart.") } else { format!("What is the phone number of Casa {n}?") })
        .collect()
}

#[test]
fn draws_follow_from_seed_and_task_and_come_near_the_rate() {
    let faults = Faults { rate: 0.3, seed: 7, ..Faults::default() };

    let drawn: Vec<Option<FaultKind>> = tasks().iter().map(|task| faults.of_task(task)).collect();
    let again: Vec<Option<FaultKind>> = tasks().iter().map(|task| faults.of_task(&format!(" {} ", task.to_uppercase()))).collect();
    let share = drawn.iter().flatten().count() as f64 / drawn.len() as f64;
    let kinds: BTreeSet<&str> = drawn.iter().flatten().map(|kind| kind.as_str()).collect();

    assert_eq!(drawn, again, "case and spacing do not matter");
    assert!((share - 0.3).abs() < 0.03, "{share}");
    assert_eq!(kinds.len(), 5, "{kinds:?}");
    assert_ne!(drawn, tasks().iter().map(|task| Faults { seed: 8, ..faults.clone() }.of_task(task)).collect::<Vec<_>>());
}

#[test]
fn a_kind_is_drawn_only_where_it_makes_sense() {
    let only = |kind| Faults { rate: 1.0, kinds: vec![kind], ..Faults::default() };
    let (cart, phone) = ("Add 2 Trail Mug to the cart.", "What is the phone number of Casa Lume?");

    assert_eq!(only(FaultKind::InventedAnswer).of_task(cart), None);
    assert_eq!(only(FaultKind::InventedAnswer).of_task(phone), Some(FaultKind::InventedAnswer));
    assert_eq!(only(FaultKind::Crossing).of_task(cart), Some(FaultKind::Crossing));
    assert_eq!(only(FaultKind::Crossing).of_task(phone), None);
    assert_eq!(only(FaultKind::Malformed).of_task(cart), None);
    assert_eq!(Faults::none().of_task(cart), None);
}

#[test]
fn broken_and_slow_replies_are_drawn_for_each_request() {
    let faults = Faults { rate: 1.0, ..Faults::default() };
    let requests: Vec<String> = (0..2000).map(|n| format!("request {n}")).collect();

    let broken = requests.iter().filter(|request| faults.damage(request).is_some()).count();
    let slow = requests.iter().filter(|request| faults.wait(request) >= Duration::from_secs(2)).count();
    let shapes: BTreeSet<String> =
        requests.iter().filter_map(|request| faults.damage(request)).map(|damage| damage.apply("{\"a\": {\"b\": 1}}")).collect();

    assert!((300..500).contains(&broken), "{broken}");
    assert!((50..150).contains(&slow), "{slow}");
    assert_eq!(shapes.len(), 4);
    assert!(shapes.iter().all(|shape| serde_json::from_str::<serde_json::Value>(shape).is_err()));
}

#[test]
fn kinds_are_read_from_their_names() {
    for kind in FaultKind::ALL {
        assert_eq!(kind.as_str().parse(), Ok(kind));
    }
    assert!("bribery".parse::<FaultKind>().unwrap_err().contains("wrong-item"));
}

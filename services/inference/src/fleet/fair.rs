//! Who is served next: live sessions before batches, then the tenant that was given least (tokens over its weight), then whoever waits longest.
//!
//! This is the virtual token counter of Sheng et al. ("Fairness in Serving Large Language Models", OSDI 2024): every tenant's counter grows
//! by what it is given, and a tenant that comes back from a pause is lifted to the least of those that are busy, so that nobody saves up.

use std::collections::{HashMap, VecDeque};
use wayfarer_chat::Priority;
use wayfarer_core::TenantId;

/// Tenants that are remembered while they ask for nothing.
const MOST_IDLE_TENANTS: usize = 10_000;
/// How deep a tenant's line is looked through for a call that has a place now: those before it wait for a place of their own choice.
const LOOK_AHEAD: usize = 64;

/// Classes in the order in which they are served.
const CLASSES: [Priority; 2] = [Priority::Live, Priority::Batch];

/// Calls that wait, each with its tenant.
pub(crate) struct FairQueue<T> {
    tenants: HashMap<TenantId, Tenant<T>>,
    weights: HashMap<TenantId, f64>,
    waiting: usize,
    next: u64,
}

struct Tenant<T> {
    /// Tokens that it was given, over its weight.
    served: f64,
    weight: f64,
    /// Calls that have a place.
    running: usize,
    lines: [VecDeque<(u64, T)>; 2],
}

impl<T> Tenant<T> {
    fn is_busy(&self) -> bool {
        self.running > 0 || self.lines.iter().any(|line| !line.is_empty())
    }
}

impl<T> FairQueue<T> {
    /// Nobody waits; tenants that are not named have weight 1.
    pub(crate) fn new(weights: HashMap<TenantId, f64>) -> Self {
        Self { tenants: HashMap::new(), weights, waiting: 0, next: 0 }
    }

    /// Calls that wait.
    pub(crate) fn len(&self) -> usize {
        self.waiting
    }

    /// Takes a call in; its number.
    pub(crate) fn push(&mut self, tenant: &TenantId, priority: Priority, item: T) -> u64 {
        self.forget_idle();
        let least = self.tenants.values().filter(|tenant| tenant.is_busy()).map(|tenant| tenant.served).min_by(f64::total_cmp);
        let weight = self.weights.get(tenant).copied().filter(|weight| *weight > 0.0).unwrap_or(1.0);
        let entry = self.tenants.entry(tenant.clone()).or_insert_with(|| Tenant {
            served: 0.0,
            weight,
            running: 0,
            lines: [VecDeque::new(), VecDeque::new()],
        });
        if !entry.is_busy() {
            entry.served = entry.served.max(least.unwrap_or(0.0));
        }
        let number = self.next;
        self.next += 1;
        entry.lines[priority as usize].push_back((number, item));
        self.waiting += 1;
        number
    }

    /// Takes out the first call, in fair order, for which `place` finds one.
    pub(crate) fn take<P>(&mut self, mut place: impl FnMut(&T) -> Option<P>) -> Option<(TenantId, T, P)> {
        for priority in CLASSES {
            let mut order: Vec<(&TenantId, f64)> = self
                .tenants
                .iter()
                .filter(|(_, tenant)| !tenant.lines[priority as usize].is_empty())
                .map(|(name, tenant)| (name, tenant.served))
                .collect();
            order.sort_by(|(one, a), (other, b)| a.total_cmp(b).then_with(|| one.cmp(other)));
            let found = order.into_iter().find_map(|(name, _)| {
                let line = &self.tenants[name].lines[priority as usize];
                let (at, found) = line.iter().take(LOOK_AHEAD).enumerate().find_map(|(at, (_, item))| Some((at, place(item)?)))?;
                Some((name.clone(), at, found))
            });
            if let Some((name, at, found)) = found
                && let Some(tenant) = self.tenants.get_mut(&name)
                && let Some((_, item)) = tenant.lines[priority as usize].remove(at)
            {
                tenant.running += 1;
                self.waiting -= 1;
                return Some((name, item, found));
            }
        }
        None
    }

    /// Takes a call out that nobody waits for any more.
    pub(crate) fn remove(&mut self, tenant: &TenantId, priority: Priority, number: u64) {
        if let Some(tenant) = self.tenants.get_mut(tenant) {
            let line = &mut tenant.lines[priority as usize];
            let before = line.len();
            line.retain(|(other, _)| *other != number);
            self.waiting -= before - line.len();
        }
    }

    /// Counts what a tenant is given; less than nothing gives back what was counted too much.
    pub(crate) fn charge(&mut self, tenant: &TenantId, tokens: f64) {
        if let Some(tenant) = self.tenants.get_mut(tenant) {
            tenant.served += tokens / tenant.weight;
        }
    }

    /// A call of the tenant has given its place back.
    pub(crate) fn ended(&mut self, tenant: &TenantId) {
        if let Some(tenant) = self.tenants.get_mut(tenant) {
            tenant.running = tenant.running.saturating_sub(1);
        }
    }

    fn forget_idle(&mut self) {
        if self.tenants.len() >= MOST_IDLE_TENANTS {
            self.tenants.retain(|_, tenant| tenant.is_busy());
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn tenant(name: &str) -> TenantId {
        TenantId::new(name).unwrap()
    }

    fn queue() -> FairQueue<u32> {
        FairQueue::new(HashMap::from([(tenant("double"), 2.0)]))
    }

    /// Serves the next call; whose it was.
    fn serve(queue: &mut FairQueue<u32>, tokens: f64) -> Option<(String, u32)> {
        let (name, item, ()) = queue.take(|_| Some(()))?;
        queue.charge(&name, tokens);
        queue.ended(&name);
        Some((name.to_string(), item))
    }

    #[test]
    fn a_noisy_tenant_waits_behind_a_quiet_one() {
        let mut queue = queue();
        (0..10).for_each(|number| {
            let _ = queue.push(&tenant("noisy"), Priority::Batch, number);
        });
        assert_eq!(serve(&mut queue, 100.0).unwrap(), ("noisy".into(), 0));
        queue.push(&tenant("quiet"), Priority::Batch, 7);
        assert_eq!(serve(&mut queue, 100.0).unwrap().0, "noisy", "who comes is not before those that have waited");
        assert_eq!(serve(&mut queue, 1.0).unwrap(), ("quiet".into(), 7));
        assert_eq!(queue.len(), 8);
    }

    #[test]
    fn live_calls_go_first_and_what_has_no_place_is_passed_over() {
        let mut queue = queue();
        queue.push(&tenant("a"), Priority::Batch, 1);
        queue.push(&tenant("b"), Priority::Live, 2);
        let gone = queue.push(&tenant("a"), Priority::Batch, 3);
        queue.push(&tenant("a"), Priority::Batch, 4);
        queue.remove(&tenant("a"), Priority::Batch, gone);
        assert_eq!(queue.take(|item| (*item != 1).then_some(())).unwrap().1, 2);
        assert_eq!(queue.take(|item| (*item != 1).then_some(())).unwrap().1, 4);
        assert!(queue.take(|item| (*item != 1).then_some(())).is_none());
        assert_eq!(queue.len(), 1);
    }

    #[test]
    fn nobody_saves_up_while_away() {
        let mut queue = queue();
        queue.push(&tenant("early"), Priority::Batch, 0);
        serve(&mut queue, 1.0);
        for number in 0..50 {
            queue.push(&tenant("steady"), Priority::Batch, number);
            serve(&mut queue, 100.0);
        }
        queue.push(&tenant("steady"), Priority::Batch, 99);
        (0..20).for_each(|number| {
            let _ = queue.push(&tenant("early"), Priority::Batch, number);
        });
        let turns: Vec<String> = (0..3).map(|_| serve(&mut queue, 100.0).unwrap().0).collect();
        assert!(turns.contains(&"steady".to_owned()), "{turns:?}");
    }

    proptest! {
        /// While all of them ask for more, what two tenants are given (over their weights) differs by no more than two calls.
        #[test]
        fn tenants_that_always_ask_are_given_alike(costs in prop::collection::vec(1.0_f64..500.0, 30..200)) {
            let names = ["a", "b", "double"];
            let mut queue = queue();
            for name in names {
                (0..costs.len()).for_each(|number| { let _ = queue.push(&tenant(name), Priority::Batch, number as u32); });
            }
            let mut given: HashMap<String, f64> = HashMap::new();
            for cost in &costs {
                let (name, _) = serve(&mut queue, *cost).unwrap();
                *given.entry(name).or_default() += cost;
            }
            let share = |name: &str| given.get(name).copied().unwrap_or(0.0) / if name == "double" { 2.0 } else { 1.0 };
            let most = names.iter().map(|name| share(name)).fold(0.0, f64::max);
            let least = names.iter().map(|name| share(name)).fold(f64::INFINITY, f64::min);
            prop_assert!(most - least <= 2.0 * 500.0, "{given:?}");
        }
    }
}

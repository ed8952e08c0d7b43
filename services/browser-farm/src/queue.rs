//! Who gets the next place: a bounded queue, fair between tenants.
//!
//! ```text
//!  place free? and room in the machine? ──yes──▶ Place ──dropped──▶ the next one in line
//!      │ no                                                           ▲ live before batch (batch that waited long counts as live),
//!      └──▶ line not full? ──yes──▶ waits, at most as long as it says ─┘ then the tenant that holds least, then who came first
//!                │ no, or waited in vain
//!                └──▶ Busy, with a time at which asking again makes sense: the line before one, at the pace at which places come free
//! ```

use crate::machine::Machine;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::Instant;
use wayfarer_browser::{BrowserError, Priority};
use wayfarer_core::TenantId;

/// Batch that has waited this long goes in line with the live ones: nobody waits for ever.
const BATCH_PATIENCE: Duration = Duration::from_secs(20);
/// The machine is looked at this often for whoever waits: nobody tells when its memory is free again.
const LOOK_AGAIN: Duration = Duration::from_millis(500);
/// Between these bounds lies the time that a refused caller is told.
const RETRY_AFTER: std::ops::RangeInclusive<Duration> = Duration::from_millis(100)..=Duration::from_secs(30);
/// How much the newest stay counts in the mean of all.
const NEWEST_SHARE: f64 = 0.2;

/// The places of a farm and who waits for them.
pub(crate) struct Queue {
    capacity: usize,
    longest_line: usize,
    machine: Machine,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    line: Vec<Waiter>,
    arrivals: u64,
    /// Places taken by each tenant.
    held: HashMap<TenantId, usize>,
    taken: usize,
    /// Seconds for which places are held, newer ones weighing more.
    mean_stay: Option<f64>,
}

struct Waiter {
    arrival: u64,
    since: Instant,
    tenant: TenantId,
    priority: Priority,
    give: oneshot::Sender<Place>,
}

/// A place in the farm; free again when dropped.
pub(crate) struct Place {
    queue: Arc<Queue>,
    tenant: TenantId,
    since: Instant,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.queue.leave(&self.tenant, self.since.elapsed());
        self.queue.serve();
    }
}

impl Queue {
    /// `capacity` places, and a line of `longest_line` callers at most.
    pub(crate) fn new(capacity: usize, longest_line: usize, machine: Machine) -> Arc<Self> {
        Arc::new(Self { capacity, longest_line, machine, state: Mutex::default() })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place for this tenant, within `patience`; `Busy` otherwise.
    pub(crate) async fn place(self: &Arc<Self>, tenant: &TenantId, priority: Priority, patience: Duration) -> Result<Place, BrowserError> {
        let (arrival, mut given) = {
            let mut state = self.state();
            // whoever is in line goes first
            if state.line.is_empty() && self.has_room(&state) {
                return Ok(self.take(&mut state, tenant.clone()));
            }
            if state.line.len() >= self.longest_line || patience.is_zero() {
                return Err(self.busy(&state));
            }
            let (give, given) = oneshot::channel();
            state.arrivals += 1;
            let arrival = state.arrivals;
            state.line.push(Waiter { arrival, since: Instant::now(), tenant: tenant.clone(), priority, give });
            (arrival, given)
        };
        // also left if the caller goes away
        let _in_line = InLine { queue: self, arrival };
        let end = Instant::now() + patience;
        loop {
            tokio::select! {
                biased;
                Ok(place) = &mut given => return Ok(place),
                () = tokio::time::sleep_until(end) => return Err(self.busy(&self.state())),
                () = tokio::time::sleep(LOOK_AGAIN) => self.serve(),
            }
        }
    }

    fn has_room(&self, state: &State) -> bool {
        state.taken < self.capacity && self.machine.room(state.taken) > 0
    }

    fn take(self: &Arc<Self>, state: &mut State, tenant: TenantId) -> Place {
        state.taken += 1;
        *state.held.entry(tenant.clone()).or_default() += 1;
        self.machine.one_more();
        Place { queue: Arc::clone(self), tenant, since: Instant::now() }
    }

    fn leave(&self, tenant: &TenantId, stay: Duration) {
        let mut state = self.state();
        state.taken -= 1;
        if let Some(held) = state.held.get_mut(tenant) {
            *held -= 1;
            if *held == 0 {
                state.held.remove(tenant);
            }
        }
        let stay = stay.as_secs_f64();
        state.mean_stay = Some(state.mean_stay.map_or(stay, |mean| mean + NEWEST_SHARE * (stay - mean)));
    }

    /// Gives free places to those whose turn it is.
    fn serve(self: &Arc<Self>) {
        loop {
            let (waiter, place) = {
                let mut state = self.state();
                if !self.has_room(&state) {
                    return;
                }
                let Some(next) = state.next_in_line(Instant::now()) else { return };
                let waiter = state.line.swap_remove(next);
                let place = self.take(&mut state, waiter.tenant.clone());
                (waiter, place)
            };
            // one who has just gone away gives it back: dropped outside the lock, it serves the next
            let _ = waiter.give.send(place);
        }
    }

    /// The refusal, with the time at which asking again makes sense.
    fn busy(&self, state: &State) -> BrowserError {
        let stay = state.mean_stay.unwrap_or(1.0);
        let before = (state.line.len() + 1) as f64;
        let wait = Duration::from_secs_f64((stay * before / self.capacity.max(1) as f64).min(RETRY_AFTER.end().as_secs_f64()));
        BrowserError::Busy { retry_after_ms: wait.clamp(*RETRY_AFTER.start(), *RETRY_AFTER.end()).as_millis() as u64 }
    }

    /// Places that would be given now.
    pub(crate) fn free(&self) -> usize {
        let state = self.state();
        (self.capacity - state.taken).min(self.machine.room(state.taken)).saturating_sub(state.line.len())
    }

    /// Callers in line.
    pub(crate) fn waiting(&self) -> usize {
        self.state().line.len()
    }
}

impl State {
    fn next_in_line(&self, now: Instant) -> Option<usize> {
        let turn = |waiter: &Waiter| {
            let is_urgent = waiter.priority == Priority::Live || now.duration_since(waiter.since) >= BATCH_PATIENCE;
            (!is_urgent, self.held.get(&waiter.tenant).copied().unwrap_or(0), waiter.arrival)
        };
        (0..self.line.len()).min_by_key(|&index| turn(&self.line[index]))
    }
}

/// Leaves the line when dropped.
struct InLine<'a> {
    queue: &'a Arc<Queue>,
    arrival: u64,
}

impl Drop for InLine<'_> {
    fn drop(&mut self) {
        self.queue.state().line.retain(|waiter| waiter.arrival != self.arrival);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;
    use crate::machine::{Look, Reserve};
    use futures::FutureExt;
    use std::pin::Pin;

    type Asked = Pin<Box<dyn Future<Output = Result<Place, BrowserError>>>>;

    fn queue(capacity: usize, longest_line: usize) -> Arc<Queue> {
        Queue::new(capacity, longest_line, Machine::new(Reserve::default(), Look::default))
    }

    fn ask(queue: &Arc<Queue>, tenant: &str, priority: Priority) -> Asked {
        let (queue, tenant) = (Arc::clone(queue), TenantId::new(tenant).unwrap());
        let mut asked: Asked = Box::pin(async move { queue.place(&tenant, priority, Duration::from_secs(60)).await });
        assert!(asked.as_mut().now_or_never().is_none(), "it should wait");
        asked
    }

    async fn held(queue: &Arc<Queue>, tenant: &str) -> Place {
        queue.place(&TenantId::new(tenant).unwrap(), Priority::Batch, Duration::ZERO).await.unwrap()
    }

    /// The order in which those who wait are served, by their place in `asked`.
    async fn served(queue: &Arc<Queue>, places: Vec<Place>, mut asked: Vec<(usize, Asked)>) -> Vec<usize> {
        let mut order = Vec::new();
        for place in places {
            drop(place);
            for index in (0..asked.len()).rev() {
                if let Some(Ok(place)) = asked[index].1.as_mut().now_or_never() {
                    order.push(asked.remove(index).0);
                    // it stays: what a tenant holds counts
                    std::mem::forget(place);
                }
            }
        }
        assert_eq!(queue.waiting(), asked.len());
        order
    }

    #[tokio::test(start_paused = true)]
    async fn live_goes_first_and_the_tenant_that_holds_least_before_one_that_came_earlier() {
        let queue = queue(4, 8);
        let mut places = Vec::new();
        for _ in 0..3 {
            places.push(held(&queue, "loud").await);
        }
        places.push(held(&queue, "quiet").await);
        let asked = vec![
            (0, ask(&queue, "loud", Priority::Batch)),
            (1, ask(&queue, "loud", Priority::Batch)),
            (2, ask(&queue, "quiet", Priority::Batch)),
            (3, ask(&queue, "third", Priority::Batch)),
            (4, ask(&queue, "loud", Priority::Live)),
        ];
        // the last place is given back first: `quiet` holds none then
        places.reverse();
        assert_eq!(served(&queue, places, asked).await, [4, 2, 3, 0]);
    }

    #[tokio::test(start_paused = true)]
    async fn batch_that_waited_long_is_served_before_newer_live_ones() {
        let queue = queue(1, 8);
        let place = held(&queue, "a").await;
        let old = ask(&queue, "a", Priority::Batch);
        tokio::time::advance(BATCH_PATIENCE).await;
        let new = ask(&queue, "a", Priority::Live);
        assert_eq!(served(&queue, vec![place], vec![(0, old), (1, new)]).await, [0]);
    }

    #[tokio::test(start_paused = true)]
    async fn the_line_is_bounded_and_tells_when_to_come_again() {
        let queue = queue(2, 1);
        let places = (held(&queue, "a").await, held(&queue, "a").await);
        tokio::time::advance(Duration::from_secs(8)).await;
        drop(places.0);
        let again = held(&queue, "b").await;
        let waits = ask(&queue, "a", Priority::Live);
        assert_eq!((queue.free(), queue.waiting()), (0, 1));
        let refused = queue.place(&TenantId::new("c").unwrap(), Priority::Live, Duration::from_secs(9)).await;
        // places are held for 8 s, two of them, and one caller is before this one
        assert_eq!(refused.err(), Some(BrowserError::Busy { retry_after_ms: 8000 }));

        // whoever goes away is in line no more
        drop(waits);
        assert_eq!(queue.waiting(), 0);
        drop((places.1, again));
        assert_eq!(queue.free(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_caller_waits_no_longer_than_it_said() {
        let queue = queue(1, 8);
        let _place = held(&queue, "a").await;
        let began = Instant::now();
        let refused = queue.place(&TenantId::new("b").unwrap(), Priority::Batch, Duration::from_secs(3)).await;
        assert!(matches!(refused.err(), Some(BrowserError::Busy { .. })));
        assert_eq!((began.elapsed(), queue.waiting()), (Duration::from_secs(3), 0));
    }

    #[tokio::test(start_paused = true)]
    async fn a_machine_without_memory_gives_no_places_until_it_has_some() {
        static FREE_MIB: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(700);
        let look = || Look { memory_free_mib: Some(FREE_MIB.load(std::sync::atomic::Ordering::Relaxed)), load_per_core: None };
        let queue = Queue::new(4, 8, Machine::new(Reserve { memory_mib: 512, session_mib: 100, load_per_core: 0.0 }, look));
        let first = held(&queue, "a").await;
        // the first one has not taken its memory yet, and is counted
        assert_eq!(queue.free(), 0);
        let mut waits = ask(&queue, "a", Priority::Live);
        FREE_MIB.store(1200, std::sync::atomic::Ordering::Relaxed);
        tokio::time::sleep(LOOK_AGAIN).await;
        assert!(waits.as_mut().now_or_never().is_some_and(|given| given.is_ok()));
        drop(first);
    }
}

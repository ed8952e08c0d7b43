//! All leases of a farm: who may have a session, who still holds one, and what became of the others.

use crate::lease::{Ended, Lease, Life, Owner};
use crate::machine::{Look, Machine, Reserve};
use crate::queue::Queue;
use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::Notify;
use tokio::sync::futures::Notified;
use tokio_util::task::TaskTracker;
use wayfarer_browser::{BrowserError, BrowserSupply, SessionSpec};
use wayfarer_core::outcome::EnvFailure;
use wayfarer_core::{Fence, SessionId};
use wayfarer_telemetry::metrics;

/// Ended leases whose reason is remembered, so that late calls are told what happened.
const REMEMBERED_ENDS: usize = 4096;
/// Longest wait for a place, whatever a caller asks for.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// Bounds of a farm.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FarmOptions {
    /// Sessions at the same time.
    pub max_sessions: usize,
    /// Callers that may wait for a place; more are told at once when to come again.
    pub longest_line: usize,
    /// What is kept free of this machine.
    pub reserve: Reserve,
    /// Life of a lease; renewed, it counts anew.
    pub lease: Duration,
    /// Time that owners have to give their sessions back when the farm shuts down.
    pub drain: Duration,
}

impl Default for FarmOptions {
    fn default() -> Self {
        Self {
            max_sessions: 4,
            longest_line: 64,
            reserve: Reserve::default(),
            lease: Duration::from_secs(30),
            drain: Duration::from_secs(15),
        }
    }
}

/// How a farm stands at this moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// Sessions at the same time.
    pub capacity: usize,
    /// Sessions that it would give now.
    pub free: usize,
    /// Callers that wait for a place.
    pub waiting: usize,
    /// Memory that may still be used; `None` where the system does not say.
    pub memory_free_mib: Option<u64>,
    /// It gives no more sessions out.
    pub draining: bool,
}

/// A farm over any supply of sessions.
pub struct Farm {
    supply: Arc<dyn BrowserSupply>,
    options: FarmOptions,
    queue: Arc<Queue>,
    next_token: AtomicU64,
    state: Mutex<State>,
    /// A lease began or ended.
    changed: Notify,
    tasks: TaskTracker,
}

#[derive(Default)]
struct State {
    leases: HashMap<SessionId, Arc<Lease>>,
    ends: HashMap<SessionId, Ended>,
    ends_in_order: VecDeque<SessionId>,
    /// The newest owner of each task, remembered after its session is gone.
    fence: Fence,
    draining: bool,
}

impl State {
    fn remember_end(&mut self, session: SessionId, why: Ended) {
        if self.ends_in_order.len() >= REMEMBERED_ENDS
            && let Some(oldest) = self.ends_in_order.pop_front()
        {
            self.ends.remove(&oldest);
        }
        self.ends.insert(session.clone(), why);
        self.ends_in_order.push_back(session);
    }

    /// Takes note of an owner; `Fenced` if a newer one was here.
    fn admit(&mut self, owner: &Owner) -> Result<(), BrowserError> {
        if self.draining {
            return Err(BrowserError::environment(EnvFailure::NoBrowser, "the browser farm shuts down"));
        }
        match &owner.task {
            Some(task) if !self.fence.admit(task, owner.epoch) => Err(BrowserError::Fenced),
            _ => Ok(()),
        }
    }

    fn older_than(&self, owner: &Owner) -> Vec<Arc<Lease>> {
        let is_older = |held: &Owner| owner.task.is_some() && held.task == owner.task && held.epoch < owner.epoch;
        self.leases.values().filter(|lease| is_older(&lease.owner)).cloned().collect()
    }
}

impl Farm {
    /// A farm without sessions.
    pub fn new(supply: Arc<dyn BrowserSupply>, options: FarmOptions) -> Arc<Self> {
        // tokens must grow over restarts of the farm too
        let start = SystemTime::now().duration_since(UNIX_EPOCH).map_or(1, |since| since.as_millis() as u64) << 16;
        metrics().sessions(0, options.max_sessions as u64);
        Arc::new(Self {
            supply,
            options,
            queue: Queue::new(options.max_sessions, options.longest_line, Machine::new(options.reserve, Look::now)),
            next_token: AtomicU64::new(start),
            state: Mutex::default(),
            changed: Notify::new(),
            tasks: TaskTracker::new(),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A session under a lease. Older owners of the same task lose theirs first.
    pub(crate) async fn acquire(self: &Arc<Self>, spec: SessionSpec, wait: Duration) -> Result<Arc<Lease>, BrowserError> {
        let lease = self.options.lease;
        self.acquire_for(spec, wait, lease).await
    }

    /// The same, with a life of the lease of one's own.
    pub(crate) async fn acquire_for(
        self: &Arc<Self>,
        spec: SessionSpec,
        wait: Duration,
        lease: Duration,
    ) -> Result<Arc<Lease>, BrowserError> {
        let owner = Owner {
            tenant: spec.tenant.clone(),
            attempt: spec.attempt.clone(),
            task: spec.task.clone(),
            epoch: spec.epoch,
            priority: spec.priority,
            drive: spec.drive,
        };
        let life = Life { lease, longest: spec.longest_life };
        let older = {
            let mut state = self.state();
            state.admit(&owner)?;
            state.older_than(&owner)
        };
        for lease in older {
            self.end(&lease, Ended::Fenced).await;
        }
        let place = self.queue.place(&owner.tenant, spec.priority, wait.min(LONGEST_WAIT)).await?;
        let session = self.supply.acquire(spec).await?;
        let token = self.next_token.fetch_add(1, Ordering::Relaxed) + 1;
        let lease = Arc::new(Lease::new(session, token, owner, place, life));
        self.admit_lease(&lease).await?;

        let farm = Arc::clone(self);
        let watched = Arc::clone(&lease);
        self.tasks.spawn(async move {
            if let Some(why) = watched.run_out().await {
                farm.end(&watched, why).await;
            }
        });
        tracing::info!(session = %lease.id, tenant = %lease.owner.tenant, attempt = lease.owner.attempt, token, "a session is leased");
        Ok(lease)
    }

    /// Puts a lease among the others, unless its owner was fenced or the farm began to drain while the session was being made.
    async fn admit_lease(self: &Arc<Self>, lease: &Arc<Lease>) -> Result<(), BrowserError> {
        let admitted = {
            let mut state = self.state();
            let admitted = state.admit(&lease.owner);
            if admitted.is_ok() {
                state.leases.insert(lease.id.clone(), Arc::clone(lease));
            }
            self.count(&state);
            admitted
        };
        self.changed.notify_waiters();
        if admitted.is_err() {
            lease.begin_end(Ended::Fenced);
            lease.close().await;
        }
        admitted
    }

    /// The lease that a caller refers to, if it still holds it.
    pub(crate) fn held(&self, session: &str, token: u64) -> Result<Arc<Lease>, BrowserError> {
        let unknown = || BrowserError::environment(EnvFailure::LeaseLost, format!("the farm has no session {session}"));
        let id = SessionId::new(session).map_err(|_| unknown())?;
        let state = self.state();
        match state.leases.get(&id) {
            Some(lease) if lease.token == token => Ok(Arc::clone(lease)),
            Some(_) => Err(BrowserError::Fenced),
            None => Err(state.ends.get(&id).map_or_else(unknown, |why| why.error())),
        }
    }

    /// Longer life for a lease that still holds.
    pub(crate) fn renew(&self, session: &str, token: u64) -> Result<Arc<Lease>, BrowserError> {
        let lease = self.held(session, token)?;
        lease.renew();
        Ok(lease)
    }

    /// Ends a lease and waits until its session is closed. Ending it twice is no error.
    pub(crate) async fn end(self: &Arc<Self>, lease: &Arc<Lease>, why: Ended) {
        if lease.begin_end(why) {
            {
                let mut state = self.state();
                state.leases.remove(&lease.id);
                state.remember_end(lease.id.clone(), why);
                self.count(&state);
            }
            metrics().session_ended(why.as_str());
            tracing::info!(session = %lease.id, attempt = lease.owner.attempt, why = why.as_str(), "a lease ended");
            let (farm, closing) = (Arc::clone(self), Arc::clone(lease));
            // a caller who goes away must not stop the closing
            self.tasks.spawn(async move {
                closing.close().await;
                farm.changed.notify_waiters();
            });
        }
        lease.closed().await;
    }

    fn count(&self, state: &State) {
        metrics().sessions(state.leases.len() as u64, self.options.max_sessions as u64);
    }

    /// All leases.
    pub(crate) fn leases(&self) -> Vec<Arc<Lease>> {
        self.state().leases.values().cloned().collect()
    }

    pub(crate) fn capacity(&self) -> usize {
        self.options.max_sessions
    }

    /// How it stands now.
    pub fn standing(&self) -> Standing {
        let draining = self.state().draining;
        Standing {
            capacity: self.options.max_sessions,
            free: if draining { 0 } else { self.queue.free() },
            waiting: self.queue.waiting(),
            memory_free_mib: Look::now().memory_free_mib,
            draining,
        }
    }

    /// Done when a lease begins or ends; from the moment that this returns.
    pub fn changed(&self) -> Notified<'_> {
        self.changed.notified()
    }

    /// Gives no more sessions out, lets owners give theirs back for a while, then ends what is left.
    pub(crate) async fn drain(self: &Arc<Self>) {
        self.state().draining = true;
        self.changed.notify_waiters();
        let given_back = async {
            loop {
                let changed = self.changed.notified();
                tokio::pin!(changed);
                // registered before the look, so that no end is missed
                changed.as_mut().enable();
                if self.state().leases.is_empty() {
                    return;
                }
                changed.await;
            }
        };
        if tokio::time::timeout(self.options.drain, given_back).await.is_err() {
            tracing::warn!(left = self.leases().len(), "sessions were not given back in time and are ended");
        }
        futures::future::join_all(self.leases().iter().map(|lease| self.end(lease, Ended::Drained))).await;
        self.tasks.close();
        self.tasks.wait().await;
    }
}

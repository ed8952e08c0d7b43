//! Whether a role can do its job now: what it needs is asked when somebody wants to know, within a bound, and the answer holds for a
//! moment. Being alive (`/livez`) is another question: a role whose Redis is away is to be left alone, not restarted.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// Longest wait for everything that a role needs.
const BOUND: Duration = Duration::from_secs(2);
/// How long an answer holds: many who ask cost no more than one.
const HOLDS_FOR: Duration = Duration::from_secs(3);

type Answer = Pin<Box<dyn Future<Output = Result<(), String>> + Send>>;

/// One thing that a role needs for its job.
pub struct Need {
    name: &'static str,
    ask: Box<dyn Fn() -> Answer + Send + Sync>,
}

impl Need {
    /// `ask` says why it cannot be had now. It is not cut off when the bound of readiness is over, so it must have one of its own.
    pub fn new<F, E>(name: &'static str, ask: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<(), E>> + Send + 'static,
        E: std::fmt::Display,
    {
        let ask = move || -> Answer {
            let answer = ask();
            Box::pin(async move { answer.await.map_err(|error| error.to_string()) })
        };
        Self { name, ask: Box::new(ask) }
    }
}

/// The readiness of a role. The default needs nothing. Cheap to clone.
#[derive(Clone, Default)]
pub struct Readiness(Arc<Inner>);

#[derive(Default)]
struct Inner {
    role: String,
    needs: Vec<Need>,
    draining: AtomicBool,
    last: tokio::sync::Mutex<Option<(Instant, Vec<String>)>>,
}

impl Readiness {
    /// Of a role with these needs.
    pub fn new(role: &str, needs: Vec<Need>) -> Self {
        Self(Arc::new(Inner { role: role.to_owned(), needs, ..Inner::default() }))
    }

    /// Not ready from now on: the first thing that a role does when it is told to stop.
    pub fn drain(&self) {
        self.0.draining.store(true, Ordering::SeqCst);
    }

    /// Why the role cannot do its job now; empty if it can.
    pub async fn faults(&self) -> Vec<String> {
        let mut last = self.0.last.lock().await;
        let held = last.take().filter(|(at, _)| at.elapsed() < HOLDS_FOR);
        let (at, faults) = match held {
            Some(held) => held,
            None => (Instant::now(), self.ask().await),
        };
        *last = Some((at, faults.clone()));
        if self.0.draining.load(Ordering::SeqCst) { vec!["it drains".into()] } else { faults }
    }

    async fn ask(&self) -> Vec<String> {
        let deadline = Instant::now() + BOUND;
        // tasks of their own: what is cut off half way (a browser that starts) would be left behind
        let asked: Vec<_> = self.0.needs.iter().map(|need| (need.name, tokio::spawn((need.ask)()))).collect();
        let mut faults = Vec::new();
        for (name, answer) in asked {
            match tokio::time::timeout_at(deadline, answer).await {
                Ok(Ok(Ok(()))) => {}
                Ok(Ok(Err(why))) => faults.push(format!("{name}: {why}")),
                Ok(Err(error)) => faults.push(format!("{name}: {error}")),
                Err(_) => faults.push(format!("{name}: no answer within {} s", BOUND.as_secs())),
            }
        }
        faults
    }
}

/// The roles of a process, as `/readyz` tells of them.
#[derive(Clone, Default)]
pub struct ReadyRoles(Arc<Mutex<Vec<Readiness>>>);

impl std::fmt::Debug for ReadyRoles {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ReadyRoles")
    }
}

impl ReadyRoles {
    /// Tells of these roles, too. Until the first call the process is not ready.
    pub fn add(&self, roles: impl IntoIterator<Item = Readiness>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend(roles);
    }

    /// A line for each role that is not ready, and `Ok` only if none is.
    pub(crate) async fn report(&self) -> Result<(), String> {
        let roles = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if roles.is_empty() {
            return Err("no role has started yet\n".into());
        }
        // side by side: they may all wait for the same server
        let asked: Vec<_> = roles.into_iter().map(|role| tokio::spawn(async move { (role.faults().await, role) })).collect();
        let mut lines = String::new();
        for answer in asked {
            let (faults, role) = answer.await.map_err(|error| format!("readiness could not be asked for: {error}\n"))?;
            for fault in faults {
                lines.push_str(&format!("{} is not ready: {fault}\n", role.0.role));
            }
        }
        if lines.is_empty() { Ok(()) } else { Err(lines) }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicU32;

    #[tokio::test(start_paused = true)]
    async fn what_is_needed_is_asked_within_a_bound_and_not_too_often() {
        let (asked, is_down) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicBool::new(false)));
        let (count, down) = (asked.clone(), is_down.clone());
        let redis = Need::new("redis", move || {
            count.fetch_add(1, Ordering::SeqCst);
            let is_down = down.load(Ordering::SeqCst);
            async move { if is_down { Err("no answer") } else { Ok(()) } }
        });
        let ready = Readiness::new("proposer", vec![redis]);
        let roles = ReadyRoles::default();
        assert!(roles.report().await.is_err(), "nothing has started");
        roles.add([ready.clone()]);

        assert_eq!(roles.report().await, Ok(()));
        is_down.store(true, Ordering::SeqCst);
        assert_eq!(ready.faults().await, Vec::<String>::new(), "the last answer still holds");
        assert_eq!(asked.load(Ordering::SeqCst), 1);
        tokio::time::advance(HOLDS_FOR).await;
        assert_eq!(roles.report().await.unwrap_err(), "proposer is not ready: redis: no answer\n");

        let hanging = Need::new("browser", std::future::pending::<Result<(), String>>);
        let faults = Readiness::new("browser-farm", vec![hanging]).faults().await;
        assert_eq!(faults, ["browser: no answer within 2 s"]);
    }

    #[tokio::test]
    async fn who_drains_is_not_ready_however_fresh_the_last_answer_is() {
        let ready = Readiness::default();
        assert!(ready.faults().await.is_empty());
        ready.drain();
        assert_eq!(ready.faults().await, ["it drains"]);
    }
}

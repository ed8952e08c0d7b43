//! One session under its lease: one call at a time, until the lease ends.

use crate::queue::Place;
use futures::future::BoxFuture;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;
use wayfarer_browser::{BrowserError, BrowserSession, Drive, Priority};
use wayfarer_core::outcome::EnvFailure;
use wayfarer_core::{Epoch, SessionId, TaskRef, TenantId};

/// Bound of one call to a session; the session's own bounds of opening, acting and settling lie below.
const CALL_LIMIT: Duration = Duration::from_secs(80);
/// Bound of closing a session.
const RELEASE_LIMIT: Duration = Duration::from_secs(10);

/// Why a lease ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// Its owner gave it back.
    Released,
    /// Nobody renewed it in time.
    Expired,
    /// The longest life that it was asked for is over.
    OutOfTime,
    /// A newer owner of the same task came.
    Fenced,
    /// Its browser is gone.
    Died,
    /// The farm shuts down.
    Drained,
}

impl Ended {
    /// The name in metrics and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Released => "released",
            Self::Expired => "expired",
            Self::OutOfTime => "out_of_time",
            Self::Fenced => "fenced",
            Self::Died => "died",
            Self::Drained => "drained",
        }
    }

    /// What a call on such a session is told.
    pub(crate) fn error(self) -> BrowserError {
        let lost = |detail| BrowserError::environment(EnvFailure::LeaseLost, detail);
        match self {
            Self::Released => lost("the session was released already"),
            Self::Expired => lost("the session's lease was not renewed in time"),
            Self::OutOfTime => lost("the longest life that the session was asked for is over"),
            Self::Fenced => BrowserError::Fenced,
            Self::Died => BrowserError::environment(EnvFailure::BrowserCrashed, "the browser died"),
            Self::Drained => lost("the browser farm shuts down"),
        }
    }
}

/// Who a session was given to.
#[derive(Debug, Clone)]
pub(crate) struct Owner {
    pub tenant: TenantId,
    pub attempt: String,
    pub task: Option<TaskRef>,
    pub epoch: Epoch,
    pub priority: Priority,
    pub drive: Drive,
}

/// How long a lease lives.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Life {
    /// From its beginning, and from each renewal.
    pub lease: Duration,
    /// From its beginning, whatever is renewed.
    pub longest: Option<Duration>,
}

/// A session under its lease.
pub(crate) struct Lease {
    pub id: SessionId,
    /// Fencing token: grows with every lease of the farm.
    pub token: u64,
    pub owner: Owner,
    life: Life,
    began: Instant,
    expires: Mutex<Instant>,
    /// Taken out by whoever ends the lease. The lock is what makes calls run one after another.
    session: tokio::sync::Mutex<Option<Box<dyn BrowserSession>>>,
    /// The place in the farm; free again once the session is closed.
    place: Mutex<Option<Place>>,
    ended: OnceLock<Ended>,
    ending: CancellationToken,
    closed: CancellationToken,
}

impl Lease {
    pub(crate) fn new(session: Box<dyn BrowserSession>, token: u64, owner: Owner, place: Place, life: Life) -> Self {
        let began = Instant::now();
        Self {
            id: session.id().clone(),
            token,
            owner,
            life,
            began,
            expires: Mutex::new(began + life.lease),
            session: tokio::sync::Mutex::new(Some(session)),
            place: Mutex::new(Some(place)),
            ended: OnceLock::new(),
            ending: CancellationToken::new(),
            closed: CancellationToken::new(),
        }
    }

    /// Longer life, counted from now.
    pub(crate) fn renew(&self) {
        *self.expires.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now() + self.life.lease;
    }

    /// When it ends unless it is renewed, and why then.
    fn end(&self) -> (Instant, Ended) {
        let expires = *self.expires.lock().unwrap_or_else(PoisonError::into_inner);
        match self.life.longest.map(|longest| self.began + longest) {
            Some(last) if last < expires => (last, Ended::OutOfTime),
            _ => (expires, Ended::Expired),
        }
    }

    /// The end of the lease on the wall clock, for other machines; they take it as a hint only.
    pub(crate) fn expires_unix_ms(&self) -> u64 {
        unix_ms(SystemTime::now() + self.end().0.saturating_duration_since(Instant::now()))
    }

    /// Its beginning on the wall clock.
    pub(crate) fn began_unix_ms(&self) -> u64 {
        unix_ms(SystemTime::now() - self.began.elapsed())
    }

    /// Returns when the lease has run out or its browser is gone, and why; with nothing, once it ended otherwise.
    pub(crate) async fn run_out(&self) -> Option<Ended> {
        let mut gone = match self.session.lock().await.as_ref() {
            Some(session) => session.gone(),
            None => return None,
        };
        loop {
            let (end, why) = self.end();
            if end <= Instant::now() {
                return Some(why);
            }
            tokio::select! {
                () = self.ending.cancelled() => return None,
                () = tokio::time::sleep_until(end) => {}
                () = &mut gone => return Some(Ended::Died),
            }
        }
    }

    /// Marks the lease as ended; `false` if it was already. Calls in flight are told at once.
    pub(crate) fn begin_end(&self, why: Ended) -> bool {
        let first = self.ended.set(why).is_ok();
        self.ending.cancel();
        first
    }

    /// Closes the session of an ended lease and frees its place. Only whoever [`begin_end`](Self::begin_end)s calls this.
    pub(crate) async fn close(&self) {
        // calls in flight let go of the lock at once: they watch `ending`
        if let Some(session) = self.session.lock().await.take() {
            match tokio::time::timeout(RELEASE_LIMIT, session.release()).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::warn!(session = %self.id, %error, "a session could not be closed well"),
                Err(_) => tracing::warn!(session = %self.id, "a session was not closed in time"),
            }
        }
        self.place.lock().unwrap_or_else(PoisonError::into_inner).take();
        self.closed.cancel();
    }

    /// Returns when the lease ends.
    pub(crate) async fn ending(&self) {
        self.ending.cancelled().await;
    }

    /// Whether its client drives the browser itself.
    pub(crate) fn driven_by_client(&self) -> bool {
        self.owner.drive == Drive::Cdp
    }

    /// Returns when the session of an ended lease is closed.
    pub(crate) async fn closed(&self) {
        self.closed.cancelled().await;
    }

    /// Runs one call on the session, after those before it. It runs in a task of its own: a caller who goes away must not leave a
    /// half-done action behind. The end of the lease cuts it off.
    pub(crate) async fn call<T, F>(self: Arc<Self>, work: F) -> Result<T, BrowserError>
    where
        T: Send + 'static,
        F: for<'a> FnOnce(&'a dyn BrowserSession) -> BoxFuture<'a, Result<T, BrowserError>> + Send + 'static,
    {
        let task = async move {
            let cut_off = || self.ended.get().copied().unwrap_or(Ended::Released).error();
            tokio::select! {
                biased;
                () = self.ending.cancelled() => Err(cut_off()),
                done = self.call_in_turn(work) => done,
            }
        };
        let joined = tokio::spawn(task.in_current_span()).await;
        joined.unwrap_or_else(|error| Err(BrowserError::environment(EnvFailure::BrowserCrashed, format!("a browser call broke: {error}"))))
    }

    async fn call_in_turn<T, F>(&self, work: F) -> Result<T, BrowserError>
    where
        F: for<'a> FnOnce(&'a dyn BrowserSession) -> BoxFuture<'a, Result<T, BrowserError>>,
    {
        let session = self.session.lock().await;
        let Some(session) = session.as_deref() else { return Err(Ended::Released.error()) };
        let too_long =
            || BrowserError::environment(EnvFailure::PageHung, format!("a browser call took longer than {} s", CALL_LIMIT.as_secs()));
        tokio::time::timeout(CALL_LIMIT, work(session)).await.unwrap_or_else(|_| Err(too_long()))
    }
}

fn unix_ms(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}

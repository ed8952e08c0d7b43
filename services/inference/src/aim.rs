//! Do engines click where they mean to? Each engine of the role `native` is shown the pages of the coordinate canary when it is new, when it
//! comes back, and when it says that it serves another model: a wrong scale, quantisation or picture pipeline is reported before it poisons
//! a run, and kept out of it if that is wanted.
//!
//! The pages go to the engine itself, beside the line: what they find is about one engine, and one that is refused must be able to pass.

use crate::fleet::Fleet;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;
use wayfarer_actor_native::{Profile, Prompts, canary};
use wayfarer_chat::{Model, ModelError, Served};
use wayfarer_telemetry::metrics;

/// Pages that are shown.
const PAGES: u64 = 3;
/// How often it is looked what an engine serves.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// Least time between two showings: a server whose name changes with every reply is no reason to ask it for ever.
const PAUSE: Duration = Duration::from_secs(60);
/// The longest time between showings to an engine that misses.
const LONGEST_PAUSE: Duration = Duration::from_secs(15 * 60);

/// What follows from a miss.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnMiss {
    /// It is told, in the log and the metrics.
    Report,
    /// The engine also gets no call of the role `native` until it passes.
    Refuse,
}

/// How engines are shown the pages.
#[derive(Debug, Clone)]
pub struct AimOptions {
    /// How the model wants to be spoken to.
    pub profile: Profile,
    /// The words that it was trained with.
    pub prompts: Prompts,
    /// What follows from a miss.
    pub on_miss: OnMiss,
    /// How often it is looked what an engine serves.
    pub look_every: Duration,
    /// Least time between two showings, doubled while an engine misses.
    pub pause: Duration,
}

impl AimOptions {
    /// With the usual times.
    pub fn new(profile: Profile, prompts: Prompts, on_miss: OnMiss) -> Self {
        Self { profile, prompts, on_miss, look_every: LOOK_EVERY, pause: PAUSE }
    }
}

/// What engines that miss were told to do wrong, by their addresses.
#[derive(Clone, Default)]
pub(crate) struct Misses(Arc<Mutex<BTreeMap<String, String>>>);

impl Misses {
    pub(crate) fn all(&self) -> BTreeMap<String, String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set(&self, engine: &str, trouble: Option<String>) {
        let mut misses = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match trouble {
            Some(trouble) => misses.insert(engine.to_owned(), trouble),
            None => misses.remove(engine),
        };
    }
}

/// Looks after the aim of a fleet's engines until the fleet is gone.
pub(crate) fn watch(fleet: &Fleet, options: AimOptions, misses: Misses) {
    let options = Arc::new(options);
    for engine in 0..fleet.size() {
        let eye = Eye { fleet: fleet.weak(), engine, options: Arc::clone(&options), misses: misses.clone() };
        tokio::spawn(eye.look_after());
    }
}

/// Watches one engine.
struct Eye {
    fleet: crate::fleet::WeakFleet,
    engine: usize,
    options: Arc<AimOptions>,
    misses: Misses,
}

/// What is known of an engine's aim.
struct Known {
    /// What it served when it was looked at last.
    served: Served,
    /// How often the fleet had taken it back.
    returns: u64,
    /// It is to be shown the pages, not before this time.
    due: Option<Instant>,
    pause: Duration,
    was_away: bool,
    misses: bool,
}

impl Eye {
    async fn look_after(self) {
        let mut ticks = tokio::time::interval(self.options.look_every);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let (served, pause) = (Served::default(), self.options.pause);
        let mut known = Known { served, returns: 0, due: Some(Instant::now()), pause, was_away: false, misses: false };
        let mut last_shown: Option<Instant> = None;
        loop {
            ticks.tick().await;
            // held for no longer than it takes to ask: the watch must not keep the fleet alive
            let Some((model, shown, returns)) = self.fleet.upgrade().map(|fleet| fleet.engine(self.engine)) else { return };
            let Ok(served) = model.identify().await else {
                known.was_away = true;
                continue;
            };
            let is_another = served.differs_from(&known.served);
            if is_another || known.was_away || returns != known.returns {
                let earliest = last_shown.map_or_else(Instant::now, |at| at + self.options.pause);
                known.due = Some(known.due.map_or(earliest, |due| due.min(earliest)));
            }
            if is_another {
                tracing::info!(engine = shown, served = ?served, "an engine serves another model than before");
            }
            known.served = served.or(std::mem::take(&mut known.served));
            (known.returns, known.was_away) = (returns, false);
            if known.due.is_none_or(|due| due > Instant::now()) {
                continue;
            }
            last_shown = Some(Instant::now());
            self.show(model.as_ref(), &shown, &mut known).await;
        }
    }

    /// Shows the pages, and tells what came of it.
    async fn show(&self, model: &dyn Model, shown: &str, known: &mut Known) {
        let AimOptions { profile, prompts, on_miss, pause, .. } = &*self.options;
        let (hits, trouble) = match canary(model, profile, prompts).await {
            Ok(canary) => (canary.hits() as u64, canary.trouble()),
            // what refuses the pages refuses an agent's pictures as well
            Err(error @ ModelError::Nonsense { .. }) => (0, Some(error.to_string())),
            // it is away or busy, which says nothing about its aim
            Err(error) => {
                tracing::debug!(engine = shown, %error, "an engine could not be shown the canary's pages, and is again later");
                known.due = Some(Instant::now() + *pause);
                return;
            }
        };
        metrics().canary(shown, hits, PAGES);
        let is_refused = trouble.is_some() && *on_miss == OnMiss::Refuse;
        match &trouble {
            None if known.misses => tracing::info!(engine = shown, "an engine clicks where it means to again"),
            None => tracing::info!(engine = shown, profile = profile.name, "an engine clicks where it means to"),
            Some(trouble) => tracing::warn!(
                engine = shown,
                profile = profile.name,
                is_refused,
                trouble,
                "an engine does not click where it means to: look at inference.canary_profile, at its quantisation, and whether its server \
                 resizes pictures; `wayfarer agent --check` asks again"
            ),
        }
        known.misses = trouble.is_some();
        known.due = known.misses.then(|| Instant::now() + known.pause);
        known.pause = if known.misses { (known.pause * 2).min(LONGEST_PAUSE) } else { *pause };
        self.misses.set(shown, trouble);
        if let Some(fleet) = self.fleet.upgrade() {
            fleet.set_refused_for_aim(self.engine, is_refused);
        }
    }
}

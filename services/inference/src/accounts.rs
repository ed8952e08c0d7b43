//! Who used what: calls, tokens and dollars of each day (UTC) by tenant, run, role and model.
//!
//! Sums gather in memory and go to Redis every few seconds, for all replicas together: no call waits for it, and what a process has not
//! handed over is lost only if it is killed. Without Redis they stay here. Runs and tenants come and go, so they are no labels of metrics.

use serde::Serialize;
use std::collections::BTreeMap;
use std::ops::AddAssign;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use time::{Date, OffsetDateTime};
use wayfarer_chat::Scope;
use wayfarer_core::TenantId;
use wayfarer_core::prompt::ModelRole;
use wayfarer_lease::{LeaseError, Tally};
use wayfarer_telemetry::ModelUsage;

/// How often sums go to Redis.
const HAND_OVER_EVERY: Duration = Duration::from_secs(2);
/// How long a day's sums are kept in Redis.
pub const MEMORY: Duration = Duration::from_secs(35 * 24 * 3600);
/// Lines in memory; beyond them runs are counted together, under [`OTHER`].
const MOST_LINES: usize = 50_000;
const OTHER: &str = "(others)";
/// Stands between the parts of a sum's name: no id or model's name has it.
const BETWEEN: char = '\u{1f}';

/// What was used.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Used {
    /// Calls that were answered.
    pub calls: u64,
    /// Tokens sent.
    pub prompt_tokens: u64,
    /// Of them, those that the server still had in memory.
    pub cached_tokens: u64,
    /// Of them, those of pictures, estimated from their sizes.
    pub image_tokens: u64,
    /// Tokens received.
    pub completion_tokens: u64,
    /// Millionths of a US dollar.
    pub micro_usd: u64,
}

impl Used {
    fn parts(&mut self) -> [(&'static str, &mut u64); 6] {
        [
            ("calls", &mut self.calls),
            ("prompt_tokens", &mut self.prompt_tokens),
            ("cached_tokens", &mut self.cached_tokens),
            ("image_tokens", &mut self.image_tokens),
            ("completion_tokens", &mut self.completion_tokens),
            ("micro_usd", &mut self.micro_usd),
        ]
    }
}

impl From<ModelUsage> for Used {
    fn from(usage: ModelUsage) -> Self {
        let ModelUsage { calls, prompt_tokens, completion_tokens, cost_usd, cached_tokens, image_tokens } = usage;
        // rounded up: many small calls must not come to nothing
        let micro_usd = (cost_usd.max(0.0) * 1e6).ceil() as u64;
        Self { calls, prompt_tokens, cached_tokens, image_tokens, completion_tokens, micro_usd }
    }
}

impl AddAssign for Used {
    fn add_assign(&mut self, mut other: Self) {
        for ((_, sum), (_, more)) in self.parts().into_iter().zip(other.parts()) {
            *sum += *more;
        }
    }
}

/// What was used for one thing.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Line {
    /// The campaign; `http` for what clients asked over HTTP.
    pub run: String,
    /// The role.
    pub role: String,
    /// The model, as it is configured.
    pub model: String,
    /// How much.
    #[serde(flatten)]
    pub used: Used,
}

/// Tenant and day.
type Page = (TenantId, Date);
/// Run, role and model.
type Subject = (String, String, String);

/// The accounts; cheap to clone.
#[derive(Clone, Default)]
pub struct Accounts(Arc<Inner>);

#[derive(Default)]
struct Inner {
    /// Of each tenant and day; what is not handed over yet, if there is a tally.
    pages: Mutex<BTreeMap<Page, BTreeMap<Subject, Used>>>,
    tally: Option<Tally>,
}

impl Accounts {
    /// Accounts of all replicas together. Sums are handed over until this is gone.
    pub fn shared(tally: Tally) -> Self {
        let accounts = Self(Arc::new(Inner { pages: Mutex::default(), tally: Some(tally) }));
        let weak = Arc::downgrade(&accounts.0);
        tokio::spawn(async move {
            let mut ticks = tokio::time::interval(HAND_OVER_EVERY);
            ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
            loop {
                ticks.tick().await;
                let Some(accounts) = weak.upgrade().map(Self) else { return };
                if let Err(error) = accounts.hand_over().await {
                    tracing::warn!(%error, "what models were used could not be handed over; it is kept, and tried again");
                }
            }
        });
        accounts
    }

    /// Counts a call.
    pub(crate) fn count(&self, scope: &Scope, role: ModelRole, model: &str, usage: ModelUsage) {
        let page = (scope.tenant.clone(), OffsetDateTime::now_utc().date());
        let subject = (scope.run.to_string(), role.as_str().to_owned(), model.to_owned());
        self.add(page, subject, usage.into());
    }

    fn add(&self, page: Page, mut subject: Subject, used: Used) {
        let mut pages = self.pages();
        if pages.values().map(BTreeMap::len).sum::<usize>() >= MOST_LINES {
            subject.0 = OTHER.to_owned();
        }
        *pages.entry(page).or_default().entry(subject).or_default() += used;
    }

    fn pages(&self) -> MutexGuard<'_, BTreeMap<Page, BTreeMap<Subject, Used>>> {
        self.0.pages.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives the sums to Redis now; those that it does not take stay here.
    pub async fn hand_over(&self) -> Result<(), LeaseError> {
        let Some(tally) = &self.0.tally else { return Ok(()) };
        let pages = std::mem::take(&mut *self.pages());
        let mut last = Ok(());
        for (page, lines) in pages {
            let name = |(run, role, model): &Subject, part: &str| format!("{run}{BETWEEN}{role}{BETWEEN}{model}{BETWEEN}{part}");
            let sums = lines.iter().flat_map(|(subject, used)| {
                let mut used = *used;
                let parts = used.parts().map(|(part, sum)| (name(subject, part), *sum));
                parts.into_iter().filter(|(_, sum)| *sum > 0)
            });
            let sums: Vec<(String, u64)> = sums.collect();
            if let Err(error) = tally.add(&key(&page), &sums).await {
                last = Err(error);
                lines.into_iter().for_each(|(subject, used)| self.add(page.clone(), subject, used));
            }
        }
        last
    }

    /// What a tenant used on a day, by run, role and model.
    pub async fn of(&self, tenant: &TenantId, day: Date) -> Result<Vec<Line>, LeaseError> {
        let page = (tenant.clone(), day);
        let Some(tally) = &self.0.tally else {
            let lines = self.pages().get(&page).cloned().unwrap_or_default();
            return Ok(lines.into_iter().map(|((run, role, model), used)| Line { run, role, model, used }).collect());
        };
        self.hand_over().await?;
        let mut lines: BTreeMap<Subject, Used> = BTreeMap::new();
        for (name, sum) in tally.read(&key(&page)).await? {
            let parts: Vec<&str> = name.split(BETWEEN).collect();
            let [run, role, model, part] = parts[..] else { continue };
            let used = lines.entry((run.to_owned(), role.to_owned(), model.to_owned())).or_default();
            if let Some((_, place)) = used.parts().into_iter().find(|(known, _)| *known == part) {
                *place += sum;
            }
        }
        Ok(lines.into_iter().map(|((run, role, model), used)| Line { run, role, model, used }).collect())
    }
}

fn key((tenant, day): &Page) -> String {
    format!("{tenant}:{day}")
}

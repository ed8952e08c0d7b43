//! The way in: one seed, one proposal.

use crate::ports::ProposerDeps;
use crate::work::Work;
use crate::{dates, exemplar, exploration, targeted};
use wayfarer_browser::BrowserError;
use wayfarer_chat::AskError;
use wayfarer_core::event::Dropped;
use wayfarer_core::run::RunSpec;
use wayfarer_core::seed::SeedKind;
use wayfarer_core::{Seed, Strategy, Task, Usage};

/// What came of a seed.
#[derive(Debug, Clone, PartialEq)]
pub struct Proposal {
    /// How it was worked off.
    pub strategy: Strategy,
    /// The tasks.
    pub tasks: Vec<Task>,
    /// What was proposed and turned away.
    pub dropped: Vec<Dropped>,
    /// What it cost.
    pub usage: Usage,
}

/// Why a seed could not be worked off now; trying again later makes sense.
#[derive(Debug, thiserror::Error)]
pub enum ProposeError {
    /// No model answers, or none that can be understood.
    #[error("proposing needs a model: {0}")]
    Model(#[from] AskError),
    /// No browser session can be had, or the session broke.
    #[error("exploring needs a browser: {0}")]
    Browser(#[from] BrowserError),
    /// What the run has proposed already cannot be looked up.
    #[error("intents of the run cannot be looked up: {0}")]
    Seen(String),
    /// The caller's clock.
    #[error("today is given as {text:?}; an ISO 8601 date such as 2026-12-04 is wanted")]
    Today {
        /// What was given.
        text: String,
    },
}

impl ProposeError {
    /// Whether something is away that all seeds need, which passes by itself.
    pub fn is_outage(&self) -> bool {
        match self {
            Self::Model(error) => error.is_outage(),
            Self::Browser(BrowserError::Environment { kind, .. }) => kind.is_outage(),
            // claims stand in Redis, what is committed in NATS
            Self::Browser(BrowserError::Busy { .. }) | Self::Seen(_) => true,
            Self::Browser(BrowserError::Fenced) | Self::Today { .. } => false,
        }
    }
}

/// Works off a seed. `today` is an ISO 8601 date.
pub async fn propose(deps: &ProposerDeps, spec: &RunSpec, seed: &Seed, today: &str) -> Result<Proposal, ProposeError> {
    let today = dates::iso_date(today).ok_or_else(|| ProposeError::Today { text: today.to_owned() })?;
    let work = |strategy| Work::new(deps, spec, seed, strategy, today);
    match &seed.kind {
        SeedKind::Targeted { url, category, count } => targeted::propose(work(Strategy::Targeted), url, *category, *count).await,
        SeedKind::Exploration { url, category, count } => exploration::propose(work(Strategy::Exploration), url, *category, *count).await,
        SeedKind::Exemplar { task, count } => exemplar::propose(work(Strategy::Exemplar), task, *count).await,
        SeedKind::Given { task } => {
            Ok(Proposal { strategy: task.strategy, tasks: vec![(**task).clone()], dropped: Vec::new(), usage: Usage::default() })
        }
    }
}

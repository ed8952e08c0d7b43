//! A session in an agent's hands.

use crate::surfer::ACQUIRE_BOUND;
use bytes::Bytes;
use std::sync::Arc;
use std::time::{Duration, Instant};
use wayfarer_browser::{BrowserError, BrowserSession, BrowserSupply, EgressPolicy, Observed, Recording, SessionSpec};
use wayfarer_core::action::Effect;
use wayfarer_core::critical_point::{CriticalPoint, GateDecision, Grant};
use wayfarer_core::observation::Viewport;
use wayfarer_core::outcome::EnvFailure;
use wayfarer_core::secrets::{Secrets, Split};
use wayfarer_core::surf::{SurfOpen, SurfOpened, SurfReport};
use wayfarer_core::{Action, AttemptId, BlobHash, Usage, gate};
use wayfarer_store::Store;

/// How long a recording may take to be fetched and stored.
const RECORDING_LIMIT: Duration = Duration::from_secs(30);

/// What sessions come from, and where their pictures go.
#[derive(Clone)]
pub struct HandsOptions {
    /// Gives browser sessions.
    pub browsers: Arc<dyn BrowserSupply>,
    /// Keeps screenshots.
    pub store: Store,
    /// What the session may reach.
    pub egress: EgressPolicy,
    /// Whether what its pages ask for and say is kept (`attempts/<attempt>/session.har`).
    pub record: bool,
    /// A recording whose answers are given again: the session asks nobody.
    pub replay: Option<Recording>,
    /// The visible part of its pages; the supply's own if absent.
    pub viewport: Option<Viewport>,
}

/// Why an agent cannot go on.
#[derive(Debug)]
pub enum Stopped {
    /// The environment failed, not the agent.
    Failed {
        /// What.
        kind: EnvFailure,
        /// Where and how.
        detail: String,
    },
    /// Another owner has the session.
    Fenced,
}

impl From<BrowserError> for Stopped {
    fn from(error: BrowserError) -> Self {
        match error {
            BrowserError::Environment { kind, detail } => Self::Failed { kind, detail },
            BrowserError::Fenced => Self::Fenced,
            busy @ BrowserError::Busy { .. } => Self::Failed { kind: EnvFailure::NoBrowser, detail: busy.to_string() },
        }
    }
}

impl Stopped {
    /// As the report of a step that had cost this much.
    pub(crate) fn report(self, usage: Usage) -> SurfReport {
        match self {
            Self::Failed { kind, detail } => SurfReport::Failed { kind, detail, usage },
            Self::Fenced => SurfReport::Fenced,
        }
    }

    pub(crate) fn opened(self) -> SurfOpened {
        match self {
            Self::Failed { kind, detail } => SurfOpened::Failed { kind, detail },
            Self::Fenced => SurfOpened::Fenced,
        }
    }
}

/// What came of an action.
#[derive(Debug)]
pub struct Done {
    /// The action as it is kept: handles and masks for what is secret.
    pub kept: Action,
    /// Short secrets that were typed: to be masked in the words of this step.
    pub typed: Vec<String>,
    /// What the gate said.
    pub gate: GateDecision,
    /// What it did; an error if it was held.
    pub effect: Effect,
}

/// A session in an agent's hands: every action passes the gate, every picture is kept.
pub struct Hands {
    session: Option<Box<dyn BrowserSession>>,
    page: Observed,
    store: Store,
    attempt: AttemptId,
    record: bool,
    /// What the agent may not see, and nobody keeps.
    pub secrets: Secrets,
    /// What pages may send, as the session was told last.
    permitted: Vec<Grant>,
}

impl Hands {
    /// Acquires a session (a free one is waited for within a bound), opens the start page and keeps its picture.
    pub async fn take(tools: &HandsOptions, order: &SurfOpen) -> Result<Self, Stopped> {
        let session = acquire(tools, order).await?;
        let page = match session.open(order.task.start_url.as_str()).await {
            Ok(page) => page,
            Err(error) => {
                release(session).await;
                return Err(error.into());
            }
        };
        let hands = Self {
            session: Some(session),
            page,
            store: tools.store.clone(),
            attempt: order.attempt.clone(),
            record: tools.record,
            secrets: Secrets::default(),
            permitted: Vec::new(),
        };
        match hands.keep(hands.page.screenshot.clone()).await {
            Ok(_) => Ok(hands),
            Err(stopped) => {
                if let Some(session) = hands.session {
                    release(session).await;
                }
                Err(stopped)
            }
        }
    }

    /// What the page showed when it was last looked at.
    pub fn page(&self) -> &Observed {
        &self.page
    }

    /// Passes an action through the gate under these permissions, does it unless it is held, and looks again.
    pub async fn act(&mut self, action: Action, grants: &[Grant]) -> Result<Done, Stopped> {
        let before = &self.page.observation;
        let Split { real, kept, typed } = self.secrets.split(action, before);
        let gate = gate::check(&real, before, grants);
        let state = before.state_hash.clone();
        let (gate, mut effect) = match gate {
            GateDecision::Held { critical_point } => {
                let effect = held(&critical_point);
                (GateDecision::Held { critical_point }, effect)
            }
            gate => {
                self.permit(grants).await?;
                with_requests(gate, self.perform(&real).await?)
            }
        };
        effect.changed = self.page.observation.state_hash != state;
        effect.error = effect.error.map(|error| self.secrets.hide(&error));
        Ok(Done { kept, typed, gate, effect })
    }

    /// Whether the gate would hold the action under these permissions.
    pub fn holds(&self, action: &Action, grants: &[Grant]) -> bool {
        matches!(gate::check(action, &self.page.observation, grants), GateDecision::Held { .. })
    }

    /// Keeps a picture.
    pub async fn keep(&self, bytes: Bytes) -> Result<BlobHash, Stopped> {
        let full = |error: wayfarer_store::StoreError| Stopped::Failed { kind: EnvFailure::Store, detail: error.to_string() };
        self.store.put_blob(bytes).await.map_err(full)
    }

    /// Tells the session what pages may send, where that has changed.
    async fn permit(&mut self, grants: &[Grant]) -> Result<(), Stopped> {
        // the user's data is for the model, not for the browser
        let bare: Vec<Grant> = grants.iter().map(|grant| Grant { data: Default::default(), ..grant.clone() }).collect();
        if bare != self.permitted
            && let Some(session) = &self.session
        {
            session.permit(bare.clone()).await?;
        }
        self.permitted = bare;
        Ok(())
    }

    /// Does the action and looks again.
    async fn perform(&mut self, action: &Action) -> Result<Effect, Stopped> {
        if !action.touches_page() {
            return Ok(Effect::default());
        }
        let Some(session) = &self.session else {
            return Err(Stopped::Failed { kind: EnvFailure::SurferLost, detail: "the session was given back already".into() });
        };
        let (effect, page) = session.act_and_observe(action).await?;
        self.keep(page.screenshot.clone()).await?;
        self.page = page;
        self.secrets.hide_page(&mut self.page.observation);
        Ok(effect)
    }

    /// Stores what the session recorded, where that is wanted, and gives the session back.
    pub async fn let_go(&mut self) {
        self.keep_recording().await;
        if let Some(session) = self.session.take() {
            release(session).await;
        }
    }

    /// An attempt is not lost for want of its recording.
    async fn keep_recording(&self) {
        let Some(session) = self.session.as_ref().filter(|_| self.record) else { return };
        let kept = tokio::time::timeout(RECORDING_LIMIT, async {
            let Recording(har) = session.recording().await.map_err(|error| error.to_string())?;
            // the browser knows what was typed as a secret, we know whose data it was
            let har = self.secrets.hide(&String::from_utf8_lossy(&har));
            let path = format!("attempts/{}/session.har", self.attempt);
            self.store.put_bytes(&path, har.into_bytes().into()).await.map_err(|error| error.to_string())
        });
        match kept.await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(attempt = %self.attempt, error, "the session's recording could not be kept"),
            Err(_) => tracing::warn!(attempt = %self.attempt, "the session's recording was not kept in time"),
        }
    }
}

/// Asks for a session until one is free, as often as the supply says that it makes sense.
async fn acquire(tools: &HandsOptions, order: &SurfOpen) -> Result<Box<dyn BrowserSession>, BrowserError> {
    let plain = SessionSpec::new(order.tenant.clone(), order.attempt.to_string());
    let spec = SessionSpec {
        task: Some(order.task_ref()),
        epoch: order.epoch,
        egress: tools.egress.clone(),
        gated: true,
        record: tools.record,
        replay: tools.replay.clone(),
        viewport: tools.viewport.unwrap_or(plain.viewport),
        ..plain
    };
    let until = Instant::now() + ACQUIRE_BOUND;
    loop {
        match tools.browsers.acquire(spec.clone()).await {
            Err(BrowserError::Busy { retry_after_ms }) if Instant::now() < until => {
                tokio::time::sleep(Duration::from_millis(retry_after_ms.clamp(20, 5000))).await;
            }
            other => return other,
        }
    }
}

async fn release(session: Box<dyn BrowserSession>) {
    if let Err(error) = session.release().await {
        tracing::debug!(%error, "a session could not be given back in order");
    }
}

fn held(critical_point: &CriticalPoint) -> Effect {
    failed(format!("held by the critical-point gate: {}", critical_point.what))
}

/// What the page sent tells more than what it showed: a request that was held makes the action a held one.
fn with_requests(gate: GateDecision, effect: Effect) -> (GateDecision, Effect) {
    match (effect.held.first(), effect.permitted.first(), gate) {
        (Some(critical_point), _, _) => {
            let critical_point = critical_point.clone();
            let error = held(&critical_point).error;
            (GateDecision::Held { critical_point }, Effect { error, ..effect })
        }
        (None, Some(critical_point), GateDecision::Pass) => (GateDecision::Permitted { critical_point: critical_point.clone() }, effect),
        (_, _, gate) => (gate, effect),
    }
}

/// An action that could not be done, and why.
pub fn failed(why: String) -> Effect {
    Effect { error: Some(why), ..Effect::default() }
}

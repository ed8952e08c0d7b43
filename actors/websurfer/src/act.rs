//! One step of the surfer: look, decide, pass the gate, act, look again.
//!
//! ```text
//! order ─▶ set-of-marks picture ─▶ model ─▶ action ─▶ gate ─┬─ pass, permitted ─▶ browser ─▶ new observation ─▶ report
//!                                    ▲        │ no action   └─ held: nothing is done ───────────────────────▶ report
//!                                    └────────┘ once, with the error
//! ```

use crate::actor::SurferDeps;
use crate::{som, tools, translate};
use std::time::{Duration, Instant};
use wayfarer_browser::{BrowserError, BrowserSession, Observed, Recording};
use wayfarer_chat::{Answer, AskError, PromptFile, Scope, ask};
use wayfarer_core::action::Effect;
use wayfarer_core::critical_point::{CriticalPoint, GateDecision, Grant};
use wayfarer_core::outcome::EnvFailure;
use wayfarer_core::prompt::StepText;
use wayfarer_core::prompt::surf::{Act, ToolCall};
use wayfarer_core::secrets::{Secrets, Split};
use wayfarer_core::surf::{SurfOpen, SurfOrder, SurfReport, SurfedStep};
use wayfarer_core::{Action, BlobHash, Epoch, Usage, gate, view};

const ACT: PromptFile = PromptFile(include_str!("../prompts/act.md"));
/// Times that the model may call a tool that cannot be done before the step counts as failed: as many questions a step may take.
pub(crate) const CALL_TRIES: u32 = 2;

/// How long a recording may take to be fetched and stored.
const RECORDING_LIMIT: Duration = Duration::from_secs(30);

/// The surfer's memory of one attempt.
pub(crate) struct Surf {
    deps: SurferDeps,
    open: SurfOpen,
    session: Option<Box<dyn BrowserSession>>,
    page: Observed,
    history: Vec<StepText>,
    facts: Vec<String>,
    user_messages: Vec<String>,
    intent: String,
    last_error: Option<String>,
    has_navigated: bool,
    secrets: Secrets,
    /// What pages may send, as the session was told last.
    permitted: Vec<Grant>,
}

/// Why a step failed for a reason that is not the agent's.
struct Failure {
    kind: EnvFailure,
    detail: String,
}

enum Stopped {
    Failed(Failure),
    Fenced,
}

impl From<BrowserError> for Stopped {
    fn from(error: BrowserError) -> Self {
        match error {
            BrowserError::Environment { kind, detail } => Self::Failed(Failure { kind, detail }),
            BrowserError::Fenced => Self::Fenced,
            busy @ BrowserError::Busy { .. } => Self::Failed(Failure { kind: EnvFailure::NoBrowser, detail: busy.to_string() }),
        }
    }
}

/// What the model decided, costs included.
struct Decided {
    call: ToolCall,
    action: Result<Action, String>,
    raw: String,
    model: String,
}

impl Surf {
    pub(crate) fn new(deps: SurferDeps, open: SurfOpen, session: Box<dyn BrowserSession>, page: Observed) -> Self {
        let intent = open.task.intent.clone();
        Self {
            deps,
            open,
            session: Some(session),
            page,
            history: Vec::new(),
            facts: Vec::new(),
            user_messages: Vec::new(),
            intent,
            last_error: None,
            has_navigated: false,
            secrets: Secrets::default(),
            permitted: Vec::new(),
        }
    }

    pub(crate) fn is_stale(&self, epoch: Epoch) -> bool {
        epoch < self.open.epoch
    }

    pub(crate) fn take_session(&mut self) -> Option<Box<dyn BrowserSession>> {
        self.session.take()
    }

    /// Stores what the session recorded, where that is wanted. An attempt is not lost for want of it.
    pub(crate) async fn keep_recording(&self) {
        let Some(session) = self.session.as_ref().filter(|_| self.deps.record) else { return };
        let kept = tokio::time::timeout(RECORDING_LIMIT, async {
            let Recording(har) = session.recording().await.map_err(|error| error.to_string())?;
            // the browser knows what was typed as a secret, we know whose data it was
            let har = self.secrets.hide(&String::from_utf8_lossy(&har));
            let path = format!("attempts/{}/session.har", self.open.attempt);
            self.deps.store.put_bytes(&path, har.into_bytes().into()).await.map_err(|error| error.to_string())
        });
        match kept.await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(attempt = %self.open.attempt, error, "the session's recording could not be kept"),
            Err(_) => tracing::warn!(attempt = %self.open.attempt, "the session's recording was not kept in time"),
        }
    }

    /// One step; environment failures come back as reports.
    pub(crate) async fn step(&mut self, order: SurfOrder) -> SurfReport {
        let mut spent = Spent::default();
        match self.try_step(order, &mut spent).await {
            Ok(step) => SurfReport::Stepped { step: Box::new(step) },
            Err(Stopped::Fenced) => SurfReport::Fenced,
            Err(Stopped::Failed(Failure { kind, detail })) => SurfReport::Failed { kind, detail, usage: spent.usage },
        }
    }

    async fn try_step(&mut self, order: SurfOrder, spent: &mut Spent) -> Result<SurfedStep, Stopped> {
        let began = Instant::now();
        if let Some(intent) = &order.current_intent {
            self.intent.clone_from(intent);
        }
        self.user_messages.extend(order.user_messages.iter().cloned());

        let before = self.page.observation.clone();
        let offered = tools::offered(&before, self.has_navigated, order.stop_only);
        let picture = self.set_of_marks().await?;
        let som_screenshot = match picture.clone() {
            Some(bytes) => Some(self.keep(bytes).await?),
            None => None,
        };
        let shown = picture.unwrap_or_else(|| self.page.screenshot.clone());
        let decided = self.decide(&order, &offered, shown, spent).await?;

        let mut typed = Vec::new();
        let (action, gate, mut effect) = match decided.action {
            Ok(action) => {
                let Split { real: action, kept, typed: values } = self.secrets.split(action, &before);
                typed = values;
                let gate = gate::check(&action, &before, &order.grants);
                match &gate {
                    GateDecision::Held { critical_point } => (kept, gate.clone(), held(critical_point)),
                    _ => {
                        self.permit(&order.grants).await?;
                        let effect = self.perform(&action).await?;
                        let (gate, effect) = with_requests(gate, effect);
                        (kept, gate, effect)
                    }
                }
            }
            // nothing was decided that could be done: the step passes without touching the page
            Err(why) => (Action::Wait { seconds: 0.0 }, GateDecision::Pass, failed(why)),
        };
        effect.changed = self.page.observation.state_hash != before.state_hash;
        self.has_navigated |= effect.navigated;
        effect.error = effect.error.map(|error| self.secrets.hide(&error));
        self.last_error.clone_from(&effect.error);

        let step = SurfedStep {
            state_description: decided.call.state_description,
            reasoning: decided.call.reasoning,
            action,
            gate,
            effect,
            som_screenshot,
            tools_offered: offered.iter().map(ToString::to_string).collect(),
            facts: self.facts.clone(),
            observation: self.page.observation.clone(),
            usage: spent.usage,
            model_ms: spent.model_ms,
            total_ms: began.elapsed().as_secs_f64() * 1e3,
            raw_reply: decided.raw,
            model: decided.model,
        };
        let step = self.secrets.hide_step(step, &typed);
        self.history.push(view::step_text(order.step, &before.url, &step));
        Ok(step)
    }

    /// Asks the model; a call that cannot be done is fed back once.
    async fn decide(
        &mut self,
        order: &SurfOrder,
        offered: &[&'static str],
        picture: bytes::Bytes,
        spent: &mut Spent,
    ) -> Result<Decided, Stopped> {
        let mut input = self.input(order, offered);
        let scope = self.scope(order.step.0);
        let mut turn = 1;
        loop {
            let answer: Answer<ToolCall> = match ask(self.deps.model.as_ref(), &scope, ACT, &input, std::slice::from_ref(&picture)).await {
                Ok(answer) => answer,
                Err(error) => {
                    if let AskError::Unreadable { usage, .. } = &error {
                        spent.usage += *usage;
                    }
                    return Err(Stopped::Failed(Failure { kind: error.env_failure(), detail: error.to_string() }));
                }
            };
            spent.usage += answer.usage;
            spent.model_ms += answer.latency_ms;
            let action = translate::translate(&answer.reply, &self.page.observation, offered).map_err(|error| error.to_string());
            if let Err(why) = &action
                && turn < CALL_TRIES
            {
                tracing::debug!(why, "the model called a tool that cannot be done");
                input.last_error = Some(why.clone());
                turn += 1;
                continue;
            }
            return Ok(Decided { call: answer.reply, action, raw: answer.raw, model: answer.model });
        }
    }

    fn input(&mut self, order: &SurfOrder, offered: &[&'static str]) -> Act {
        let user_data = self.secrets.learn(&order.grants);
        Act {
            task: self.intent.clone(),
            next_steps: order.next_steps.clone(),
            plan: order.plan.clone(),
            page: view::page_view(&self.page.observation),
            history: self.history.clone(),
            memorized: self.facts.clone(),
            user_messages: self.user_messages.iter().map(|message| self.secrets.hide(message)).collect(),
            user_data,
            tools: offered.iter().map(ToString::to_string).collect(),
            stop_reason: order.stop_only.then(|| order.stop_reason.clone()),
            last_error: self.last_error.clone(),
            today: self.open.today.clone(),
        }
    }

    fn scope(&self, step: u32) -> Scope {
        Scope {
            tenant: self.open.tenant.clone(),
            run: self.open.run.clone(),
            task: Some(self.open.task.id.clone()),
            attempt: Some(self.open.attempt.clone()),
            step,
        }
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
        if let Action::PauseAndMemorizeFact { fact } = action {
            self.facts.push(fact.clone());
        }
        if !action.touches_page() {
            return Ok(Effect::default());
        }
        let Some(session) = &self.session else {
            return Err(Stopped::Failed(Failure { kind: EnvFailure::SurferLost, detail: "the session was given back already".into() }));
        };
        let (effect, page) = session.act_and_observe(action).await?;
        self.keep(page.screenshot.clone()).await?;
        self.page = page;
        self.secrets.hide_page(&mut self.page.observation);
        Ok(effect)
    }

    async fn keep(&self, bytes: bytes::Bytes) -> Result<BlobHash, Stopped> {
        let full = |error: wayfarer_store::StoreError| Stopped::Failed(Failure { kind: EnvFailure::Store, detail: error.to_string() });
        self.deps.store.put_blob(bytes).await.map_err(full)
    }

    /// The picture with marks; without one (a broken screenshot) the model gets the plain one.
    async fn set_of_marks(&self) -> Result<Option<bytes::Bytes>, Stopped> {
        let (screenshot, marks) = (self.page.screenshot.clone(), self.page.observation.marks.clone());
        let drawn = tokio::task::spawn_blocking(move || som::draw(&screenshot, &marks)).await;
        Ok(match drawn {
            Ok(Ok(bytes)) => Some(bytes.into()),
            Ok(Err(error)) => {
                tracing::warn!(%error, "the model sees the plain screenshot");
                None
            }
            Err(_) => None,
        })
    }
}

/// What a step has cost so far, kept where a failure can still report it.
#[derive(Default)]
struct Spent {
    usage: Usage,
    model_ms: f64,
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

fn failed(why: String) -> Effect {
    Effect { error: Some(why), ..Effect::default() }
}

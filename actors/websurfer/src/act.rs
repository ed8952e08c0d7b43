//! One step of the surfer: look, decide, pass the gate, act, look again.
//!
//! ```text
//! order ─▶ set-of-marks picture ─▶ model ─▶ action ─▶ gate ─┬─ pass, permitted ─▶ browser ─▶ new observation ─▶ report
//!                                    ▲        │ no action   └─ held: nothing is done ───────────────────────▶ report
//!                                    └────────┘ once, with the error
//! ```

use crate::{som, tools, translate};
use async_trait::async_trait;
use std::sync::Arc;
use std::time::Instant;
use wayfarer_browser::Observed;
use wayfarer_chat::{Answer, AskError, Model, PromptFile, Scope, ask};
use wayfarer_core::critical_point::GateDecision;
use wayfarer_core::prompt::StepText;
use wayfarer_core::prompt::surf::{Act, ToolCall};
use wayfarer_core::surf::{SurfOpen, SurfOrder, SurfedStep};
use wayfarer_core::{Action, view};
use wayfarer_hands::{Done, Hands, Spent, Stopped, Surfing, failed};

const ACT: PromptFile = PromptFile(include_str!("../prompts/act.md"));
/// Times that the model may call a tool that cannot be done before the step counts as failed: as many questions a step may take.
pub(crate) const CALL_TRIES: u32 = 2;

/// The surfer's memory of one attempt.
pub(crate) struct Surf {
    model: Arc<dyn Model>,
    open: SurfOpen,
    hands: Hands,
    history: Vec<StepText>,
    facts: Vec<String>,
    user_messages: Vec<String>,
    intent: String,
    last_error: Option<String>,
    has_navigated: bool,
}

/// What the model decided, costs included.
struct Decided {
    call: ToolCall,
    action: Result<Action, String>,
    raw: String,
    model: String,
}

#[async_trait]
impl Surfing for Surf {
    async fn step(&mut self, order: SurfOrder, spent: &mut Spent) -> Result<SurfedStep, Stopped> {
        let began = Instant::now();
        if let Some(intent) = &order.current_intent {
            self.intent.clone_from(intent);
        }
        self.user_messages.extend(order.user_messages.iter().cloned());

        let before = self.hands.page().observation.clone();
        let offered = tools::offered(&before, self.has_navigated, order.stop_only);
        let picture = self.set_of_marks().await?;
        let som_screenshot = match picture.clone() {
            Some(bytes) => Some(self.hands.keep(bytes).await?),
            None => None,
        };
        let shown = picture.unwrap_or_else(|| self.hands.page().screenshot.clone());
        let decided = self.decide(&order, &offered, shown, spent).await?;

        let Done { kept: action, typed, gate, effect } = match decided.action {
            Ok(action) => {
                let done = self.hands.act(action, &order.grants).await?;
                if let (Action::PauseAndMemorizeFact { fact }, GateDecision::Pass) = (&done.kept, &done.gate) {
                    self.facts.push(fact.clone());
                }
                done
            }
            // nothing was decided that could be done: the step passes without touching the page
            Err(why) => Done {
                kept: Action::Wait { seconds: 0.0 },
                typed: Vec::new(),
                gate: GateDecision::Pass,
                effect: failed(self.hands.secrets.hide(&why)),
            },
        };
        self.has_navigated |= effect.navigated;
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
            observation: self.hands.page().observation.clone(),
            usage: spent.usage,
            model_ms: spent.model_ms,
            total_ms: began.elapsed().as_secs_f64() * 1e3,
            raw_reply: decided.raw,
            model: decided.model,
        };
        let step = self.hands.secrets.hide_step(step, &typed);
        self.history.push(view::step_text(order.step, &before.url, &step));
        Ok(step)
    }

    fn hands(&mut self) -> &mut Hands {
        &mut self.hands
    }
}

impl Surf {
    pub(crate) fn new(model: Arc<dyn Model>, open: SurfOpen, hands: Hands) -> Self {
        let intent = open.task.intent.clone();
        Self {
            model,
            open,
            hands,
            history: Vec::new(),
            facts: Vec::new(),
            user_messages: Vec::new(),
            intent,
            last_error: None,
            has_navigated: false,
        }
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
            let answer: Answer<ToolCall> = match ask(self.model.as_ref(), &scope, ACT, &input, std::slice::from_ref(&picture)).await {
                Ok(answer) => answer,
                Err(error) => {
                    if let AskError::Unreadable { usage, .. } = &error {
                        spent.usage += *usage;
                    }
                    return Err(Stopped::Failed { kind: error.env_failure(), detail: error.to_string() });
                }
            };
            spent.usage += answer.usage;
            spent.model_ms += answer.latency_ms;
            let action = translate::translate(&answer.reply, &self.hands.page().observation, offered).map_err(|error| error.to_string());
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
        let user_data = self.hands.secrets.learn(&order.grants);
        Act {
            task: self.intent.clone(),
            next_steps: order.next_steps.clone(),
            plan: order.plan.clone(),
            page: view::page_view(&self.hands.page().observation),
            history: self.history.clone(),
            memorized: self.facts.clone(),
            user_messages: self.user_messages.iter().map(|message| self.hands.secrets.hide(message)).collect(),
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

    /// The picture with marks; without one (a broken screenshot) the model gets the plain one.
    async fn set_of_marks(&self) -> Result<Option<bytes::Bytes>, Stopped> {
        let Observed { screenshot, observation } = self.hands.page().clone();
        let drawn = tokio::task::spawn_blocking(move || som::draw(&screenshot, &observation.marks)).await;
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

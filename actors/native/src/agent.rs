//! One step of a native agent: show the page, ask the model, read its action, pass the gate, act, look again.

use crate::history::{Beside, History};
use crate::parse::{Habits, Parsed, parse};
use crate::picture::seen_by;
use crate::profile::{AnswerIn, Profile};
use crate::prompts::Prompts;
use async_trait::async_trait;
use bytes::Bytes;
use std::sync::Arc;
use std::time::Instant;
use wayfarer_chat::{ChatReply, ChatRequest, Message, Model, ModelError, Part, Priority, Scope, Speaker};
use wayfarer_core::action::Target;
use wayfarer_core::critical_point::{GateDecision, Grant};
use wayfarer_core::outcome::EnvFailure;
use wayfarer_core::prompt::ModelRole;
use wayfarer_core::surf::{SurfOpen, SurfOpened, SurfOrder, SurfedStep};
use wayfarer_core::{Action, Mark};
use wayfarer_hands::{Done, Hands, HandsOptions, Spent, Stopped, SurferHandle, Surfing, failed};

/// Replies in a row that may be no action before the attempt ends (spec/faragen.md D.5).
const UNREADABLE_IN_A_ROW: u32 = 3;
/// Characters of a page that its reader is shown, and of its answer that the agent is (the published harness: 20,000 and 1,000).
const READ_LENGTH: usize = 20_000;
const NOTE_LENGTH: usize = 1000;
/// Tokens of an answer about a page.
const READ_TOKENS: u32 = 400;

/// What a native agent works with.
#[derive(Clone)]
pub struct NativeDeps {
    /// Decides.
    pub model: Arc<dyn Model>,
    /// Acts; the profile has the size of the pages.
    pub tools: HandsOptions,
    /// How the model wants to be spoken to.
    pub profile: Arc<Profile>,
    /// The words that it was trained with.
    pub prompts: Arc<Prompts>,
}

/// Acquires a session, opens the start page and looks at it.
pub async fn open(deps: NativeDeps, order: SurfOpen) -> (SurfOpened, Option<SurferHandle>) {
    let tools = HandsOptions { viewport: Some(deps.profile.viewport), ..deps.tools.clone() };
    SurferHandle::open(&tools, order, |hands, open| Box::new(Native::new(deps, open, hands))).await
}

struct Native {
    model: Arc<dyn Model>,
    profile: Arc<Profile>,
    prompts: Arc<Prompts>,
    open: SurfOpen,
    hands: Hands,
    history: History,
    /// What stands beside the next picture.
    beside: Beside,
    has_begun: bool,
    /// Where the pointer stands, in the model's space.
    pointer: (f64, f64),
    facts: Vec<String>,
    /// Replies in a row that were no action.
    unreadable: u32,
    /// What the gate held last, as the model said it.
    held: Option<Decided>,
}

/// What the model wants to do, in the page's own pixels.
struct Decided {
    thought: String,
    action: Action,
    raw: String,
    model: String,
}

#[async_trait]
impl Surfing for Native {
    async fn step(&mut self, order: SurfOrder, spent: &mut Spent) -> Result<SurfedStep, Stopped> {
        let began = Instant::now();
        let decided = match self.allowed_now(&order) {
            Some(held) => Ok(held),
            None => {
                self.show(&order).await?;
                self.decide(order.step.0, spent).await?
            }
        };
        let (thought, raw, model, done) = match decided {
            Ok(decided) => {
                self.unreadable = 0;
                let done = self.act(&decided, &order.grants, spent).await?;
                let (thought, raw, model) = (decided.thought.clone(), decided.raw.clone(), decided.model.clone());
                if let GateDecision::Held { .. } = done.gate {
                    self.held = Some(decided);
                }
                (thought, raw, model, done)
            }
            Err(Unreadable { why, raw, model }) => {
                self.unreadable += 1;
                if self.unreadable == UNREADABLE_IN_A_ROW {
                    let detail = format!("{UNREADABLE_IN_A_ROW} replies of the model in a row were no action; the last: {why}");
                    return Err(Stopped::Failed { kind: EnvFailure::Model, detail });
                }
                self.beside = Beside::Note(format!("ERROR: {why}"));
                // nothing was decided that could be done: the step passes without touching the page
                let done = Done { kept: Action::Wait { seconds: 0.0 }, typed: Vec::new(), gate: GateDecision::Pass, effect: failed(why) };
                (String::new(), raw, model, done)
            }
        };
        let step = SurfedStep {
            state_description: String::new(),
            reasoning: thought,
            action: done.kept,
            gate: done.gate,
            effect: done.effect,
            som_screenshot: None,
            tools_offered: self.profile.actions.clone(),
            facts: self.facts.clone(),
            observation: self.hands.page().observation.clone(),
            usage: spent.usage,
            model_ms: spent.model_ms,
            total_ms: began.elapsed().as_secs_f64() * 1e3,
            raw_reply: raw,
            model,
        };
        Ok(self.hands.secrets.hide_step(step, &done.typed))
    }

    fn hands(&mut self) -> &mut Hands {
        &mut self.hands
    }
}

impl Native {
    fn new(deps: NativeDeps, open: SurfOpen, hands: Hands) -> Self {
        let history = History::new(deps.profile.window, deps.prompts.next.clone());
        Self {
            model: deps.model,
            profile: deps.profile,
            prompts: deps.prompts,
            open,
            hands,
            history,
            beside: Beside::Nothing,
            has_begun: false,
            pointer: (0.0, 0.0),
            facts: Vec::new(),
            unreadable: 0,
            held: None,
        }
    }

    /// What the gate held, if the user has just allowed that and nothing more is to be said: it is done as it was decided. Data that came
    /// with the permission is something that the model has to hear of first.
    fn allowed_now(&mut self, order: &SurfOrder) -> Option<Decided> {
        let held = self.held.take()?;
        let has_data = order.grants.last().is_some_and(|grant| !grant.data.is_empty());
        (!has_data && order.current_intent.is_none() && !self.hands.holds(&held.action, &order.grants)).then_some(held)
    }

    /// Puts the page as it is now into the conversation.
    async fn show(&mut self, order: &SurfOrder) -> Result<(), Stopped> {
        let (picture, _) = self.picture().await?;
        let given = self.hands.secrets.learn(&order.grants);
        let beside = std::mem::replace(&mut self.beside, Beside::Nothing);
        match &order.current_intent {
            Some(next) => self.history.task(picture, &self.hands.secrets.hide(next)),
            None if !std::mem::replace(&mut self.has_begun, true) => self.history.task(picture, &self.open.task.intent),
            None => {
                let url = &self.hands.page().observation.url;
                let beside = match order.user_messages.as_slice() {
                    [] => beside,
                    said => {
                        let mut said = self.hands.secrets.hide(&said.join("\n"));
                        for (name, value) in &given {
                            said.push_str(&format!("\n{}: {value}", name.replace('_', " ")));
                        }
                        Beside::User(said)
                    }
                };
                self.history.look(picture, url, beside);
            }
        }
        Ok(())
    }

    /// The page's picture as the model sees it; work for the processor, beside everything else.
    async fn picture(&self) -> Result<(Bytes, (u32, u32)), Stopped> {
        let (picture, screenshot) = (self.profile.picture, self.hands.page().screenshot.clone());
        let broken = |why: String| Stopped::Failed { kind: EnvFailure::BrowserCrashed, detail: format!("the screenshot: {why}") };
        let made = tokio::task::spawn_blocking(move || seen_by(picture, &screenshot)).await;
        made.map_err(|error| broken(error.to_string()))?.map_err(broken)
    }

    /// Asks the model for the next action.
    async fn decide(&mut self, step: u32, spent: &mut Spent) -> Result<Result<Decided, Unreadable>, Stopped> {
        let seen = self.seen()?;
        let system = self.prompts.system(self.profile.space.size(seen));
        let sampling = &self.profile.sampling;
        let request = ChatRequest {
            scope: self.scope(step),
            role: ModelRole::Native,
            messages: self.history.messages(&system),
            schema: None,
            max_tokens: sampling.max_tokens,
            temperature: sampling.temperature,
            stop: sampling.stop.clone(),
            extra: sampling.extra.clone(),
            priority: Priority::default(),
        };
        let reply = self.ask(request, spent).await?;
        let raw = as_said(&reply);
        self.history.said(&raw);
        let habits = Habits { pointer: self.pointer, press_enter: self.profile.enter_after_typing };
        let parsed = match parse(&reply.text, &reply.calls, habits) {
            Ok(parsed) if self.profile.actions.iter().any(|known| known == parsed.name) => parsed,
            Ok(Parsed { name, .. }) => {
                let why = format!("there is no action {name:?} here; the actions are {}", self.profile.actions.join(", "));
                return Ok(Err(Unreadable { why, raw, model: reply.model }));
            }
            Err(error) => return Ok(Err(Unreadable { why: error.to_string(), raw, model: reply.model })),
        };
        if let Some(target) = parsed.action.target() {
            self.pointer = (target.x, target.y);
        }
        let action = self.on_page(parsed.action, &parsed.thought, seen);
        Ok(Ok(Decided { thought: parsed.thought, action, raw, model: reply.model }))
    }

    async fn ask(&self, request: ChatRequest, spent: &mut Spent) -> Result<ChatReply, Stopped> {
        match self.model.generate(request).await {
            Ok(reply) => {
                spent.usage += reply.usage;
                spent.model_ms += reply.latency_ms;
                Ok(reply)
            }
            Err(error) => {
                let kind = if error.is_outage() { EnvFailure::ModelDown } else { EnvFailure::Model };
                let detail = match &error {
                    ModelError::BudgetSpent { .. } => error.to_string(),
                    _ => format!("the native agent's model: {error}"),
                };
                Err(Stopped::Failed { kind, detail })
            }
        }
    }

    /// The size at which the model sees the page.
    fn seen(&self) -> Result<(u32, u32), Stopped> {
        let viewport = self.hands.page().observation.viewport;
        wayfarer_pixels::smart_resize(viewport.width, viewport.height, self.profile.picture.resizing())
            .map_err(|error| Stopped::Failed { kind: EnvFailure::BrowserCrashed, detail: error.to_string() })
    }

    /// The action in the page's own pixels.
    fn on_page(&self, action: Action, thought: &str, seen: (u32, u32)) -> Action {
        let observation = &self.hands.page().observation;
        let (space, viewport) = (self.profile.space, observation.viewport);
        let place = |target: Target| {
            let (x, y) = space.to_viewport((target.x, target.y), seen, viewport);
            // the label is for people: the click goes where the model said
            let label = observation.mark_at(x, y).map(label_of).unwrap_or_default();
            Target { mark: None, x, y, label }
        };
        let (width, height) = space.size(seen);
        let long = |pixels: i32, from: u32, to: u32| match space {
            crate::Space::Resized => pixels,
            crate::Space::Grid { .. } => (i64::from(pixels) * i64::from(to) / i64::from(from.max(1))) as i32,
        };
        match action {
            Action::LeftClick { target } => Action::LeftClick { target: place(target) },
            Action::DoubleClick { target } => Action::DoubleClick { target: place(target) },
            Action::TripleClick { target } => Action::TripleClick { target: place(target) },
            Action::RightClick { target } => Action::RightClick { target: place(target) },
            Action::MouseMove { target } => Action::MouseMove { target: place(target) },
            Action::SelectOption { target, option } => Action::SelectOption { target: place(target), option },
            Action::LeftClickDrag { from, to } => Action::LeftClickDrag { from: place(from), to: place(to) },
            Action::Type { target, text, press_enter, delete_existing_text } => {
                Action::Type { target: target.map(place), text, press_enter, delete_existing_text }
            }
            Action::Scroll { pixels, target } => {
                Action::Scroll { pixels: long(pixels, height, viewport.height), target: target.map(place) }
            }
            Action::Hscroll { pixels, target } => {
                Action::Hscroll { pixels: long(pixels, width, viewport.width), target: target.map(place) }
            }
            Action::Terminate { status, answer } => {
                let words = match self.profile.answer_in {
                    AnswerIn::Thought if !thought.is_empty() => thought.to_owned(),
                    AnswerIn::Argument if answer.is_empty() => thought.to_owned(),
                    _ => answer,
                };
                Action::Terminate { status, answer: words }
            }
            other => other,
        }
    }

    /// Does it, and takes note of what the model is to hear of it.
    async fn act(&mut self, decided: &Decided, grants: &[Grant], spent: &mut Spent) -> Result<Done, Stopped> {
        let done = self.hands.act(decided.action.clone(), grants).await?;
        match &done.kept {
            Action::PauseAndMemorizeFact { fact } => self.facts.push(fact.clone()),
            Action::ReadPage { question } => {
                let answer = self.read(question, done.effect.page_text.as_deref().unwrap_or_default(), spent).await?;
                self.beside = Beside::Note(answer);
            }
            _ => {}
        }
        if let (Some(error), GateDecision::Pass | GateDecision::Permitted { .. }) = (&done.effect.error, &done.gate) {
            self.beside = Beside::Note(format!("ERROR: {error}"));
        }
        Ok(done)
    }

    /// An answer from the whole page, by the same model.
    async fn read(&self, question: &str, page: &str, spent: &mut Spent) -> Result<String, Stopped> {
        let page: String = self.hands.secrets.hide(page).chars().take(READ_LENGTH).collect();
        let words = format!("Answer the question from this page alone, in a few sentences.\n\nQuestion: {question}\n\nPage:\n{page}");
        let request = ChatRequest {
            scope: self.scope(0),
            role: ModelRole::Native,
            messages: vec![Message { speaker: Speaker::User, parts: vec![Part::Text(words)] }],
            schema: None,
            max_tokens: READ_TOKENS,
            temperature: 0.0,
            stop: Vec::new(),
            extra: self.profile.sampling.extra.clone(),
            priority: Priority::default(),
        };
        let reply = self.ask(request, spent).await?;
        Ok(format!("Read from the page: {}", reply.text.trim().chars().take(NOTE_LENGTH).collect::<String>()))
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
}

/// A reply that is no action.
struct Unreadable {
    why: String,
    raw: String,
    model: String,
}

/// What the model said, with the call that its server took out of the text put back: so it reads what it wrote.
fn as_said(reply: &ChatReply) -> String {
    match reply.calls.first() {
        Some(call) if !reply.text.contains("<tool_call>") => {
            let call = format!("<tool_call>\n{{\"name\": {:?}, \"arguments\": {}}}\n</tool_call>", call.name, call.arguments);
            if reply.text.trim().is_empty() { call } else { format!("{}\n{call}", reply.text.trim_end()) }
        }
        _ => reply.text.clone(),
    }
}

fn label_of(mark: &Mark) -> String {
    if mark.name.is_empty() { mark.role.clone() } else { format!("{} {:?}", mark.role, mark.name) }
}

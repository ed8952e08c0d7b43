//! Engines that serve one model, and the calls that wait for them.
//!
//! ```text
//!  call ─▶ fair line (fair.rs) ─▶ the first that has a place: its session's home engine, or the least burdened ─▶ engine (engine.rs)
//!              ▲                                                                                               │ hangs, dies
//!              └──────────────────────────────── moves, to another engine ◀──── canaries (canary.rs) ◀─────────┘
//! ```
//!
//! Calls wait here and not in the engines, so that a decision is taken when a place is free and not before. A session stays with the engine
//! that has its prompt's beginning and its pictures in memory, unless that one is out, or has been full for [`AFFINITY_PATIENCE`].

mod canary;
mod engine;
mod fair;

use engine::Engine;
use fair::FairQueue;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::Duration;
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use wayfarer_chat::{ChatReply, ChatRequest, Message, Model, ModelError, Part, Priority};
use wayfarer_core::prompt::ModelRole;
use wayfarer_core::{TenantId, Usage};

/// How long a call waits for its session's home engine while another one is free (spec/inference.md 6: 1 to 2 s).
pub const AFFINITY_PATIENCE: Duration = Duration::from_millis(1500);
/// Sessions whose home is remembered, and for how long after their last call.
const MOST_HOMES: usize = 100_000;
const HOME_IDLE: Duration = Duration::from_secs(600);
/// Calls that may wait for each place, before the next one is told to come back later.
const WAITING_PER_PLACE: usize = 64;
/// When asking again makes sense where nothing is known yet.
const RETRY_AFTER: Duration = Duration::from_secs(2);
/// Seconds after which it does in any case.
const LONGEST_RETRY_AFTER: f64 = 60.0;
/// Share of calls that may be tried a second time because an engine failed them; calls of an engine that was ejected are not counted.
const RETRY_SHARE: f64 = 0.2;
/// Second tries that may have been saved up.
const MOST_RETRIES: f64 = 20.0;
/// Words of an answer that wait for whoever reads them; the engine is read no faster.
const WORDS_ON_THE_WAY: usize = 64;
/// What a picture is taken for before the engine has counted (spec/inference.md 6: 1440×900 as Fara sees it), and bytes of text per token.
const TOKENS_PER_PICTURE: f64 = 1632.0;
const BYTES_PER_TOKEN: f64 = 4.0;
/// A token that is generated costs an engine as much as some that are read (spec/inference.md 6).
const COST_OF_OUTPUT: f64 = 4.0;

/// An engine, and how it is spoken to.
pub struct EngineSpec {
    /// Speaks to it.
    pub model: Arc<dyn Model>,
    /// Its address as it may be shown.
    pub shown: String,
}

/// How a fleet works.
#[derive(Debug, Clone)]
pub struct FleetOptions {
    /// Calls at a time to each engine, at most.
    pub max_in_flight: usize,
    /// How long a call may wait for its place.
    pub longest_wait: Duration,
    /// Tries of a call beside the first, on other engines.
    pub retries: u32,
    /// What tenants weigh against each other; 1 where it is not said.
    pub weights: HashMap<TenantId, f64>,
}

/// Engines that serve one model.
#[derive(Clone)]
pub struct Fleet(Arc<Inner>);

/// A fleet that may be gone.
pub(crate) struct WeakFleet(Weak<Inner>);

impl WeakFleet {
    pub(crate) fn upgrade(&self) -> Option<Fleet> {
        self.0.upgrade().map(Fleet)
    }
}

struct Inner {
    state: Mutex<State>,
    options: FleetOptions,
    /// An engine was refused for its aim: who waits for one that clicks looks whether there is any.
    refused: Notify,
    /// Looks after the engines, from the first call on.
    watch: OnceLock<()>,
}

struct State {
    queue: FairQueue<Ticket>,
    engines: Vec<Engine>,
    homes: HashMap<String, (usize, Instant)>,
    calls: u64,
    retries: f64,
}

/// A call that waits for a place.
struct Ticket {
    session: Option<String>,
    since: Instant,
    /// It has failed there.
    avoid: Option<usize>,
    /// Its answer says where to click.
    clicks: bool,
    cost: f64,
    assign: oneshot::Sender<Place>,
}

/// A place at an engine; given back with it, whatever came of the call.
struct Place {
    fleet: Fleet,
    tenant: TenantId,
    engine: usize,
    call: u64,
    model: Arc<dyn Model>,
    moves: CancellationToken,
    /// Tokens that the tenant was charged for it; more or less than nothing remains to be charged once they are known.
    cost: f64,
    real_cost: f64,
}

impl Drop for Place {
    fn drop(&mut self) {
        {
            let mut state = self.fleet.state();
            state.engines[self.engine].left(self.call);
            state.queue.charge(&self.tenant, self.real_cost - self.cost);
            state.queue.ended(&self.tenant);
        }
        self.fleet.assign_places();
    }
}

/// A call in the line; out of it when nobody waits for it any more.
struct Waiting<'a> {
    fleet: &'a Fleet,
    tenant: &'a TenantId,
    priority: Priority,
    number: u64,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.fleet.state().queue.remove(self.tenant, self.priority, self.number);
    }
}

impl Fleet {
    /// A fleet of these engines. Nothing is sent before the first call.
    pub fn new(engines: impl IntoIterator<Item = EngineSpec>, options: FleetOptions) -> Self {
        let engines = engines.into_iter().map(|spec| Engine::new(spec.model, spec.shown, options.max_in_flight)).collect();
        let queue = FairQueue::new(options.weights.clone());
        let state = State { queue, engines, homes: HashMap::new(), calls: 0, retries: MOST_RETRIES };
        Self(Arc::new(Inner { state: Mutex::new(state), options, refused: Notify::new(), watch: OnceLock::new() }))
    }

    /// Calls that wait for a place.
    pub(crate) fn waiting(&self) -> usize {
        self.state().queue.len()
    }

    /// How many engines it has.
    pub(crate) fn size(&self) -> usize {
        self.state().engines.len()
    }

    /// An engine's model, its address as it may be shown, and how often it has come back.
    pub(crate) fn engine(&self, engine: usize) -> (Arc<dyn Model>, String, u64) {
        let engine = &self.state().engines[engine];
        (Arc::clone(&engine.model), engine.shown.clone(), engine.returns)
    }

    /// Whether an engine gets no calls that click.
    pub(crate) fn set_refused_for_aim(&self, engine: usize, is_refused: bool) {
        self.state().engines[engine].is_refused_for_aim = is_refused;
        self.0.refused.notify_waiters();
        self.assign_places();
    }

    /// The fleet, without keeping it.
    pub(crate) fn weak(&self) -> WeakFleet {
        WeakFleet(Arc::downgrade(&self.0))
    }

    /// Whether this is the same fleet.
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One reply; its words go there as they come, if anybody wants them. A call whose engine hangs or dies moves to another one, unless
    /// words of it have been passed on.
    pub async fn generate(&self, request: ChatRequest, words: Option<&mpsc::Sender<String>>) -> Result<ChatReply, ModelError> {
        self.0.watch.get_or_init(|| canary::watch(&self.0));
        let until = Instant::now() + self.0.options.longest_wait;
        let cost = expected_cost(&request.messages, request.max_tokens);
        let (mut tries, mut avoid) = (0, None);
        loop {
            let mut place = self.place(&request, cost, avoid, until).await?;
            tries += 1;
            let began = Instant::now();
            let has_begun = AtomicBool::new(false);
            let answered = tokio::select! {
                answered = ask(place.model.as_ref(), request.clone(), words, &has_begun) => Some(answered),
                () = place.moves.cancelled() => None,
            };
            avoid = Some(place.engine);
            match answered {
                // what was passed on cannot be taken back
                None if has_begun.load(Ordering::Relaxed) => return Err(self.broke_off(place.engine)),
                Some(Ok(mut reply)) => {
                    place.real_cost = real_cost(&reply.usage);
                    self.answered(place.engine, began.elapsed());
                    reply.tries += tries - 1;
                    return Ok(reply);
                }
                // the engine was ejected under the call: nothing of it was used
                None => {}
                Some(Err(error)) => {
                    let may = self.may_try_again(&error, place.engine, tries);
                    // whoever asks over a wire waits for one call and its place, and for no more
                    if !may || has_begun.load(Ordering::Relaxed) || Instant::now() >= until {
                        return Err(error);
                    }
                }
            }
        }
    }

    fn broke_off(&self, engine: usize) -> ModelError {
        ModelError::Down { endpoint: self.state().engines[engine].shown.clone(), why: "it stopped in the middle of its answer".into() }
    }

    fn answered(&self, engine: usize, took: Duration) {
        let mut state = self.state();
        state.engines[engine].answered(took);
        state.retries = (state.retries + RETRY_SHARE).min(MOST_RETRIES);
    }

    /// Takes note of a failure; whether the call may be tried elsewhere.
    fn may_try_again(&self, error: &ModelError, engine: usize, tries: u32) -> bool {
        let mut state = self.state();
        if state.engines.len() == 1 || !error.is_outage() {
            return false;
        }
        let failed = &mut state.engines[engine];
        match error {
            ModelError::Busy { .. } => failed.refused_for_load(),
            _ if failed.failed() => {
                let moved = failed.eject();
                tracing::warn!(engine = failed.shown, moved, %error, "an engine fails and is out");
            }
            _ => {}
        }
        // what an engine that is out has failed moves, as what it still had does
        if !failed.is_usable() {
            return true;
        }
        if tries > self.0.options.retries || state.retries < 1.0 {
            return false;
        }
        state.retries -= 1.0;
        true
    }

    /// Waits for a place.
    async fn place(&self, request: &ChatRequest, cost: f64, avoid: Option<usize>, until: Instant) -> Result<Place, ModelError> {
        let (tenant, priority) = (&request.scope.tenant, request.priority);
        let clicks = request.role == ModelRole::Native;
        let _counted = wayfarer_telemetry::metrics().model_waits();
        let (assign, mut assigned) = oneshot::channel();
        let number = {
            let mut state = self.state();
            let places: usize = state.engines.iter().map(Engine::places).sum();
            let waiting = state.queue.len();
            if waiting >= places.max(1) * WAITING_PER_PLACE {
                return Err(ModelError::Busy { retry_after_ms: state.wait_for(waiting, places).as_millis() as u64 });
            }
            let session = request.scope.attempt.as_ref().map(|attempt| format!("{tenant}/{attempt}"));
            let ticket = Ticket { session, since: Instant::now(), avoid, clicks, cost, assign };
            state.queue.push(tenant, priority, ticket)
        };
        self.assign_places();
        let _waiting = Waiting { fleet: self, tenant, priority, number };
        let mut patience = Some(Instant::now() + AFFINITY_PATIENCE);
        loop {
            let next = patience.map_or(until, |patience| patience.min(until));
            let refused = self.0.refused.notified();
            if clicks && self.state().engines.iter().all(|engine| engine.is_refused_for_aim) {
                return Err(self.nobody_aims());
            }
            tokio::select! {
                biased;
                assigned = &mut assigned => {
                    return assigned.map_err(|_| ModelError::ServiceDown { why: "the pool is closed".into() });
                }
                () = refused => {}
                () = tokio::time::sleep_until(next) => {
                    if Instant::now() >= until {
                        return Err(self.nobody_had_a_place(request));
                    }
                    // from now on any engine will do
                    patience = None;
                    self.assign_places();
                }
            }
        }
    }

    fn nobody_aims(&self) -> ModelError {
        let endpoint = self.shown();
        ModelError::Down { endpoint, why: "it does not click where it means to, and inference.canary refuses it; see the log".into() }
    }

    fn shown(&self) -> String {
        let state = self.state();
        let shown: Vec<&str> = state.engines.iter().map(|engine| engine.shown.as_str()).collect();
        shown.join(", ")
    }

    fn nobody_had_a_place(&self, request: &ChatRequest) -> ModelError {
        let endpoint = self.shown();
        let state = self.state();
        if state.engines.iter().any(Engine::is_usable) {
            tracing::debug!(tenant = %request.scope.tenant, waiting = state.queue.len(), "no place came free in time");
            return ModelError::Slow { endpoint, seconds: self.0.options.longest_wait.as_secs() };
        }
        ModelError::Down { endpoint, why: "no engine answers its canary".into() }
    }

    /// Gives free places to those that wait, in fair order.
    fn assign_places(&self) {
        // places that nobody takes any more; giving them back needs the lock
        let mut returned = Vec::new();
        let mut state = self.state();
        loop {
            let State { queue, engines, homes, .. } = &mut *state;
            let now = Instant::now();
            if queue.len() == 0 || !engines.iter().any(Engine::has_place) {
                break;
            }
            let Some((tenant, ticket, engine)) = queue.take(|ticket| choose(ticket, engines, homes, now)) else { break };
            queue.charge(&tenant, ticket.cost);
            state.calls += 1;
            let call = state.calls;
            let moves = state.engines[engine].give(call);
            if let Some(session) = &ticket.session {
                state.settle(session, engine, now);
            }
            let model = Arc::clone(&state.engines[engine].model);
            let place = Place { fleet: self.clone(), tenant, engine, call, model, moves, cost: ticket.cost, real_cost: 0.0 };
            returned.extend(ticket.assign.send(place).err());
        }
        drop(state);
        drop(returned);
    }

    /// Whether an engine answers now, as cheaply as can be found out.
    pub(crate) async fn reach(&self) -> Result<(), ModelError> {
        let models: Vec<Arc<dyn Model>> = self.state().engines.iter().map(|engine| Arc::clone(&engine.model)).collect();
        let mut last = Ok(());
        for model in models {
            last = model.reach().await;
            if last.is_ok() {
                break;
            }
        }
        last
    }
}

/// Asks an engine, and passes its words on as they come.
async fn ask(
    model: &dyn Model,
    request: ChatRequest,
    words: Option<&mpsc::Sender<String>>,
    has_begun: &AtomicBool,
) -> Result<ChatReply, ModelError> {
    let Some(words) = words else { return model.generate(request).await };
    let (said, mut saying) = mpsc::channel(WORDS_ON_THE_WAY);
    let passing = async {
        while let Some(word) = saying.recv().await {
            has_begun.store(true, Ordering::Relaxed);
            // whoever listened may have gone; then the call is dropped from outside
            let _ = words.send(word).await;
        }
    };
    let (answered, ()) = tokio::join!(model.stream(request, said), passing);
    answered
}

/// Where a call is to go now, if anywhere.
fn choose(ticket: &Ticket, engines: &[Engine], homes: &HashMap<String, (usize, Instant)>, now: Instant) -> Option<usize> {
    let suits = |engine: &Engine| engine.is_usable() && !(ticket.clicks && engine.is_refused_for_aim);
    let other_usable = |engine: usize| engines.iter().enumerate().any(|(other, it)| other != engine && suits(it));
    let is_open = |engine: &usize| Some(*engine) != ticket.avoid || !other_usable(*engine);
    let home = ticket.session.as_ref().and_then(|session| homes.get(session)).map(|(engine, _)| *engine);
    if let Some(home) = home.filter(|home| suits(&engines[*home]) && is_open(home)) {
        if engines[home].has_place() {
            return Some(home);
        }
        if now.duration_since(ticket.since) < AFFINITY_PATIENCE {
            return None;
        }
    }
    let free = (0..engines.len()).filter(is_open).filter(|engine| suits(&engines[*engine]) && engines[*engine].has_place());
    let usual = usual_pace(engines).unwrap_or(1.0);
    free.min_by(|one, other| engines[*one].burden(usual).total_cmp(&engines[*other].burden(usual)))
}

/// Mean seconds of a call, over the engines that have answered any.
fn usual_pace(engines: &[Engine]) -> Option<f64> {
    let paces: Vec<f64> = engines.iter().filter(|engine| engine.is_usable()).filter_map(Engine::pace).collect();
    (!paces.is_empty()).then(|| paces.iter().sum::<f64>() / paces.len() as f64)
}

impl State {
    /// A session's calls go there from now on.
    fn settle(&mut self, session: &str, engine: usize, now: Instant) {
        if self.homes.len() >= MOST_HOMES {
            self.homes.retain(|_, (_, used)| now.duration_since(*used) < HOME_IDLE);
        }
        if self.homes.len() < MOST_HOMES || self.homes.contains_key(session) {
            self.homes.insert(session.to_owned(), (engine, now));
        }
    }

    /// How long the line takes at the engines' pace.
    fn wait_for(&self, waiting: usize, places: usize) -> Duration {
        let wait = |pace: f64| Duration::from_secs_f64((waiting as f64 / places.max(1) as f64 * pace).min(LONGEST_RETRY_AFTER));
        usual_pace(&self.engines).map_or(RETRY_AFTER, wait)
    }
}

/// What a call is taken to cost before it is answered, in tokens of input.
fn expected_cost(messages: &[Message], max_tokens: u32) -> f64 {
    let parts = messages.iter().flat_map(|message| &message.parts);
    let input: f64 = parts
        .map(|part| match part {
            Part::Text(text) => text.len() as f64 / BYTES_PER_TOKEN,
            Part::Png(_) => TOKENS_PER_PICTURE,
        })
        .sum();
    // few replies are as long as they may be
    input + COST_OF_OUTPUT * f64::from(max_tokens) / 8.0
}

/// What an engine still had in memory cost it nothing.
fn real_cost(usage: &Usage) -> f64 {
    usage.prompt_tokens.saturating_sub(usage.cached_tokens) as f64 + COST_OF_OUTPUT * usage.completion_tokens as f64
}

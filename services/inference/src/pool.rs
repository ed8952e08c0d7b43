//! From role to engine: admitted by the budget, given a place at an engine (`fleet/`), answered, counted.

use crate::accounts::Accounts;
use crate::aim::{self, AimOptions, Misses};
use crate::budget::{SpendingBudget, Unlimited};
use crate::engines::engines;
use crate::fleet::{EngineSpec, Fleet, FleetOptions};
use crate::health::Health;
use async_trait::async_trait;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::Instant;
use wayfarer_chat::{ChatReply, ChatRequest, Message, Model, ModelError, Part, Scope, Served, Speaker};
use wayfarer_config::{Endpoint, Inference};
use wayfarer_core::TenantId;
use wayfarer_core::prompt::ModelRole;
use wayfarer_engine::EngineError;
use wayfarer_telemetry::{ModelUsage, metrics};

/// For what the pool does around a call: asking Redis what may be spent, telling it what was.
const AROUND_A_CALL: Duration = Duration::from_secs(15);
/// An endpoint that answered within this time is taken to be there.
const RECENT: Duration = Duration::from_secs(30);
/// Pixels along each side of what a picture's token stands for.
const PIXELS_PER_TOKEN: u64 = 28;
/// Tokens of the one word that a check asks for; some servers refuse fewer.
const CHECK_TOKENS: u32 = 16;

/// Why there is no pool.
#[derive(Debug, thiserror::Error)]
pub enum PoolError {
    /// A role has no endpoint.
    #[error("the role {role} has no model endpoint; set inference.base_url, or start the stand-in model and give its address")]
    NoEndpoint {
        /// The role.
        role: &'static str,
    },
    /// The variable of the key is not set.
    #[error("the environment variable {name} is to hold the key of {endpoint} but is not set; set it, or clear api_key_env")]
    NoKey {
        /// The variable.
        name: String,
        /// The endpoint.
        endpoint: String,
    },
    /// The endpoint's address is wrong.
    #[error(transparent)]
    Endpoint(#[from] ModelError),
    /// The address of a checkpoint is none.
    #[error("{address} {why}")]
    Checkpoint {
        /// The address.
        address: String,
        /// What is wrong with it, and what would be right.
        why: String,
    },
    /// The in-process engine cannot be started.
    #[error("{address}: {why}")]
    Engine {
        /// Of its checkpoint.
        address: String,
        /// What was met.
        why: EngineError,
    },
}

/// Where the calls of a role go: engines that serve one model. Roles that share an endpoint share one route, and its places.
#[derive(Clone)]
pub struct Route {
    fleet: Fleet,
    name: String,
    /// Of each engine.
    health: Vec<Arc<Health>>,
}

impl Route {
    /// A route to any model: `name` is what metrics and `Routes` call it, `max_in_flight` bounds its calls at the same time, and no
    /// call waits longer than `longest_wait` for its place.
    pub fn new(model: Arc<dyn Model>, name: impl Into<String>, max_in_flight: usize, longest_wait: Duration) -> Self {
        let name = name.into();
        let options = FleetOptions { max_in_flight, longest_wait, retries: 0, weights: HashMap::new() };
        Self::to_engines([EngineSpec { model, shown: name.clone() }], name, options)
    }

    /// A route to several engines that serve the same model.
    pub fn to_engines(engines: impl IntoIterator<Item = EngineSpec>, name: impl Into<String>, options: FleetOptions) -> Self {
        let mut health = Vec::new();
        let engines: Vec<EngineSpec> = engines
            .into_iter()
            .map(|EngineSpec { model, shown }| {
                let watched = Watched { model, shown: shown.clone(), timeout: options.longest_wait, health: Arc::default() };
                health.push(Arc::clone(&watched.health));
                EngineSpec { model: Arc::new(watched), shown }
            })
            .collect();
        Self { fleet: Fleet::new(engines, options), name: name.into(), health }
    }
}

/// An engine whose health is known: it is waited for as long as that deserves.
struct Watched {
    model: Arc<dyn Model>,
    shown: String,
    timeout: Duration,
    health: Arc<Health>,
}

impl Watched {
    async fn watch(&self, called: impl Future<Output = Result<ChatReply, ModelError>>) -> Result<ChatReply, ModelError> {
        let result = match self.health.patience(self.timeout) {
            None => called.await,
            Some(patience) => tokio::time::timeout(patience, called)
                .await
                .unwrap_or_else(|_| Err(ModelError::Slow { endpoint: self.shown.clone(), seconds: patience.as_secs() })),
        };
        match &result {
            Ok(_) => self.health.answered(),
            Err(error) => self.health.failed(error),
        }
        result
    }
}

#[async_trait]
impl Model for Watched {
    async fn generate(&self, request: ChatRequest) -> Result<ChatReply, ModelError> {
        self.watch(self.model.generate(request)).await
    }

    async fn stream(&self, request: ChatRequest, words: mpsc::Sender<String>) -> Result<ChatReply, ModelError> {
        self.watch(self.model.stream(request, words)).await
    }

    async fn reach(&self) -> Result<(), ModelError> {
        if self.health.answered_within(RECENT) {
            return Ok(());
        }
        self.model.reach().await
    }

    async fn identify(&self) -> Result<Served, ModelError> {
        self.model.identify().await
    }
}

/// Models by role.
#[derive(Clone)]
pub struct Pool {
    routes: BTreeMap<ModelRole, Route>,
    budget: Arc<dyn SpendingBudget>,
    misses: Misses,
    accounts: Accounts,
}

impl Pool {
    /// A pool with these routes and no budget.
    pub fn new(routes: impl IntoIterator<Item = (ModelRole, Route)>) -> Self {
        Self { routes: routes.into_iter().collect(), budget: Arc::new(Unlimited), misses: Misses::default(), accounts: Accounts::default() }
    }

    /// The pool that is configured; `variable` looks environment variables up (keys are never in the configuration itself). Checkpoints of
    /// engines in this process are read before this returns: not for a thread that others wait for.
    pub fn from_config(config: &Inference, variable: impl Fn(&str) -> Option<String>) -> Result<Self, PoolError> {
        let mut known: HashMap<String, Route> = HashMap::new();
        let mut routes = BTreeMap::new();
        for role in ModelRole::ALL {
            let endpoint = config.endpoint_of(role);
            if endpoint.base_url.is_empty() {
                return Err(PoolError::NoEndpoint { role: role.as_str() });
            }
            // roles whose settings are the same in every respect share connections and places
            let identity = format!("{endpoint:?}");
            let route = match known.get(&identity) {
                Some(route) => route.clone(),
                None => {
                    let route = configured_route(&endpoint, config, &variable)?;
                    known.insert(identity, route.clone());
                    route
                }
            };
            routes.insert(role, route);
        }
        Ok(Self::new(routes))
    }

    /// The same pool, with a budget.
    #[must_use]
    pub fn with_budget(self, budget: Arc<dyn SpendingBudget>) -> Self {
        Self { budget, ..self }
    }

    /// The same pool, with accounts that it shares with others.
    #[must_use]
    pub fn with_accounts(self, accounts: Accounts) -> Self {
        Self { accounts, ..self }
    }

    /// Who used what.
    pub fn accounts(&self) -> &Accounts {
        &self.accounts
    }

    /// Shows the engines of the role `native` the canary's pages from now on, in the background, until the pool is gone. What it finds is in
    /// the log, the metrics and [`Pool::misses`].
    pub fn watch_aim(&self, options: AimOptions) {
        if let Some(route) = self.routes.get(&ModelRole::Native) {
            aim::watch(&route.fleet, options, self.misses.clone());
        }
    }

    /// Asks every endpoint for one word, so that a wrong address, name or key is met before there is work that could suffer from it.
    pub async fn check(&self, scope: &Scope) -> Result<(), ModelError> {
        for (role, _) in self.endpoints() {
            let words = vec![Part::Text("Answer with the word ok.".into())];
            let request = ChatRequest {
                scope: scope.clone(),
                role: *role,
                messages: vec![Message { speaker: Speaker::User, parts: words }],
                schema: None,
                max_tokens: CHECK_TOKENS,
                temperature: 0.0,
                stop: Vec::new(),
                extra: Default::default(),
                priority: Default::default(),
            };
            self.generate(request).await?;
        }
        Ok(())
    }

    /// One route to each endpoint, with a role that goes there.
    fn endpoints(&self) -> Vec<(&ModelRole, &Route)> {
        let mut endpoints: Vec<(&ModelRole, &Route)> = Vec::new();
        for (role, route) in &self.routes {
            if !endpoints.iter().any(|(_, known)| known.fleet.is(&route.fleet)) {
                endpoints.push((role, route));
            }
        }
        endpoints
    }

    /// What the endpoints failed with last, those whose last call failed; each once.
    pub fn troubles(&self) -> BTreeSet<String> {
        self.routes.values().flat_map(|route| &route.health).filter_map(|health| health.trouble()).collect()
    }

    /// Engines that do not click where they mean to, by their addresses, and what they do instead ([`Pool::watch_aim`]).
    pub fn misses(&self) -> BTreeMap<String, String> {
        self.misses.all()
    }

    /// A role that is routed to the model of this name.
    pub(crate) fn role_of(&self, model: &str) -> Option<ModelRole> {
        self.routes.iter().find(|(_, route)| route.name == model).map(|(role, _)| *role)
    }

    /// The names of all models, each once.
    pub(crate) fn models(&self) -> BTreeSet<&str> {
        self.routes.values().map(|route| route.name.as_str()).collect()
    }

    /// Calls that wait for a place at an engine.
    pub fn waiting(&self) -> usize {
        self.endpoints().into_iter().map(|(_, route)| route.fleet.waiting()).sum()
    }

    /// Which model answers for which role.
    pub fn model_by_role(&self) -> BTreeMap<String, String> {
        self.routes.iter().map(|(role, route)| (role.as_str().to_owned(), route.name.clone())).collect()
    }
}

/// How long a call to the configured pool may take in all: a place at its endpoint may be waited for as long as the call itself. Who asks
/// over a wire must wait longer than that.
pub fn longest_call(config: &Inference) -> Duration {
    config.longest_timeout() * 2 + AROUND_A_CALL
}

fn configured_route(endpoint: &Endpoint, config: &Inference, variable: &impl Fn(&str) -> Option<String>) -> Result<Route, PoolError> {
    let engines = engines(endpoint, config, variable)?;
    let timeout = Duration::from_secs(endpoint.timeout_seconds);
    let named = |(tenant, weight): (&String, &f64)| Some((TenantId::new(tenant.clone()).ok()?, *weight));
    let options = FleetOptions {
        max_in_flight: config.max_in_flight,
        longest_wait: timeout,
        retries: endpoint.retries,
        weights: config.weights.iter().filter_map(named).collect(),
    };
    Ok(Route::to_engines(engines, endpoint.model.clone(), options))
}

impl Pool {
    /// One reply: admitted by the budget, given a place, counted.
    async fn answer(&self, request: ChatRequest, words: Option<&mpsc::Sender<String>>) -> Result<ChatReply, ModelError> {
        let started = Instant::now();
        let role = request.role.as_str();
        let Some(route) = self.routes.get(&request.role) else {
            return Err(ModelError::ServiceDown { why: format!("no model is routed for the role {role}") });
        };
        let scope = request.scope.clone();
        let (asked_as, image_tokens) = (request.role, image_tokens(&request.messages));
        let answered = async {
            self.budget.admit(&scope).await?;
            route.fleet.generate(request, words).await
        };
        match answered.await {
            Ok(mut reply) => {
                self.budget.spend(&scope, reply.usage).await;
                reply.latency_ms = started.elapsed().as_secs_f64() * 1000.0;
                let usage = usage(&reply, image_tokens);
                self.accounts.count(&scope, asked_as, &route.name, usage);
                metrics().model_answered(role, &route.name, usage, started.elapsed());
                Ok(reply)
            }
            Err(error) => {
                tracing::warn!(role, model = route.name, run = %scope.run, %error, "a model call failed");
                metrics().model_failed(role, &route.name, kind(&error), started.elapsed());
                Err(error)
            }
        }
    }
}

#[async_trait]
impl Model for Pool {
    async fn generate(&self, request: ChatRequest) -> Result<ChatReply, ModelError> {
        self.answer(request, None).await
    }

    async fn stream(&self, request: ChatRequest, words: mpsc::Sender<String>) -> Result<ChatReply, ModelError> {
        self.answer(request, Some(&words)).await
    }

    /// Every endpoint answered lately, or answers now.
    async fn reach(&self) -> Result<(), ModelError> {
        for (_, route) in self.endpoints() {
            route.fleet.reach().await?;
        }
        Ok(())
    }
}

/// Tokens of the pictures, at one for 28×28 pixels as Qwen2.5-VL and Fara-7B have it: servers do not say it. (1440×900 are 1,664 here; Fara-7B's
/// own resizing makes it 1,632.)
fn image_tokens(messages: &[Message]) -> u64 {
    let parts = messages.iter().flat_map(|message| &message.parts);
    let pictures = parts.filter_map(|part| match part {
        Part::Png(png) => Some(png),
        Part::Text(_) => None,
    });
    // width and height stand at one place in every PNG
    let side =
        |png: &[u8], at: usize| png.get(at..at + 4).map_or(0, |side| u64::from(u32::from_be_bytes([side[0], side[1], side[2], side[3]])));
    pictures.map(|png| side(png, 16).div_ceil(PIXELS_PER_TOKEN).saturating_mul(side(png, 20).div_ceil(PIXELS_PER_TOKEN))).sum()
}

/// No more of the sent tokens can have been of pictures than there were.
fn usage(reply: &ChatReply, image_tokens: u64) -> ModelUsage {
    ModelUsage {
        calls: reply.usage.model_calls,
        prompt_tokens: reply.usage.prompt_tokens,
        completion_tokens: reply.usage.completion_tokens,
        cost_usd: reply.usage.cost_usd,
        cached_tokens: reply.usage.cached_tokens,
        image_tokens: image_tokens.min(reply.usage.prompt_tokens),
    }
}

fn kind(error: &ModelError) -> &'static str {
    match error {
        ModelError::Down { .. } => "down",
        ModelError::Slow { .. } => "slow",
        ModelError::Busy { .. } => "busy",
        ModelError::Nonsense { .. } => "nonsense",
        ModelError::BudgetSpent { .. } => "budget_spent",
        ModelError::ServiceDown { .. } => "service_down",
    }
}

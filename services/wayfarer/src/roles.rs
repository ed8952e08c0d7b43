//! The roles of a process, started in the order in which they need each other and stopped in the reverse.

use crate::exit::WrongUsage;
use crate::farms;
use anyhow::{Context, Result};
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use wayfarer_actor_native::{Profile, Prompts};
use wayfarer_actor_verifier::truth::GroundTruth;
use wayfarer_browser::{ChromiumOptions, ChromiumSupply, EgressPolicy, RemoteBrowser};
use wayfarer_bus::{Bus, EventLog, NatsEventLog, RunFollower};
use wayfarer_chat::Model;
use wayfarer_children::Tools;
use wayfarer_config::{CanaryMode, Config, FarmHttp, FarmRemote, Inference};
use wayfarer_core::prompt::ModelRole;
use wayfarer_core::{Calendar, TenantId};
use wayfarer_inference::{ACCOUNTS_MEMORY, Accounts, AimOptions, ByTenant, OnMiss, Pool, SharedBudget};
use wayfarer_lease::registry::SERVICE_TTL;
use wayfarer_lease::{Budget, Ceilings, Redis, Registration, Registry, Tally};
use wayfarer_rpc::{Board, Endpoints, GrpcBrowserSupply, GrpcModel, Keys, SupplyOptions};
use wayfarer_store::Stores;
use wayfarer_telemetry::{Need, Readiness, ReadyRoles};
use wayfarer_websurfer::NativeWords;

/// How much longer a caller waits than the callee may take: the wire's share.
const LONGER: Duration = Duration::from_secs(10);
/// How often the addresses of roles are read again.
const DISCOVERY_EVERY: Duration = Duration::from_secs(1);
/// No bound on what is spent.
const UNBOUNDED: Ceilings = Ceilings { tokens: u64::MAX, micro_usd: u64::MAX };
/// How long draining may take before what is left is given up.
const DRAIN: Duration = Duration::from_secs(30);

/// What a process can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Every model call.
    Inference,
    /// Browser sessions.
    BrowserFarm,
    /// Surfers of attempts.
    Websurfer,
    /// Writes what judged attempts yield.
    Curator,
    /// Judges.
    Verifier,
    /// Attempts.
    Orchestrator,
    /// Tasks from seeds.
    Proposer,
    /// Runs.
    Gateway,
}

impl Role {
    /// In the order in which they are started.
    pub const ALL: [Self; 8] = [
        Self::Inference,
        Self::BrowserFarm,
        Self::Websurfer,
        Self::Curator,
        Self::Verifier,
        Self::Orchestrator,
        Self::Proposer,
        Self::Gateway,
    ];

    /// The name on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Inference => "inference",
            Self::BrowserFarm => "browser-farm",
            Self::Websurfer => "websurfer",
            Self::Curator => "curator",
            Self::Verifier => "verifier",
            Self::Orchestrator => "orchestrator",
            Self::Proposer => "proposer",
            Self::Gateway => "gateway",
        }
    }

    /// Where its gRPC face listens, if it has one.
    fn listens_at(self, config: &Config) -> Option<SocketAddr> {
        match self {
            Self::Inference => Some(config.inference.listen),
            Self::BrowserFarm => Some(config.farm.listen),
            Self::Gateway => Some(config.gateway.listen),
            Self::Websurfer | Self::Curator | Self::Verifier | Self::Orchestrator | Self::Proposer => None,
        }
    }

    /// Whether it opens browser sessions.
    fn uses_browsers(self) -> bool {
        matches!(self, Self::Websurfer | Self::Proposer)
    }

    /// Reads `--roles`.
    pub fn parse_list(names: &[String]) -> Result<Vec<Self>> {
        if names.iter().any(|name| name == "all") {
            return Ok(Self::ALL.to_vec());
        }
        let known = || Self::ALL.map(Self::as_str).join(", ");
        let mut roles = Vec::new();
        for name in names {
            match Self::ALL.into_iter().find(|role| role.as_str() == name) {
                Some(role) => roles.push(role),
                None => return Err(WrongUsage(format!("--roles {name:?} is not a role; the roles are {}, or all", known())).into()),
            }
        }
        roles.sort();
        roles.dedup();
        Ok(roles)
    }
}

/// What roles are made of.
#[derive(Clone)]
pub struct Wiring {
    /// The configuration.
    pub config: Config,
    /// NATS.
    pub bus: Bus,
    /// Redis: leases, discovery, budgets.
    pub redis: Redis,
    /// Where runs are kept.
    pub stores: Stores,
    /// What browsers and fetches may reach.
    pub egress: EgressPolicy,
    /// Which day it is for a run.
    pub calendar: Calendar,
    /// Knows the truth of tasks on worlds that this process has at hand.
    pub truth: Option<Arc<dyn GroundTruth>>,
    /// The models, if they were asked before: a checkpoint is read once.
    pub pool: Option<Pool>,
    /// Name of this process.
    pub worker: String,
    /// Where the roles tell whether they can do their job.
    pub ready: ReadyRoles,
}

/// How long roles wait for each other: nobody gives up before whom it asked has.
#[derive(Debug, Clone, Copy)]
struct Waits {
    /// For the pool of models.
    model_call: Duration,
    /// For a browser farm.
    browser: SupplyOptions,
    /// For a surfer.
    order: Duration,
}

impl Waits {
    fn of(inference: &Inference) -> Self {
        let model_call = wayfarer_inference::longest_call(inference) + LONGER;
        let browser = SupplyOptions::default();
        let browser_call = browser.call_timeout + browser.acquire_wait;
        Self { model_call, browser, order: wayfarer_websurfer::longest_order(model_call, browser_call) + LONGER }
    }
}

type RoleTask = (Role, JoinHandle<Result<()>>);

/// Roles that run.
pub struct Running {
    /// Those that take work; they are drained first.
    workers: Vec<RoleTask>,
    /// Those that the workers need.
    foundations: Vec<RoleTask>,
    stop_workers: CancellationToken,
    stop_foundations: CancellationToken,
    chromium: Option<Arc<ChromiumSupply>>,
    registrations: Vec<Registration>,
    ready: Vec<Readiness>,
    /// What is known of the farms.
    board: Arc<Board>,
    /// The models, if they are called from this process.
    pool: Option<Pool>,
    /// Addresses of the gRPC faces, as others reach them.
    pub faces: Vec<(Role, String)>,
}

/// Starts the roles.
pub async fn start(roles: &[Role], wiring: &Wiring) -> Result<Running> {
    let mut running = Running {
        workers: Vec::new(),
        foundations: Vec::new(),
        stop_workers: CancellationToken::new(),
        stop_foundations: CancellationToken::new(),
        chromium: None,
        registrations: Vec::new(),
        ready: Vec::new(),
        board: Arc::default(),
        pool: None,
        faces: Vec::new(),
    };
    if roles.iter().any(|role| role.uses_browsers()) {
        tokio::spawn(farms::listen(wiring.bus.clone(), running.board.clone(), running.stop_foundations.clone()));
    }
    for role in Role::ALL.into_iter().filter(|role| roles.contains(role)) {
        if let Err(error) = running.start(role, wiring).await {
            running.stop().await;
            return Err(error.context(format!("starting the role {}", role.as_str())));
        }
        tracing::info!(role = role.as_str(), "started");
    }
    wiring.ready.add(running.ready.iter().cloned());
    Ok(running)
}

impl Running {
    async fn start(&mut self, role: Role, wiring: &Wiring) -> Result<()> {
        let config = &wiring.config;
        let log: Arc<dyn EventLog> = Arc::new(NatsEventLog::new(wiring.bus.clone()));
        let follower = Arc::new(RunFollower::new(wiring.bus.clone()));
        let registry = Registry::new(wiring.redis.clone());
        let waits = Waits::of(&config.inference);
        let model: Arc<dyn Model> = Arc::new(GrpcModel::new(self.find(&registry, Role::Inference).await, waits.model_call));
        let farms = self.find(&registry, Role::BrowserFarm).await;
        let browsers = Arc::new(GrpcBrowserSupply::new(farms, waits.browser).with_board(self.board.clone()));
        let stop = self.stop_workers.clone();
        match role {
            Role::Inference => {
                let pool = match &wiring.pool {
                    Some(pool) => pool.clone(),
                    None => inference_pool(config).await?,
                };
                let accounts = Accounts::shared(Tally::new(wiring.redis.clone(), ACCOUNTS_MEMORY));
                let pool = with_budgets(pool, config, &wiring.redis).with_accounts(accounts);
                if let Some(options) = aim(config)? {
                    pool.watch_aim(options);
                }
                self.pool = Some(pool.clone());
                let models = pool.clone();
                let ready = self.needs(role, wiring, Some(Need::new("model", move || reach(models.clone()))));
                if let Some(http) = &config.inference.http {
                    let keys = tenant_keys("inference.http", &http.keys)?;
                    let face = wayfarer_inference::serve_http(pool.clone(), http.listen, keys, self.stop_foundations.clone()).await;
                    let (address, task) = face.with_context(|| format!("listening on {} for models over HTTP", http.listen))?;
                    tracing::info!(%address, "models are served over HTTP");
                    self.foundations.push((role, served(task)));
                }
                let (addr, task) = wayfarer_inference::serve(pool, config.inference.listen, ready, self.stop_foundations.clone()).await?;
                self.face(role, advertised(role, addr, config)?, &registry).await?;
                self.foundations.push((role, served(task)));
            }
            Role::BrowserFarm => {
                let supply = Arc::new(ChromiumSupply::launch(chromium_options(config)?).await.context("starting Chromium")?);
                self.chromium = Some(supply.clone());
                let browsers = supply.clone();
                let ready = self.needs(role, wiring, Some(Need::new("browser", move || check(browsers.clone()))));
                let options = wayfarer_browser_farm::FarmOptions {
                    max_sessions: config.farm.max_sessions,
                    longest_line: config.farm.longest_line,
                    reserve: wayfarer_browser_farm::Reserve {
                        memory_mib: config.farm.reserve_mib,
                        session_mib: config.farm.session_mib,
                        load_per_core: config.farm.load_per_core,
                    },
                    lease: Duration::from_secs(config.farm.lease_seconds),
                    ..Default::default()
                };
                let stop_face = self.stop_foundations.clone();
                let serving = wayfarer_browser_farm::serve(supply, options, config.farm.listen, ready, stop_face).await?;
                let address = advertised(role, serving.address, config)?;
                self.face(role, address.clone(), &registry).await?;
                self.foundations.push((role, served(serving.task)));
                if let Some(http) = &config.farm.http {
                    let face = farm_face(http, wiring.egress.clone())?;
                    let face = wayfarer_browser_farm::serve_face(serving.farm.clone(), face, self.stop_foundations.clone()).await;
                    let face = face.with_context(|| format!("listening on {} for browser sessions over HTTP", http.listen))?;
                    self.foundations.push((role, served(face.task)));
                }
                tokio::spawn(farms::tell(wiring.bus.clone(), serving.farm, address, self.stop_foundations.clone()));
            }
            Role::Websurfer => {
                self.needs(role, wiring, None);
                let service = wayfarer_websurfer::WebSurferService {
                    bus: wiring.bus.clone(),
                    model,
                    browsers,
                    stores: wiring.stores.clone(),
                    egress: wiring.egress.clone(),
                    record: config.farm.record,
                    slots: config.solver.slots,
                    owner_silence: Duration::from_secs(config.cluster.owner_silence_seconds),
                    native: native_words(config)?,
                };
                // surfers outlive the orchestrators that they work for
                self.foundations.push((role, tokio::spawn(service.run(self.stop_foundations.clone()))));
            }
            Role::Curator => {
                self.needs(role, wiring, None);
                let service = wayfarer_curator::CuratorService { bus: wiring.bus.clone(), log, stores: wiring.stores.clone(), slots: 2 };
                self.workers.push((role, tokio::spawn(service.run(stop))));
            }
            Role::Verifier => {
                self.needs(role, wiring, None);
                let service = wayfarer_verifier::VerifierService {
                    bus: wiring.bus.clone(),
                    log,
                    follower,
                    model,
                    stores: wiring.stores.clone(),
                    policy: config.judge.policy,
                    votes: config.judge.votes,
                    truth: wiring.truth.clone(),
                    slots: config.judge.slots,
                };
                self.workers.push((role, tokio::spawn(service.run(stop))));
            }
            Role::Orchestrator => {
                self.needs(role, wiring, None);
                let service = wayfarer_orchestrator::OrchestratorService {
                    bus: wiring.bus.clone(),
                    log,
                    model,
                    stores: wiring.stores.clone(),
                    slots: config.solver.slots,
                    step_timeout: waits.order,
                    worker: wiring.worker.clone(),
                    calendar: wiring.calendar,
                };
                self.workers.push((role, tokio::spawn(service.run(stop))));
            }
            Role::Proposer => {
                self.needs(role, wiring, None);
                let service = wayfarer_proposer::ProposerService {
                    bus: wiring.bus.clone(),
                    log,
                    follower,
                    redis: wiring.redis.clone(),
                    model,
                    browsers,
                    stores: wiring.stores.clone(),
                    egress: wiring.egress.clone(),
                    slots: config.proposer.slots,
                    calendar: wiring.calendar,
                };
                self.workers.push((role, tokio::spawn(service.run(stop))));
            }
            Role::Gateway => {
                let ready = self.needs(role, wiring, None);
                let (bus, stores, stop_face) = (wiring.bus.clone(), wiring.stores.clone(), self.stop_foundations.clone());
                let (addr, task) = wayfarer_gateway::serve(bus, log.clone(), stores, config.gateway.listen, ready, stop_face).await?;
                self.face(role, advertised(role, addr, config)?, &registry).await?;
                self.foundations.push((role, served(task)));
                let sweep = wayfarer_gateway::sweep(wiring.bus.clone(), log, stop.clone());
                let sample = wayfarer_gateway::sample(wiring.bus.clone(), follower, stop);
                self.workers.push((
                    role,
                    tokio::spawn(async move {
                        tokio::join!(sweep, sample);
                        Ok(())
                    }),
                ));
            }
        }
        Ok(())
    }

    /// Readiness by what every role needs, and by what this one needs of its own.
    fn needs(&mut self, role: Role, wiring: &Wiring, own: Option<Need>) -> Readiness {
        let (bus, redis) = (wiring.bus.clone(), wiring.redis.clone());
        let nats = Need::new("nats", move || {
            let bus = bus.clone();
            async move { bus.check().await }
        });
        let redis = Need::new("redis", move || {
            let redis = redis.clone();
            async move { redis.check().await }
        });
        let ready = Readiness::new(role.as_str(), [nats, redis].into_iter().chain(own).collect());
        self.ready.push(ready.clone());
        ready
    }

    /// The addresses of a role, as Redis knows them: read once now, and again every second while this process works.
    async fn find(&self, registry: &Registry, role: Role) -> Endpoints {
        let (sender, receiver) = tokio::sync::watch::channel(registry.resolve(role.as_str()).await.unwrap_or_default());
        let (registry, stop) = (registry.clone(), self.stop_foundations.clone());
        tokio::spawn(async move {
            let mut ticks = tokio::time::interval(DISCOVERY_EVERY);
            while !stop.is_cancelled() {
                tokio::select! {
                    () = stop.cancelled() => return,
                    _ = ticks.tick() => {}
                }
                match registry.resolve(role.as_str()).await {
                    Ok(addresses) => {
                        sender.send_if_modified(|known| std::mem::replace(known, addresses.clone()) != addresses);
                    }
                    // what was known last is the best guess while Redis is away
                    Err(error) => tracing::debug!(role = role.as_str(), %error, "discovery failed"),
                }
            }
        });
        Endpoints::resolved(move || receiver.borrow().clone())
    }

    async fn face(&mut self, role: Role, address: String, registry: &Registry) -> Result<()> {
        self.registrations.push(registry.register(role.as_str(), &address, SERVICE_TTL).await?);
        self.faces.push((role, address));
        Ok(())
    }

    /// What models fail with at this moment.
    pub fn model_troubles(&self) -> BTreeSet<String> {
        self.pool.as_ref().map(Pool::troubles).unwrap_or_default()
    }

    /// Engines of native agents that do not click where they mean to, and what they do instead.
    pub fn misses(&self) -> BTreeMap<String, String> {
        self.pool.as_ref().map(Pool::misses).unwrap_or_default()
    }

    /// Returns when a role ends by itself: that is never right.
    pub async fn failed(&mut self) -> anyhow::Error {
        loop {
            for (role, task) in self.workers.iter_mut().chain(&mut self.foundations) {
                if task.is_finished() {
                    let why = match task.await {
                        Ok(Ok(())) => "it ended".to_owned(),
                        Ok(Err(error)) => format!("{error:#}"),
                        Err(error) => error.to_string(),
                    };
                    return anyhow::anyhow!("the role {} stopped: {why}", role.as_str());
                }
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    /// Drains the workers, then stops what they need; bounded.
    pub async fn stop(self) {
        self.ready.iter().for_each(Readiness::drain);
        self.stop_workers.cancel();
        finish(self.workers).await;
        // nobody finds us any more before our faces close
        for registration in self.registrations {
            if let Err(error) = registration.leave().await {
                tracing::debug!(%error, "an address stays known until it is no longer believed");
            }
        }
        self.stop_foundations.cancel();
        finish(self.foundations).await;
        if let Some(pool) = self.pool
            && let Err(error) = pool.accounts().hand_over().await
        {
            tracing::warn!(%error, "what models were used last is not in the accounts");
        }
        if let Some(chromium) = self.chromium {
            chromium.shutdown().await;
        }
    }
}

/// Before anything is started: whether others will reach every face of these roles.
pub fn check_faces(roles: &[Role], config: &Config) -> Result<()> {
    for role in roles {
        if let Some(listening) = role.listens_at(config) {
            advertised(*role, listening, config)?;
        }
    }
    Ok(())
}

/// How others reach a face that listens here.
fn advertised(role: Role, listening: SocketAddr, config: &Config) -> Result<String> {
    match &config.cluster.advertise {
        Some(host) => Ok(match host.parse() {
            Ok(ip) => format!("http://{}", SocketAddr::new(ip, listening.port())),
            Err(_) => format!("http://{host}:{}", listening.port()),
        }),
        None if listening.ip().is_unspecified() => {
            let why = format!(
                "the role {} listens on {}, which others cannot call; say how they reach this machine with --advertise HOST or cluster.advertise",
                role.as_str(),
                listening.ip()
            );
            Err(WrongUsage(why).into())
        }
        None => Ok(format!("http://{listening}")),
    }
}

async fn finish(tasks: Vec<RoleTask>) {
    let deadline = tokio::time::Instant::now() + DRAIN;
    for (role, mut task) in tasks {
        match tokio::time::timeout_at(deadline, &mut task).await {
            Ok(Ok(Ok(()))) => {}
            Ok(Ok(Err(error))) => tracing::warn!(role = role.as_str(), error = format!("{error:#}"), "ended with an error"),
            Ok(Err(error)) => tracing::warn!(role = role.as_str(), %error, "ended badly"),
            Err(_) => {
                tracing::warn!(role = role.as_str(), "did not drain within {} s and is given up", DRAIN.as_secs());
                task.abort();
            }
        }
    }
}

async fn reach(models: Pool) -> Result<(), wayfarer_chat::ModelError> {
    models.reach().await
}

async fn check(browsers: Arc<ChromiumSupply>) -> Result<(), wayfarer_browser::BrowserError> {
    browsers.check().await
}

fn served(task: JoinHandle<()>) -> JoinHandle<Result<()>> {
    tokio::spawn(async move { Ok(task.await?) })
}

/// The pool of every model call, as the configuration routes them; keys come from the environment. Nothing bounds what is spent.
pub async fn inference_pool(config: &Config) -> Result<Pool> {
    let inference = config.inference.clone();
    // a checkpoint takes seconds to minutes to read
    let made = tokio::task::spawn_blocking(move || Pool::from_config(&inference, |name| std::env::var(name).ok()));
    let pool = made.await.context("making the pool of models")??;
    for model in config.inference.unpriced_models() {
        tracing::warn!(model, "the price list has no price for this model: its dollars are not counted, and bound nothing");
    }
    Ok(pool)
}

/// What tenants, runs and attempts may spend is counted in Redis, for all replicas together.
fn with_budgets(pool: Pool, config: &Config, redis: &Redis) -> Pool {
    match shared_budget(&config.inference, redis) {
        Some(budget) => pool.with_budget(Arc::new(budget)),
        None => pool,
    }
}

/// None if nothing is bounded: no call then waits for Redis.
fn shared_budget(config: &Inference, redis: &Redis) -> Option<SharedBudget> {
    let per_run = ceilings(config.run_budget_tokens, config.run_budget_usd);
    let per_attempt = ceilings(config.attempt_budget_tokens, config.attempt_budget_usd);
    let per_tenant = tenant_budgets(config, redis);
    let is_bounded = per_run != UNBOUNDED || per_attempt != UNBOUNDED || !per_tenant.is_unbounded();
    let lasting = |ceilings| Budget::new(redis.clone(), ceilings);
    is_bounded.then(|| SharedBudget::new(lasting(per_run), lasting(per_attempt)).with_tenants(per_tenant))
}

/// What each tenant may spend a day.
fn tenant_budgets(config: &Inference, redis: &Redis) -> ByTenant<Budget> {
    let (each_tokens, each_usd) = (config.tenant_budget_tokens_per_day, config.tenant_budget_usd_per_day);
    let budget = |tokens, usd| match ceilings(tokens, usd) {
        UNBOUNDED => None,
        bounded => Some(Budget::daily(redis.clone(), bounded)),
    };
    let named = config.tenants.iter().filter_map(|(name, own)| {
        let (tokens, usd) = (own.budget_tokens_per_day.unwrap_or(each_tokens), own.budget_usd_per_day.unwrap_or(each_usd));
        // names were checked when the configuration was read
        Some((TenantId::new(name.clone()).ok()?, budget(tokens, usd)))
    });
    ByTenant::new(budget(each_tokens, each_usd), named)
}

/// In the configuration 0 is no bound.
fn ceilings(tokens: u64, usd: f64) -> Ceilings {
    Ceilings {
        tokens: if tokens == 0 { UNBOUNDED.tokens } else { tokens },
        micro_usd: if usd == 0.0 { UNBOUNDED.micro_usd } else { (usd * 1e6).ceil() as u64 },
    }
}

/// The farm's face over HTTP: its keys are in the environment, for secrets do not belong into files that are shown.
fn farm_face(http: &FarmHttp, egress: EgressPolicy) -> Result<wayfarer_browser_farm::FaceOptions> {
    Ok(wayfarer_browser_farm::FaceOptions {
        listen: http.listen,
        public_url: http.public_url.clone(),
        keys: tenant_keys("farm.http", &http.keys)?,
        egress,
        longest_ttl: Duration::from_secs(http.longest_ttl_seconds),
    })
}

/// The keys of tenants; `variables` names the environment variable that holds each one.
fn tenant_keys(section: &str, variables: &BTreeMap<String, String>) -> Result<Keys> {
    let mut keys = Keys::default();
    for (tenant, variable) in variables {
        let key = std::env::var(variable).ok().filter(|key| !key.is_empty()).ok_or_else(|| {
            WrongUsage(format!("[{section}.keys] names {variable} for tenant {tenant}, which is not set: export {variable}=KEY"))
        })?;
        let name = TenantId::new(tenant.clone()).map_err(|error| WrongUsage(format!("[{section}.keys] {tenant}: {error}")))?;
        keys.add(name, &key).map_err(|why| WrongUsage(format!("[{section}.keys] {variable}: {why}")))?;
    }
    if keys.is_empty() {
        return Err(WrongUsage(format!("[{section}.keys] names no tenant: nobody could ask for anything")).into());
    }
    Ok(keys)
}

/// How Chromium is started under this configuration.
pub fn chromium_options(config: &Config) -> Result<ChromiumOptions> {
    let tools = Tools::locate();
    let remote = config.farm.remote.as_ref().map(remote_browser).transpose()?;
    Ok(ChromiumOptions {
        executable: match &config.farm.chromium {
            Some(path) => path.clone(),
            None if remote.is_some() => std::path::PathBuf::new(),
            None => tools.chromium()?.to_owned(),
        },
        driver_dir: match &config.farm.driver_dir {
            Some(path) => path.clone(),
            None => tools.driver_dir()?.to_owned(),
        },
        max_sessions: config.farm.max_sessions,
        sessions_per_browser: config.farm.sessions_per_browser,
        warm_sessions: config.farm.warm_sessions,
        recycle_sessions: config.farm.recycle_sessions,
        recycle_age: Duration::from_secs(config.farm.recycle_minutes * 60),
        recycle_mib: config.farm.recycle_mib,
        limits: config.farm.limits.clone().map(|limits| wayfarer_browser::Limits {
            parent: limits.parent,
            memory_mib: limits.memory_mib,
            cpus: limits.cpus,
        }),
        remote,
        no_sandbox: None,
    })
}

/// What native agents are given beside their profile.
fn native_words(config: &Config) -> Result<NativeWords> {
    let wrong = |key: &str, why: String| WrongUsage(format!("native.{key}: {why}"));
    let prompts = config.native.prompts.as_deref().map(crate::words::prompts).transpose();
    let window = config.native.window.as_deref().map(str::parse).transpose();
    Ok(NativeWords { prompts: prompts.map_err(|why| wrong("prompts", why))?, window: window.map_err(|why| wrong("window", why))? })
}

/// How engines of native agents are shown the canary's pages; `None` if nobody asks, or the model's name tells no profile.
fn aim(config: &Config) -> Result<Option<AimOptions>> {
    let inference = &config.inference;
    let on_miss = match inference.canary {
        CanaryMode::Off => return Ok(None),
        CanaryMode::Report => OnMiss::Report,
        CanaryMode::Refuse => OnMiss::Refuse,
    };
    let profile = match &inference.canary_profile {
        Some(named) => Some(crate::words::profile(named).map_err(|why| WrongUsage(format!("inference.canary_profile: {why}")))?),
        None => Profile::of_model(&inference.endpoint_of(ModelRole::Native).model),
    };
    let Some(profile) = profile else { return Ok(None) };
    let prompts = native_words(config)?.prompts.unwrap_or_else(|| Prompts::ours(&profile.name));
    Ok(Some(AimOptions::new(profile, prompts, on_miss)))
}

fn remote_browser(remote: &FarmRemote) -> Result<RemoteBrowser> {
    if !remote.unfenced {
        let why = "a browser of somebody else does not go through our proxy, so that [egress] is not enforced there: the service's own fence has \
                   to do. Set [farm.remote] unfenced = true if that is understood";
        return Err(WrongUsage(why.into()).into());
    }
    let variable = &remote.url_env;
    let url = std::env::var(variable).ok().filter(|url| !url.is_empty());
    let url = url.ok_or_else(|| WrongUsage(format!("[farm.remote] names {variable}, which is not set: export {variable}=wss://…")))?;
    Ok(RemoteBrowser { url })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use wayfarer_config::EndpointOverride;

    #[test]
    fn engines_are_shown_the_canary_if_their_model_is_known_to_click() {
        let shown = |model: &str, canary: CanaryMode, profile: Option<&str>| {
            let inference = Inference { model: model.into(), canary, canary_profile: profile.map(str::to_owned), ..Inference::default() };
            aim(&Config { inference, ..Config::default() }).map(|options| options.map(|options| (options.profile.name, options.on_miss)))
        };

        assert_eq!(shown("microsoft/Fara-7B", CanaryMode::Report, None).unwrap(), Some(("fara-7b".into(), OnMiss::Report)));
        assert_eq!(shown("ours", CanaryMode::Refuse, Some("fara-1.5")).unwrap(), Some(("fara-1.5".into(), OnMiss::Refuse)));
        assert_eq!(shown("microsoft/Fara-7B", CanaryMode::Off, None).unwrap(), None);
        assert_eq!(shown(wayfarer_standin::server::MODEL, CanaryMode::Refuse, None).unwrap(), None, "the stand-in is left alone");
        assert!(shown("m", CanaryMode::Report, Some("fara-9")).unwrap_err().to_string().starts_with("inference.canary_profile: "));
    }

    #[test]
    fn callers_wait_longer_than_the_slowest_configured_endpoint_may_take() {
        let slow = EndpointOverride { timeout_seconds: Some(300), ..EndpointOverride::default() };
        let inference = Inference { roles: [("surf".to_owned(), slow)].into(), ..Inference::default() };

        let waits = Waits::of(&inference);

        // a place at the endpoint, then the call
        assert!(waits.model_call > Duration::from_secs(2 * 300));
        // two questions of three turns, then the page
        assert!(waits.order > waits.model_call * 6 + waits.browser.call_timeout);
        assert!(Waits::of(&Inference::default()).model_call < waits.model_call);
    }
}

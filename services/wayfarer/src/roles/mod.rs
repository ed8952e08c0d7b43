//! The roles of a process, started in the order in which they need each other and stopped in the reverse.

mod begin;
mod from_config;

pub use from_config::{chromium_options, inference_pool};

use crate::exit::WrongUsage;
use crate::farms;
use anyhow::Result;
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use wayfarer_actor_verifier::truth::GroundTruth;
use wayfarer_browser::{ChromiumSupply, EgressPolicy};
use wayfarer_bus::Bus;
use wayfarer_config::Config;
use wayfarer_core::Calendar;
use wayfarer_inference::Pool;
use wayfarer_lease::registry::SERVICE_TTL;
use wayfarer_lease::{Redis, Registration, Registry};
use wayfarer_rpc::{Board, Endpoints};
use wayfarer_store::Stores;
use wayfarer_telemetry::{Need, Readiness, ReadyRoles};

/// How often the addresses of roles are read again.
const DISCOVERY_EVERY: Duration = Duration::from_secs(1);
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
        if let Err(error) = running.begin(role, wiring).await {
            running.stop().await;
            return Err(error.context(format!("starting the role {}", role.as_str())));
        }
        tracing::info!(role = role.as_str(), "started");
    }
    wiring.ready.add(running.ready.iter().cloned());
    Ok(running)
}

impl Running {
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

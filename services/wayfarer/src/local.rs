//! What `generate` (and commands that work on its folder) start for themselves: NATS, Redis, the worlds, the stand-in model.

use anyhow::{Context, Result};
use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use wayfarer_browser::{DANGEROUS_PORTS, EgressPolicy, EgressScheme};
use wayfarer_bus::{Bus, BusOptions};
use wayfarer_children::{NatsOptions, NatsServer, RedisOptions, RedisServer, Tools};
use wayfarer_config::{Cluster, Config, Scheme};
use wayfarer_core::RunId;
use wayfarer_lease::Redis;
use wayfarer_sandbox::engine::AttackPlan;
use wayfarer_sandbox::{Sandbox, SandboxOptions};

/// In one process nobody else can take over, so the wait may be short.
const ACK_WAIT: Duration = Duration::from_secs(15);
/// Seed of the worlds' data.
pub const WORLD_SEED: u64 = 2026;

/// The machinery's folder inside an output folder.
const MACHINERY: &str = ".cluster";
/// The folder of NATS inside that one.
const NATS: &str = "nats";

/// Any free port of the loopback interface.
pub const LOOPBACK: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// The folder inside an output folder that belongs to the machinery and not to the dataset.
pub struct Machinery {
    folder: PathBuf,
    /// Held while this process works on the folder.
    _lock: File,
}

impl Machinery {
    /// Claims an output folder for this process.
    pub fn claim(out: &Path) -> Result<Self> {
        let folder = out.join(MACHINERY);
        std::fs::create_dir_all(&folder).with_context(|| format!("making the folder {}", folder.display()))?;
        let path = folder.join("lock");
        let lock = File::create(&path).with_context(|| format!("writing {}", path.display()))?;
        lock.try_lock().map_err(|_| anyhow::anyhow!("another process works on {}; wait for it, or give another folder", out.display()))?;
        Ok(Self { folder, _lock: lock })
    }

    /// Whether an output folder still has the files of the NATS that its run was made with.
    pub fn has_nats_files(out: &Path) -> bool {
        out.join(MACHINERY).join(NATS).is_dir()
    }

    /// Where the worlds keep their instances.
    pub fn worlds(&self) -> PathBuf {
        worlds_of(&self.folder)
    }

    /// Seconds that earlier processes worked on this folder.
    pub fn earlier_wall_s(&self) -> f64 {
        std::fs::read_to_string(self.folder.join("wall_s")).ok().and_then(|text| text.trim().parse().ok()).unwrap_or(0.0)
    }

    /// Keeps the seconds for the next process.
    pub fn keep_wall_s(&self, seconds: f64) {
        if let Err(error) = std::fs::write(self.folder.join("wall_s"), format!("{seconds:.1}")) {
            tracing::warn!(%error, "the elapsed time could not be kept");
        }
    }

    /// Starts (or connects to) NATS and Redis.
    pub async fn servers(&self, nats_url: Option<&str>, redis_url: Option<&str>, cluster: &Cluster) -> Result<Servers> {
        let tools = Tools::locate();
        let nats = match nats_url {
            Some(_) => None,
            None => Some(NatsServer::start(NatsOptions::found(&tools, &self.folder.join(NATS))?).await?),
        };
        let redis = match redis_url {
            Some(_) => None,
            None => Some(RedisServer::start(RedisOptions::found(&tools, &self.folder.join("redis"))?).await?),
        };
        let nats_at = nats_url.map(str::to_owned).or_else(|| nats.as_ref().map(|nats| nats.url().to_owned())).unwrap_or_default();
        let redis_at = redis_url.map(str::to_owned).or_else(|| redis.as_ref().map(RedisServer::url)).unwrap_or_default();
        let bus = Bus::connect(&nats_at, bus_options(ACK_WAIT, cluster)).await?;
        bus.provision().await?;
        if nats.is_some() {
            // whoever held work before us is dead (the lock says so): it comes back at once
            bus.reset_consumers().await?;
        }
        let redis_client = Redis::connect(&redis_at).await?;
        Ok(Servers { bus, redis: redis_client, nats_child: nats, redis_child: redis })
    }
}

/// Where the worlds of a machinery folder keep their instances.
pub fn worlds_of(folder: &Path) -> PathBuf {
    folder.join("worlds")
}

/// Where the run of an output folder keeps its instances.
pub fn worlds_of_run(out: &Path) -> PathBuf {
    worlds_of(&out.join(MACHINERY))
}

/// NATS and Redis, and the children that they are, if we started them.
pub struct Servers {
    /// NATS.
    pub bus: Bus,
    /// Redis.
    pub redis: Redis,
    nats_child: Option<NatsServer>,
    redis_child: Option<RedisServer>,
}

impl Servers {
    /// Returns when a server that we started ends by itself.
    pub async fn failed(&self) -> anyhow::Error {
        let nats = async {
            match &self.nats_child {
                Some(nats) => ("nats-server", nats.child().ended().await),
                None => std::future::pending().await,
            }
        };
        let redis = async {
            match &self.redis_child {
                Some(redis) => ("redis-server", redis.child().ended().await),
                None => std::future::pending().await,
            }
        };
        let (name, how) = tokio::select! { ended = nats => ended, ended = redis => ended };
        anyhow::anyhow!("{name} ended ({how}); its log is in the folder .cluster of the output; run the same command again to resume")
    }

    /// Stops what we started.
    pub async fn stop(self) {
        drop(self.bus);
        if let Some(redis) = self.redis_child {
            redis.stop().await;
        }
        if let Some(nats) = self.nats_child {
            nats.stop().await;
        }
    }
}

/// Which worlds are served, and what they do to their visitors.
#[derive(Debug, Clone, Default)]
pub struct WorldsSetup {
    /// A folder of worlds in place of the bundled ones.
    pub dir: Option<PathBuf>,
    /// Content that talks to agents and judges.
    pub attacks: AttackPlan,
}

/// Starts the worlds.
pub async fn worlds(data_dir: PathBuf, listen: SocketAddr, today: time::Date, setup: &WorldsSetup) -> Result<Sandbox> {
    let options = SandboxOptions {
        data_dir,
        docs_dir: wayfarer_sandbox::docs_folder(),
        listen,
        today,
        seed: WORLD_SEED,
        worlds_dir: setup.dir.clone(),
        attacks: setup.attacks,
    };
    Sandbox::start(options).await.context("starting the bundled worlds")
}

/// What browsers and fetches may reach: what the configuration opens, and the bundled worlds where they run.
pub fn egress(config: &Config, worlds: Option<&Sandbox>) -> EgressPolicy {
    let mut policy = EgressPolicy {
        allow_hosts: config.egress.allow_hosts.clone(),
        resolve: config.egress.resolve.clone(),
        only_hosts: config.egress.only_hosts.clone(),
        deny_hosts: config.egress.deny_hosts.clone(),
        only_ports: config.egress.only_ports.clone(),
        deny_ports: DANGEROUS_PORTS.iter().chain(&config.egress.deny_ports).copied().collect(),
        deny_schemes: config.egress.deny_schemes.iter().map(scheme).collect(),
        search_url: config.farm.search_url.clone(),
        ..EgressPolicy::default()
    };
    if let Some(worlds) = worlds {
        policy.resolve.extend(worlds.hosts().iter().map(|host| (host.clone(), worlds.addr())));
    }
    policy
}

fn scheme(scheme: &Scheme) -> EgressScheme {
    match scheme {
        Scheme::Http => EgressScheme::Http,
        Scheme::Https => EgressScheme::Https,
        Scheme::Ws => EgressScheme::Ws,
    }
}

/// How this process speaks to NATS.
pub fn bus_options(ack_wait: Duration, cluster: &Cluster) -> BusOptions {
    BusOptions {
        ack_wait,
        outage_patience: Duration::from_secs(cluster.outage_patience_seconds),
        name: worker_name(),
        traceparent: std::sync::Arc::new(wayfarer_telemetry::propagate::current_traceparent),
        ..BusOptions::default()
    }
}

/// A name for this process in events and connections.
pub fn worker_name() -> String {
    format!("wayfarer-{}", std::process::id())
}

/// Milliseconds since the epoch (UTC).
pub fn now_unix_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}

/// A run id that sorts by time.
pub fn new_run_id() -> RunId {
    RunId::derived("run", &[&uuid::Uuid::now_v7().to_string()])
}

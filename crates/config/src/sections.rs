//! What can be set, and what holds when nothing is.

use crate::prices::PriceList;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;
use wayfarer_core::prompt::{ModelRole, SchemaMode};
use wayfarer_core::run;
use wayfarer_core::verdict::VerdictPolicy;

/// All sections.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Servers and folders that all roles share.
    pub cluster: Cluster,
    /// Models.
    pub inference: Inference,
    /// Browsers.
    pub farm: Farm,
    /// What browsers may reach beyond the public internet.
    pub egress: Egress,
    /// Bounds of an attempt, for runs that are made here.
    pub budgets: Budgets,
    /// Attempts at the same time in one process.
    pub solver: Slots,
    /// Judging.
    pub judge: JudgeSection,
    /// Native agents, for runs whose solver is one.
    pub native: Native,
    /// Seeds worked off at the same time in one process.
    pub proposer: Slots,
    /// The face for people and programs.
    pub gateway: Gateway,
    /// Logs, traces and metrics.
    pub telemetry: Telemetry,
}

/// Native agents: what a websurfer knows of them beside their profile.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Native {
    /// File with the words that the model was trained with (plain text, or .toml with `system` and `next`); absent means ours.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prompts: Option<PathBuf>,
    /// Screenshots that the model sees: `slide:3`, `hysteresis:3,2`; absent means the profile's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub window: Option<String>,
}

/// Judging.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct JudgeSection {
    /// Attempts judged at the same time in one process.
    pub slots: usize,
    /// Which judges are heard: `legacy`, `universal`, `both`.
    pub policy: VerdictPolicy,
    /// Votes on the outcome under the universal policy; odd, for a draw is a no.
    pub votes: u32,
    /// Whether the truth that the bundled worlds know of their own tasks is one more opinion (in `generate` and `verify`, which have the
    /// worlds at hand).
    pub oracle: bool,
}

impl Default for JudgeSection {
    fn default() -> Self {
        Self { slots: Slots::default().slots, policy: VerdictPolicy::Legacy, votes: 1, oracle: true }
    }
}

/// Servers and folders that all roles share.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Cluster {
    /// NATS with JetStream.
    pub nats_url: String,
    /// Redis.
    pub redis_url: String,
    /// Folder of trajectories and blobs.
    pub store: PathBuf,
    /// Seconds that work waits for what it shares with all other work (models, browsers, the store) before it is given up.
    pub outage_patience_seconds: u64,
    /// Seconds that the orchestrator of an open session may show no life before the session is ended.
    pub owner_silence_seconds: u64,
    /// Host name or address under which others reach this process; absent means the address that its faces listen on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub advertise: Option<String>,
}

impl Default for Cluster {
    fn default() -> Self {
        Self {
            nats_url: "nats://127.0.0.1:4222".into(),
            redis_url: "redis://127.0.0.1:6379".into(),
            store: "wayfarer-data".into(),
            outage_patience_seconds: 600,
            owner_silence_seconds: 20,
            advertise: None,
        }
    }
}

/// Models: the default endpoint, and what differs for single roles.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Inference {
    /// Address of the inference service.
    pub listen: SocketAddr,
    /// Requests at the same time to one endpoint.
    pub max_in_flight: usize,
    /// OpenAI-compatible base URL, version included; `file://` and the folder of a checkpoint for an engine in this process; `kserve://`,
    /// host and port for Triton over gRPC; empty means the stand-in model.
    pub base_url: String,
    /// Further base URLs that serve the same model: calls are spread over all of them, and move when one fails.
    pub replicas: Vec<String>,
    /// What tenants weigh against each other when all ask for more than there is; 1 where it is not said.
    pub weights: BTreeMap<String, f64>,
    /// The model's name at that server.
    pub model: String,
    /// Name of the environment variable that holds the key; empty for none.
    pub api_key_env: String,
    /// Bound of one call, retries included.
    pub timeout_seconds: u64,
    /// Requests that may follow the first one.
    pub retries: u32,
    /// US dollars per million tokens sent.
    pub price_in_per_million: f64,
    /// US dollars per million tokens sent that the server still had in memory; as for others if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub price_cached_per_million: Option<f64>,
    /// US dollars per million tokens received.
    pub price_out_per_million: f64,
    /// File with prices by the names of models, for endpoints that name none of their own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub price_list: Option<PathBuf>,
    /// What stands in it; [`Config::load`] reads it.
    #[serde(skip)]
    pub prices: PriceList,
    /// Whether the reply's schema is sent as `response_format`.
    pub json_schema: SchemaMode,
    /// What follows when an engine of the role `native` does not click where it means to.
    pub canary: CanaryMode,
    /// The profile by which it is found out: a name, or a .toml file; absent means by the model's name, and not at all if that tells none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub canary_profile: Option<String>,
    /// US dollars that a run may spend on models; 0 is no bound.
    pub run_budget_usd: f64,
    /// Tokens (sent and received) that a run may spend; 0 is no bound.
    pub run_budget_tokens: u64,
    /// US dollars that an attempt, its judging included, may spend on models; 0 is no bound.
    pub attempt_budget_usd: f64,
    /// Tokens (sent and received) that an attempt, its judging included, may spend; 0 is no bound.
    pub attempt_budget_tokens: u64,
    /// US dollars that a tenant may spend on models each day (UTC); 0 is no bound.
    pub tenant_budget_usd_per_day: f64,
    /// Tokens (sent and received) that a tenant may spend each day (UTC); 0 is no bound.
    pub tenant_budget_tokens_per_day: u64,
    /// What differs for a tenant.
    pub tenants: BTreeMap<String, TenantSettings>,
    /// What differs for a role (`propose`, `surf`, `judge_rubric`, ...).
    pub roles: BTreeMap<String, EndpointOverride>,
    /// Engines in this process, for addresses that begin with `file://`.
    pub engine: EngineSettings,
    /// Servers that speak KServe v2, for addresses that begin with `kserve://`.
    pub kserve: KserveSettings,
    /// The pool as an OpenAI-compatible server for everybody with a key; absent means that it has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub http: Option<InferenceHttp>,
}

/// The pool as an OpenAI-compatible server.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InferenceHttp {
    /// Its address.
    #[serde(default = "inference_http_listen")]
    pub listen: SocketAddr,
    /// Tenant → name of the environment variable that holds its key.
    pub keys: BTreeMap<String, String>,
}

fn inference_http_listen() -> SocketAddr {
    local(7412)
}

impl Default for Inference {
    fn default() -> Self {
        Self {
            listen: local(7410),
            max_in_flight: 16,
            base_url: String::new(),
            replicas: Vec::new(),
            weights: BTreeMap::new(),
            model: "default".into(),
            api_key_env: String::new(),
            timeout_seconds: 120,
            retries: 3,
            price_in_per_million: 0.0,
            price_cached_per_million: None,
            price_out_per_million: 0.0,
            price_list: None,
            prices: PriceList::default(),
            json_schema: SchemaMode::Auto,
            canary: CanaryMode::default(),
            canary_profile: None,
            run_budget_usd: 0.0,
            run_budget_tokens: 0,
            attempt_budget_usd: 0.0,
            attempt_budget_tokens: 0,
            tenant_budget_usd_per_day: 0.0,
            tenant_budget_tokens_per_day: 0,
            tenants: BTreeMap::new(),
            roles: BTreeMap::new(),
            engine: EngineSettings::default(),
            kserve: KserveSettings::default(),
            http: None,
        }
    }
}

/// How an in-process engine is set up.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EngineSettings {
    /// Memory of each engine for keys and values (MiB).
    pub cache_mib: u64,
    /// Memory of each engine for what its vision tower made of pictures, and as much for pictures that are ready for it (MiB).
    pub picture_mib: u64,
    /// Tokens of a step: answers take one each, pieces of prompts share the rest.
    pub step_tokens: usize,
    /// Answers that it writes at the same time.
    pub running: usize,
    /// Whether it computes on an NVIDIA GPU; the binary has to be built for that.
    pub cuda: bool,
}

impl Default for EngineSettings {
    fn default() -> Self {
        Self { cache_mib: 4096, picture_mib: 1024, step_tokens: 2048, running: 32, cuda: false }
    }
}

/// How servers that speak KServe v2 (Triton) are spoken to.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct KserveSettings {
    /// Folder with the model's `chat_template.jinja` or `tokenizer_config.json`, by which conversations are written as text, for these
    /// servers take text; absent means Qwen's ChatML.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub chat_template: Option<PathBuf>,
}

/// What follows when an engine does not click where it means to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CanaryMode {
    /// Nobody asks.
    Off,
    /// It is told, in the log and the metrics.
    #[default]
    Report,
    /// The engine also gets no call of the role `native` until it passes.
    Refuse,
}

/// What differs for one tenant; what is absent is as for all.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TenantSettings {
    /// See [`Inference::tenant_budget_usd_per_day`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub budget_usd_per_day: Option<f64>,
    /// See [`Inference::tenant_budget_tokens_per_day`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub budget_tokens_per_day: Option<u64>,
}

/// What differs from the default endpoint for one role; what is absent is as there.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EndpointOverride {
    /// See [`Inference::base_url`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base_url: Option<String>,
    /// See [`Inference::replicas`]; an own base URL has none unless they are named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replicas: Option<Vec<String>>,
    /// See [`Inference::model`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// See [`Inference::api_key_env`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api_key_env: Option<String>,
    /// See [`Inference::timeout_seconds`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout_seconds: Option<u64>,
    /// See [`Inference::retries`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retries: Option<u32>,
    /// See [`Inference::price_in_per_million`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub price_in_per_million: Option<f64>,
    /// See [`Inference::price_cached_per_million`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub price_cached_per_million: Option<f64>,
    /// See [`Inference::price_out_per_million`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub price_out_per_million: Option<f64>,
    /// See [`Inference::json_schema`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub json_schema: Option<SchemaMode>,
}

/// An endpoint after defaults and overrides are put together.
#[derive(Debug, Clone, PartialEq)]
pub struct Endpoint {
    /// See [`Inference::base_url`].
    pub base_url: String,
    /// See [`Inference::replicas`].
    pub replicas: Vec<String>,
    /// See [`Inference::model`].
    pub model: String,
    /// See [`Inference::api_key_env`].
    pub api_key_env: String,
    /// See [`Inference::timeout_seconds`].
    pub timeout_seconds: u64,
    /// See [`Inference::retries`].
    pub retries: u32,
    /// See [`Inference::price_in_per_million`].
    pub price_in_per_million: f64,
    /// See [`Inference::price_cached_per_million`].
    pub price_cached_per_million: Option<f64>,
    /// See [`Inference::price_out_per_million`].
    pub price_out_per_million: f64,
    /// See [`Inference::json_schema`].
    pub json_schema: SchemaMode,
}

impl Inference {
    /// The endpoint of a role.
    pub fn endpoint_of(&self, role: ModelRole) -> Endpoint {
        let none = EndpointOverride::default();
        let own = self.roles.get(role.as_str()).unwrap_or(&none);
        let model = own.model.clone().unwrap_or_else(|| self.model.clone());
        let listed = if self.names_price(own) { None } else { self.prices.of(&model) };
        let inherited = (self.price_in_per_million, self.price_cached_per_million, self.price_out_per_million);
        let (sent, cached, received) = listed.map_or(inherited, |listed| (listed.input, listed.cached_input, listed.output));
        Endpoint {
            base_url: own.base_url.clone().unwrap_or_else(|| self.base_url.clone()),
            replicas: match (&own.replicas, &own.base_url) {
                (Some(replicas), _) => replicas.clone(),
                (None, Some(_)) => Vec::new(),
                (None, None) => self.replicas.clone(),
            },
            model,
            api_key_env: own.api_key_env.clone().unwrap_or_else(|| self.api_key_env.clone()),
            timeout_seconds: own.timeout_seconds.unwrap_or(self.timeout_seconds),
            retries: own.retries.unwrap_or(self.retries),
            price_in_per_million: own.price_in_per_million.unwrap_or(sent),
            price_cached_per_million: own.price_cached_per_million.or(cached),
            price_out_per_million: own.price_out_per_million.unwrap_or(received),
            json_schema: own.json_schema.unwrap_or(self.json_schema),
        }
    }

    /// The bound of a call to the endpoint that may take longest.
    pub fn longest_timeout(&self) -> Duration {
        let seconds = ModelRole::ALL.into_iter().map(|role| self.endpoint_of(role).timeout_seconds).max();
        Duration::from_secs(seconds.unwrap_or(self.timeout_seconds))
    }

    /// Whether some role's model has a price; without one dollars are not counted.
    pub fn has_price(&self) -> bool {
        let mut endpoints = ModelRole::ALL.into_iter().map(|role| self.endpoint_of(role));
        endpoints.any(|endpoint| endpoint.price_in_per_million > 0.0 || endpoint.price_out_per_million > 0.0)
    }

    /// Whether the configuration itself says what this endpoint costs. The default endpoint's price says nothing about another model.
    fn names_price(&self, own: &EndpointOverride) -> bool {
        let is_own = own.price_in_per_million.or(own.price_cached_per_million).or(own.price_out_per_million).is_some();
        let is_default = self.price_in_per_million > 0.0 || self.price_out_per_million > 0.0;
        is_own || own.model.is_none() && is_default
    }

    /// Models that a price list was given for and that have no price: their dollars are not counted.
    pub fn unpriced_models(&self) -> BTreeSet<String> {
        if self.price_list.is_none() {
            return BTreeSet::new();
        }
        let none = EndpointOverride::default();
        let is_unpriced = |role: &ModelRole| {
            let own = self.roles.get(role.as_str()).unwrap_or(&none);
            let endpoint = self.endpoint_of(*role);
            let costs = endpoint.price_in_per_million > 0.0 || endpoint.price_out_per_million > 0.0;
            !costs && !self.names_price(own) && self.prices.of(&endpoint.model).is_none()
        };
        ModelRole::ALL.into_iter().filter(is_unpriced).map(|role| self.endpoint_of(role).model).collect()
    }

    /// Whether some role has no endpoint, so that the stand-in model must be started for it.
    pub fn needs_standin(&self) -> bool {
        ModelRole::ALL.into_iter().any(|role| self.endpoint_of(role).base_url.is_empty())
    }
}

/// Browsers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Farm {
    /// Address of the farm service.
    pub listen: SocketAddr,
    /// Sessions at the same time.
    pub max_sessions: usize,
    /// Callers that may wait for a session; more are told at once when to come again.
    pub longest_line: usize,
    /// Mebibytes of memory that stay free: no session is given into them.
    pub reserve_mib: u64,
    /// Mebibytes that a session may come to need; 0 lets memory decide nothing.
    pub session_mib: u64,
    /// Load of the machine per core, over a minute, above which no session is given; 0 lets load decide nothing.
    pub load_per_core: f64,
    /// Sessions that share one Chromium process.
    pub sessions_per_browser: usize,
    /// Sessions that are kept ready for whoever asks next.
    pub warm_sessions: usize,
    /// Sessions after which a browser process is replaced.
    pub recycle_sessions: usize,
    /// Minutes after which a browser process is replaced.
    pub recycle_minutes: u64,
    /// Mebibytes that a browser may have to itself before it is replaced; 0 lets its size decide nothing.
    pub recycle_mib: u64,
    /// What each browser may use at most, held by the kernel; absent for no limits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limits: Option<FarmLimits>,
    /// A browser that somebody else runs, in place of Chromium processes of ours.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remote: Option<FarmRemote>,
    /// Whether attempts' sessions are recorded: `attempts/<attempt>/session.har` holds what their pages asked for and said.
    pub record: bool,
    /// The face over HTTP; absent means that there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub http: Option<FarmHttp>,
    /// Seconds after which a session that nobody renews is ended.
    pub lease_seconds: u64,
    /// The browser; absent means that it is looked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub chromium: Option<PathBuf>,
    /// Folder with the unpacked driver; absent means that it is looked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub driver_dir: Option<PathBuf>,
    /// Address of the search engine, with `{query}` where the words go.
    pub search_url: String,
}

impl Default for Farm {
    fn default() -> Self {
        Self {
            listen: local(7420),
            max_sessions: 4,
            longest_line: 64,
            reserve_mib: 512,
            session_mib: 64,
            load_per_core: 16.0,
            sessions_per_browser: 4,
            warm_sessions: 1,
            recycle_sessions: 500,
            recycle_minutes: 120,
            recycle_mib: 4096,
            limits: None,
            remote: None,
            record: false,
            http: None,
            lease_seconds: 30,
            chromium: None,
            driver_dir: None,
            search_url: "https://www.bing.com/search?q={query}&FORM=QBLH".into(),
        }
    }
}

/// What each browser may use at most.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FarmLimits {
    /// A control group that this user may make groups in.
    pub parent: PathBuf,
    /// Mebibytes of memory.
    pub memory_mib: u64,
    /// Processors' worth of time; 0 for no bound.
    #[serde(default)]
    pub cpus: f64,
}

/// A browser that somebody else runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FarmRemote {
    /// Name of the environment variable that holds its address (`ws://…`, `wss://…`): it often holds a key.
    pub url_env: String,
    /// That `[egress]` is not enforced for its sessions is understood; nothing works without.
    #[serde(default)]
    pub unfenced: bool,
    /// What is spoken there.
    #[serde(default)]
    pub protocol: FarmProtocol,
}

/// What a browser of somebody else speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FarmProtocol {
    /// `devtools`: the DevTools protocol, at the address of the browser itself.
    #[default]
    DevTools,
    /// `playwright`: a Playwright server with Chromium, of the version of our driver.
    Playwright,
}

/// The farm's face over HTTP, for clients that drive a browser themselves.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FarmHttp {
    /// Its address.
    #[serde(default = "farm_http_listen")]
    pub listen: SocketAddr,
    /// What the addresses that clients are given begin with; absent means where it listens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public_url: Option<String>,
    /// Tenant → name of the environment variable that holds its key.
    pub keys: BTreeMap<String, String>,
    /// Seconds that a client may ask a session to live for.
    #[serde(default = "farm_http_longest")]
    pub longest_ttl_seconds: u64,
}

fn farm_http_listen() -> SocketAddr {
    local(7430)
}

fn farm_http_longest() -> u64 {
    3600
}

/// What browsers may reach beyond the public internet.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Egress {
    /// Hosts that are open although their addresses are private; `.example.test` means the host and all below it.
    pub allow_hosts: Vec<String>,
    /// Host → address that stands for it, whatever DNS says.
    pub resolve: BTreeMap<String, SocketAddr>,
    /// If there are any: only these hosts are open, beside those of `allow_hosts` and `resolve`.
    pub only_hosts: Vec<String>,
    /// Hosts that are closed although they are public; stronger than all that opens.
    pub deny_hosts: Vec<String>,
    /// If there are any: only these ports are open.
    pub only_ports: Vec<u16>,
    /// Ports that are closed, beside those of shells, mail, files and databases.
    pub deny_ports: Vec<u16>,
    /// Ways to speak that are closed.
    pub deny_schemes: Vec<Scheme>,
}

/// A way to speak to a server, as far as the way out can tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scheme {
    /// Plain HTTP.
    Http,
    /// Anything over TLS: https and wss.
    Https,
    /// A plain WebSocket.
    Ws,
}

/// Bounds of an attempt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Budgets {
    /// Steps.
    pub steps: u32,
    /// Re-plans.
    pub replans: u32,
    /// Wall-clock seconds.
    pub seconds: u64,
    /// Tokens, sent and received.
    pub tokens: u64,
    /// US dollars; 0 is no bound.
    pub cost_usd: f64,
    /// Attempts that environment failures may cost a task.
    pub env_attempts: u32,
}

impl Default for Budgets {
    fn default() -> Self {
        let run::Budgets { steps, replans, seconds, tokens, cost_usd, env_attempts } = run::Budgets::default();
        Self { steps, replans, seconds, tokens, cost_usd, env_attempts }
    }
}

impl From<&Budgets> for run::Budgets {
    fn from(section: &Budgets) -> Self {
        let Budgets { steps, replans, seconds, tokens, cost_usd, env_attempts } = *section;
        Self { steps, replans, seconds, tokens, cost_usd, env_attempts }
    }
}

/// How much one process of a role does at the same time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Slots {
    /// Pieces of work at the same time.
    pub slots: usize,
}

impl Default for Slots {
    fn default() -> Self {
        Self { slots: 4 }
    }
}

/// The face for people and programs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Gateway {
    /// Its address.
    pub listen: SocketAddr,
}

impl Default for Gateway {
    fn default() -> Self {
        Self { listen: local(7400) }
    }
}

/// Logs, traces and metrics.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Telemetry {
    /// gRPC address of an OTLP collector; absent means that spans are made but not sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub otlp_endpoint: Option<String>,
    /// Address of `/metrics`, `/livez` and `/readyz`; absent means that they are not served.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metrics_listen: Option<SocketAddr>,
    /// Filter of the log: `info`, `wayfarer_browser=debug,info`.
    pub log: String,
    /// One JSON object a line.
    pub json_logs: bool,
}

impl Default for Telemetry {
    fn default() -> Self {
        Self { otlp_endpoint: None, metrics_listen: None, log: "info".into(), json_logs: false }
    }
}

fn local(port: u16) -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port)
}

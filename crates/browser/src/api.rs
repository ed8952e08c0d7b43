//! What the rest of the house knows of a browser: two traits and the values that pass through them.

use crate::link::CdpLink;
use crate::screencast::{Frame, ScreencastOptions};
use async_trait::async_trait;
use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::sync::mpsc;
use wayfarer_core::action::Effect;
use wayfarer_core::critical_point::Grant;
use wayfarer_core::observation::Viewport;
use wayfarer_core::outcome::EnvFailure;
use wayfarer_core::{Action, BlobHash, Epoch, Observation, SessionId, TaskRef, TenantId};

/// What a session is wanted for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SessionSpec {
    /// Who pays and whose policy holds.
    pub tenant: TenantId,
    /// Attempt or proposal that the session belongs to.
    pub attempt: String,
    /// The task of the attempt: a newer owner of it ends this session. `None` for a proposal, which nobody takes over.
    #[serde(default)]
    pub task: Option<TaskRef>,
    /// Fencing token of the task's owner; newer owners win.
    #[serde(default)]
    pub epoch: Epoch,
    /// How it is driven.
    #[serde(default)]
    pub drive: Drive,
    /// Who goes first when the farm is full.
    #[serde(default)]
    pub priority: Priority,
    /// The session ends after this time however often its lease is renewed; `None` is no bound. Milliseconds on the wire.
    #[serde(default, with = "millis", skip_serializing_if = "Option::is_none")]
    pub longest_life: Option<Duration>,
    /// Its requests, answers, console and actions are kept ([`BrowserSession::recording`]).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub record: bool,
    /// A recording whose answers are given again: the session asks nobody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replay: Option<Recording>,
    /// Requests of its pages that cross a critical point wait for a permission ([`BrowserSession::permit`]) and do not leave without one.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub gated: bool,
    /// Size of the visible part of a page.
    #[serde(default)]
    pub viewport: Viewport,
    /// Language of the pages, as in `de-DE`: what `navigator.language`, `Accept-Language` and formats of numbers follow. `None` is the
    /// browser's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub locale: Option<String>,
    /// Time zone of the pages, as in `Europe/Berlin`; `None` is the machine's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
    /// Cookies and local storage that the session begins with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub storage: Option<StorageState>,
    /// What the session may reach.
    #[serde(default)]
    pub egress: EgressPolicy,
    /// Files that pages may be given, by handle; nothing else of any disk can be.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<AllowedFile>,
}

impl SessionSpec {
    /// A session for an attempt or a proposal, with everything else as it is when nobody says otherwise. An attempt's owner adds its `task`
    /// and `epoch`.
    pub fn new(tenant: TenantId, attempt: impl Into<String>) -> Self {
        Self {
            tenant,
            attempt: attempt.into(),
            task: None,
            epoch: Epoch::default(),
            drive: Drive::default(),
            priority: Priority::default(),
            longest_life: None,
            record: false,
            replay: None,
            gated: false,
            viewport: Viewport::default(),
            locale: None,
            time_zone: None,
            storage: None,
            egress: EgressPolicy::default(),
            files: Vec::new(),
        }
    }
}

/// How a session is driven.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Drive {
    /// By the calls of [`BrowserSession`]: looks and actions.
    #[default]
    Actions,
    /// By its client, in the DevTools protocol ([`BrowserSession::connect`]): a browser of its own.
    Cdp,
}

/// Who goes first when the farm is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Priority {
    /// Somebody waits for it.
    Live,
    /// Data is made with it.
    #[default]
    Batch,
}

/// Cookies and local storage of a session, as Playwright writes and reads them (`storageState`). They are secrets: whoever has them is
/// logged in.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct StorageState(pub serde_json::Value);

impl std::fmt::Debug for StorageState {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let count = |part: &str| self.0[part].as_array().map_or(0, Vec::len);
        write!(formatter, "{} cookies, {} origins", count("cookies"), count("origins"))
    }
}

/// A session's requests, answers, console and actions: a HAR 1.2 file, secrets masked.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Recording(#[serde(with = "base64_text")] pub Bytes);

impl std::fmt::Debug for Recording {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "a recording of {} bytes", self.0.len())
    }
}

/// A file that an agent may upload. It travels with the session's specification: a farm knows no disk but its own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AllowedFile {
    /// How actions name it.
    pub handle: String,
    /// The name that pages see; its ending tells its type.
    pub name: String,
    /// What is in it; at most [`MAX_FILES_BYTES`] over all files of a session.
    #[serde(with = "base64_text")]
    pub content: Bytes,
}

/// Bytes of all allowed files of a session together: they go with one message.
pub const MAX_FILES_BYTES: usize = 8 * 1024 * 1024;

/// Durations as milliseconds in JSON.
mod millis {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use std::time::Duration;

    pub(super) fn serialize<S: Serializer>(time: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
        time.map(|time| time.as_millis() as u64).serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
        Ok(Option::<u64>::deserialize(deserializer)?.map(Duration::from_millis))
    }
}

/// Bytes as base64 in JSON.
mod base64_text {
    use base64::Engine;
    use base64::prelude::BASE64_STANDARD;
    use bytes::Bytes;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(bytes: &Bytes, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&BASE64_STANDARD.encode(bytes))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Bytes, D::Error> {
        let text = String::deserialize(deserializer)?;
        BASE64_STANDARD.decode(text).map(Bytes::from).map_err(D::Error::custom)
    }
}

/// What a session may reach. Public addresses are open, everything private is closed unless it is opened here by name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct EgressPolicy {
    /// Hosts that are open although their addresses are private; `.example.test` means the host and all below it.
    pub allow_hosts: Vec<String>,
    /// Host → address that stands for it (port included), whatever DNS says. Implies that the host is allowed.
    pub resolve: BTreeMap<String, SocketAddr>,
    /// Headers that are added to plain HTTP requests of hosts in `resolve`, and only there; a page cannot send them itself.
    pub headers: BTreeMap<String, String>,
    /// If there are any: these hosts are open, beside those of `allow_hosts` and `resolve`, and all others are closed; same spelling.
    pub only_hosts: Vec<String>,
    /// Hosts that are closed although they are public; same spelling as `allow_hosts`, and stronger. A literal address is closed under
    /// every name, too.
    pub deny_hosts: Vec<String>,
    /// If there are any: all other ports are closed.
    pub only_ports: Vec<u16>,
    /// Ports that are closed for every host.
    pub deny_ports: Vec<u16>,
    /// Ways to speak that are closed.
    pub deny_schemes: Vec<EgressScheme>,
    /// Address of the search engine, with `{query}` where the words go.
    pub search_url: String,
}

/// A way to speak to a server, as far as the way out can tell: what is inside TLS, it cannot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EgressScheme {
    /// Plain HTTP.
    Http,
    /// Anything over TLS: https and wss.
    Https,
    /// A plain WebSocket.
    Ws,
}

/// Where no page lives and a forged request does harm: shells, mail, name and file services, databases.
pub const DANGEROUS_PORTS: [u16; 25] =
    [21, 22, 23, 25, 53, 110, 111, 135, 139, 143, 389, 445, 465, 514, 587, 993, 995, 2049, 3306, 3389, 5432, 6379, 9200, 11211, 27017];

impl Default for EgressPolicy {
    /// Public addresses only; search as the reference does (spec/faragen.md E).
    fn default() -> Self {
        Self {
            allow_hosts: Vec::new(),
            resolve: BTreeMap::new(),
            headers: BTreeMap::new(),
            only_hosts: Vec::new(),
            deny_hosts: Vec::new(),
            only_ports: Vec::new(),
            deny_ports: DANGEROUS_PORTS.to_vec(),
            deny_schemes: Vec::new(),
            search_url: "https://www.bing.com/search?q={query}&FORM=QBLH".into(),
        }
    }
}

/// An observation with the bytes of its screenshot.
#[derive(Debug, Clone, PartialEq)]
pub struct Observed {
    /// What the agent sees; its `screenshot` is the hash of the bytes below.
    pub observation: Observation,
    /// PNG of the viewport.
    pub screenshot: Bytes,
}

/// Why a session could not be had or went on no longer. A fault of an *action* is never one of these: it is `Effect::error`.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum BrowserError {
    /// The environment failed, not the agent.
    #[error("browser environment failed ({kind:?}): {detail}")]
    Environment {
        /// What failed.
        kind: EnvFailure,
        /// Where and how, for a person.
        detail: String,
    },
    /// A newer owner has taken the session.
    #[error("the session belongs to a newer owner; drop this attempt")]
    Fenced,
    /// All sessions are taken.
    #[error("all browser sessions are taken; ask again in {retry_after_ms} ms")]
    Busy {
        /// When asking again makes sense.
        retry_after_ms: u64,
    },
}

impl BrowserError {
    /// An environment failure with its detail.
    pub fn environment(kind: EnvFailure, detail: impl Into<String>) -> Self {
        Self::Environment { kind, detail: detail.into() }
    }
}

/// There is no browser to be had, and why.
pub(crate) fn no_browser(detail: impl Into<String>) -> BrowserError {
    BrowserError::environment(EnvFailure::NoBrowser, detail)
}

/// Where sessions come from.
#[async_trait]
pub trait BrowserSupply: Send + Sync {
    /// A fresh, isolated session; `Busy` when all are taken and none came free within a short bound.
    async fn acquire(&self, spec: SessionSpec) -> Result<Box<dyn BrowserSession>, BrowserError>;
}

/// One isolated browser context with a current page. Calls on one session run one after another; each is bounded in time.
#[async_trait]
pub trait BrowserSession: Send + Sync {
    /// Identity of the session.
    fn id(&self) -> &SessionId;

    /// Opens an address, lets the page settle and observes it. `Unreachable` and `EgressDenied` come as environment errors.
    async fn open(&self, url: &str) -> Result<Observed, BrowserError>;

    /// Opens an address and returns when its document has loaded, for callers that look later or elsewhere: nothing settles and no picture
    /// is taken. The same errors as [`open`](Self::open).
    async fn load(&self, url: &str) -> Result<(), BrowserError> {
        self.open(url).await.map(drop)
    }

    /// Lets the page settle and observes it.
    async fn observe(&self) -> Result<Observed, BrowserError>;

    /// Performs an action. What went wrong with the action itself is in `Effect::error`. `Effect::changed` is known only from
    /// [`act_and_observe`](Self::act_and_observe).
    async fn act(&self, action: &Action) -> Result<Effect, BrowserError>;

    /// Performs an action, lets the page settle and observes it, with as few round trips as can be.
    async fn act_and_observe(&self, action: &Action) -> Result<(Effect, Observed), BrowserError>;

    /// Content of a file that the session kept ([`Effect::files`]); `None` if it keeps no such file.
    async fn file(&self, blob: &BlobHash) -> Result<Option<Bytes>, BrowserError> {
        let _ = blob;
        Ok(None)
    }

    /// What was kept so far of a session that is recorded.
    async fn recording(&self) -> Result<Recording, BrowserError> {
        Err(BrowserError::environment(EnvFailure::NoBrowser, "this session is not recorded: ask for one with `record`"))
    }

    /// From now on pages of a gated session may send what these permissions cover, and nothing else that is critical.
    async fn permit(&self, grants: Vec<Grant>) -> Result<(), BrowserError> {
        let _ = grants;
        Ok(())
    }

    /// Cookies and local storage as they are now, for a later session to begin with.
    async fn storage(&self) -> Result<StorageState, BrowserError> {
        Err(BrowserError::environment(EnvFailure::NoBrowser, "this browser does not give its storage away"))
    }

    /// A client's connection in the DevTools protocol, for sessions that are driven so ([`Drive::Cdp`]).
    async fn connect(&self) -> Result<CdpLink, BrowserError> {
        Err(BrowserError::environment(EnvFailure::NoBrowser, "this session is not driven over CDP: ask for one with `drive` \"cdp\""))
    }

    /// Done once the session is over because its browser is gone, where no call would tell: of sessions that their clients drive.
    fn gone(&self) -> BoxFuture<'static, ()> {
        futures::future::pending().boxed()
    }

    /// Frames of the current page for people who watch, until the session ends or nobody takes them.
    async fn screencast(&self, options: ScreencastOptions) -> Result<mpsc::Receiver<Frame>, BrowserError> {
        let _ = options;
        Err(BrowserError::environment(EnvFailure::NoBrowser, "this browser shows no frames"))
    }

    /// Closes the context and frees the place. A session that is dropped instead is closed in the background.
    async fn release(self: Box<Self>) -> Result<(), BrowserError>;
}

/// Header by which hosts of [`EgressPolicy::resolve`] learn which attempt asks (unless the policy sets it otherwise).
pub const INSTANCE_HEADER: &str = "x-wayfarer-instance";

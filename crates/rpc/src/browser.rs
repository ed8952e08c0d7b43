//! The browser farm over gRPC: sessions whose leases renew themselves until they are released.

use crate::channel::{Channels, Endpoints};
use crate::document::{document, read_document};
use crate::placement::Board;
use crate::{MAX_MESSAGE_BYTES, error, trace};
use async_trait::async_trait;
use bytes::Bytes;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Channel;
use tonic::{Code, Request, Response, Status};
use tracing::Instrument;
use wayfarer_browser::{
    BrowserError, BrowserSession, BrowserSupply, Frame, Observed, Recording, ScreencastOptions, SessionSpec, StorageState,
};
use wayfarer_core::action::Effect;
use wayfarer_core::critical_point::Grant;
use wayfarer_core::outcome::EnvFailure;
use wayfarer_core::{Action, BlobHash, SessionId};
use wayfarer_proto::v1;
use wayfarer_proto::v1::browser_farm_client::BrowserFarmClient;

/// Bounds of the pause between renewals, whatever the clocks of two machines say about the lease.
const RENEWAL: std::ops::RangeInclusive<Duration> = Duration::from_millis(200)..=Duration::from_secs(10);

type Interceptor = fn(Request<()>) -> Result<Request<()>, Status>;
type Client = BrowserFarmClient<InterceptedService<Channel, Interceptor>>;

/// Bounds of the calls to a farm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SupplyOptions {
    /// Longest wait for a free session at the farm.
    pub acquire_wait: Duration,
    /// Longest wait for any other call; above the farm's own bounds of opening, acting and settling.
    pub call_timeout: Duration,
}

impl Default for SupplyOptions {
    fn default() -> Self {
        Self { acquire_wait: Duration::from_secs(2), call_timeout: Duration::from_secs(90) }
    }
}

/// A [`BrowserSupply`] that asks browser farms: the one first that the board finds best, in turn where it knows nothing.
#[derive(Debug)]
pub struct GrpcBrowserSupply {
    channels: Channels,
    board: Arc<Board>,
    options: SupplyOptions,
}

impl GrpcBrowserSupply {
    /// A client; nothing is connected yet.
    pub fn new(endpoints: Endpoints, options: SupplyOptions) -> Self {
        Self { channels: Channels::new(endpoints), board: Arc::default(), options }
    }

    /// The same, with a board that somebody keeps up to date.
    pub fn with_board(self, board: Arc<Board>) -> Self {
        Self { board, ..self }
    }
}

#[async_trait]
impl BrowserSupply for GrpcBrowserSupply {
    async fn acquire(&self, spec: SessionSpec) -> Result<Box<dyn BrowserSession>, BrowserError> {
        let no_browser = |why: String| BrowserError::environment(EnvFailure::NoBrowser, why);
        let spec = document(&spec).map_err(|status| no_browser(status.message().to_owned()))?;
        let farms = self.channels.ordered(|addresses| self.board.order(addresses)).map_err(no_browser)?;
        // first whether anybody has a place; then a wait, at the farm that looked best
        let waiting = farms.first().filter(|_| farms.len() > 1).cloned();
        let asked = farms.len();
        let mut refused = no_browser("no browser farm is known".into());
        for (index, (address, channel)) in farms.into_iter().chain(waiting).enumerate() {
            if index == asked && !matches!(refused, BrowserError::Busy { .. }) {
                break;
            }
            let mut client = client(channel);
            let wait = if asked == 1 || index == asked { self.options.acquire_wait } else { Duration::ZERO };
            let message = v1::AcquireRequest { spec: Some(spec.clone()), wait_ms: u32::try_from(wait.as_millis()).unwrap_or(u32::MAX) };
            let asked = client.acquire(bounded(message, self.options.call_timeout + wait)).await;
            match asked {
                Ok(lease) => {
                    self.board.was_given(&address);
                    return Ok(Box::new(GrpcSession::new(client, lease.into_inner(), self.options.call_timeout)?));
                }
                Err(status) => refused = better(refused, error::browser_error(&status, EnvFailure::NoBrowser)),
            }
        }
        Err(refused)
    }
}

/// Of two refusals the one that says more: `Busy` tells when to come again.
fn better(first: BrowserError, second: BrowserError) -> BrowserError {
    if matches!(first, BrowserError::Busy { .. } | BrowserError::Fenced) { first } else { second }
}

struct GrpcSession {
    id: SessionId,
    reference: v1::SessionRef,
    client: Client,
    timeout: Duration,
    /// Set by the renewal when the lease is gone.
    lost: Arc<OnceLock<BrowserError>>,
    renewal: JoinHandle<()>,
    released: bool,
}

impl GrpcSession {
    fn new(client: Client, lease: v1::SessionLease, timeout: Duration) -> Result<Self, BrowserError> {
        let id = SessionId::new(lease.session.clone())
            .map_err(|error| BrowserError::environment(EnvFailure::NoBrowser, format!("the farm gave a wrong session id: {error}")))?;
        let reference = v1::SessionRef { session: lease.session.clone(), token: lease.token };
        let lost = Arc::new(OnceLock::new());
        let renewal = renew(client.clone(), reference.clone(), lease, Arc::clone(&lost));
        let renewal = tokio::spawn(renewal.instrument(tracing::debug_span!("renew", session = %id)));
        Ok(Self { id, reference, client, timeout, lost, renewal, released: false })
    }

    fn ready<T>(&self, message: T) -> Result<(Client, Request<T>), BrowserError> {
        match self.lost.get() {
            Some(error) => Err(error.clone()),
            None => Ok((self.client.clone(), bounded(message, self.timeout))),
        }
    }

    fn read<T>(&self, reply: Result<Response<T>, Status>) -> Result<T, BrowserError> {
        reply.map(Response::into_inner).map_err(|status| error::browser_error(&status, EnvFailure::LeaseLost))
    }

    fn act_request(&self, action: &Action) -> Result<v1::ActRequest, BrowserError> {
        let action = document(action).map_err(|status| unreadable(&status))?;
        Ok(v1::ActRequest { session: Some(self.reference.clone()), action: Some(action) })
    }
}

#[async_trait]
impl BrowserSession for GrpcSession {
    fn id(&self) -> &SessionId {
        &self.id
    }

    async fn open(&self, url: &str) -> Result<Observed, BrowserError> {
        let (mut client, request) = self.ready(v1::OpenRequest { session: Some(self.reference.clone()), url: url.to_owned() })?;
        observed(Some(self.read(client.open(request).await)?))
    }

    async fn load(&self, url: &str) -> Result<(), BrowserError> {
        let (mut client, request) = self.ready(v1::OpenRequest { session: Some(self.reference.clone()), url: url.to_owned() })?;
        self.read(client.load(request).await).map(drop)
    }

    async fn observe(&self) -> Result<Observed, BrowserError> {
        let (mut client, request) = self.ready(self.reference.clone())?;
        observed(Some(self.read(client.observe(request).await)?))
    }

    async fn act(&self, action: &Action) -> Result<Effect, BrowserError> {
        let (mut client, request) = self.ready(self.act_request(action)?)?;
        let reply = self.read(client.act(request).await)?;
        read_document(reply.effect, "effect").map_err(|status| unreadable(&status))
    }

    async fn act_and_observe(&self, action: &Action) -> Result<(Effect, Observed), BrowserError> {
        let (mut client, request) = self.ready(self.act_request(action)?)?;
        let reply = self.read(client.act_and_observe(request).await)?;
        let effect = read_document(reply.effect, "effect").map_err(|status| unreadable(&status))?;
        Ok((effect, observed(reply.observed)?))
    }

    async fn file(&self, blob: &BlobHash) -> Result<Option<Bytes>, BrowserError> {
        let message = v1::FileRequest { session: Some(self.reference.clone()), blob: blob.as_str().to_owned() };
        let (mut client, request) = self.ready(message)?;
        Ok(self.read(client.file(request).await)?.content)
    }

    async fn recording(&self) -> Result<Recording, BrowserError> {
        let (mut client, request) = self.ready(self.reference.clone())?;
        let mut pieces = self.read(client.recording(request).await)?;
        let mut har = Vec::new();
        let broken = |status: Status| error::browser_error(&status, EnvFailure::LeaseLost);
        while let Some(piece) = pieces.message().await.map_err(broken)? {
            har.extend_from_slice(&piece.har);
        }
        Ok(Recording(har.into()))
    }

    async fn permit(&self, grants: Vec<Grant>) -> Result<(), BrowserError> {
        let grants = document(&grants).map_err(|status| unreadable(&status))?;
        let (mut client, request) = self.ready(v1::PermitRequest { session: Some(self.reference.clone()), grants: Some(grants) })?;
        self.read(client.permit(request).await).map(drop)
    }

    async fn storage(&self) -> Result<StorageState, BrowserError> {
        let (mut client, request) = self.ready(self.reference.clone())?;
        let reply = self.read(client.storage(request).await)?;
        read_document(reply.storage, "storage").map_err(|status| unreadable(&status))
    }

    async fn screencast(&self, options: ScreencastOptions) -> Result<mpsc::Receiver<Frame>, BrowserError> {
        let ScreencastOptions { max_width, max_height, quality } = options;
        let message = v1::ScreencastRequest { session: Some(self.reference.clone()), max_width, max_height, quality: quality.into() };
        let (mut client, _) = self.ready(())?;
        // without a bound in time: it lasts as long as the session
        let mut told = self.read(client.screencast(Request::new(message)).await)?;
        let (sender, frames) = mpsc::channel(1);
        tokio::spawn(async move {
            while let Ok(Some(frame)) = told.message().await {
                let v1::ScreencastFrame { jpeg, url, title } = frame;
                if sender.send(Frame { jpeg, url, title }).await.is_err() {
                    return;
                }
            }
        });
        Ok(frames)
    }

    async fn release(mut self: Box<Self>) -> Result<(), BrowserError> {
        self.released = true;
        self.renewal.abort();
        let request = bounded(self.reference.clone(), self.timeout);
        let reply = self.client.clone().release(request).await;
        self.read(reply).map(|_| ())
    }
}

impl Drop for GrpcSession {
    /// A session that was not released is released in the background; without a runtime its lease runs out at the farm.
    fn drop(&mut self) {
        self.renewal.abort();
        if self.released {
            return;
        }
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            let (mut client, request) = (self.client.clone(), bounded(self.reference.clone(), self.timeout));
            runtime.spawn(async move { client.release(request).await.map(|_| ()) });
        }
    }
}

/// Renews a lease for as long as it is ours; each renewal at a third of what is left.
async fn renew(mut client: Client, reference: v1::SessionRef, mut lease: v1::SessionLease, lost: Arc<OnceLock<BrowserError>>) {
    loop {
        let pause = renewal_pause(lease.expires_unix_ms, SystemTime::now());
        tokio::time::sleep(pause).await;
        match client.renew(bounded(reference.clone(), *RENEWAL.end())).await {
            Ok(renewed) => lease = renewed.into_inner(),
            Err(status) if matches!(status.code(), Code::FailedPrecondition | Code::NotFound) => {
                tracing::warn!(session = reference.session, %status, "the lease of a browser session is lost");
                let _ = lost.set(error::browser_error(&status, EnvFailure::LeaseLost));
                return;
            }
            // the farm may be back before the lease has run out; if not, the next call says so
            Err(status) => tracing::debug!(session = reference.session, %status, "a lease could not be renewed"),
        }
    }
}

fn renewal_pause(expires_unix_ms: u64, now: SystemTime) -> Duration {
    let now_ms = now.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis()) as u64;
    let left = Duration::from_millis(expires_unix_ms.saturating_sub(now_ms));
    (left / 3).clamp(*RENEWAL.start(), *RENEWAL.end())
}

fn observed(reply: Option<v1::ObserveReply>) -> Result<Observed, BrowserError> {
    let reply = reply.ok_or_else(|| unreadable(&Status::internal("the reply has no observation")))?;
    let observation = read_document(reply.observation, "observation").map_err(|status| unreadable(&status))?;
    Ok(Observed { observation, screenshot: reply.screenshot })
}

fn unreadable(status: &Status) -> BrowserError {
    BrowserError::environment(EnvFailure::BrowserCrashed, format!("browser farm: {}", status.message()))
}

fn bounded<T>(message: T, timeout: Duration) -> Request<T> {
    let mut request = Request::new(message);
    request.set_timeout(timeout);
    request
}

fn client(channel: Channel) -> Client {
    BrowserFarmClient::with_interceptor(channel, trace::inject as Interceptor)
        .max_decoding_message_size(MAX_MESSAGE_BYTES)
        .max_encoding_message_size(MAX_MESSAGE_BYTES)
}

//! The farm over gRPC.

use crate::farm::{Farm, FarmOptions};
use crate::lease::{Ended, Lease};
use futures::StreamExt;
use futures::stream::BoxStream;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status};
use tracing::{Instrument, Span};
use wayfarer_browser::{BrowserError, BrowserSupply, Observed, Priority, Recording, ScreencastOptions, SessionSpec};
use wayfarer_core::critical_point::Grant;
use wayfarer_core::{Action, BlobHash};
use wayfarer_proto::v1;
use wayfarer_proto::v1::browser_farm_server::{BrowserFarm, BrowserFarmServer};
use wayfarer_rpc::document::{document, read_document};
use wayfarer_rpc::error::browser_status;
use wayfarer_rpc::{MAX_MESSAGE_BYTES, server, trace};
use wayfarer_telemetry::Readiness;

/// Bytes of a recording in one message.
const RECORDING_PIECE: usize = 1024 * 1024;

#[derive(Clone)]
struct Face(Arc<Farm>);

impl Face {
    fn held(&self, reference: Option<v1::SessionRef>) -> Result<Arc<Lease>, Status> {
        let reference = reference.ok_or_else(|| Status::invalid_argument("the message names no session"))?;
        self.0.held(&reference.session, reference.token).map_err(refused)
    }

    fn to_act(&self, request: v1::ActRequest) -> Result<(Arc<Lease>, Action), Status> {
        Ok((self.held(request.session)?, read_document(request.action, "action")?))
    }
}

#[tonic::async_trait]
impl BrowserFarm for Face {
    async fn acquire(&self, request: Request<v1::AcquireRequest>) -> Result<Response<v1::SessionLease>, Status> {
        let span = trace::server_span(&request, "Acquire");
        let request = request.into_inner();
        let spec: SessionSpec = read_document(request.spec, "spec")?;
        trace::tell_attempt(&span, &spec.attempt);
        let wait = Duration::from_millis(request.wait_ms.into());
        let lease = self.0.acquire(spec, wait).instrument(span).await.map_err(refused)?;
        Ok(Response::new(lease_to_wire(&lease)))
    }

    async fn renew(&self, request: Request<v1::SessionRef>) -> Result<Response<v1::SessionLease>, Status> {
        let reference = request.into_inner();
        let lease = self.0.renew(&reference.session, reference.token).map_err(refused)?;
        Ok(Response::new(lease_to_wire(&lease)))
    }

    async fn open(&self, request: Request<v1::OpenRequest>) -> Result<Response<v1::ObserveReply>, Status> {
        let span = trace::server_span(&request, "Open");
        let v1::OpenRequest { session, url } = request.into_inner();
        let lease = self.held(session)?;
        trace::tell_attempt(&span, &lease.owner.attempt);
        let call = lease.call(move |session| Box::pin(async move { session.open(&url).await }));
        observed_to_wire(traced(call, span).await?).map(Response::new)
    }

    async fn load(&self, request: Request<v1::OpenRequest>) -> Result<Response<v1::LoadReply>, Status> {
        let span = trace::server_span(&request, "Load");
        let v1::OpenRequest { session, url } = request.into_inner();
        let lease = self.held(session)?;
        trace::tell_attempt(&span, &lease.owner.attempt);
        let call = lease.call(move |session| Box::pin(async move { session.load(&url).await }));
        traced(call, span).await?;
        Ok(Response::new(v1::LoadReply {}))
    }

    async fn observe(&self, request: Request<v1::SessionRef>) -> Result<Response<v1::ObserveReply>, Status> {
        let span = trace::server_span(&request, "Observe");
        let lease = self.held(Some(request.into_inner()))?;
        trace::tell_attempt(&span, &lease.owner.attempt);
        let call = lease.call(|session| session.observe());
        observed_to_wire(traced(call, span).await?).map(Response::new)
    }

    async fn act(&self, request: Request<v1::ActRequest>) -> Result<Response<v1::ActReply>, Status> {
        let span = trace::server_span(&request, "Act");
        let (lease, action) = self.to_act(request.into_inner())?;
        trace::tell_attempt(&span, &lease.owner.attempt);
        let call = lease.call(move |session| Box::pin(async move { session.act(&action).await }));
        let effect = traced(call, span).await?;
        Ok(Response::new(v1::ActReply { effect: Some(document(&effect)?), observed: None }))
    }

    async fn act_and_observe(&self, request: Request<v1::ActRequest>) -> Result<Response<v1::ActReply>, Status> {
        let span = trace::server_span(&request, "ActAndObserve");
        let (lease, action) = self.to_act(request.into_inner())?;
        trace::tell_attempt(&span, &lease.owner.attempt);
        let call = lease.call(move |session| Box::pin(async move { session.act_and_observe(&action).await }));
        let (effect, observed) = traced(call, span).await?;
        Ok(Response::new(v1::ActReply { effect: Some(document(&effect)?), observed: Some(observed_to_wire(observed)?) }))
    }

    type RecordingStream = BoxStream<'static, Result<v1::RecordingPiece, Status>>;

    async fn recording(&self, request: Request<v1::SessionRef>) -> Result<Response<Self::RecordingStream>, Status> {
        let lease = self.held(Some(request.into_inner()))?;
        let Recording(mut har) = lease.call(|session| session.recording()).await.map_err(refused)?;
        let pieces = std::iter::from_fn(move || {
            let next = har.split_to(har.len().min(RECORDING_PIECE));
            (!next.is_empty()).then_some(Ok(v1::RecordingPiece { har: next }))
        });
        Ok(Response::new(futures::stream::iter(pieces).boxed()))
    }

    async fn permit(&self, request: Request<v1::PermitRequest>) -> Result<Response<v1::PermitReply>, Status> {
        let v1::PermitRequest { session, grants } = request.into_inner();
        let lease = self.held(session)?;
        let grants: Vec<Grant> = read_document(grants, "grants")?;
        lease.call(move |session| Box::pin(async move { session.permit(grants).await })).await.map_err(refused)?;
        Ok(Response::new(v1::PermitReply {}))
    }

    async fn file(&self, request: Request<v1::FileRequest>) -> Result<Response<v1::FileReply>, Status> {
        let v1::FileRequest { session, blob } = request.into_inner();
        let lease = self.held(session)?;
        let blob = BlobHash::parse(&blob).ok_or_else(|| Status::invalid_argument("the message names no content by its hash"))?;
        let content = lease.call(move |session| Box::pin(async move { session.file(&blob).await })).await.map_err(refused)?;
        Ok(Response::new(v1::FileReply { content }))
    }

    async fn storage(&self, request: Request<v1::SessionRef>) -> Result<Response<v1::StorageReply>, Status> {
        let lease = self.held(Some(request.into_inner()))?;
        let storage = lease.call(|session| session.storage()).await.map_err(refused)?;
        Ok(Response::new(v1::StorageReply { storage: Some(document(&storage)?) }))
    }

    type ScreencastStream = BoxStream<'static, Result<v1::ScreencastFrame, Status>>;

    async fn screencast(&self, request: Request<v1::ScreencastRequest>) -> Result<Response<Self::ScreencastStream>, Status> {
        let v1::ScreencastRequest { session, max_width, max_height, quality } = request.into_inner();
        let lease = self.held(session)?;
        let usual = ScreencastOptions::default();
        let or = |wanted: u32, usual: u32| if wanted == 0 { usual } else { wanted };
        let options = ScreencastOptions {
            max_width: or(max_width, usual.max_width),
            max_height: or(max_height, usual.max_height),
            quality: u8::try_from(or(quality, usual.quality.into())).unwrap_or(100),
        };
        let frames = Arc::clone(&lease).call(move |session| Box::pin(async move { session.screencast(options).await }));
        let frames = frames.await.map_err(refused)?;
        let stream = futures::stream::unfold((frames, lease), |(mut frames, lease)| async move {
            let frame = tokio::select! {
                frame = frames.recv() => frame?,
                () = lease.ending() => return None,
            };
            let told = v1::ScreencastFrame { jpeg: frame.jpeg, url: frame.url, title: frame.title };
            Some((Ok(told), (frames, lease)))
        });
        Ok(Response::new(stream.boxed()))
    }

    async fn release(&self, request: Request<v1::SessionRef>) -> Result<Response<v1::ReleaseReply>, Status> {
        let reference = request.into_inner();
        match self.0.held(&reference.session, reference.token) {
            Ok(lease) => self.0.end(&lease, Ended::Released).await,
            // gone already, or somebody else's: nothing of this caller's is left
            Err(error) => tracing::debug!(session = reference.session, %error, "nothing to release"),
        }
        Ok(Response::new(v1::ReleaseReply {}))
    }

    async fn list(&self, _request: Request<v1::ListSessionsRequest>) -> Result<Response<v1::ListSessionsReply>, Status> {
        let mut sessions: Vec<v1::SessionInfo> = self.0.leases().iter().map(|lease| info(lease)).collect();
        sessions.sort_by(|one, other| one.session.cmp(&other.session));
        let capacity = u32::try_from(self.0.capacity()).unwrap_or(u32::MAX);
        Ok(Response::new(v1::ListSessionsReply { sessions, capacity }))
    }
}

/// A farm that is served.
pub struct Serving {
    /// Where.
    pub address: SocketAddr,
    /// What is served.
    pub farm: Arc<Farm>,
    /// Ends with the farm.
    pub task: JoinHandle<()>,
}

/// Serves a farm over `supply`. Once `stop` is cancelled it gives no more sessions out, waits for those it has within a bound, and
/// ends with none left. Port 0 takes a free one.
pub async fn serve(
    supply: Arc<dyn BrowserSupply>,
    options: FarmOptions,
    listen: SocketAddr,
    ready: Readiness,
    stop: CancellationToken,
) -> std::io::Result<Serving> {
    let farm = Farm::new(supply, options);
    let service = BrowserFarmServer::new(Face(Arc::clone(&farm)))
        .max_decoding_message_size(MAX_MESSAGE_BYTES)
        .max_encoding_message_size(MAX_MESSAGE_BYTES);
    let stop_server = CancellationToken::new();
    let serving = server::serve(service, listen, ready.clone(), stop_server.clone()).await?;
    let address = serving.address;
    let served = Arc::clone(&farm);
    let task = tokio::spawn(async move {
        stop.cancelled().await;
        // owners still act and release while the farm drains: the server goes last
        ready.drain();
        farm.drain().await;
        stop_server.cancel();
        if let Err(error) = serving.task.await {
            tracing::error!(%error, "the farm's server ended badly");
        }
    });
    Ok(Serving { address, farm: served, task })
}

async fn traced<T>(call: impl Future<Output = Result<T, BrowserError>>, span: Span) -> Result<T, Status> {
    call.instrument(span).await.map_err(refused)
}

fn refused(error: BrowserError) -> Status {
    browser_status(&error)
}

fn lease_to_wire(lease: &Lease) -> v1::SessionLease {
    v1::SessionLease { session: lease.id.to_string(), token: lease.token, expires_unix_ms: lease.expires_unix_ms() }
}

fn info(lease: &Lease) -> v1::SessionInfo {
    v1::SessionInfo {
        session: lease.id.to_string(),
        tenant: lease.owner.tenant.to_string(),
        attempt: lease.owner.attempt.clone(),
        expires_unix_ms: lease.expires_unix_ms(),
        began_unix_ms: lease.began_unix_ms(),
        epoch: lease.owner.epoch.0,
        priority: match lease.owner.priority {
            Priority::Live => "live",
            Priority::Batch => "batch",
        }
        .into(),
    }
}

fn observed_to_wire(observed: Observed) -> Result<v1::ObserveReply, Status> {
    Ok(v1::ObserveReply { observation: Some(document(&observed.observation)?), screenshot: observed.screenshot })
}

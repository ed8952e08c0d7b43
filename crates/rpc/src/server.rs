//! What every gRPC server of ours does: bind, report health, serve, drain within a bound.

use crate::health::ServiceHealth;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tonic::server::NamedService;
use tonic::service::Routes;
use tonic::transport::server::TcpIncoming;
use tonic_health::pb::health_server::HealthServer;
use wayfarer_telemetry::Readiness;

/// Longest wait for calls in flight once the server is told to stop.
const DRAIN: Duration = Duration::from_secs(20);
/// Pings on idle connections, so that a dead peer is noticed.
const KEEP_ALIVE: Duration = Duration::from_secs(20);
/// Flow-control windows: a screenshot should fit without waiting for an update.
const WINDOW: u32 = 4 * 1024 * 1024;

/// A server that is running.
#[derive(Debug)]
pub struct Serving {
    /// Where it listens (port 0 was replaced by the real one).
    pub address: SocketAddr,
    /// Ends when the server has drained.
    pub task: JoinHandle<()>,
}

/// Serves one service, with `grpc.health.v1` by its readiness beside it, until `stop` is cancelled. From that moment it reports itself as
/// not serving; calls in flight may finish within a bound.
pub async fn serve<S>(service: S, listen: SocketAddr, ready: Readiness, stop: CancellationToken) -> io::Result<Serving>
where
    S: tower_bound::GrpcService + NamedService,
{
    let listener = tokio::net::TcpListener::bind(listen).await.map_err(|error| {
        io::Error::new(
            error.kind(),
            format!("cannot listen on {listen} for {} ({error}); give another address, or port 0 for a free one", S::NAME),
        )
    })?;
    let address = listener.local_addr()?;
    let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));

    let health = HealthServer::new(ServiceHealth::new(S::NAME, ready, stop.clone()));
    let routes = Routes::new(health).add_service(service);
    let task = tokio::spawn(async move {
        let begin_drain = stop.clone();
        let server = tonic::transport::Server::builder()
            .http2_keepalive_interval(Some(KEEP_ALIVE))
            .initial_stream_window_size(WINDOW)
            .initial_connection_window_size(WINDOW)
            .add_routes(routes)
            .serve_with_incoming_shutdown(incoming, begin_drain.cancelled_owned());
        let too_late = async {
            stop.cancelled().await;
            tokio::time::sleep(DRAIN).await;
        };
        tokio::select! {
            ended = server => if let Err(error) = ended {
                tracing::error!(service = S::NAME, %error, "a server ended");
            },
            () = too_late => tracing::warn!(service = S::NAME, "calls in flight were cut off at the end of the drain"),
        }
    });
    tracing::info!(service = S::NAME, %address, "serving");
    Ok(Serving { address, task })
}

/// The bound that tonic's router asks of a service, under one name.
pub mod tower_bound {
    use std::convert::Infallible;
    use tonic::body::Body;
    use tonic::codegen::{Service, http};

    /// A generated tonic server.
    pub trait GrpcService:
        Service<http::Request<Body>, Response = http::Response<Body>, Error = Infallible, Future: Send + 'static>
        + Clone
        + Send
        + Sync
        + 'static
    {
    }

    impl<S> GrpcService for S where
        S: Service<http::Request<Body>, Response = http::Response<Body>, Error = Infallible, Future: Send + 'static>
            + Clone
            + Send
            + Sync
            + 'static
    {
    }
}

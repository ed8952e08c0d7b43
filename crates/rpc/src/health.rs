//! `grpc.health.v1` by readiness: a service says that it serves only if it can do its job now.

use futures::stream::{self, BoxStream, StreamExt};
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status};
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_server::Health;
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};
use wayfarer_telemetry::Readiness;

/// How often a watcher's service is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(3);

/// Health of the one service of a server.
#[derive(Clone)]
pub(crate) struct ServiceHealth {
    service: &'static str,
    ready: Readiness,
    stop: CancellationToken,
}

impl ServiceHealth {
    pub(crate) fn new(service: &'static str, ready: Readiness, stop: CancellationToken) -> Self {
        Self { service, ready, stop }
    }

    /// The empty name is the whole server, which has one service only.
    fn is_known(&self, name: &str) -> bool {
        name.is_empty() || name == self.service
    }

    async fn status(&self) -> ServingStatus {
        if self.stop.is_cancelled() {
            return ServingStatus::NotServing;
        }
        let faults = self.ready.faults().await;
        if faults.is_empty() {
            return ServingStatus::Serving;
        }
        tracing::debug!(service = self.service, ?faults, "not ready");
        ServingStatus::NotServing
    }
}

fn reply(status: ServingStatus) -> HealthCheckResponse {
    HealthCheckResponse { status: status.into() }
}

#[tonic::async_trait]
impl Health for ServiceHealth {
    async fn check(&self, request: Request<HealthCheckRequest>) -> Result<Response<HealthCheckResponse>, Status> {
        let name = request.into_inner().service;
        if !self.is_known(&name) {
            return Err(Status::not_found(format!("there is no service {name:?} here; {} is", self.service)));
        }
        Ok(Response::new(reply(self.status().await)))
    }

    type WatchStream = BoxStream<'static, Result<HealthCheckResponse, Status>>;

    /// The status now, and then each change of it, until the server stops.
    async fn watch(&self, request: Request<HealthCheckRequest>) -> Result<Response<Self::WatchStream>, Status> {
        if !self.is_known(&request.into_inner().service) {
            return Ok(Response::new(stream::once(async { Ok(reply(ServingStatus::ServiceUnknown)) }).boxed()));
        }
        let changes = stream::unfold((self.clone(), None), |(health, last)| async move {
            loop {
                if health.stop.is_cancelled() && last == Some(ServingStatus::NotServing) {
                    return None;
                }
                let status = health.status().await;
                if last != Some(status) {
                    return Some((Ok(reply(status)), (health, Some(status))));
                }
                tokio::select! {
                    () = health.stop.cancelled() => {}
                    () = tokio::time::sleep(LOOK_EVERY) => {}
                }
            }
        });
        Ok(Response::new(changes.boxed()))
    }
}

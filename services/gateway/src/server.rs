//! The gRPC face of runs.

use crate::runs::{Created, OtherRequest};
use crate::{audit, runs};
use anyhow::Result;
use futures::Stream;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status};
use wayfarer_bus::{Bus, EventLog, RunFollower, document, read_document};
use wayfarer_core::RunId;
use wayfarer_core::run::RunSpec;
use wayfarer_proto::v1::runs_server::{Runs, RunsServer};
use wayfarer_proto::v1::{
    AuditRunReply, AuditRunRequest, CancelRunReply, CancelRunRequest, CreateRunReply, CreateRunRequest, ListRunsReply, ListRunsRequest,
    RunProgress, WatchRunRequest,
};
use wayfarer_store::Stores;
use wayfarer_telemetry::Readiness;

const WATCH_EVERY: Duration = Duration::from_millis(500);

struct Gateway {
    bus: Bus,
    log: Arc<dyn EventLog>,
    follower: Arc<RunFollower>,
    stores: Stores,
}

/// Serves runs until the token is cancelled.
pub async fn serve(
    bus: Bus,
    log: Arc<dyn EventLog>,
    stores: Stores,
    listen: SocketAddr,
    ready: Readiness,
    token: CancellationToken,
) -> Result<(SocketAddr, JoinHandle<()>)> {
    let follower = Arc::new(RunFollower::new(bus.clone()));
    let service = RunsServer::new(Gateway { bus, log, follower, stores });
    let serving = wayfarer_rpc::server::serve(service, listen, ready, token).await?;
    Ok((serving.address, serving.task))
}

fn internal(error: impl std::fmt::Display) -> Status {
    Status::internal(error.to_string())
}

impl Gateway {
    async fn spec(&self, run: &str) -> Result<RunSpec, Status> {
        let run = RunId::new(run).map_err(|error| Status::invalid_argument(error.to_string()))?;
        let spec = self.bus.get_run(&run).await.map_err(internal)?;
        spec.ok_or_else(|| Status::not_found(format!("run {run} is unknown; `wayfarer run list` shows the runs")))
    }
}

async fn progress(bus: &Bus, follower: &RunFollower, spec: &RunSpec) -> Result<RunProgress, Status> {
    let unavailable = |error: wayfarer_bus::BusError| Status::unavailable(error.to_string());
    let tally = follower.tally(spec).await.map_err(unavailable)?;
    let stages = runs::stages(bus, &tally).await.map_err(unavailable)?;
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64);
    let wall_s = now.saturating_sub(spec.created_unix_ms) as f64 / 1000.0;
    Ok(RunProgress {
        summary: Some(document(&tally.summary(wall_s)).map_err(internal)?),
        stages: Some(document(&stages).map_err(internal)?),
        complete: tally.is_complete(),
    })
}

#[tonic::async_trait]
impl Runs for Gateway {
    async fn create(&self, request: Request<CreateRunRequest>) -> Result<Response<CreateRunReply>, Status> {
        let spec = request.into_inner().spec.ok_or_else(|| Status::invalid_argument("the request holds no run"))?;
        let spec: RunSpec = read_document(&spec).map_err(|error| Status::invalid_argument(error.to_string()))?;
        let Created { spec, resumed } =
            runs::create(&self.bus, &spec).await.map_err(|error| match error.downcast_ref::<OtherRequest>() {
                Some(other) => Status::already_exists(other.to_string()),
                None => internal(format!("{error:#}")),
            })?;
        let store = self.stores.of(&spec.run).map_err(internal)?;
        store.put_document("run.json", &spec).await.map_err(internal)?;
        Ok(Response::new(CreateRunReply { run: spec.run.to_string(), resumed }))
    }

    async fn list(&self, _: Request<ListRunsRequest>) -> Result<Response<ListRunsReply>, Status> {
        let mut summaries = Vec::new();
        for spec in self.bus.list_runs().await.map_err(internal)? {
            let tally = self.follower.tally(&spec).await.map_err(internal)?;
            summaries.push(document(&tally.summary(0.0)).map_err(internal)?);
        }
        Ok(Response::new(ListRunsReply { summaries }))
    }

    type WatchStream = Pin<Box<dyn Stream<Item = Result<RunProgress, Status>> + Send>>;

    async fn watch(&self, request: Request<WatchRunRequest>) -> Result<Response<Self::WatchStream>, Status> {
        let spec = self.spec(&request.into_inner().run).await?;
        let (bus, follower) = (self.bus.clone(), self.follower.clone());
        let (sender, receiver) = tokio::sync::mpsc::channel(4);
        tokio::spawn(async move {
            let mut ticks = tokio::time::interval(WATCH_EVERY);
            loop {
                ticks.tick().await;
                let told = progress(&bus, &follower, &spec).await;
                let last = told.as_ref().map_or(true, |progress| progress.complete);
                if sender.send(told).await.is_err() || last {
                    return;
                }
            }
        });
        Ok(Response::new(Box::pin(ReceiverStream::new(receiver))))
    }

    async fn cancel(&self, request: Request<CancelRunRequest>) -> Result<Response<CancelRunReply>, Status> {
        let spec = self.spec(&request.into_inner().run).await?;
        runs::cancel(self.log.as_ref(), &spec.run).await.map_err(internal)?;
        Ok(Response::new(CancelRunReply {}))
    }

    async fn audit(&self, request: Request<AuditRunRequest>) -> Result<Response<AuditRunReply>, Status> {
        let spec = self.spec(&request.into_inner().run).await?;
        let store = self.stores.of(&spec.run).map_err(internal)?;
        let events = self.bus.events_of(&spec.run).await.map_err(internal)?;
        let report = audit(&events, &store, &spec).await;
        Ok(Response::new(AuditRunReply {
            passed: report.passed(),
            summary: Some(document(&report.summary).map_err(internal)?),
            checked: report.checked,
            faults: report.faults,
        }))
    }
}

//! Spans reach a collector, at the latest when telemetry is shut down.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{TraceService, TraceServiceServer};
use opentelemetry_proto::tonic::collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse};
use std::sync::{Arc, Mutex};
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status};
use wayfarer_telemetry::{TelemetryOptions, init};

#[derive(Clone, Default)]
struct Collector(Arc<Mutex<Vec<String>>>);

#[tonic::async_trait]
impl TraceService for Collector {
    async fn export(&self, request: Request<ExportTraceServiceRequest>) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let spans = request.into_inner().resource_spans.into_iter().flat_map(|of| of.scope_spans).flat_map(|of| of.spans);
        self.0.lock().unwrap().extend(spans.map(|span| span.name));
        Ok(Response::new(ExportTraceServiceResponse { partial_success: None }))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn spans_reach_the_collector() {
    let collector = Collector::default();
    let incoming = TcpIncoming::bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = incoming.local_addr().unwrap();
    let server = tonic::transport::Server::builder().add_service(TraceServiceServer::new(collector.clone()));
    tokio::spawn(server.serve_with_incoming(incoming));
    let telemetry = init(TelemetryOptions {
        service: "test".into(),
        otlp_endpoint: Some(format!("http://{address}")),
        metrics_listen: None,
        filter: "off".into(),
        json: false,
    })
    .unwrap();

    tracing::info_span!("attempt").in_scope(|| tracing::info_span!("step").in_scope(|| ()));
    telemetry.shutdown().await;

    let seen = collector.0.lock().unwrap().clone();
    assert!(seen.contains(&"attempt".to_owned()) && seen.contains(&"step".to_owned()), "{seen:?}");
}

//! temporary
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{TraceService, TraceServiceServer};
use opentelemetry_proto::tonic::collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse};
use tonic::{Request, Response, Status};
struct Collector;
fn hex(b: &[u8]) -> String { b.iter().map(|b| format!("{b:02x}")).collect() }
#[tonic::async_trait]
impl TraceService for Collector {
    async fn export(&self, request: Request<ExportTraceServiceRequest>) -> Result<Response<ExportTraceServiceResponse>, Status> {
        for span in request.into_inner().resource_spans.into_iter().flat_map(|of| of.scope_spans).flat_map(|of| of.spans) {
            let attrs: Vec<String> = span.attributes.iter().filter(|a| ["run","task","attempt","step","method","target","code.namespace","code.module.name","role"].contains(&a.key.as_str())).map(|a| format!("{}={:?}", a.key, a.value.as_ref().and_then(|v| v.value.clone()))).collect();
            println!("{} {} {} {} links={} {}", hex(&span.trace_id), hex(&span.span_id), hex(&span.parent_span_id), span.name, span.links.len(), attrs.join(" "));
        }
        Ok(Response::new(ExportTraceServiceResponse { partial_success: None }))
    }
}
#[tokio::main]
async fn main() {
    tonic::transport::Server::builder().add_service(TraceServiceServer::new(Collector).max_decoding_message_size(64 << 20)).serve("127.0.0.1:14317".parse().unwrap()).await.unwrap();
}

//! The pool over gRPC.

use crate::pool::Pool;
use std::net::SocketAddr;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status};
use tracing::Instrument;
use wayfarer_chat::Model;
use wayfarer_proto::v1::inference_server::{Inference, InferenceServer};
use wayfarer_proto::v1::{GenerateReply, GenerateRequest, RoutesReply, RoutesRequest};
use wayfarer_rpc::{MAX_MESSAGE_BYTES, chat, error, server, trace};
use wayfarer_telemetry::Readiness;

struct Face(Pool);

#[tonic::async_trait]
impl Inference for Face {
    async fn generate(&self, request: Request<GenerateRequest>) -> Result<Response<GenerateReply>, Status> {
        let span = trace::server_span(&request, "Generate");
        let request = chat::from_wire(request.into_inner())?;
        trace::tell_scope(&span, &request.scope);
        let reply = self.0.generate(request).instrument(span).await.map_err(|error| error::model_status(&error))?;
        Ok(Response::new(chat::reply_to_wire(reply)))
    }

    async fn routes(&self, _request: Request<RoutesRequest>) -> Result<Response<RoutesReply>, Status> {
        Ok(Response::new(RoutesReply { model_by_role: self.0.model_by_role().into_iter().collect() }))
    }
}

/// Serves the pool until `stop` is cancelled and calls in flight have drained. Returns the address (port 0 takes a free one) and the
/// task that ends with the server.
pub async fn serve(
    pool: Pool,
    listen: SocketAddr,
    ready: Readiness,
    stop: CancellationToken,
) -> std::io::Result<(SocketAddr, JoinHandle<()>)> {
    let service =
        InferenceServer::new(Face(pool)).max_decoding_message_size(MAX_MESSAGE_BYTES).max_encoding_message_size(MAX_MESSAGE_BYTES);
    let serving = server::serve(service, listen, ready, stop).await?;
    Ok((serving.address, serving.task))
}

//! The inference pool over gRPC.

use crate::channel::{Channels, Endpoints};
use crate::{MAX_MESSAGE_BYTES, chat, error, trace};
use async_trait::async_trait;
use std::collections::BTreeMap;
use std::time::Duration;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Channel;
use tonic::{Request, Status};
use wayfarer_chat::{ChatReply, ChatRequest, Model, ModelError};
use wayfarer_proto::v1::inference_client::InferenceClient;
use wayfarer_proto::v1::{GenerateRequest, RoutesRequest};

/// Tries while no replica can be reached: enough for one to be restarted.
const TRIES: u32 = 4;
/// Pause before the second of them; doubled each time.
const FIRST_PAUSE: Duration = Duration::from_millis(250);

type Interceptor = fn(Request<()>) -> Result<Request<()>, Status>;

/// A [`Model`] that asks the inference service.
#[derive(Debug)]
pub struct GrpcModel {
    channels: Channels,
    timeout: Duration,
}

impl GrpcModel {
    /// A client; nothing is connected yet. `timeout` bounds one call and should be somewhat above the endpoint's own.
    pub fn new(endpoints: Endpoints, timeout: Duration) -> Self {
        Self { channels: Channels::new(endpoints), timeout }
    }

    /// Which model answers for which role.
    pub async fn routes(&self) -> Result<BTreeMap<String, String>, ModelError> {
        let channel = self.next_channel()?;
        let reply = client(channel).routes(self.bounded(RoutesRequest {})).await;
        let routes = reply.map_err(|status| error::model_error(&status, self.timeout))?.into_inner();
        Ok(routes.model_by_role.into_iter().collect())
    }

    /// Round robin.
    fn next_channel(&self) -> Result<Channel, ModelError> {
        let down = |why: String| ModelError::ServiceDown { why };
        self.channels.in_turn().map_err(down)?.into_iter().next().ok_or_else(|| down("no address is known".into()))
    }

    fn bounded<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        request.set_timeout(self.timeout);
        request
    }

    async fn generate_once(&self, channel: Channel, request: GenerateRequest) -> Result<ChatReply, Status> {
        let reply = client(channel).generate(self.bounded(request)).await?;
        Ok(chat::reply_from_wire(reply.into_inner()))
    }
}

#[async_trait]
impl Model for GrpcModel {
    async fn generate(&self, request: ChatRequest) -> Result<ChatReply, ModelError> {
        let request = chat::to_wire(request);
        let mut tries = 0;
        loop {
            let channel = self.next_channel()?;
            let status = match self.generate_once(channel, request.clone()).await {
                Ok(reply) => return Ok(reply),
                Err(status) => status,
            };
            tries += 1;
            if !error::is_unreachable(&status) || tries == TRIES {
                return Err(error::model_error(&status, self.timeout));
            }
            tracing::debug!(tries, %status, "the inference service cannot be reached; trying again");
            tokio::time::sleep(FIRST_PAUSE * (1 << (tries - 1))).await;
        }
    }
}

fn client(channel: Channel) -> InferenceClient<InterceptedService<Channel, Interceptor>> {
    InferenceClient::with_interceptor(channel, trace::inject as Interceptor)
        .max_decoding_message_size(MAX_MESSAGE_BYTES)
        .max_encoding_message_size(MAX_MESSAGE_BYTES)
}

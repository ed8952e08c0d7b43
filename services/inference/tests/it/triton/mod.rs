//! A server that speaks KServe's v2 protocol as Triton does, and answers from a list. It stands for models of three kinds, and fails when
//! it is told to.

use bytes::{Bytes, BytesMut};
use futures::stream::BoxStream;
use futures::{StreamExt, stream};
use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status, Streaming};
use wayfarer_proto::kserve::grpc_inference_service_server::{GrpcInferenceService, GrpcInferenceServiceServer};
use wayfarer_proto::kserve::infer_parameter::ParameterChoice;
use wayfarer_proto::kserve::model_infer_response::InferOutputTensor;
use wayfarer_proto::kserve::model_metadata_response::TensorMetadata;
use wayfarer_proto::kserve::*;

/// Room for any request of the pool.
const MAX_MESSAGE_BYTES: usize = 64 * 1024 * 1024;

/// The model's name in its repository.
pub const MODEL: &str = "fara";

/// Inputs and outputs of a kind of model: name, type, shape.
pub type Tensors = &'static [(&'static str, &'static str, &'static [i64])];

/// As vLLM's backend completes its configuration: no batches.
pub const VLLM: (Tensors, Tensors) = (
    &[
        ("text_input", "BYTES", &[1]),
        ("image", "BYTES", &[-1]),
        ("stream", "BOOL", &[1]),
        ("sampling_parameters", "BYTES", &[1]),
        ("exclude_input_in_output", "BOOL", &[1]),
        ("return_num_input_tokens", "BOOL", &[1]),
        ("return_num_output_tokens", "BOOL", &[1]),
    ],
    &[("text_output", "BYTES", &[-1]), ("num_input_tokens", "UINT32", &[1]), ("num_output_tokens", "UINT32", &[-1])],
);

/// As TensorRT-LLM's multimodal ensemble: batches.
pub const ENSEMBLE: (Tensors, Tensors) = (
    &[
        ("text_input", "BYTES", &[-1, 1]),
        ("image_bytes_input", "UINT8", &[-1, -1, -1, -1, -1]),
        ("image_url_input", "BYTES", &[-1, -1]),
        ("max_tokens", "INT32", &[-1, 1]),
        ("stop_words", "BYTES", &[-1, -1]),
        ("end_id", "INT32", &[-1, 1]),
        ("top_k", "INT32", &[-1, 1]),
        ("top_p", "FP32", &[-1, 1]),
        ("temperature", "FP32", &[-1, 1]),
        ("seed", "UINT64", &[-1, 1]),
        ("stream", "BOOL", &[-1, 1]),
    ],
    &[("text_output", "BYTES", &[-1, -1])],
);

/// As TensorRT-LLM's LLM API, with pictures.
pub const LLM_API: (Tensors, Tensors) = (
    &[
        ("text_input", "BYTES", &[-1]),
        ("image_url", "BYTES", &[-1]),
        ("streaming", "BOOL", &[1]),
        ("sampling_param_max_tokens", "INT32", &[1]),
        ("sampling_param_temperature", "FP32", &[1]),
        ("sampling_param_top_k", "INT32", &[1]),
        ("sampling_param_stop", "BYTES", &[-1]),
        ("sampling_param_exclude_input_from_output", "BOOL", &[1]),
    ],
    &[("text_output", "BYTES", &[-1])],
);

/// What it does with a request.
#[derive(Debug, Clone, Default)]
pub enum Does {
    /// All pieces, or one of all if no stream was asked for.
    #[default]
    Answers,
    /// The first piece; the others when [`Server::go`] is told.
    Waits,
    /// So many pieces, and then an error within the stream.
    FailsAfter(usize, &'static str),
    /// Nothing but this status.
    Refuses(tonic::Code, &'static str),
    /// An error, where a stream was asked for.
    CannotStream,
    /// Nothing, ever.
    Hangs,
}

/// What the server is, and what it met.
#[derive(Default)]
pub struct Server {
    pub tensors: (Tensors, Tensors),
    pub pieces: Vec<&'static str>,
    /// Parameters of the model's configuration.
    pub parameters: HashMap<&'static str, &'static str>,
    /// Whether it knows `ModelStreamInfer`.
    pub has_no_streams: bool,
    /// Whether elements come by type and not raw.
    pub answers_by_type: bool,
    pub is_loading: AtomicBool,
    pub does: Mutex<Does>,
    pub go: Notify,
    pub met: Mutex<Vec<ModelInferRequest>>,
    /// Headers of the last request.
    pub headers: Mutex<tonic::metadata::MetadataMap>,
    /// Streams that nobody read to their end.
    pub abandoned: AtomicUsize,
}

impl Server {
    pub fn new(tensors: (Tensors, Tensors), pieces: &[&'static str]) -> Self {
        Self { tensors, pieces: pieces.to_vec(), ..Self::default() }
    }

    pub fn does(&self, what: Does) {
        *self.does.lock().unwrap() = what;
    }

    /// The last request, as (shape, elements) by name.
    pub fn last(&self) -> HashMap<String, (Vec<i64>, Vec<Bytes>)> {
        let met = self.met.lock().unwrap();
        let request = met.last().expect("a request");
        assert_eq!(request.model_name, MODEL);
        assert_eq!(request.inputs.len(), request.raw_input_contents.len(), "all of them raw");
        let named = request.inputs.iter().zip(&request.raw_input_contents);
        named.map(|(input, raw)| (input.name.clone(), (input.shape.clone(), elements(&input.datatype, raw)))).collect()
    }
}

fn elements(datatype: &str, raw: &Bytes) -> Vec<Bytes> {
    let mut rest = raw.clone();
    let mut found = Vec::new();
    while datatype == "BYTES" && !rest.is_empty() {
        let length = u32::from_le_bytes(rest.split_to(4)[..].try_into().unwrap()) as usize;
        found.push(rest.split_to(length));
    }
    if datatype == "BYTES" { found } else { vec![raw.clone()] }
}

/// A running server; it ends with this, connections and all.
pub struct Triton {
    pub server: Arc<Server>,
    pub address: SocketAddr,
    task: JoinHandle<()>,
}

impl Triton {
    pub async fn start(server: Server) -> Self {
        let server = Arc::new(server);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let service = GrpcInferenceServiceServer::from_arc(Arc::new(Face(Arc::clone(&server))));
        let service = service.max_decoding_message_size(MAX_MESSAGE_BYTES);
        let serving = tonic::transport::Server::builder().add_service(service).serve_with_incoming(TcpIncoming::from(listener));
        let task = tokio::spawn(async move { serving.await.unwrap() });
        Self { server, address, task }
    }

    pub fn url(&self) -> String {
        format!("kserve://{}", self.address)
    }

    /// As a machine without power: it takes no connections, and says nothing on those that are open.
    pub fn die(&self) {
        self.task.abort();
        self.server.does(Does::Hangs);
    }
}

impl Drop for Triton {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Face(Arc<Server>);

/// Counts a stream as abandoned unless it was read to its end.
struct Reading(Arc<Server>, bool);

impl Drop for Reading {
    fn drop(&mut self) {
        if !self.1 {
            self.0.abandoned.fetch_add(1, Ordering::SeqCst);
        }
    }
}

/// A request that is being answered.
struct Asked {
    answers: VecDeque<ModelStreamInferResponse>,
    is_first: bool,
    reading: Reading,
    does: Does,
    /// What the client still sends: open as long as the answers are.
    _requests: Streaming<ModelInferRequest>,
}

impl Asked {
    async fn next(mut self) -> Option<(Result<ModelStreamInferResponse, Status>, Self)> {
        match self.does {
            Does::Hangs => std::future::pending().await,
            Does::Waits if !self.is_first => self.reading.0.go.notified().await,
            _ => {}
        }
        self.is_first = false;
        let answer = self.answers.pop_front()?;
        self.reading.1 = self.answers.is_empty();
        Some((Ok(answer), self))
    }
}

impl Face {
    fn metadata(tensors: Tensors) -> Vec<TensorMetadata> {
        let of = |(name, datatype, shape): &(&str, &str, &[i64])| TensorMetadata {
            name: (*name).into(),
            datatype: (*datatype).into(),
            shape: shape.to_vec(),
        };
        tensors.iter().map(of).collect()
    }

    fn response(&self, text: &str) -> ModelInferResponse {
        let mut response = ModelInferResponse { model_name: MODEL.into(), model_version: "1".into(), ..Default::default() };
        let mut put = |name: &str, datatype: &str, raw: Bytes, contents: InferTensorContents| {
            let contents = self.0.answers_by_type.then_some(contents);
            let output = InferOutputTensor { name: name.into(), datatype: datatype.into(), shape: vec![1], contents, ..Default::default() };
            response.outputs.push(output);
            if !self.0.answers_by_type {
                response.raw_output_contents.push(raw);
            }
        };
        let mut raw = BytesMut::from(&(text.len() as u32).to_le_bytes()[..]);
        raw.extend_from_slice(text.as_bytes());
        let contents = InferTensorContents { bytes_contents: vec![Bytes::copy_from_slice(text.as_bytes())], ..Default::default() };
        put("text_output", "BYTES", raw.freeze(), contents);
        for (name, count) in [("num_input_tokens", 1632_u32), ("num_output_tokens", 2)] {
            if self.0.tensors.1.iter().any(|(known, ..)| *known == name) {
                let contents = InferTensorContents { uint_contents: vec![count], ..Default::default() };
                put(name, "UINT32", Bytes::copy_from_slice(&count.to_le_bytes()), contents);
            }
        }
        response
    }

    fn answers(&self, request: &ModelInferRequest) -> Vec<ModelStreamInferResponse> {
        let whole = self.0.pieces.concat();
        let pieces = if wants_stream(request) { self.0.pieces.clone() } else { vec![whole.as_str()] };
        let answer = |text: &&str| ModelStreamInferResponse { infer_response: Some(self.response(text)), ..Default::default() };
        pieces.iter().map(answer).collect()
    }
}

fn wants_stream(request: &ModelInferRequest) -> bool {
    let at = request.inputs.iter().position(|input| input.name == "stream");
    at.is_some_and(|at| request.raw_input_contents[at][0] == 1)
}

fn last() -> ModelStreamInferResponse {
    let said = InferParameter { parameter_choice: Some(ParameterChoice::BoolParam(true)) };
    let parameters = HashMap::from([("triton_final_response".to_owned(), said)]);
    ModelStreamInferResponse { infer_response: Some(ModelInferResponse { parameters, ..Default::default() }), ..Default::default() }
}

#[tonic::async_trait]
impl GrpcInferenceService for Face {
    async fn server_live(&self, _: Request<ServerLiveRequest>) -> Result<Response<ServerLiveResponse>, Status> {
        Ok(Response::new(ServerLiveResponse { live: true }))
    }

    async fn server_ready(&self, _: Request<ServerReadyRequest>) -> Result<Response<ServerReadyResponse>, Status> {
        Ok(Response::new(ServerReadyResponse { ready: true }))
    }

    async fn model_ready(&self, request: Request<ModelReadyRequest>) -> Result<Response<ModelReadyResponse>, Status> {
        let ready = request.get_ref().name == MODEL && !self.0.is_loading.load(Ordering::SeqCst);
        Ok(Response::new(ModelReadyResponse { ready }))
    }

    async fn server_metadata(&self, _: Request<ServerMetadataRequest>) -> Result<Response<ServerMetadataResponse>, Status> {
        let extensions = vec!["model_configuration".to_owned()];
        Ok(Response::new(ServerMetadataResponse { name: "a stand-in for triton".into(), version: "0".into(), extensions }))
    }

    async fn model_metadata(&self, request: Request<ModelMetadataRequest>) -> Result<Response<ModelMetadataResponse>, Status> {
        let name = request.into_inner().name;
        if name != MODEL {
            return Err(Status::not_found(format!("Request for unknown model: '{name}' is not found")));
        }
        if self.0.is_loading.load(Ordering::SeqCst) {
            return Err(Status::unavailable(format!("Request for unknown model: '{name}' has no available versions")));
        }
        let (inputs, outputs) = (Self::metadata(self.0.tensors.0), Self::metadata(self.0.tensors.1));
        Ok(Response::new(ModelMetadataResponse { name, versions: vec!["1".into()], platform: "python".into(), inputs, outputs }))
    }

    async fn model_config(&self, request: Request<ModelConfigRequest>) -> Result<Response<ModelConfigResponse>, Status> {
        let parameter = |(name, value): (&&str, &&str)| ((*name).into(), ModelParameter { string_value: (*value).into() });
        let parameters = self.0.parameters.iter().map(parameter).collect();
        let model_transaction_policy = Some(ModelTransactionPolicy { decoupled: true });
        let config = Some(ModelConfig { name: request.into_inner().name, parameters, model_transaction_policy });
        Ok(Response::new(ModelConfigResponse { config }))
    }

    async fn model_infer(&self, request: Request<ModelInferRequest>) -> Result<Response<ModelInferResponse>, Status> {
        if !self.0.has_no_streams {
            return Err(Status::unimplemented("ModelInfer RPC doesn't support models with decoupled transaction policy"));
        }
        self.0.met.lock().unwrap().push(request.into_inner());
        Ok(Response::new(self.response(&self.0.pieces.concat())))
    }

    type ModelStreamInferStream = BoxStream<'static, Result<ModelStreamInferResponse, Status>>;

    async fn model_stream_infer(
        &self,
        request: Request<Streaming<ModelInferRequest>>,
    ) -> Result<Response<Self::ModelStreamInferStream>, Status> {
        if self.0.has_no_streams {
            return Err(Status::unimplemented("no streams"));
        }
        *self.0.headers.lock().unwrap() = request.metadata().clone();
        let mut requests = request.into_inner();
        let Some(request) = requests.message().await? else { return Ok(Response::new(stream::empty().boxed())) };
        self.0.met.lock().unwrap().push(request.clone());
        let failure = |said: &str| ModelStreamInferResponse { error_message: said.into(), ..Default::default() };
        let mut answers = self.answers(&request);
        let does = self.0.does.lock().unwrap().clone();
        match &does {
            Does::Refuses(code, said) => return Err(Status::new(*code, *said)),
            Does::CannotStream if wants_stream(&request) => answers = vec![failure("Streaming is only supported in decoupled mode.")],
            Does::FailsAfter(pieces, said) => {
                answers.truncate(*pieces);
                answers.push(failure(said));
            }
            Does::Hangs => answers.clear(),
            _ => answers.push(last()),
        }
        let asked =
            Asked { answers: answers.into(), is_first: true, reading: Reading(Arc::clone(&self.0), false), does, _requests: requests };
        Ok(Response::new(stream::unfold(asked, Asked::next).boxed()))
    }
}

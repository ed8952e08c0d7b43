//! A model behind KServe v2 over gRPC: Triton with vLLM's backend, or with TensorRT-LLM's.
//!
//! ```text
//!  messages ─▶ text.rs (chat template) ─▶ binding.rs (tensors, by the model's own metadata) ─▶ ModelStreamInfer ─▶ answer.rs ─▶ reply
//! ```
//!
//! Everything is bounded as at other endpoints: the whole call by the timeout, tries by their number, messages by their size. Whoever goes
//! away drops the stream, and Triton drops the request.

mod answer;
mod binding;
mod fault;
mod tensors;
mod text;

pub(crate) use text::template;

use answer::{Answer, Whole};
use async_trait::async_trait;
use binding::Binding;
use fault::Meaning;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::transport::{Channel, Uri};
use tonic::{Code, Request, Status};
use wayfarer_chat::retry::pause_after;
use wayfarer_chat::{ChatReply, ChatRequest, Model, ModelError, Prices, Secret, estimate};
use wayfarer_core::prompt::SchemaMode;
use wayfarer_engine::ChatTemplate;
use wayfarer_proto::kserve::grpc_inference_service_client::GrpcInferenceServiceClient;
use wayfarer_proto::kserve::{ModelConfigRequest, ModelInferRequest, ModelMetadataRequest, ModelReadyRequest};

/// Scheme of such an address.
pub(crate) const SCHEME: &str = "kserve://";
/// Triton's port for gRPC.
const PORT: u16 = 8001;
/// Longest wait for a connection, and for an answer to whether the model is ready.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const REACH_TIMEOUT: Duration = Duration::from_secs(5);
/// Silence after which the kernel asks whether the other side is still there.
const KEEP_ALIVE: Duration = Duration::from_secs(30);
/// The biggest message that is read: an answer is bounded below that (`answer.rs`).
const MAX_MESSAGE_BYTES: usize = 8 * 1024 * 1024;
/// Characters of an error that are told.
const TOLD_CHARACTERS: usize = 300;
/// Triton then ends a stream with a status where something fails, and not with words alone.
const STATUS_ERRORS: (&str, &str) = ("triton_grpc_error", "true");

/// Where and how a model is reached.
pub(crate) struct KserveOptions {
    /// `kserve://host:port`.
    pub(crate) address: String,
    /// Its name in the server's repository.
    pub(crate) model: String,
    /// Sent as bearer token, for proxies that want one.
    pub(crate) api_key: Option<Secret>,
    /// Bound of one call, retries included.
    pub(crate) timeout: Duration,
    /// Tries that may follow the first one, when it met a fault that may pass.
    pub(crate) retries: u32,
    /// What tokens cost.
    pub(crate) prices: Prices,
    /// Whether the reply's schema is sent, to models that have an input for it.
    pub(crate) json_schema: SchemaMode,
    /// Writes conversations as text.
    pub(crate) template: Arc<ChatTemplate>,
}

type Client = GrpcInferenceServiceClient<Channel>;

/// A model of a server that speaks KServe v2.
pub(crate) struct KserveModel {
    options: KserveOptions,
    uri: Uri,
    authorization: Option<MetadataValue<Ascii>>,
    /// Made at the first call: it belongs to the runtime that calls.
    client: OnceLock<Client>,
    /// How the model wants to be spoken to; asked for at the first call, and again after a refusal, for models are replaced.
    binding: Mutex<Option<Arc<Binding>>>,
}

/// How one request went.
enum Tried {
    Answered(Whole),
    MayPass {
        why: String,
        is_load: bool,
    },
    /// The request does not fit, as far as the server says.
    Unfit(ModelError),
    Refused(ModelError),
}

impl KserveModel {
    /// A client for the address; nothing is sent yet.
    pub(crate) fn new(options: KserveOptions) -> Result<Self, ModelError> {
        let wrong = |why: &str| ModelError::Nonsense {
            endpoint: options.address.clone(),
            what: format!("nothing, as its address is wrong ({why}); it must be kserve://host:port and no more"),
        };
        let place = options.address.strip_prefix(SCHEME).unwrap_or_default().trim_end_matches('/');
        let place = if place.ends_with(']') || !place.contains(':') { format!("{place}:{PORT}") } else { place.to_owned() };
        if place.contains(['/', '?', '#', '@']) {
            return Err(wrong("something beside host and port"));
        }
        let uri: Uri = format!("http://{place}").parse().map_err(|error| wrong(&format!("{error}")))?;
        if uri.host().is_none_or(str::is_empty) || uri.port_u16().is_none() {
            return Err(wrong("no host, or no port"));
        }
        let bearer = |key: &Secret| {
            let mut value: MetadataValue<Ascii> = format!("Bearer {}", key.reveal()).parse().map_err(|_| wrong("its key is no header"))?;
            value.set_sensitive(true);
            Ok(value)
        };
        let authorization = options.api_key.as_ref().map(bearer).transpose()?;
        Ok(Self { uri, authorization, client: OnceLock::new(), binding: Mutex::default(), options })
    }

    fn client(&self) -> Client {
        let connect = || {
            // no pings of HTTP/2: gRPC's servers take more than one in five minutes for an attack while a long prompt is read, and hang up
            let endpoint = Channel::builder(self.uri.clone()).connect_timeout(CONNECT_TIMEOUT).tcp_keepalive(Some(KEEP_ALIVE));
            GrpcInferenceServiceClient::new(endpoint.tcp_nodelay(true).connect_lazy()).max_decoding_message_size(MAX_MESSAGE_BYTES)
        };
        self.client.get_or_init(connect).clone()
    }

    fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        if let Some(authorization) = &self.authorization {
            request.metadata_mut().insert("authorization", authorization.clone());
        }
        let (name, value) = STATUS_ERRORS;
        request.metadata_mut().insert(name, MetadataValue::from_static(value));
        request
    }

    /// What the model takes, from the server itself.
    async fn binding(&self) -> Result<Arc<Binding>, Tried> {
        if let Some(known) = self.known().clone() {
            return Ok(known);
        }
        let (name, version) = (self.options.model.clone(), String::new());
        let asked = self.request(ModelMetadataRequest { name: name.clone(), version: version.clone() });
        let metadata = self.client().model_metadata(asked).await.map_err(|status| self.failed(&status))?.into_inner();
        // only Triton has it, and only what may be in it is of interest
        let config = self.client().model_config(self.request(ModelConfigRequest { name, version })).await;
        let config = config.ok().and_then(|response| response.into_inner().config).unwrap_or_default();
        let binding = Binding::of(metadata, &config).map_err(|what| Tried::Refused(self.nonsense(what)))?;
        let binding = Arc::new(binding);
        *self.known() = Some(Arc::clone(&binding));
        Ok(binding)
    }

    async fn try_once(&self, request: &ChatRequest, prompt: &str, wants_pieces: bool, words: Option<&mpsc::Sender<String>>) -> Tried {
        let binding = match self.binding().await {
            Ok(binding) => binding,
            Err(tried) => return tried,
        };
        let streams = wants_pieces && binding.streams();
        let message = binding.request(&self.options.model, request, prompt.to_owned(), streams, self.options.json_schema);
        match message {
            Ok(message) => self.ask(message, request, words).await,
            Err(what) => Tried::Refused(self.nonsense(what)),
        }
    }

    /// Asks over a stream, also for one piece: Triton answers `ModelInfer` with an error where a model is decoupled (all of vLLM's are), and
    /// a stream for every model. Servers without streams are asked for one answer.
    async fn ask(&self, message: ModelInferRequest, request: &ChatRequest, words: Option<&mpsc::Sender<String>>) -> Tried {
        let mut answer = Answer::new(request.stop.clone());
        // the client's side is closed behind the one request, so the server closes its own when it has answered
        let sent = self.client().model_stream_infer(self.request(futures::stream::iter([message.clone()]))).await;
        let mut stream = match sent {
            Ok(stream) => stream.into_inner(),
            Err(status) if status.code() == Code::Unimplemented => return self.ask_for_one(message, answer, words).await,
            Err(status) => return self.failed(&status),
        };
        let mut has_begun = false;
        loop {
            let tried = match stream.message().await {
                Ok(Some(piece)) if piece.error_message.is_empty() => match piece.infer_response {
                    None => continue,
                    Some(response) => match answer.take(&response) {
                        Err(what) => return Tried::Refused(self.nonsense(what)),
                        Ok(piece) => {
                            has_begun |= pass_on(piece.words, words).await;
                            if piece.is_last {
                                break;
                            }
                            continue;
                        }
                    },
                },
                Ok(Some(piece)) => self.meant(fault::of_words(&piece.error_message), &piece.error_message),
                Ok(None) => break,
                Err(status) => self.failed(&status),
            };
            return match (has_begun, tried) {
                (false, tried) => tried,
                // nothing is tried again once words were passed on
                (true, Tried::MayPass { why, .. }) => Tried::Refused(self.down(why)),
                (true, Tried::Unfit(error) | Tried::Refused(error)) => Tried::Refused(error),
                (true, Tried::Answered(whole)) => Tried::Answered(whole),
            };
        }
        self.end(answer, words).await
    }

    async fn ask_for_one(&self, message: ModelInferRequest, mut answer: Answer, words: Option<&mpsc::Sender<String>>) -> Tried {
        match self.client().model_infer(self.request(message)).await {
            Err(status) => self.failed(&status),
            Ok(response) => match answer.take(response.get_ref()) {
                Err(what) => Tried::Refused(self.nonsense(what)),
                Ok(piece) => {
                    pass_on(piece.words, words).await;
                    self.end(answer, words).await
                }
            },
        }
    }

    async fn end(&self, answer: Answer, words: Option<&mpsc::Sender<String>>) -> Tried {
        match answer.whole() {
            None => Tried::MayPass { why: "it ended without an answer".into(), is_load: false },
            Some(whole) => {
                pass_on(whole.rest.clone(), words).await;
                Tried::Answered(whole)
            }
        }
    }

    async fn try_often(
        &self,
        request: &ChatRequest,
        words: Option<&mpsc::Sender<String>>,
        tries: &mut u32,
    ) -> Result<ChatReply, ModelError> {
        let started = Instant::now();
        let prompt = text::prompt(&self.options.template, request).map_err(|error| self.nonsense(format!("nothing: {error}")))?;
        let (mut wants_pieces, mut faults) = (words.is_some(), 0);
        loop {
            *tries += 1;
            let (why, is_load) = match self.try_once(request, &prompt, wants_pieces, words).await {
                Tried::Answered(whole) => return Ok(self.reply(whole, request, *tries, started)),
                Tried::Refused(error) => return Err(error),
                Tried::Unfit(error) => {
                    // the model may be another one by now
                    *self.known() = None;
                    // one that cannot stream may still answer
                    if !wants_pieces {
                        return Err(error);
                    }
                    wants_pieces = false;
                    continue;
                }
                Tried::MayPass { why, is_load } => (why, is_load),
            };
            faults += 1;
            let pause = pause_after(faults);
            let down = |why: String| match is_load {
                true => ModelError::Busy { retry_after_ms: pause.as_millis() as u64 },
                false => self.down(why),
            };
            if faults > self.options.retries {
                return Err(down(format!("{why}; {tries} tries")));
            }
            if started.elapsed() + pause >= self.options.timeout {
                return Err(down(format!("{why}; the next try would be past the timeout")));
            }
            tracing::debug!(endpoint = self.options.address, why, pause_ms = pause.as_millis() as u64, "a model request is tried again");
            tokio::time::sleep(pause).await;
        }
    }

    /// One call, within its bound; the words go there as they come, if anybody wants them.
    async fn within(&self, request: &ChatRequest, words: Option<&mpsc::Sender<String>>) -> Result<ChatReply, ModelError> {
        let mut tries = 0;
        let call = self.try_often(request, words, &mut tries);
        let slow = |_| Err(ModelError::Slow { endpoint: self.options.address.clone(), seconds: self.options.timeout.as_secs() });
        tokio::time::timeout(self.options.timeout, call).await.unwrap_or_else(slow)
    }

    /// Where the server does not count, tokens are estimated as for other endpoints that do not.
    fn reply(&self, whole: Whole, request: &ChatRequest, tries: u32, started: Instant) -> ChatReply {
        let read = whole.tokens_read.unwrap_or_else(|| estimate::prompt_tokens(&request.messages));
        let written = whole.tokens_written.unwrap_or_else(|| estimate::text_tokens(&whole.text));
        ChatReply {
            text: whole.text,
            calls: Vec::new(),
            usage: self.options.prices.usage(read, 0, written),
            model: self.options.model.clone(),
            tries,
            latency_ms: started.elapsed().as_secs_f64() * 1000.0,
        }
    }

    fn known(&self) -> MutexGuard<'_, Option<Arc<Binding>>> {
        self.binding.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn failed(&self, status: &Status) -> Tried {
        self.meant(fault::of_status(status), &fault::told(status))
    }

    fn meant(&self, meaning: Meaning, said: &str) -> Tried {
        match meaning {
            Meaning::Unfit => Tried::Unfit(self.nonsense(said.to_owned())),
            Meaning::Load => Tried::MayPass { why: self.told(said), is_load: true },
            Meaning::MayPass => Tried::MayPass { why: self.told(said), is_load: false },
        }
    }

    fn nonsense(&self, what: String) -> ModelError {
        ModelError::Nonsense { endpoint: self.options.address.clone(), what: self.told(&what) }
    }

    fn down(&self, why: String) -> ModelError {
        ModelError::Down { endpoint: self.options.address.clone(), why }
    }

    /// The beginning of a text, on one line and without the key.
    fn told(&self, text: &str) -> String {
        let text = self.options.api_key.as_ref().map_or_else(|| text.to_owned(), |key| key.remove_from(text));
        let words: Vec<&str> = text.split_whitespace().collect();
        words.join(" ").chars().take(TOLD_CHARACTERS).collect()
    }
}

/// Whether there was anything to pass on, and anybody who wanted it.
async fn pass_on(new: String, words: Option<&mpsc::Sender<String>>) -> bool {
    match words {
        Some(words) if !new.is_empty() => {
            // whoever listened may have gone: the reply is theirs who called
            let _ = words.send(new).await;
            true
        }
        _ => false,
    }
}

#[async_trait]
impl Model for KserveModel {
    #[tracing::instrument(name = "model_call", skip_all, fields(role = request.role.as_str(), model = %self.options.model))]
    async fn generate(&self, request: ChatRequest) -> Result<ChatReply, ModelError> {
        self.within(&request, None).await
    }

    #[tracing::instrument(name = "model_call", skip_all, fields(role = request.role.as_str(), model = %self.options.model))]
    async fn stream(&self, request: ChatRequest, words: mpsc::Sender<String>) -> Result<ChatReply, ModelError> {
        self.within(&request, Some(&words)).await
    }

    /// `ModelReady`: the server is there, and has the model loaded.
    async fn reach(&self) -> Result<(), ModelError> {
        let (name, version) = (self.options.model.clone(), String::new());
        let mut client = self.client();
        let asked = client.model_ready(self.request(ModelReadyRequest { name, version }));
        match tokio::time::timeout(REACH_TIMEOUT, asked).await {
            Ok(Ok(response)) if response.get_ref().ready => Ok(()),
            Ok(Ok(_)) => Err(self.down(format!("its model {} is not ready", self.options.model))),
            Ok(Err(status)) if matches!(status.code(), Code::Unauthenticated | Code::PermissionDenied) => {
                Err(self.nonsense(fault::told(&status)))
            }
            Ok(Err(status)) => Err(self.down(self.told(&fault::told(&status)))),
            Err(_) => Err(self.down(format!("nothing within {} s", REACH_TIMEOUT.as_secs()))),
        }
    }
}
